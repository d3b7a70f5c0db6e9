//! Pieces into nodes: the grammar of Go's templates.

use super::functions::FUNCTIONS;
use super::scan::{Piece, error, is_space};
use serde_json::Value;

/// How deep blocks and parentheses may lie in each other.
const DEPTH_MAX: usize = 64;

/// One part of a template.
#[derive(Debug)]
pub enum Node {
    /// As it is.
    Text(String),
    /// A value, shown unless it only sets a variable.
    Show(Pipe),
    /// `if`.
    If(Pipe, Vec<Node>, Vec<Node>),
    /// `with`.
    With(Pipe, Vec<Node>, Vec<Node>),
    /// `range`.
    Range(Pipe, Vec<Node>, Vec<Node>),
    /// `break`.
    Break,
    /// `continue`.
    Continue,
}

/// Commands, each given the value of the one before.
#[derive(Debug, Default)]
pub struct Pipe {
    /// Variables that get the value, and whether they are new.
    pub sets: Vec<String>,
    /// `:=` rather than `=`.
    pub declares: bool,
    /// Never empty.
    pub commands: Vec<Command>,
}

/// A value, or a function and what it is called with.
#[derive(Debug)]
pub struct Command {
    /// Never empty.
    pub operands: Vec<Operand>,
    /// As written, for messages.
    pub text: String,
    /// Line and column, for messages.
    pub at: (usize, usize),
}

/// One word of a command.
#[derive(Debug)]
pub struct Operand {
    /// What it is.
    pub kind: Kind,
    /// As written.
    pub text: String,
    /// Line and column.
    pub at: (usize, usize),
}

/// What a word can be.
#[derive(Debug)]
pub enum Kind {
    /// Written out.
    Literal(Value),
    /// `nil`.
    Nil,
    /// `.` and its fields.
    Dot(Vec<String>),
    /// `$name` and its fields.
    Variable(String, Vec<String>),
    /// A function.
    Function(String),
    /// In parentheses, and fields of that.
    Paren(Box<Pipe>, Vec<String>),
}

/// Nodes of all pieces.
pub fn parse(text: &str, pieces: Vec<Piece<'_>>) -> Result<Vec<Node>, String> {
    let mut parser = Parser {
        text,
        pieces: pieces.into_iter(),
        variables: vec!["$".to_string()],
        depth: 0,
        loops: 0,
    };
    let (nodes, end) = parser.nodes()?;
    match end {
        End::Text => Ok(nodes),
        End::Word(word, at) => Err(error(text, at, format!("unexpected {{{{{word}}}}}"))),
    }
}

/// What ended a list of nodes.
enum End<'t> {
    Text,
    Word(&'t str, usize),
}

struct Parser<'t> {
    text: &'t str,
    pieces: std::vec::IntoIter<Piece<'t>>,
    /// Those that are set where the parser stands.
    variables: Vec<String>,
    depth: usize,
    loops: usize,
}

impl<'t> Parser<'t> {
    fn nodes(&mut self) -> Result<(Vec<Node>, End<'t>), String> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (action, at) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.to_string()));
                    continue;
                }
                Piece::Action(action, at) => (action, at),
            };
            let word_end = action.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(action.len());
            let (word, rest) = action.split_at(word_end);
            let rest_at = at + word_end;
            match word {
                "end" | "else" => return Ok((nodes, End::Word(action, at))),
                "if" | "with" | "range" => nodes.push(self.block(word, rest, rest_at)?),
                "break" | "continue" if rest.is_empty() => {
                    if self.loops == 0 {
                        return Err(error(
                            self.text,
                            at,
                            format!("{{{{{word}}}}} outside {{{{range}}}}"),
                        ));
                    }
                    nodes.push(if word == "break" { Node::Break } else { Node::Continue });
                }
                "define" | "template" | "block" => {
                    return Err(error(
                        self.text,
                        at,
                        format!("{{{{{word}}}}} is not to be had here"),
                    ));
                }
                _ => nodes.push(Node::Show(self.pipe(action, at, word)?)),
            }
        }
        Ok((nodes, End::Text))
    }

    /// `if`, `with`, `range`, up to their `end`.
    fn block(&mut self, word: &str, rest: &str, at: usize) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(error(self.text, at, "blocks are nested too deeply"));
        }
        let known = self.variables.len();
        let pipe = self.pipe(rest, at, word)?;
        let is_range = word == "range";
        self.loops += usize::from(is_range);
        let (body, end) = self.nodes()?;
        self.loops -= usize::from(is_range);
        self.variables.truncate(known);
        let otherwise = self.otherwise(word, end)?;
        self.depth -= 1;
        Ok(match word {
            "if" => Node::If(pipe, body, otherwise),
            "with" => Node::With(pipe, body, otherwise),
            _ => Node::Range(pipe, body, otherwise),
        })
    }

    fn otherwise(&mut self, word: &str, end: End<'t>) -> Result<Vec<Node>, String> {
        let (action, at) = match end {
            End::Word("end", _) => return Ok(vec![]),
            End::Text => return Err(error(self.text, self.text.len(), "unexpected EOF")),
            End::Word(action, at) => (action, at),
        };
        let Some(more) = action.strip_prefix("else") else {
            return Err(error(self.text, at, format!("unexpected <{action}> in end")));
        };
        let next = more.trim_start_matches(is_space);
        if next.is_empty() {
            let (nodes, end) = self.nodes()?;
            return match end {
                End::Word("end", _) => Ok(nodes),
                End::Text => Err(error(self.text, self.text.len(), "unexpected EOF")),
                End::Word(action, at) => {
                    let what = if action.starts_with("else") { "{{else}}" } else { action };
                    Err(error(self.text, at, format!("expected end; found {what}")))
                }
            };
        }
        // `else if` and `else with` are a block of their own that shares the end.
        match next.strip_prefix(word) {
            Some(rest) if word != "range" && rest.starts_with(is_space) => {
                let at = at + action.len() - rest.len();
                Ok(vec![self.block(word, rest, at)?])
            }
            _ => Err(error(self.text, at, format!("unexpected {next:?} in else"))),
        }
    }

    /// What stands in an action, with the variables that it sets.
    fn pipe(&mut self, text: &str, at: usize, context: &str) -> Result<Pipe, String> {
        let context = if ["if", "with", "range"].contains(&context) { context } else { "command" };
        let mut words = Words { parser: self, rest: text, at, context, depth: 0 };
        let pipe = words.whole()?;
        Ok(pipe)
    }
}

/// The words of one action.
struct Words<'p, 't> {
    parser: &'p mut Parser<'t>,
    rest: &'p str,
    at: usize,
    context: &'p str,
    depth: usize,
}

impl<'p> Words<'p, '_> {
    fn error(&self, why: impl std::fmt::Display) -> String {
        error(self.parser.text, self.at.min(self.parser.text.len()), why)
    }

    fn skip(&mut self, length: usize) -> &'p str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.at += length;
        taken
    }

    fn blanks(&mut self) {
        let length = self.rest.len() - self.rest.trim_start_matches(is_space).len();
        self.skip(length);
    }

    fn whole(&mut self) -> Result<Pipe, String> {
        let (sets, declares) = self.declaration()?;
        let mut pipe = self.commands()?;
        if !self.rest.is_empty() {
            return Err(self.error("unexpected right paren"));
        }
        if declares {
            self.parser.variables.extend(sets.iter().cloned());
        }
        (pipe.sets, pipe.declares) = (sets, declares);
        Ok(pipe)
    }

    /// `$x :=`, `$k, $v :=`, `$x =`.
    fn declaration(&mut self) -> Result<(Vec<String>, bool), String> {
        let text = self.rest.trim_start_matches(is_space);
        if !text.starts_with('$') {
            return Ok((vec![], false));
        }
        let Some(equals) = text.find('=') else { return Ok((vec![], false)) };
        let declares = text[..equals].ends_with(':');
        let names = text[..equals].trim_end_matches(':');
        let names: Vec<String> =
            names.split(',').map(|name| name.trim_matches(is_space).to_string()).collect();
        let good = |name: &String| {
            name.strip_prefix('$').is_some_and(|rest| rest.chars().all(is_name_letter))
        };
        if !names.iter().all(good) {
            return Ok((vec![], false));
        }
        let most = if self.context == "range" { 2 } else { 1 };
        if names.len() > most {
            return Err(self.error(format!("too many declarations in {}", self.context)));
        }
        if let Some(unknown) =
            names.iter().find(|name| !declares && !self.parser.variables.contains(name))
        {
            return Err(self.error(format!("undefined variable {unknown:?}")));
        }
        let length = self.rest.len() - text.len() + equals + 1;
        self.skip(length);
        Ok((names, declares))
    }

    /// Up to the end or to a closing parenthesis.
    fn commands(&mut self) -> Result<Pipe, String> {
        let mut pipe = Pipe::default();
        loop {
            self.blanks();
            let (begin, at) = (self.rest, self.at);
            let operands = self.operands()?;
            let text = begin[..begin.len() - self.rest.len()].trim_end_matches(is_space);
            if operands.is_empty() {
                return Err(self.error(format!("missing value for {}", self.context)));
            }
            if let (false, Some(first)) = (pipe.commands.is_empty(), operands.first())
                && matches!(first.kind, Kind::Literal(_) | Kind::Nil)
            {
                let number = pipe.commands.len() + 1;
                return Err(
                    self.error(format!("non executable command in pipeline stage {number}"))
                );
            }
            let at = place(self.parser.text, at);
            pipe.commands.push(Command { operands, text: text.to_string(), at });
            if !self.rest.starts_with('|') {
                return Ok(pipe);
            }
            self.skip(1);
        }
    }

    fn operands(&mut self) -> Result<Vec<Operand>, String> {
        let mut operands = Vec::new();
        loop {
            self.blanks();
            match self.rest.chars().next() {
                None | Some('|' | ')') => return Ok(operands),
                Some(_) => operands.push(self.operand()?),
            }
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let (begin, start) = (self.rest, self.at);
        let mut at = start;
        let kind = match self.rest.chars().next() {
            Some('"') => Kind::Literal(self.quoted()?.into()),
            Some('`') => {
                let end = self.rest[1..].find('`').unwrap_or(self.rest.len() - 2) + 1;
                let taken = self.skip(end + 1);
                Kind::Literal(taken[1..end].into())
            }
            Some('\'') => {
                let end = self.rest[1..].find('\'').unwrap_or(0) + 1;
                let taken = self.skip(end + 1);
                let letter = taken.trim_matches('\'').chars().next();
                Kind::Literal(letter.map(u32::from).unwrap_or_default().into())
            }
            Some('(') => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(self.error("parentheses are nested too deeply"));
                }
                self.skip(1);
                let pipe = self.commands()?;
                if !self.rest.starts_with(')') {
                    return Err(self.error("unclosed left paren"));
                }
                self.skip(1);
                self.depth -= 1;
                let (fields, _) = self.fields()?;
                Kind::Paren(Box::new(pipe), fields)
            }
            Some('.') if !self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let (fields, last) = self.fields()?;
                if fields.is_empty() {
                    self.skip(1);
                }
                // Go tells the place of the second field where there is more than one.
                at = last.unwrap_or(at);
                Kind::Dot(fields)
            }
            Some('$') => {
                let length =
                    1 + self.rest[1..].find(|c| !is_name_letter(c)).unwrap_or(self.rest.len() - 1);
                let name = self.skip(length).to_string();
                if !self.parser.variables.contains(&name) {
                    return Err(self.error(format!("undefined variable {name:?}")));
                }
                let (fields, _) = self.fields()?;
                Kind::Variable(name, fields)
            }
            Some(letter) if letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.') => {
                let length = self.rest.find([' ', '\t', '|', ')', '\n']).unwrap_or(self.rest.len());
                let text = self.skip(length);
                Kind::Literal(
                    number(text)
                        .ok_or_else(|| self.error(format!("bad number syntax: {text:?}")))?,
                )
            }
            Some(letter) if is_name_letter(letter) => {
                let length = self.rest.find(|c| !is_name_letter(c)).unwrap_or(self.rest.len());
                match self.skip(length) {
                    "true" => Kind::Literal(true.into()),
                    "false" => Kind::Literal(false.into()),
                    "nil" => Kind::Nil,
                    name if FUNCTIONS.contains(&name) => Kind::Function(name.to_string()),
                    name => return Err(self.error(format!("function {name:?} not defined"))),
                }
            }
            Some(letter) => {
                return Err(self.error(format!(
                    "unexpected bad character U+{:04X} '{letter}' in {}",
                    u32::from(letter),
                    self.context
                )));
            }
            None => return Err(self.error("unexpected EOF")),
        };
        if let Some(letter) = self
            .rest
            .chars()
            .next()
            .filter(|letter| !is_space(*letter) && !matches!(letter, '|' | ')'))
        {
            return Err(self.error(format!(
                "unexpected {:?} in operand",
                self.rest.split(is_space).next().unwrap_or(&letter.to_string())
            )));
        }
        let text = begin[..begin.len() - self.rest.len()].to_string();
        Ok(Operand { kind, text, at: place(self.parser.text, at) })
    }

    /// `.A.B`, and where the second of them stands.
    fn fields(&mut self) -> Result<(Vec<String>, Option<usize>), String> {
        let (mut fields, mut second) = (Vec::new(), None);
        while self.rest.starts_with('.') && self.rest[1..].starts_with(is_name_letter) {
            if fields.len() == 1 {
                second = Some(self.at);
            }
            self.skip(1);
            let length = self.rest.find(|c| !is_name_letter(c)).unwrap_or(self.rest.len());
            fields.push(self.skip(length).to_string());
        }
        Ok((fields, second))
    }

    fn quoted(&mut self) -> Result<String, String> {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find_map(|(at, letter)| match letter {
            '"' if !escaped => Some(at),
            '\\' => {
                escaped = !escaped;
                None
            }
            _ => {
                escaped = false;
                None
            }
        });
        let end = end.ok_or_else(|| self.error("unterminated quoted string"))?;
        let quoted = self.skip(end + 1);
        serde_json::from_str(quoted).map_err(|_| self.error("invalid syntax"))
    }
}

fn is_name_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Into::into);
    }
    text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number)
}

/// Line and column as Go counts them: from 1 and, on the first line, from 0.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = 1 + before.matches('\n').count();
    (line, before.rfind('\n').map_or(before.len(), |newline| before.len() - newline))
}
