//! The rules of the house that no compiler knows. Each message says what to do.

use crate::{Result, root};
use std::fs;
use std::path::{Path, PathBuf};

/// A crate imports only crates of a lower number (times ten: 5½ is 55).
#[rustfmt::skip]
const LAYERS: &[(&str, u32)] = &[
    ("teu-model", 0), ("teu-kernel", 0), ("teu-testkit", 0),
    ("teu-oci", 10), ("teu-tar", 10), ("teu-netlink", 10), ("teu-dockerfile", 10),
    ("teu-cgroup", 20), ("teu-archive", 20),
    ("teu-image", 30), ("teu-registry", 30), ("teu-snapshot", 30), ("teu-network", 30), ("teu-volume", 30),
    ("teu-runtime", 30), ("teu-vm", 30),
    ("teu-monitor", 40),
    ("teu-engine", 50),
    ("teu-build", 55),
    ("teu-cli", 60), ("teu-docker-api", 60), ("teu-cri", 60), ("teu-kube", 60), ("teu-tools", 60),
    ("teu-cni", 60), ("teu-runc-cli", 60), ("teu-hello", 60),
    ("teu", 70),
];

/// The first layer that may talk to people.
const DOORS: u32 = 60;

/// What every door may import: what can be asked, who does it, and the terminal's system calls.
const FOR_DOORS: &[&str] = &["teu-model", "teu-kernel", "teu-engine", "teu-build"];

/// Doors with a purpose of their own below the engine.
const DOOR_EXCEPTIONS: &[(&str, &[&str])] = &[
    ("teu-tools", &["teu-cgroup", "teu-runtime"]),
    ("teu-cni", &["teu-network"]),
    ("teu-runc-cli", &["teu-oci", "teu-cgroup", "teu-runtime", "teu-monitor"]),
];

/// Words that belong to doors, with what to do instead.
#[rustfmt::skip]
const DOOR_WORDS: &[(&str, &str)] = &[
    ("println!",       "return it; the door prints"),
    ("eprintln!",      "return an error; the door prints it once"),
    ("print!",         "return it; the door prints"),
    ("eprint!",        "return an error; the door prints it once"),
    ("env::var",       "the door reads the environment and hands the value down"),
    ("env::var_os",    "the door reads the environment and hands the value down"),
    ("process::exit",  "return; the door exits"),
    ("Command::new",   "no external program on the way of a request"),
];

/// Where a door's word stands below the doors for a reason.
const WORD_EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "crates/teu-registry/src/credentials.rs",
    "Command::new",
    "credential helpers are named by the user",
)];

/// Runs all rules.
pub fn run() -> Result<()> {
    let root = root();
    let rules = [layers(&root), heads(&root), words(&root), paths_in_docs(&root)];
    let broken: Vec<String> = rules.into_iter().collect::<Result<Vec<_>>>()?.concat();
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

/// Who imports whom.
fn layers(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for directory in subdirectories(&root.join("crates"))? {
        let name = name_of(&directory);
        let manifest = read(&directory.join("Cargo.toml"))?;
        let (normal, for_tests) = imports(&manifest);
        broken.extend(
            normal.iter().filter_map(|import| import_fault(&name, import)).collect::<Vec<_>>(),
        );
        let same_or_higher =
            |import: &&String| *import != "teu-testkit" && layer(import) >= layer(&name);
        broken.extend(for_tests.iter().filter(same_or_higher).map(|import| {
            format!("{name}: its tests import {import}, which is not below it; such a test belongs in tests/")
        }));
    }
    Ok(broken)
}

fn import_fault(name: &str, import: &str) -> Option<String> {
    let (Some(own), Some(other)) = (layer(name), layer(import)) else {
        return Some(format!("{name} or {import} has no layer; give it one in xtask/src/tidy.rs"));
    };
    if import == "teu-testkit" {
        return Some(format!("{name}: teu-testkit is for [dev-dependencies] only"));
    }
    let testkit_on_kernel = name == "teu-testkit" && other == 0;
    if other >= own && !testkit_on_kernel {
        let place = match own {
            30 => "parts never know each other; what needs two of them belongs in teu-engine",
            DOORS => "doors never know each other; what two of them need belongs in teu-engine",
            _ => "a crate imports only what stands below it; the code belongs further up",
        };
        return Some(format!("{name} ({own}) imports {import} ({other}): {place}"));
    }
    let excepted = DOOR_EXCEPTIONS.iter().any(|(door, may)| *door == name && may.contains(&import));
    if own == DOORS && !FOR_DOORS.contains(&import) && !excepted {
        return Some(format!(
            "{name} imports {import}: doors know only the engine and the model; add a verb or a type to teu-engine"
        ));
    }
    None
}

fn layer(name: &str) -> Option<u32> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

/// Our own crates in `[dependencies]`, and in `[dev-dependencies]`.
fn imports(manifest: &str) -> (Vec<String>, Vec<String>) {
    let (mut normal, mut for_tests) = (Vec::new(), Vec::new());
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
            continue;
        }
        let key = line.split(['.', '=', ' ']).next().unwrap_or_default();
        if key == "teu" || key.starts_with("teu-") {
            match section {
                "[dev-dependencies]" => for_tests.push(key.to_string()),
                _ if section.ends_with("dependencies]") => normal.push(key.to_string()),
                _ => {}
            }
        }
    }
    (normal, for_tests)
}

/// Every file says what it is.
fn heads(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for file in rust_files(root)? {
        let text = read(&file)?;
        if !text.starts_with("//! ") {
            broken.push(format!(
                "{}: its first line must be `//! ` and what the file is",
                short(root, &file)
            ));
        }
    }
    Ok(broken)
}

/// `unsafe` in the kernel crate only; printing, environment and programs at the doors only; no test
/// that nobody runs.
fn words(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for file in rust_files(root)? {
        let shown = short(root, &file);
        let code = code_of(&read(&file)?);
        if !shown.starts_with("crates/teu-kernel/") && has_word(&code, "unsafe") {
            broken
                .push(format!("{shown}: `unsafe` lives in teu-kernel; add a safe function there"));
        }
        if code.contains("#[ignore") {
            broken.push(format!(
                "{shown}: an ignored test is never run again; use teu_testkit::have(Need::…)"
            ));
        }
        broken.extend(door_words(&shown, &code));
    }
    Ok(broken)
}

fn door_words(shown: &str, code: &str) -> Vec<String> {
    let mut parts = shown.split('/');
    let (Some("crates"), Some(name), Some("src")) = (parts.next(), parts.next(), parts.next())
    else {
        return Vec::new();
    };
    if name == "teu-testkit" || layer(name).is_none_or(|layer| layer >= DOORS) {
        return Vec::new();
    }
    // Tests stand at a file's end, and may do as they like.
    let end = ["#[cfg(test)]", "#[test]"].iter().filter_map(|start| code.find(start)).min();
    let code = &code[..end.unwrap_or(code.len())];
    let excepted = |word: &str| {
        WORD_EXCEPTIONS.iter().any(|(file, allowed, _)| *file == shown && *allowed == word)
    };
    DOOR_WORDS
        .iter()
        .filter(|(word, _)| has_word(code, word) && !excepted(word))
        .map(|(word, instead)| format!("{shown}: `{word}` belongs to the doors: {instead}"))
        .collect()
}

/// Whether `word` occurs, not as a part of a longer name.
fn has_word(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// The text without comments, strings and characters; what stood there becomes spaces.
fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest, at.checked_sub(1).map(|before| bytes[before]))
        {
            length
        } else if rest.starts_with('"') {
            quoted(rest, '"')
        } else {
            character(rest).unwrap_or(0)
        };
        if skipped > 0 {
            code.push(' ');
            at += skipped;
        } else {
            let one = rest.chars().next().map_or(1, char::len_utf8);
            code.push_str(&rest[..one]);
            at += one;
        }
    }
    code
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    let bytes = rest.as_bytes();
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of `r"…"`, `r#"…"#`, `br##"…"##`, where one starts here.
fn raw_string(rest: &str, before: Option<u8>) -> Option<usize> {
    if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == b'_') {
        return None;
    }
    let after_r = rest
        .strip_prefix("br")
        .or_else(|| rest.strip_prefix("cr"))
        .or_else(|| rest.strip_prefix('r'))?;
    let hashes = after_r.bytes().take_while(|c| *c == b'#').count();
    let body = after_r[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(rest.len() - body.len() + length)
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let first = body.chars().next()?;
    if first == '\\' {
        return Some(quoted(rest, '\''));
    }
    body[first.len_utf8()..].starts_with('\'').then_some(2 + first.len_utf8())
}

/// What documents name in the tree must be there.
fn paths_in_docs(root: &Path) -> Result<Vec<String>> {
    const TOPS: [&str; 8] =
        ["crates/", "xtask/", "docs/", "tests/", "bench/", "fuzz/", ".ci/", ".cargo/"];
    let mut broken = Vec::new();
    for file in files_below(root, "md")? {
        let text = read(&file)?;
        for named in code_spans(&text).filter(|span| TOPS.iter().any(|top| span.starts_with(top))) {
            // A path ends where a command or a line number begins.
            let path = named.split([' ', ':', '#']).next().unwrap_or_default();
            if path.contains(['<', '*', '…']) {
                continue;
            }
            for path in braces(path) {
                if !root.join(&path).exists() {
                    broken.push(format!(
                        "{}: names `{path}`, which is not there",
                        short(root, &file)
                    ));
                }
            }
        }
        let directory = file.parent().unwrap_or(root);
        for target in links(&text) {
            if !directory.join(target).exists() {
                broken.push(format!(
                    "{}: links to `{target}`, which is not there",
                    short(root, &file)
                ));
            }
        }
    }
    Ok(broken)
}

/// What stands between backquotes within a line.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Relative targets of `[words](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| {
            !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:")
        })
        .filter(|target| !target.contains([' ', '\n']))
}

/// `a/{b,c}` as `a/b` and `a/c`.
fn braces(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_string()] };
    let Some((choices, after)) = rest.split_once('}') else { return vec![path.to_string()] };
    choices
        .split(',')
        .flat_map(|choice| braces(&format!("{before}{}{after}", choice.trim())))
        .collect()
}

fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    files_below(root, "rs")
}

/// All files with that ending, but not what builds and git have made.
fn files_below(directory: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in entries(&directory)? {
            let name = name_of(&entry);
            if entry.is_dir() {
                let made = name == "target" || (name.starts_with('.') && name != ".ci");
                if !made && !entry.is_symlink() {
                    pending.push(entry);
                }
            } else if entry.extension().is_some_and(|found| found == extension) {
                found.push(entry);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn subdirectories(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> =
        entries(directory)?.into_iter().filter(|path| path.join("Cargo.toml").exists()).collect();
    found.sort();
    Ok(found)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(directory).map_err(|error| format!("`{}`: {error}", directory.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn short(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_import(name: &str, import: &str, expected: &str) {
        let fault = import_fault(name, import).unwrap_or_default();
        assert!(fault.contains(expected) && fault.is_empty() == expected.is_empty(), "{fault}");
    }

    #[test]
    fn who_may_import_whom() {
        check_import("teu-engine", "teu-image", "");
        check_import("teu-testkit", "teu-kernel", "");
        check_import("teu", "teu-cli", "");
        check_import("teu-image", "teu-registry", "parts never know each other");
        check_import("teu-kernel", "teu-model", "further up");
        check_import("teu-cli", "teu-docker-api", "doors never know each other");
        check_import("teu-cli", "teu-image", "doors know only the engine");
        check_import("teu-cni", "teu-network", "");
        check_import("teu-image", "teu-testkit", "[dev-dependencies] only");
        check_import("teu-new", "teu-model", "has no layer");
    }

    #[test]
    fn manifests() {
        let manifest = "[package]\nname = \"teu-x\"\n[dependencies]\nteu-model.workspace = true\n\
                        teu-oci = { path = \"x\" }\nserde = \"1\"\n[dev-dependencies]\nteu-testkit.workspace = true\n";
        let (normal, for_tests) = imports(manifest);
        assert_eq!(normal, ["teu-model", "teu-oci"]);
        assert_eq!(for_tests, ["teu-testkit"]);
    }

    #[test]
    fn only_code_counts() {
        let text = r####"// unsafe
/* unsafe /* unsafe */ unsafe */ let a = "un\"safe unsafe"; let b = r#"unsafe " unsafe"#;
let c = '"'; let d: &'static str = ""; let e = b'\''; expect(unsafe_code); let unsafely = 1;
"####;
        assert!(!has_word(&code_of(text), "unsafe"), "{}", code_of(text));
        assert!(code_of(text).contains("&'static str"));
        assert!(has_word(&code_of("fn f() { unsafe { g() } }"), "unsafe"));
    }

    #[test]
    fn words_of_doors() {
        let found = |file: &str, code: &str| door_words(file, &code_of(code)).len();
        let code = "fn f() { println!(\"x\"); }";
        assert_eq!(found("crates/teu-image/src/a.rs", code), 1);
        assert_eq!(found("crates/teu-cli/src/a.rs", code), 0);
        assert_eq!(found("crates/teu-image/tests/a.rs", code), 0);
        assert_eq!(found("crates/teu-image/src/a.rs", "#[test]\nfn f() { println!(\"x\"); }"), 0);
    }

    #[test]
    fn documents() {
        let text = "see `crates/{a,b}/x.rs:5` and [there](docs/x.md#y), not [web](https://x)";
        assert_eq!(code_spans(text).collect::<Vec<_>>(), ["crates/{a,b}/x.rs:5"]);
        assert_eq!(braces("crates/{a,b}/{c,d}").len(), 4);
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/x.md"]);
    }
}
