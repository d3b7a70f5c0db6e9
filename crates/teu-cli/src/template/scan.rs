//! Text and actions, apart: `{{`, `}}`, trim markers, comments.

/// A piece of a template.
#[derive(Debug, PartialEq)]
pub enum Piece<'t> {
    /// As it is.
    Text(&'t str),
    /// What stands between the braces, and where it begins.
    Action(&'t str, usize),
}

/// Takes `text` apart.
pub fn scan(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut trim = false;
    while at < text.len() {
        let found = text[at..].find("{{").map(|offset| at + offset);
        let mut plain = &text[at..found.unwrap_or(text.len())];
        if trim {
            plain = plain.trim_start_matches(is_space);
        }
        let Some(open) = found else {
            push_text(&mut pieces, plain);
            break;
        };
        let mut start = open + 2;
        let rest = &text[start..];
        if rest.starts_with('-') && rest[1..].starts_with(is_space) {
            plain = plain.trim_end_matches(is_space);
            start += 1;
        }
        push_text(&mut pieces, plain);
        let inner = text[start..].trim_start_matches(is_space);
        let start = text.len() - inner.len();
        let (end, close) = if inner.starts_with("/*") {
            let end = inner.find("*/").ok_or_else(|| error(text, open, "unclosed comment"))?;
            let after = &inner[end + 2..];
            let marks = after.trim_start_matches(is_space);
            let close = start + end + 2 + (after.len() - marks.len());
            if !(marks.starts_with("}}") || marks.starts_with("-}}") && marks.len() < after.len()) {
                return Err(error(text, open, "comment ends before closing delimiter"));
            }
            (start, if marks.starts_with('-') { close + 1 } else { close })
        } else {
            let close = start + end_of_action(text, open, inner)?;
            (close, close)
        };
        let action = &text[start..end];
        trim = text[..close].ends_with('-') && text[..close - 1].ends_with(is_space);
        if end > start {
            let action = if trim { &action[..action.len() - 1] } else { action };
            pieces.push(Piece::Action(action.trim_end_matches(is_space), start));
        } else if close == start {
            pieces.push(Piece::Action("", start));
        }
        at = close + 2;
    }
    Ok(pieces)
}

fn push_text<'t>(pieces: &mut Vec<Piece<'t>>, text: &'t str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
}

/// Where `}}` stands, outside of quotes.
fn end_of_action(text: &str, open: usize, inner: &str) -> Result<usize, String> {
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in inner.char_indices() {
        match quote {
            Some('`') if letter == '`' => quote = None,
            Some('`') => {}
            Some(_) if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(_) if letter == '\n' => {
                return Err(error(text, open, "unterminated quoted string"));
            }
            Some(mark) if letter == mark => quote = None,
            Some(_) => {}
            None if matches!(letter, '"' | '`' | '\'') => quote = Some(letter),
            None if inner[at..].starts_with("}}") => return Ok(at),
            None => {}
        }
    }
    Err(error(
        text,
        open,
        match quote {
            Some('`') => "unterminated raw quoted string",
            Some('\'') => "unterminated character constant",
            Some(_) => "unterminated quoted string",
            None => "unclosed action",
        },
    ))
}

/// Go's blanks.
pub fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

/// A mistake in the template's text, with its line.
pub fn error(text: &str, at: usize, why: impl std::fmt::Display) -> String {
    let line = 1 + text[..at].matches('\n').count();
    format!("template: :{line}: {why}")
}
