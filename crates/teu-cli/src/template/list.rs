//! A list in the form that `--format` asks for.

use super::{Template, functions};
use serde_json::Value;

/// `None`: the door's own table. `json` prints an object per row, `table T` a table with heads,
/// anything else the template per row. `heads` gives each field's head.
pub fn list(format: &str, rows: &[Value], heads: &Value) -> Result<Option<String>, String> {
    // As typed in a shell: `\t` and `\n` are two characters.
    let format = format.replace("\\t", "\t").replace("\\n", "\n");
    if format.is_empty() || format == "table" {
        return Ok(None);
    }
    if format == "json" {
        return Ok(Some(rows.iter().map(|row| functions::json(row) + "\n").collect()));
    }
    let wrong = |why: String| format!("failed to execute template: {why}");
    let unreadable = |why: String| format!("failed to parse template: {why}");
    if let Some(columns) = format.strip_prefix("table").filter(|rest| rest.starts_with([' ', '\t']))
    {
        let template = Template::parse(columns.trim_matches([' '])).map_err(unreadable)?;
        let cells = |text: String| text.split('\t').map(str::to_string).collect::<Vec<_>>();
        // Every row first: a field that is not there is told before a table begins.
        let mut table = Vec::with_capacity(rows.len() + 1);
        for row in rows {
            table.push(cells(template.render(row).map_err(wrong)?));
        }
        table.insert(0, cells(template.render_heads(heads).map_err(wrong)?));
        return Ok(Some(crate::table::render(&table)));
    }
    let template = Template::parse(&format).map_err(unreadable)?;
    let lines = rows.iter().map(|row| Ok(template.render(row).map_err(wrong)? + "\n"));
    lines.collect::<Result<String, String>>().map(Some)
}
