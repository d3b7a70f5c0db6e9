//! Patterns of filters: Go's regular expressions as names need them, and shell patterns for references.

/// How many steps a match may take: what a user types may be as wrong as it likes.
const STEPS_MAX: usize = 200_000;

/// A regular expression: letters, `.`, `[…]`, `(…|…)`, `* + ?`, `^ $`, `\d \w \s`.
#[derive(Debug)]
pub struct Pattern(Vec<Vec<Item>>);

#[derive(Debug)]
enum Item {
    One(Class, Count),
    Group(Vec<Vec<Item>>, Count),
    Begin,
    End,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    least: usize,
    most: usize,
}

#[derive(Debug)]
enum Class {
    Any,
    Letter(char),
    Among(Vec<(char, char)>, bool),
}

const ONCE: Count = Count { least: 1, most: 1 };

impl Pattern {
    /// `None` where `text` is no such expression; it is then taken as it stands.
    pub fn parse(text: &str) -> Option<Pattern> {
        let letters: Vec<char> = text.chars().collect();
        let mut at = 0;
        let pattern = alternatives(&letters, &mut at, 0)?;
        (at == letters.len()).then_some(Pattern(pattern))
    }

    /// Whether some part of `text` fits.
    pub fn fits(&self, text: &str) -> bool {
        let letters: Vec<char> = text.chars().collect();
        let mut steps = 0;
        (0..=letters.len()).any(|start| {
            self.0.iter().any(|items| run(items, &letters, start, &mut steps, &mut |_, _| true))
        })
    }
}

fn alternatives(letters: &[char], at: &mut usize, depth: usize) -> Option<Vec<Vec<Item>>> {
    if depth > 32 {
        return None;
    }
    let mut all = vec![Vec::new()];
    while let Some(letter) = letters.get(*at) {
        *at += 1;
        let item = match letter {
            ')' if depth > 0 => {
                *at -= 1;
                return Some(all);
            }
            '|' => {
                all.push(Vec::new());
                continue;
            }
            '^' => Item::Begin,
            '$' => Item::End,
            '(' => {
                if letters[*at..].starts_with(&['?', ':']) {
                    *at += 2;
                }
                let inner = alternatives(letters, at, depth + 1)?;
                if letters.get(*at) != Some(&')') {
                    return None;
                }
                *at += 1;
                Item::Group(inner, count(letters, at))
            }
            '*' | '+' | '?' | ')' => return None,
            other => {
                let class = class(*other, letters, at)?;
                Item::One(class, count(letters, at))
            }
        };
        all.last_mut()?.push(item);
    }
    (depth == 0).then_some(all)
}

fn count(letters: &[char], at: &mut usize) -> Count {
    let count = match letters.get(*at) {
        Some('*') => Count { least: 0, most: usize::MAX },
        Some('+') => Count { least: 1, most: usize::MAX },
        Some('?') => Count { least: 0, most: 1 },
        _ => return ONCE,
    };
    *at += 1;
    // `*?` asks for the shortest: whether something fits is the same.
    if letters.get(*at) == Some(&'?') {
        *at += 1;
    }
    count
}

fn class(letter: char, letters: &[char], at: &mut usize) -> Option<Class> {
    match letter {
        '.' => Some(Class::Any),
        '\\' => {
            let escaped = *letters.get(*at)?;
            *at += 1;
            Some(match escaped {
                'd' | 'D' => Class::Among(vec![('0', '9')], escaped == 'D'),
                'w' | 'W' => Class::Among(
                    vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
                    escaped == 'W',
                ),
                's' | 'S' => Class::Among(vec![(' ', ' '), ('\t', '\r')], escaped == 'S'),
                other => Class::Letter(other),
            })
        }
        '[' => {
            let not = letters.get(*at) == Some(&'^');
            *at += usize::from(not);
            let mut among = Vec::new();
            loop {
                let from = *letters.get(*at)?;
                *at += 1;
                if from == ']' && !among.is_empty() {
                    return Some(Class::Among(among, not));
                }
                match (letters.get(*at), letters.get(*at + 1)) {
                    (Some('-'), Some(to)) if *to != ']' => {
                        among.push((from, *to));
                        *at += 2;
                    }
                    _ => among.push((from, from)),
                }
            }
        }
        other => Some(Class::Letter(other)),
    }
}

impl Class {
    fn fits(&self, letter: char) -> bool {
        match self {
            Class::Any => letter != '\n',
            Class::Letter(own) => *own == letter,
            Class::Among(ranges, not) => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&letter)) != *not
            }
        }
    }
}

/// What follows a match.
type Then<'t> = dyn FnMut(usize, &mut usize) -> bool + 't;

fn run(items: &[Item], text: &[char], at: usize, steps: &mut usize, then: &mut Then<'_>) -> bool {
    *steps += 1;
    if *steps > STEPS_MAX {
        return false;
    }
    let Some((first, rest)) = items.split_first() else { return then(at, steps) };
    match first {
        Item::Begin => at == 0 && run(rest, text, at, steps, then),
        Item::End => at == text.len() && run(rest, text, at, steps, then),
        Item::One(class, count) => {
            let fitting =
                text[at..].iter().take(count.most).take_while(|c| class.fits(**c)).count();
            (count.least..=fitting).rev().any(|taken| run(rest, text, at + taken, steps, then))
        }
        Item::Group(inner, count) => group(inner, *count, rest, text, at, steps, then),
    }
}

fn group(
    inner: &[Vec<Item>],
    count: Count,
    rest: &[Item],
    text: &[char],
    at: usize,
    steps: &mut usize,
    then: &mut Then<'_>,
) -> bool {
    if count.most > 0 {
        let less = Count { least: count.least.saturating_sub(1), most: count.most - 1 };
        let more = inner.iter().any(|items| {
            run(items, text, at, steps, &mut |end, steps| {
                // What takes nothing is not taken again and again.
                (end > at || less.least > 0) && group(inner, less, rest, text, end, steps, then)
                    || end == at && run(rest, text, at, steps, then)
            })
        });
        if more {
            return true;
        }
    }
    count.least == 0 && run(rest, text, at, steps, then)
}

/// A shell's pattern against the whole of `text`: `*` and `?` stop at a slash, `[a-z]`, `\x`.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let mut steps = 0;
    glob_from(&pattern, &text, &mut steps)
}

fn glob_from(pattern: &[char], text: &[char], steps: &mut usize) -> bool {
    *steps += 1;
    if *steps > STEPS_MAX {
        return false;
    }
    let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
    let one = |fits: &dyn Fn(char) -> bool, rest: &[char], steps: &mut usize| {
        text.split_first()
            .is_some_and(|(letter, text)| fits(*letter) && glob_from(rest, text, steps))
    };
    match first {
        '*' => {
            let reach = text.iter().take_while(|letter| **letter != '/').count();
            (0..=reach).any(|taken| glob_from(rest, &text[taken..], steps))
        }
        '?' => one(&|letter| letter != '/', rest, steps),
        '[' | '\\' => {
            let mut at = 0;
            match class(*first, rest, &mut at) {
                Some(class) => one(&|letter| class.fits(letter), &rest[at..], steps),
                None => false,
            }
        }
        own => one(&|letter| letter == *own, rest, steps),
    }
}

#[test]
fn expressions() {
    let fits = |pattern: &str, text: &str| Pattern::parse(pattern).unwrap().fits(text);
    for (pattern, text) in [
        ("we", "web-1"),
        ("^web", "web-1"),
        ("^web-1$", "web-1"),
        ("^w.*1$", "web-1"),
        ("w[a-f]b", "web"),
        ("(a|b)+c", "xabbac"),
        ("x?y", "y"),
        ("\\d+$", "web12"),
        ("", "any"),
        ("^(web|db)$", "db"),
        ("a\\.b", "a.b"),
        ("[^a]", "b"),
        ("(a*)*b", "b"),
        ("^web|db$", "mydb"),
    ] {
        assert!(fits(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("^eb", "web"),
        ("web$", "web-1"),
        ("w[a-d]b", "web"),
        ("^(a|b)$", "ab"),
        ("a\\.b", "axb"),
        ("\\d", "web"),
    ] {
        assert!(!fits(pattern, text), "{pattern} {text}");
    }
    for bad in ["*", "(", ")", "[", "a**", "\\"] {
        assert!(Pattern::parse(bad).is_none(), "{bad}");
    }
    assert!(!fits("(a+)+(a+)+(a+)+$", &("a".repeat(200) + "b")));
}

#[test]
fn globs() {
    for (pattern, text) in [
        ("busy*", "busybox"),
        ("*/app", "me/app"),
        ("b?x", "box"),
        ("[a-c]*", "busybox"),
        ("busybox:*", "busybox:1"),
    ] {
        assert!(glob(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [("*", "me/app"), ("busy", "busybox"), ("[a", "a")] {
        assert!(!glob(pattern, text), "{pattern} {text}");
    }
}
