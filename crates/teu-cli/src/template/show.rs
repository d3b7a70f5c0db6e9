//! Nodes and data into text.

use super::functions::{self, Mode};
use super::parse::{Command, Kind, Node, Operand, Pipe};
use super::plain::{self, is_map, nil_of, plain, truth};
use serde_json::Value;

/// What a field of nothing is: Go's invalid value, shown as `<no value>`.
pub type Found = Option<Value>;

/// No template writes more than this.
const OUTPUT_MAX: usize = 64 << 20;
/// A row's fields that are called with an argument: `{{.Label "k"}}`.
pub const METHODS: [&str; 1] = ["Label"];

/// Shows `nodes` for `data`.
pub fn show(nodes: &[Node], data: &Value, mode: Mode) -> Result<String, String> {
    let mut shower =
        Shower { variables: vec![("$".into(), Some(data.clone()))], out: String::new(), mode };
    shower.nodes(nodes, &Some(data.clone()))?;
    Ok(shower.out)
}

struct Shower {
    variables: Vec<(String, Found)>,
    out: String,
    mode: Mode,
}

/// How a list of nodes was left.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl Shower {
    fn nodes(&mut self, nodes: &[Node], dot: &Found) -> Result<Flow, String> {
        for node in nodes {
            if self.out.len() > OUTPUT_MAX {
                return Err("template: : more than 64 MiB of text".to_string());
            }
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::On
                }
                Node::Show(pipe) => {
                    let (value, field) = self.pipe(pipe, dot)?;
                    self.set(pipe, value.clone());
                    if pipe.sets.is_empty() {
                        self.out.push_str(&match value {
                            None => "<no value>".to_string(),
                            Some(Value::Null) => nil_of(field.as_deref()).to_string(),
                            Some(value) => plain(&value),
                        });
                    }
                    Flow::On
                }
                Node::If(pipe, body, otherwise) => {
                    let known = self.variables.len();
                    let (value, _) = self.pipe(pipe, dot)?;
                    self.set(pipe, value.clone());
                    let branch = if truth(value.as_ref()) { body } else { otherwise };
                    let flow = self.nodes(branch, dot)?;
                    self.variables.truncate(known);
                    flow
                }
                Node::With(pipe, body, otherwise) => {
                    let known = self.variables.len();
                    let (value, _) = self.pipe(pipe, dot)?;
                    self.set(pipe, value.clone());
                    let flow = if truth(value.as_ref()) {
                        self.nodes(body, &value)?
                    } else {
                        self.nodes(otherwise, dot)?
                    };
                    self.variables.truncate(known);
                    flow
                }
                Node::Range(pipe, body, otherwise) => self.range(pipe, body, otherwise, dot)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        pipe: &Pipe,
        body: &[Node],
        otherwise: &[Node],
        dot: &Found,
    ) -> Result<Flow, String> {
        let items: Vec<(Value, Value)> = match self.pipe(pipe, dot)?.0 {
            None | Some(Value::Null) => vec![],
            Some(Value::Array(items)) => {
                items.into_iter().enumerate().map(|(at, item)| (at.into(), item)).collect()
            }
            Some(Value::Object(map)) => {
                map.into_iter().map(|(key, item)| (key.into(), item)).collect()
            }
            Some(Value::Number(count)) if count.is_u64() => {
                let count = count.as_u64().unwrap_or_default().min(1 << 20);
                (0..count).map(|number| (number.into(), number.into())).collect()
            }
            Some(other) => {
                let first = &pipe.commands[0];
                return Err(executing(
                    first.at,
                    &first.text,
                    format!("range can't iterate over {}", plain(&other)),
                ));
            }
        };
        if items.is_empty() {
            return self.nodes(otherwise, dot);
        }
        let known = self.variables.len();
        for (key, item) in items {
            match &pipe.sets[..] {
                [one] => self.put(one, pipe.declares, Some(item.clone())),
                [first, second] => {
                    self.put(first, pipe.declares, Some(key));
                    self.put(second, pipe.declares, Some(item.clone()));
                }
                _ => {}
            }
            let flow = self.nodes(body, &Some(item))?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn set(&mut self, pipe: &Pipe, value: Found) {
        if let [name] = &pipe.sets[..] {
            self.put(name, pipe.declares, value);
        }
    }

    fn put(&mut self, name: &str, declares: bool, value: Found) {
        let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
        match known.filter(|_| !declares) {
            Some((_, place)) => *place = value,
            None => self.variables.push((name.to_string(), value)),
        }
    }

    /// Its value, and the name of the field that it is, if it is one.
    fn pipe(&self, pipe: &Pipe, dot: &Found) -> Result<(Found, Option<String>), String> {
        let mut passed: Option<Found> = None;
        let mut field = None;
        for command in &pipe.commands {
            field = match &command.operands[0].kind {
                Kind::Dot(way) | Kind::Variable(_, way) | Kind::Paren(_, way) => {
                    way.last().cloned()
                }
                _ => None,
            };
            passed = Some(self.command(command, dot, passed)?);
        }
        Ok((passed.flatten(), field))
    }

    fn command(
        &self,
        command: &Command,
        dot: &Found,
        passed: Option<Found>,
    ) -> Result<Found, String> {
        let (first, rest) = (&command.operands[0], &command.operands[1..]);
        if let Kind::Function(name) = &first.kind {
            let tell = |why| executing(first.at, &command.text, why);
            // The only two that do not look at what they need not.
            if name == "and" || name == "or" {
                let mut last = None;
                for value in
                    rest.iter().map(|operand| self.operand(operand, dot)).chain(passed.map(Ok))
                {
                    last = Some(value?);
                    if last.as_ref().is_some_and(|value| truth(value.as_ref()) == (name == "or")) {
                        break;
                    }
                }
                return last.ok_or_else(|| {
                    tell(format!("wrong number of args for {name}: want at least 1 got 0"))
                });
            }
            let mut arguments = Vec::new();
            for operand in rest {
                arguments.push(self.operand(operand, dot)?.unwrap_or(Value::Null));
            }
            arguments.extend(passed.map(|value| value.unwrap_or(Value::Null)));
            return functions::call(name, &arguments, self.mode).map(Some).map_err(|why| {
                tell(if why.starts_with("wrong number") {
                    why
                } else {
                    format!("error calling {name}: {why}")
                })
            });
        }
        let arguments: Vec<Found> = rest
            .iter()
            .map(|operand| self.operand(operand, dot))
            .chain(passed.map(Ok))
            .collect::<Result<_, _>>()?;
        if arguments.is_empty() {
            return self.operand(first, dot);
        }
        match &first.kind {
            Kind::Dot(way) | Kind::Variable(_, way)
                if way.last().is_some_and(|last| METHODS.contains(&last.as_str())) =>
            {
                let labels = self.operand(first, dot)?.unwrap_or(Value::Null);
                let name = arguments[0].as_ref().map(plain).unwrap_or_default();
                Ok(Some(labels.get(&name).cloned().unwrap_or_else(|| "".into())))
            }
            _ => Err(executing(
                first.at,
                &first.text,
                format!("can't give argument to non-function {}", first.text),
            )),
        }
    }

    fn operand(&self, operand: &Operand, dot: &Found) -> Result<Found, String> {
        let fields = |start: Found, way: &[String]| {
            walk(start, way).map_err(|why| executing(operand.at, &operand.text, why))
        };
        match &operand.kind {
            Kind::Literal(value) => Ok(Some(value.clone())),
            Kind::Nil => Ok(Some(Value::Null)),
            Kind::Dot(way) => fields(dot.clone(), way),
            Kind::Variable(name, way) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                fields(found.and_then(|(_, value)| value.clone()), way)
            }
            Kind::Paren(pipe, way) => fields(self.pipe(pipe, dot)?.0, way),
            Kind::Function(name) => functions::call(name, &[], self.mode)
                .map(Some)
                .map_err(|why| executing(operand.at, &operand.text, why)),
        }
    }
}

/// Fields of fields. What a map lacks is no value; what an object lacks is a mistake.
fn walk(start: Found, way: &[String]) -> Result<Found, String> {
    let mut at = start;
    let mut in_map = false;
    for part in way {
        at = match at {
            None => None,
            Some(Value::Object(mut map)) => match map.remove(part) {
                Some(value) => Some(value),
                None if in_map => None,
                None => return Err(format!("map has no entry for key \"{part}\"")),
            },
            Some(Value::Null) if in_map => None,
            Some(Value::Null) => {
                return Err(format!("nil pointer evaluating interface {{}}.{part}"));
            }
            Some(other) => {
                return Err(format!("can't evaluate field {part} in type {}", plain::kind(&other)));
            }
        };
        in_map = is_map(part);
    }
    Ok(at)
}

fn executing(at: (usize, usize), text: &str, why: String) -> String {
    const SHOWN: usize = 20;
    let short: String = text.chars().take(SHOWN).collect();
    let dots = if text.chars().count() > SHOWN { "..." } else { "" };
    format!("template: :{}:{}: executing \"\" at <{short}{dots}>: {why}", at.0, at.1)
}
