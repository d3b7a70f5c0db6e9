//! Lists as docker prints them: columns at least ten wide, three blanks apart, the last one open.

use crate::terminal;

/// Rows as aligned text, the first being the head.
pub fn render(rows: &[Vec<String>]) -> String {
    DOCKERS.render(rows)
}

/// The same with columns of another width at least.
pub fn render_at_least(rows: &[Vec<String>], least: usize) -> String {
    Columns { least, ..DOCKERS }.render(rows)
}

/// The same, made to fit into a terminal where standard output is one.
pub fn render_here(rows: Vec<Vec<String>>) -> String {
    match terminal::stdout_width() {
        Some(width) => fitted(&rows, width),
        None => render(&rows),
    }
}

/// How columns stand beside each other.
#[derive(Clone, Copy)]
struct Columns {
    /// As wide as this, with the blanks after it.
    least: usize,
    /// Blanks after the longest cell.
    apart: usize,
}

const DOCKERS: Columns = Columns { least: 10, apart: 3 };
const NARROW: Columns = Columns { least: 0, apart: 1 };

impl Columns {
    /// Its width on the screen, by that of its longest cell.
    fn width(self, longest: usize) -> usize {
        (longest + self.apart).max(self.least)
    }

    fn render(self, rows: &[Vec<String>]) -> String {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = rows.iter().filter(|row| column + 1 < row.len());
                self.width(cells.map(|row| row[column].chars().count()).max().unwrap_or(0))
            })
            .collect();
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
}

/// What people copy out of a table stays whole.
const WHOLE: [&str; 9] = [
    "CONTAINER ID",
    "DIGEST",
    "IMAGE ID",
    "NAME",
    "NAMES",
    "REPOSITORY",
    "SIZE",
    "TAG",
    "VOLUME NAME",
];
/// Nothing becomes narrower.
const NARROWEST: usize = 10;

/// Cells of the widest columns are shortened until a line has no more than `width` characters; where that is
/// not enough, columns move together.
fn fitted(rows: &[Vec<String>], width: usize) -> String {
    let count = rows.first().map_or(0, Vec::len);
    let longest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let natural: Vec<usize> = (0..count).map(longest).collect();
    let line = |columns: Columns, widths: &[usize]| {
        let last = widths.last().copied().unwrap_or(0);
        last + widths.iter().rev().skip(1).map(|width| columns.width(*width)).sum::<usize>()
    };
    let mut widths = natural;
    let mut columns = DOCKERS;
    while line(columns, &widths) > width {
        let may = |column: &usize| {
            !WHOLE.contains(&rows[0][*column].as_str()) && widths[*column] > NARROWEST
        };
        match (0..count).filter(may).max_by_key(|column| widths[*column]) {
            Some(column) => widths[column] -= 1,
            None if columns.apart == NARROW.apart => break,
            None => columns = NARROW,
        }
    }
    let cut = |row: &Vec<String>| {
        row.iter().zip(&widths).map(|(cell, width)| shorten(cell, *width)).collect::<Vec<_>>()
    };
    columns.render(&rows.iter().map(cut).collect::<Vec<_>>())
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

#[test]
fn a_narrow_terminal() {
    let row = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
    let rows = vec![
        row(&["CONTAINER ID", "IMAGE", "COMMAND", "NAMES"]),
        row(&["0123456789ab", "registry.example.org/team/web:1", "\"sleep 10000\"", "web-1"]),
    ];
    assert_eq!(fitted(&rows, 200), render(&rows));
    let text = fitted(&rows, 60);
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    assert!(text.contains("registry.example.org…") && text.contains("0123456789ab"), "{text}");
    let text = fitted(&rows, 40);
    assert!(text.contains("0123456789ab registry.… \"sleep 10… web-1\n"), "{text}");
}
