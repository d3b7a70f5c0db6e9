//! `--format`: as much of Go's text/template as docker's users write.
//!
//! ```text
//! {{.State.Pid}}  {{json .Config}}  {{index .Config.Labels "a.b"}}  {{len .Mounts}}  {{upper .Name}}
//! {{if .State.Running}}up{{else}}down{{end}}  {{range .Mounts}}{{.Source}} {{end}}  {{.Names | lower}}
//! {{range $name, $net := .NetworkSettings.Networks}}{{$name}}={{$net.IPAddress}} {{end}}
//! ```
//! Anything else is refused by name.

use serde_json::Value;
use std::collections::HashMap;

/// A template, understood.
#[derive(Debug)]
pub struct Template(Vec<Node>);

#[derive(Debug)]
enum Node {
    Text(String),
    Show(Pipe),
    If(Pipe, Vec<Node>, Vec<Node>),
    Range { names: Vec<String>, over: Pipe, body: Vec<Node>, otherwise: Vec<Node> },
}

/// Commands; each gets what came before it as its last argument.
type Pipe = Vec<Vec<Operand>>;

#[derive(Clone, Debug)]
enum Operand {
    /// `.a.b`, `$.a`, `$x.b`: where it begins (`.`, `$`, `$x`), and the way on.
    Path(String, Vec<String>),
    Literal(Value),
    Word(String),
}

/// Nesting and length are bounded: templates come from scripts.
const LENGTH_MAX: usize = 64 << 10;
const DEPTH_MAX: usize = 32;

impl Template {
    /// Understands `text`.
    pub fn parse(text: &str) -> Result<Template, String> {
        if text.len() > LENGTH_MAX {
            return Err("template parsing error: it is longer than 64 KiB".to_string());
        }
        let pieces = pieces(text).map_err(told)?;
        let mut rest = pieces.into_iter();
        match nodes(&mut rest, 0).map_err(told)? {
            (nodes, End::Text) => Ok(Template(nodes)),
            (_, End::Word(word)) => Err(told(format!("unexpected {{{{{word}}}}}"))),
        }
    }

    /// Fills it in.
    pub fn render(&self, data: &Value) -> Result<String, String> {
        let mut out = String::new();
        let mut names = HashMap::from([("$".to_string(), data.clone())]);
        show(&self.0, data, &mut names, &mut out).map_err(told)?;
        Ok(out)
    }

    /// The fields that are shown, in order: heads of a table.
    pub fn fields(&self) -> Vec<String> {
        fn of(nodes: &[Node], fields: &mut Vec<String>) {
            for node in nodes {
                match node {
                    Node::Show(pipe) => {
                        let operands = pipe.iter().flatten();
                        let name = operands.filter_map(|operand| match operand {
                            Operand::Path(_, way) => way.last().cloned(),
                            _ => None,
                        });
                        fields.extend(name.take(1));
                    }
                    Node::If(_, body, _) | Node::Range { body, .. } => of(body, fields),
                    Node::Text(_) => {}
                }
            }
        }
        let mut fields = Vec::new();
        of(&self.0, &mut fields);
        fields
    }
}

fn told(why: impl std::fmt::Display) -> String {
    format!("template parsing error: {why}")
}

enum Piece {
    Text(String),
    Action(String),
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find("{{") {
        let (before, action) = (&rest[..start], &rest[start + 2..]);
        let end = action.find("}}").ok_or("unclosed action")?;
        let (mut inner, mut after) = (&action[..end], &action[end + 2..]);
        let mut before = before;
        if let Some(trimmed) = inner.strip_prefix("- ") {
            (inner, before) = (trimmed, before.trim_end());
        }
        if let Some(trimmed) = inner.strip_suffix(" -") {
            (inner, after) = (trimmed, after.trim_start());
        }
        pieces.push(Piece::Text(before.to_string()));
        pieces.push(Piece::Action(inner.trim().to_string()));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_string()));
    Ok(pieces)
}

/// What ended a list of nodes.
enum End {
    Text,
    Word(String),
}

fn nodes(pieces: &mut std::vec::IntoIter<Piece>, depth: usize) -> Result<(Vec<Node>, End), String> {
    if depth > DEPTH_MAX {
        return Err("it is nested too deeply".to_string());
    }
    let mut list = Vec::new();
    while let Some(piece) = pieces.next() {
        let action = match piece {
            Piece::Text(text) => {
                if !text.is_empty() {
                    list.push(Node::Text(text));
                }
                continue;
            }
            Piece::Action(action) => action,
        };
        let (word, rest) = action.split_once(' ').unwrap_or((&action, ""));
        match word {
            "end" | "else" => return Ok((list, End::Word(action))),
            "if" => {
                let condition = pipe(rest)?;
                let (body, otherwise) = branches(pieces, depth)?;
                list.push(Node::If(condition, body, otherwise));
            }
            "range" => {
                let (names, over) = match rest.split_once(":=") {
                    Some((names, over)) => {
                        let names = names.split(',').map(|name| name.trim().to_string()).collect();
                        (names, over)
                    }
                    None => (vec![], rest),
                };
                let over = pipe(over)?;
                let (body, otherwise) = branches(pieces, depth)?;
                list.push(Node::Range { names, over, body, otherwise });
            }
            "with" | "template" | "define" | "block" | "break" | "continue" => {
                return Err(format!("{{{{{word}}}}} is not there yet"));
            }
            _ if action.starts_with("/*") => {}
            _ => list.push(Node::Show(pipe(&action)?)),
        }
    }
    Ok((list, End::Text))
}

/// Up to `{{end}}`, with an `{{else}}` between or without.
fn branches(
    pieces: &mut std::vec::IntoIter<Piece>,
    depth: usize,
) -> Result<(Vec<Node>, Vec<Node>), String> {
    let (body, end) = nodes(pieces, depth + 1)?;
    match end {
        End::Word(word) if word == "end" => Ok((body, vec![])),
        End::Word(word) if word == "else" => match nodes(pieces, depth + 1)? {
            (otherwise, End::Word(word)) if word == "end" => Ok((body, otherwise)),
            _ => Err("unexpected EOF".to_string()),
        },
        End::Word(word) => match word.strip_prefix("else if ") {
            Some(condition) => {
                let condition = pipe(condition)?;
                let (inner, otherwise) = branches(pieces, depth + 1)?;
                Ok((body, vec![Node::If(condition, inner, otherwise)]))
            }
            None => Err(format!("unexpected {{{{{word}}}}}")),
        },
        End::Text => Err("unexpected EOF".to_string()),
    }
}

fn pipe(text: &str) -> Result<Pipe, String> {
    let mut commands: Pipe = vec![vec![]];
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '|' => {
                commands.push(vec![]);
                1
            }
            '"' => {
                let end = closing_quote(rest).ok_or("unterminated quoted string")?;
                let literal = serde_json::from_str(&rest[..=end]).map_err(|_| "bad string")?;
                last(&mut commands).push(Operand::Literal(literal));
                end + 1
            }
            '`' => {
                let end = rest[1..].find('`').ok_or("unterminated raw quoted string")? + 1;
                last(&mut commands).push(Operand::Literal(rest[1..end].into()));
                end + 1
            }
            '(' | ')' => return Err("parentheses are not there yet".to_string()),
            _ => {
                let end = rest.find([' ', '|', '"']).unwrap_or(rest.len());
                last(&mut commands).push(operand(&rest[..end])?);
                end
            }
        };
        rest = rest[length..].trim_start();
    }
    if commands.iter().any(Vec::is_empty) {
        return Err(format!("missing value for command in {{{{{text}}}}}"));
    }
    Ok(commands)
}

fn last(commands: &mut Pipe) -> &mut Vec<Operand> {
    let at = commands.len() - 1;
    &mut commands[at]
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, letter)| match letter {
        '"' if !escaped => Some(at),
        '\\' => {
            escaped = !escaped;
            None
        }
        _ => {
            escaped = false;
            None
        }
    })
}

fn operand(text: &str) -> Result<Operand, String> {
    if text.starts_with(['.', '$']) {
        let start = if text.starts_with('.') { "." } else { text.split('.').next().unwrap_or("$") };
        let way =
            if start == "." { &text[1..] } else { text[start.len()..].trim_start_matches('.') };
        let way: Vec<String> =
            way.split('.').filter(|part| !part.is_empty()).map(str::to_string).collect();
        let good = |part: &String| part.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !way.iter().all(good) {
            return Err(format!("bad character in {text}"));
        }
        return Ok(Operand::Path(start.to_string(), way));
    }
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Operand::Literal(number.into()));
    }
    Ok(match text {
        "true" => Operand::Literal(true.into()),
        "false" => Operand::Literal(false.into()),
        "nil" => Operand::Literal(Value::Null),
        _ => Operand::Word(text.to_string()),
    })
}

type Names = HashMap<String, Value>;

fn show(nodes: &[Node], dot: &Value, names: &mut Names, out: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Show(pipe) => out.push_str(&plain(&value(pipe, dot, names)?)),
            Node::If(condition, body, otherwise) => {
                let branch = if truth(&value(condition, dot, names)?) { body } else { otherwise };
                show(branch, dot, names, out)?;
            }
            Node::Range { names: bound, over, body, otherwise } => {
                let items: Vec<(Value, Value)> = match value(over, dot, names)? {
                    Value::Array(items) => {
                        items.into_iter().enumerate().map(|(at, item)| (at.into(), item)).collect()
                    }
                    Value::Object(map) => {
                        map.into_iter().map(|(key, item)| (key.into(), item)).collect()
                    }
                    Value::Null => vec![],
                    other => return Err(format!("range can't iterate over {}", plain(&other))),
                };
                if items.is_empty() {
                    show(otherwise, dot, names, out)?;
                }
                for (key, item) in items {
                    match &bound[..] {
                        [one] => drop(names.insert(one.clone(), item.clone())),
                        [first, second] => {
                            names.insert(first.clone(), key);
                            names.insert(second.clone(), item.clone());
                        }
                        _ => {}
                    }
                    show(body, &item, names, out)?;
                }
            }
        }
    }
    Ok(())
}

fn value(pipe: &Pipe, dot: &Value, names: &Names) -> Result<Value, String> {
    let mut passed: Option<Value> = None;
    for command in pipe {
        let resolve = |operand: &Operand| resolve(operand, dot, names);
        passed = Some(match &command[0] {
            Operand::Word(function) => {
                let mut arguments: Vec<Value> =
                    command[1..].iter().map(resolve).collect::<Result<_, _>>()?;
                arguments.extend(passed);
                call(function, &arguments)?
            }
            operand if command.len() == 1 && passed.is_none() => resolve(operand)?,
            _ => return Err("a value cannot be called".to_string()),
        });
    }
    Ok(passed.unwrap_or(Value::Null))
}

fn resolve(operand: &Operand, dot: &Value, names: &Names) -> Result<Value, String> {
    match operand {
        Operand::Literal(value) => Ok(value.clone()),
        Operand::Word(word) => call(word, &[]),
        Operand::Path(start, way) => {
            let mut at = match start.as_str() {
                "." => dot,
                name => names.get(name).ok_or_else(|| format!("undefined variable \"{name}\""))?,
            };
            for part in way {
                at = match at {
                    Value::Object(map) => map
                        .get(part)
                        .ok_or_else(|| format!("map has no entry for key \"{part}\""))?,
                    Value::Null => return Ok(Value::Null),
                    _ => return Err(format!("can't evaluate field {part} in a plain value")),
                };
            }
            Ok(at.clone())
        }
    }
}

fn call(function: &str, arguments: &[Value]) -> Result<Value, String> {
    let one = || arguments.first().ok_or_else(|| format!("wrong number of args for {function}"));
    let two = || match arguments {
        [first, second] => Ok((first, second)),
        _ => Err(format!("wrong number of args for {function}")),
    };
    Ok(match function {
        "json" => one()?.to_string().into(),
        "len" => match one()? {
            Value::Array(items) => items.len().into(),
            Value::Object(map) => map.len().into(),
            Value::String(text) => text.len().into(),
            other => return Err(format!("len of {}", plain(other))),
        },
        "index" => {
            let mut at = one()?.clone();
            for key in &arguments[1..] {
                at = match (&at, key) {
                    (Value::Object(map), Value::String(key)) => {
                        map.get(key).cloned().unwrap_or("".into())
                    }
                    (Value::Array(items), Value::Number(number)) => {
                        let place = number.as_u64().and_then(|n| usize::try_from(n).ok());
                        let item = place.and_then(|place| items.get(place)).cloned();
                        item.ok_or_else(|| format!("index out of range: {number}"))?
                    }
                    (Value::Null, _) => Value::Null,
                    _ => return Err("can't index this item".to_string()),
                };
            }
            at
        }
        "upper" => plain(one()?).to_uppercase().into(),
        "lower" => plain(one()?).to_lowercase().into(),
        "title" => {
            let text = plain(one()?);
            let mut letters = text.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string());
            (first.unwrap_or_default() + letters.as_str()).into()
        }
        "join" => {
            let (list, separator) = two()?;
            let parts = list.as_array().map(|list| list.iter().map(plain).collect::<Vec<_>>());
            parts.unwrap_or_default().join(&plain(separator)).into()
        }
        "split" => {
            let (text, separator) = two()?;
            plain(text).split(&plain(separator)).collect::<Vec<_>>().into()
        }
        "println" => (arguments.iter().map(plain).collect::<Vec<_>>().join(" ") + "\n").into(),
        "print" => arguments.iter().map(plain).collect::<Vec<_>>().concat().into(),
        "not" => (!truth(one()?)).into(),
        "eq" => {
            let (first, second) = two()?;
            (first == second).into()
        }
        "ne" => {
            let (first, second) = two()?;
            (first != second).into()
        }
        "and" => arguments.iter().all(truth).into(),
        "or" => arguments.iter().any(truth).into(),
        _ => return Err(format!("function \"{function}\" not defined")),
    })
}

/// What Go holds for true: what is not zero and not empty.
fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// As Go prints values.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(" "))
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}:{}", plain(value)));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// A list in the form that `--format` asks for; `None`: the door's own table.
///
/// `json` prints an object per row, `table T` a table with heads, anything else the template per row.
pub fn list(
    format: &str,
    rows: &[Value],
    head: &dyn Fn(&str) -> String,
) -> Result<Option<String>, String> {
    // As typed in a shell: `\t` and `\n` are two characters.
    let format = format.replace("\\t", "\t").replace("\\n", "\n");
    if format.is_empty() || format == "table" {
        return Ok(None);
    }
    if format == "json" {
        return Ok(Some(rows.iter().map(|row| format!("{row}\n")).collect()));
    }
    if let Some(columns) = format.strip_prefix("table ") {
        let template = Template::parse(columns)?;
        let mut table = vec![template.fields().iter().map(|field| head(field)).collect()];
        for row in rows {
            table.push(template.render(row)?.split('\t').map(str::to_string).collect());
        }
        return Ok(Some(crate::table::render(&table)));
    }
    let template = Template::parse(&format)?;
    let lines = rows.iter().map(|row| Ok(template.render(row)? + "\n"));
    lines.collect::<Result<String, String>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(template: &str, expected: &str) {
        let data = json!({
            "Name": "/web", "N": 3, "On": true, "Empty": "", "None": null,
            "List": ["a", "b"], "Map": {"x.y": "dotted", "z": {"IP": "1.2.3.4"}},
            "State": {"Pid": 42, "Running": false}
        });
        let got = Template::parse(template).and_then(|template| template.render(&data));
        let got = got.unwrap_or_else(|error| error);
        assert!(
            got == expected || (expected.starts_with('~') && got.contains(&expected[1..])),
            "{template}: {got}"
        );
    }

    #[test]
    fn what_users_write() {
        check("{{.Name}} {{ .State.Pid }}", "/web 42");
        check("{{json .List}}", "[\"a\",\"b\"]");
        check("{{.List}} {{.State}}", "[a b] map[Pid:42 Running:false]");
        check("{{.None}}", "<no value>");
        check("{{index .Map \"x.y\"}}{{index .List 1}}", "dottedb");
        check("{{if .State.Running}}up{{else}}down{{end}}", "down");
        check("{{if eq .N 3}}three{{end}}", "three");
        check("{{if .Empty}}1{{else if .On}}2{{else}}3{{end}}", "2");
        check("{{range .List}}<{{.}}>{{end}}", "<a><b>");
        check("{{range $i, $v := .List}}{{$i}}={{$v}} {{end}}", "0=a 1=b ");
        check("{{range $k, $v := .Map}}{{$k}} {{end}}", "x.y z ");
        check("{{range .Empty2}}x{{end}}", "~no entry for key \"Empty2\"");
        check("{{.Name | upper}} {{len .List}} {{join .List \",\"}}", "/WEB 2 a,b");
        check("a {{- .N -}} b", "a3b");
        check("{{with .Name}}{{end}}", "~{{with}} is not there yet");
        check("{{.Name", "~unclosed");
        check("{{if .On}}", "~unexpected EOF");
        check("{{end}}", "~unexpected {{end}}");
        check("{{frob .Name}}", "~function \"frob\" not defined");
        check("{{.Name.More}}", "~can't evaluate field More");
        check("{{|}}", "~missing value");
        check("{{\"a", "~unclosed");
        check(&"{{if .On}}".repeat(100), "~nested too deeply");
        check(&"x".repeat(70 << 10), "~longer than 64 KiB");
    }

    #[test]
    fn lists() {
        let rows = [json!({"ID": "1", "Names": "a"}), json!({"ID": "22", "Names": "b"})];
        let of = |format: &str| list(format, &rows, &|field| field.to_uppercase());
        assert_eq!(of("{{.ID}}:{{.Names}}"), Ok(Some("1:a\n22:b\n".into())));
        assert_eq!(
            of("table {{.ID}}\\t{{.Names}}").unwrap().unwrap(),
            "ID        NAMES\n1         a\n22        b\n"
        );
        assert_eq!(of("json").unwrap().unwrap().lines().count(), 2);
        assert_eq!(of("table"), Ok(None));
    }
}
