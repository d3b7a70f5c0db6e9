//! File name patterns, as docker's `reference=` filter takes them: Go's `path.Match`.

/// Whether all of `text` fits: `*` and `?` stand for anything but `/`, `[a-z]` for one of these letters.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // Where the last star was, and up to where it has been stretched.
    let (mut star, mut at, mut in_text) = (None, 0, 0);
    while in_text < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, in_text));
            at += 1;
        } else if let Some(width) = one(&pattern[at..], text[in_text]) {
            at += width;
            in_text += 1;
        } else if let Some((of_star, from)) = star.filter(|(_, from)| text[*from] != '/') {
            star = Some((of_star, from + 1));
            (at, in_text) = (of_star + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

/// How many letters of the pattern's beginning stand for this one.
fn one(pattern: &[char], letter: char) -> Option<usize> {
    match pattern {
        ['?', ..] => (letter != '/').then_some(1),
        ['\\', escaped, ..] => (*escaped == letter).then_some(2),
        ['[', rest @ ..] => {
            let end = rest.iter().position(|each| *each == ']')?;
            let (inside, is_inverse) = match &rest[..end] {
                ['^', inside @ ..] => (inside, true),
                inside => (inside, false),
            };
            (among(inside, letter) != is_inverse).then_some(end + 2)
        }
        [plain, ..] => (*plain == letter).then_some(1),
        [] => None,
    }
}

fn among(inside: &[char], letter: char) -> bool {
    match inside {
        [from, '-', to, rest @ ..] => (*from..=*to).contains(&letter) || among(rest, letter),
        [one, rest @ ..] => *one == letter || among(rest, letter),
        [] => false,
    }
}

#[test]
fn patterns() {
    for (pattern, text) in [
        ("b*", "box"),
        ("*", "box"),
        ("b?x", "box"),
        ("[a-c]ox", "box"),
        ("*/box:*", "me/box:1"),
        ("[^a]ox", "box"),
    ] {
        assert!(fits(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("b*", "me/box"),
        ("*", "me/box"),
        ("b", "box"),
        ("bo[", "bo["),
        ("?", ""),
        ("[^b]ox", "box"),
    ] {
        assert!(!fits(pattern, text), "{pattern} {text}");
    }
}
