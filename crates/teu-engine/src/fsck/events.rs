//! Lines of the events' files that are none.

use super::Defect;
use crate::{Engine, EngineError};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use teu_kernel::append;
use teu_model::Event;

pub(super) fn find(engine: &Engine, defects: &mut Vec<Defect>) {
    let log = engine.events_file();
    for path in [append::second_name(&log), log] {
        let bad = std::fs::read(&path).map(|text| bad_lines(&text)).unwrap_or_default();
        if bad.is_empty() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        defects.push(Defect::new(
            format!("events/{name}"),
            format!("{} of its lines tell no event", bad.len()),
            "blank them",
            move |_| {
                blank(&path).map_err(|source| EngineError::State {
                    attempt: "write",
                    path: path.clone(),
                    source,
                })
            },
        ));
    }
}

/// Where lines stand that are neither blank nor an event. The last one may be without its end.
fn bad_lines(text: &[u8]) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut bad = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let whole = line.ends_with(b"\n");
        let is_blank = line.iter().all(u8::is_ascii_whitespace);
        if !(is_blank || whole && serde_json::from_slice::<Event>(line).is_ok()) {
            bad.push(at..at + line.len());
        }
        at += line.len();
    }
    bad
}

/// In place, so that whoever reads or appends goes on with the same file.
fn blank(path: &Path) -> io::Result<()> {
    let file = std::fs::File::options().read(true).write(true).open(path)?;
    for line in bad_lines(&std::fs::read(path)?) {
        let mut blanks = vec![b' '; line.len()];
        if let Some(last) = blanks.last_mut() {
            *last = b'\n';
        }
        file.write_all_at(&blanks, line.start as u64)?;
    }
    Ok(())
}
