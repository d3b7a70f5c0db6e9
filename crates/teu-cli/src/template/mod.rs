//! Go's text/template, as docker users write it behind `--format`.
//!
//! ```text
//!  text ──scan──► pieces ──parse──► nodes ──show(data)──► text
//!                                              └ functions.rs, plain.rs: what is called, how values look
//! ```
//! All that Go's language has but `define`, `template` and `block`; docker's functions beside Go's. Data
//! is JSON. An error is worded as Go words it, with its place, so that a script that reads it still can.

mod functions;
mod list;
mod parse;
mod plain;
mod scan;
mod show;
#[cfg(test)]
mod tests;

pub use list::list;

use crate::exit_code::Failure;
use serde_json::Value;

/// A longer template is no template.
const LENGTH_MAX: usize = 64 << 10;

/// The field of a row under which its JSON lies, where that has other names than a template.
pub const AS_JSON: &str = "";

/// A template, taken apart.
#[derive(Debug)]
pub struct Template {
    nodes: Vec<parse::Node>,
}

impl Template {
    /// Takes `text` apart; what is wrong with it, in Go's words.
    pub fn parse(text: &str) -> Result<Template, String> {
        if text.len() > LENGTH_MAX {
            return Err("template: : the template is longer than 64 KiB".to_string());
        }
        let pieces = scan::scan(text)?;
        Ok(Template { nodes: parse::parse(text, pieces)? })
    }

    /// The text for `data`.
    pub fn render(&self, data: &Value) -> Result<String, String> {
        show::show(&self.nodes, data, functions::Mode::Values)
    }

    /// The text for the heads of a table: functions leave them as they are.
    fn render_heads(&self, heads: &Value) -> Result<String, String> {
        show::show(&self.nodes, heads, functions::Mode::Heads)
    }
}

/// A template that cannot be understood ends a verb with docker's 64.
pub fn mistake(why: String) -> Failure {
    mistake_shown(why).code(64)
}

/// One that does not fit what it is shown for, with 1.
pub fn mistake_shown(why: String) -> Failure {
    Failure::new(format!("template parsing error: {why}"))
}
