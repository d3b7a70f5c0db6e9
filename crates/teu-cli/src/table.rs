//! Lists as docker prints them: columns at least ten wide, three blanks apart, the last one open.

/// Rows as aligned text, the first being the head.
pub fn render(rows: &[Vec<String>]) -> String {
    render_at_least(rows, 10)
}

/// The same with columns of another width at least.
pub fn render_at_least(rows: &[Vec<String>], least: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter(|row| column + 1 < row.len());
        let longest = cells.map(|row| row[column].chars().count()).max().unwrap_or(0);
        (longest + 3).max(least)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < row.len() {
                let blanks = widths[column].saturating_sub(cell.chars().count());
                text.extend(std::iter::repeat_n(' ', blanks));
            }
        }
        text.push('\n');
    }
    text
}

/// At most `width` characters, with an ellipsis in the last one's place.
pub fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[test]
fn as_docker_aligns() {
    let row = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
    let text = render(&[row(&["ID", "IMAGE", "NAMES"]), row(&["0123456789ab", "x", "web"])]);
    assert_eq!(text, "ID             IMAGE     NAMES\n0123456789ab   x         web\n");
    assert_eq!(shorten("\"sleep 1000000000000\"", 20), "\"sleep 100000000000…");
}
