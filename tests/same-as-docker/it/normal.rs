//! What differs between two runs of anything: ids, times, directories; and the program's own name.

/// Text without what differs by nature.
pub(crate) fn output(text: &str, directory: &str) -> String {
    let text = text.replace('\r', "").replace(directory, "<dir>");
    let lines: Vec<String> = text.lines().map(|line| columns(&times(&ids(line)))).collect();
    lines.join("\n")
}

/// What was told: also without who tells it, and without where help is.
pub(crate) fn told(text: &str, directory: &str) -> String {
    let text = output(text, directory);
    let told = text.lines().map(without_name).filter(|line| !is_about_help(line));
    // After the first empty line stands the usage, which names other things in other versions.
    let told: Vec<String> = told.take_while(|line| !line.starts_with("Usage:")).collect();
    let told: Vec<String> = told.into_iter().filter(|line| !line.is_empty()).collect();
    // Newer versions begin a message small.
    told.join("\n").to_lowercase()
}

fn without_name(line: &str) -> String {
    const NAMES: &[&str] = &["teu: ", "docker: ", "Error response from daemon: ", "Error: "];
    let mut rest = line;
    while let Some(shorter) = NAMES.iter().find_map(|name| rest.strip_prefix(name)) {
        rest = shorter;
    }
    let named = rest.replace("'docker ", "'teu ").replace("\"docker ", "'teu ");
    let quoted = if named.starts_with("'teu ") { named.replace('"', "'") } else { named };
    // Newer versions do not say that one argument is not more than one.
    quoted.trim_end_matches('.').replace("requires exactly ", "requires ")
}

fn is_about_help(line: &str) -> bool {
    // What docker's client logs of itself.
    line.starts_with("time=\"")
        || (line.starts_with("See '") || line.starts_with("Run '")) && line.contains("--help")
        || line.starts_with("hint: ")
}

/// 64 and 12 hexadecimal digits that stand alone.
fn ids(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut word = String::new();
    for letter in line.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
            continue;
        }
        let is_id = matches!(word.len(), 12 | 64)
            && word.chars().all(|letter| matches!(letter, '0'..='9' | 'a'..='f'));
        shown += if is_id { "<id>" } else { &word };
        word.clear();
        shown.push(letter);
    }
    shown.pop();
    shown
}

/// `2026-11-21T15:00:54.123Z`, `3 seconds ago`, `Up 2 minutes`.
fn times(line: &str) -> String {
    const UNITS: [&str; 5] = ["second", "minute", "hour", "day", "nanosecond"];
    let words: Vec<&str> = line.split(' ').collect();
    let mut shown: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        let is_unit = UNITS.iter().any(|unit| word.trim_end_matches('s') == *unit);
        if is_unit && !shown.is_empty() {
            while shown.last().is_some_and(|last| is_amount(last)) {
                shown.pop();
            }
            shown.push("<time>".to_string());
        } else {
            shown.push(moment(word));
        }
    }
    shown.join(" ")
}

fn is_amount(word: &str) -> bool {
    matches!(word, "a" | "an" | "than" | "Less" | "About") || word.parse::<u64>().is_ok()
}

/// A date and time within a word.
fn moment(word: &str) -> String {
    let bytes = word.as_bytes();
    let is_start = |at: usize| {
        bytes.len() >= at + 19
            && bytes[at..at + 19].iter().zip(b"0000-00-00T00:00:00").all(|(got, form)| match form {
                b'0' => got.is_ascii_digit(),
                other => got == other,
            })
            // The time that never was is the same everywhere.
            && !word[at..].starts_with("0001-")
    };
    let Some(start) = (0..bytes.len()).find(|at| is_start(*at)) else { return word.to_string() };
    let rest = &word[start + 19..];
    let end = rest.find(|letter: char| !matches!(letter, '.' | '0'..='9' | 'Z' | '+' | ':'));
    let rest = end.map_or("", |end| &rest[end..]);
    format!("{}<time>{}", &word[..start], moment(rest))
}

/// Columns are as wide as what stands in them.
fn columns(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut blanks = 0;
    for letter in line.trim_end().chars() {
        if letter == ' ' {
            blanks += 1;
            continue;
        }
        shown += match blanks {
            0 => "",
            1 => " ",
            _ => "  ",
        };
        blanks = 0;
        shown.push(letter);
    }
    shown
}

#[test]
fn what_is_taken_out() {
    let line = "0123456789ab   box  \"sh\"   Less than a second ago   Up 3 seconds (Paused)";
    assert_eq!(output(line, "/x"), "<id>  box  \"sh\"  <time> ago  Up <time> (Paused)");
    assert_eq!(output("[2026-11-21T15:00:54.1Z,/x/y]", "/x"), "[<time>,<dir>/y]");
    assert_eq!(output("0001-01-01T00:00:00Z", "/x"), "0001-01-01T00:00:00Z");
    let docker = "docker: Error response from daemon: no.\nSee 'docker run --help'.";
    assert_eq!(told(docker, "/x"), told("teu: no\nhint: do\n", "/x"));
    let docker = "\"docker rm\" requires at least 1 argument.\nSee 'docker rm --help'.\n\nUsage:  x\n\nRemove";
    assert_eq!(
        told(docker, "/x"),
        told("teu: 'teu rm' requires at least 1 argument\n\nUsage: y", "/x")
    );
}
