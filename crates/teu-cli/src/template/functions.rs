//! What a template may call: Go's functions and docker's.

use super::AS_JSON;
use super::plain::{kind, plain, truth};
use super::show::METHODS;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt::Write;

/// Every function.
pub const FUNCTIONS: &[&str] = &[
    "and", "eq", "ge", "gt", "html", "index", "join", "js", "json", "le", "len", "lower", "lt",
    "ne", "not", "or", "pad", "print", "printf", "println", "slice", "split", "title", "truncate",
    "upper", "urlquery",
];

/// No text is padded to more.
const PAD_MAX: usize = 4096;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Values.
    Values,
    /// The heads of a table, which functions leave as they are.
    Heads,
}

/// Calls `function`; why that failed, in Go's words.
pub fn call(function: &str, arguments: &[Value], mode: Mode) -> Result<Value, String> {
    let count = |wanted: usize| {
        if arguments.len() == wanted {
            Ok(())
        } else {
            Err(format!(
                "wrong number of args for {function}: want {wanted} got {}",
                arguments.len()
            ))
        }
    };
    let at_least = |wanted: usize| {
        if arguments.len() >= wanted {
            Ok(())
        } else {
            Err(format!(
                "wrong number of args for {function}: want at least {wanted} got {}",
                arguments.len()
            ))
        }
    };
    if mode == Mode::Heads
        && ["json", "split", "join", "title", "lower", "upper", "truncate"].contains(&function)
        && let Some(head) = arguments.first()
    {
        return Ok(head.clone());
    }
    Ok(match function {
        "json" => {
            count(1)?;
            json(&arguments[0]).into()
        }
        "len" => {
            count(1)?;
            match &arguments[0] {
                Value::Array(items) => items.len().into(),
                Value::Object(map) => map.len().into(),
                Value::String(text) => text.len().into(),
                Value::Null => 0.into(),
                other => return Err(format!("len of type {}", kind(other))),
            }
        }
        "index" => {
            at_least(1)?;
            arguments[1..].iter().try_fold(arguments[0].clone(), |at, key| index(&at, key))?
        }
        "slice" => {
            at_least(1)?;
            slice(&arguments[0], &arguments[1..])?
        }
        "upper" | "lower" | "title" => {
            count(1)?;
            let text = text(&arguments[0])?;
            match function {
                "upper" => text.to_uppercase().into(),
                "lower" => text.to_lowercase().into(),
                _ => title(text).into(),
            }
        }
        "join" => {
            count(2)?;
            let list = match &arguments[0] {
                Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>(),
                Value::Null => vec![],
                other => {
                    return Err(format!(
                        "wrong type for value; expected []string; got {}",
                        kind(other)
                    ));
                }
            };
            list.join(text(&arguments[1])?).into()
        }
        "split" => {
            count(2)?;
            let (text, separator) = (text(&arguments[0])?, text(&arguments[1])?);
            if separator.is_empty() {
                text.chars().map(String::from).collect::<Vec<_>>().into()
            } else {
                text.split(separator).collect::<Vec<_>>().into()
            }
        }
        "pad" => {
            count(3)?;
            let text = text(&arguments[0])?;
            let blanks = |value: &Value| whole(value).map(|count| " ".repeat(count.min(PAD_MAX)));
            if text.is_empty() {
                "".into()
            } else {
                format!("{}{text}{}", blanks(&arguments[1])?, blanks(&arguments[2])?).into()
            }
        }
        "truncate" => {
            count(2)?;
            let (text, length) = (text(&arguments[0])?, whole(&arguments[1])?);
            text.get(..length).unwrap_or(text).into()
        }
        "println" => (arguments.iter().map(plain).collect::<Vec<_>>().join(" ") + "\n").into(),
        "print" => print(arguments).into(),
        "printf" => {
            at_least(1)?;
            printf(text(&arguments[0])?, &arguments[1..]).into()
        }
        "html" => escape(&print(arguments), html).into(),
        "js" => escape(&print(arguments), js).into(),
        "urlquery" => urlquery(&print(arguments)).into(),
        "not" => {
            count(1)?;
            (!truth(Some(&arguments[0]))).into()
        }
        "eq" => {
            at_least(2)?;
            let mut any = false;
            for other in &arguments[1..] {
                any |= equal(&arguments[0], other)?;
            }
            any.into()
        }
        "ne" => {
            count(2)?;
            (!equal(&arguments[0], &arguments[1])?).into()
        }
        "lt" | "le" | "gt" | "ge" => {
            count(2)?;
            let order = order(&arguments[0], &arguments[1])?;
            match function {
                "lt" => order.is_lt(),
                "le" => order.is_le(),
                "gt" => order.is_gt(),
                _ => order.is_ge(),
            }
            .into()
        }
        _ => return Err(format!("function \"{function}\" not defined")),
    })
}

/// A row as JSON: without what is a method and no field, and in the form that it says it has.
pub fn json(value: &Value) -> String {
    match value {
        Value::Object(map) if map.contains_key(AS_JSON) => map[AS_JSON].to_string(),
        Value::Object(map)
            if METHODS.iter().any(|method| map.get(*method).is_some_and(Value::is_object)) =>
        {
            let mut map = map.clone();
            METHODS.iter().for_each(|method| drop(map.remove(*method)));
            Value::Object(map).to_string()
        }
        other => other.to_string(),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("wrong type for value; expected string; got {}", kind(other))),
    }
}

fn whole(value: &Value) -> Result<usize, String> {
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| format!("wrong type for value; expected int; got {}", kind(value)))
}

fn index(at: &Value, key: &Value) -> Result<Value, String> {
    match (at, key) {
        // Go's zero value: of the maps that docker shows, mostly an empty text.
        (Value::Object(map), Value::String(key)) => {
            Ok(map.get(key).cloned().unwrap_or_else(|| "".into()))
        }
        (Value::Object(_), _) => Err(format!("value has type {}; should be string", kind(key))),
        (Value::Array(items), _) => items.get(place(key, items.len())?).cloned().ok_or_else(past),
        (Value::String(text), _) => {
            text.as_bytes().get(place(key, text.len())?).map(|byte| (*byte).into()).ok_or_else(past)
        }
        (Value::Null, _) => Err("index of untyped nil".to_string()),
        (other, _) => Err(format!("can't index item of type {}", kind(other))),
    }
}

fn past() -> String {
    "reflect: slice index out of range".to_string()
}

fn place(key: &Value, length: usize) -> Result<usize, String> {
    match key.as_i64() {
        None => Err(format!("cannot index slice/array with type {}", kind(key))),
        Some(number) => match usize::try_from(number) {
            Ok(place) if place <= length => Ok(place),
            _ => Err(format!("index out of range: {number}")),
        },
    }
}

fn slice(value: &Value, bounds: &[Value]) -> Result<Value, String> {
    let length = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Null => return Err("slice of untyped nil".to_string()),
        other => return Err(format!("can't slice item of type {}", kind(other))),
    };
    if bounds.len() > 3 {
        return Err(format!("too many slice indexes: {}", bounds.len()));
    }
    let bound =
        |at: usize, without: usize| bounds.get(at).map_or(Ok(without), |key| place(key, length));
    let (from, to) = (bound(0, 0)?, bound(1, length)?);
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match value {
        Value::String(text) => {
            String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned().into()
        }
        Value::Array(items) => items[from..to].to_vec().into(),
        _ => Value::Null,
    })
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for letter in text.chars() {
        if begins {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
        begins = !(letter.is_alphanumeric() || letter == '_' || letter == '\'');
    }
    out
}

/// A blank between two of which neither is a text.
fn print(arguments: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in arguments.iter().enumerate() {
        if at > 0 && !value.is_string() && !arguments[at - 1].is_string() {
            out.push(' ');
        }
        out += &plain(value);
    }
    out
}

fn equal(first: &Value, second: &Value) -> Result<bool, String> {
    match (first, second) {
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => {
            Err("non-comparable types for comparison".to_string())
        }
        (Value::Null, other) | (other, Value::Null) => Ok(other.is_null()),
        _ if kind(first) == kind(second) => Ok(first == second),
        (Value::Number(a), Value::Number(b)) => Ok(a.as_f64() == b.as_f64()),
        _ => Err("incompatible types for comparison".to_string()),
    }
}

fn order(first: &Value, second: &Value) -> Result<Ordering, String> {
    match (first, second) {
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Ok(a.cmp(&b)),
            _ => Ok(a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal)),
        },
        _ if kind(first) != kind(second) => Err("incompatible types for comparison".to_string()),
        _ => Err("invalid type for comparison".to_string()),
    }
}

fn escape(text: &str, how: fn(char) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match how(letter) {
            Some(other) => out += &other,
            None => out.push(letter),
        }
    }
    out
}

fn html(letter: char) -> Option<String> {
    let name = match letter {
        '"' => "&#34;",
        '\'' => "&#39;",
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '\0' => "\u{fffd}",
        _ => return None,
    };
    Some(name.to_string())
}

fn js(letter: char) -> Option<String> {
    match letter {
        '\\' | '\'' | '"' => Some(format!("\\{letter}")),
        '<' | '>' | '&' | '=' => Some(format!("\\u{:04X}", u32::from(letter))),
        letter if letter.is_control() => Some(format!("\\u{:04X}", u32::from(letter))),
        _ => None,
    }
}

fn urlquery(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                out.push(char::from(byte))
            }
            byte => write!(out, "%{byte:02X}").unwrap_or(()),
        }
        out
    })
}

/// Go's verbs as docker users write them: `%s %d %v %q %t %x %f`, with width and precision.
fn printf(format: &str, arguments: &[Value]) -> String {
    let mut out = String::new();
    let mut letters = format.chars().peekable();
    let mut next = arguments.iter();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let take_while = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
                          good: fn(char) -> bool| {
            let mut taken = String::new();
            while let Some(letter) = letters.next_if(|letter| good(*letter)) {
                taken.push(letter);
            }
            taken
        };
        let flags = take_while(&mut letters, |letter| "-+# 0".contains(letter));
        let width = take_while(&mut letters, |letter| letter.is_ascii_digit());
        let precision = letters.next_if_eq(&'.').map(|_| {
            take_while(&mut letters, |letter| letter.is_ascii_digit()).parse::<usize>().unwrap_or(0)
        });
        let Some(verb) = letters.next() else {
            out += "%!(NOVERB)";
            break;
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = next.next() else {
            write!(out, "%!{verb}(MISSING)").unwrap_or(());
            continue;
        };
        let shown = formatted(verb, value, precision.map(|digits| digits.min(PAD_MAX)), &flags);
        let width = width.parse::<usize>().unwrap_or(0).min(PAD_MAX);
        let blanks = width.saturating_sub(shown.chars().count());
        if flags.contains('-') {
            out += &shown;
            out += &" ".repeat(blanks);
        } else if flags.contains('0') && value.is_number() {
            let (sign, digits) = shown.split_at(usize::from(shown.starts_with(['-', '+'])));
            write!(out, "{sign}{}{digits}", "0".repeat(blanks)).unwrap_or(());
        } else {
            out += &" ".repeat(blanks);
            out += &shown;
        }
    }
    let extra: Vec<String> =
        next.map(|value| format!("{}={}", kind(value), plain(value))).collect();
    if !extra.is_empty() {
        write!(out, "%!(EXTRA {})", extra.join(", ")).unwrap_or(());
    }
    out
}

fn formatted(verb: char, value: &Value, precision: Option<usize>, flags: &str) -> String {
    let sign = |number: f64| if flags.contains('+') && number >= 0.0 { "+" } else { "" };
    match (verb, value) {
        ('v', _) => plain(value),
        ('s', Value::String(text)) => match precision {
            Some(length) => text.chars().take(length).collect(),
            None => text.clone(),
        },
        ('s', Value::Array(_) | Value::Object(_)) => plain(value),
        ('q', Value::String(text)) => Value::from(text.as_str()).to_string(),
        ('q', Value::Array(items)) => {
            let items: Vec<String> =
                items.iter().map(|item| formatted('q', item, None, "")).collect();
            format!("[{}]", items.join(" "))
        }
        ('d', Value::Number(number)) if !number.is_f64() => {
            format!("{}{number}", sign(number.as_f64().unwrap_or(0.0)))
        }
        ('x', Value::Number(number)) if number.is_u64() => {
            format!("{:x}", number.as_u64().unwrap_or(0))
        }
        ('X', Value::Number(number)) if number.is_u64() => {
            format!("{:X}", number.as_u64().unwrap_or(0))
        }
        ('o', Value::Number(number)) if number.is_u64() => {
            format!("{:o}", number.as_u64().unwrap_or(0))
        }
        ('b', Value::Number(number)) if number.is_u64() => {
            format!("{:b}", number.as_u64().unwrap_or(0))
        }
        ('x', Value::String(text)) => text.bytes().fold(String::new(), |mut out, byte| {
            write!(out, "{byte:02x}").unwrap_or(());
            out
        }),
        ('f' | 'g' | 'e', Value::Number(number)) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(0.0);
            format!("{}{float:.*}", sign(float), precision.unwrap_or(6))
        }
        ('t', Value::Bool(on)) => on.to_string(),
        ('T', _) => kind(value).to_string(),
        (verb, value) => format!("%!{verb}({}={})", kind(value), plain(value)),
    }
}
