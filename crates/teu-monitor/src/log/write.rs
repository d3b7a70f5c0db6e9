//! The writing side: what the container wrote, cut into lines, in batches.

use super::send::Sender;
use super::{LogConfig, Stream, Timestamp, entry, rotated};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

/// Docker's limit: a longer line becomes several entries.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// Entries are handed to the kernel in pieces of about this size.
const BATCH_BYTES: usize = 128 * 1024;

/// What is still to be sent when the container has ended is tried for so long.
const SENT_WITHIN: Duration = Duration::from_secs(2);

/// Writes the log of one container.
#[derive(Debug)]
pub struct LogWriter {
    config: LogConfig,
    file: File,
    size_bytes: u64,
    batch: Vec<u8>,
    /// The lines of standard output and of standard error that have not ended yet.
    open_lines: [Vec<u8>; 2],
    /// `,"attrs":{…}`, where there are words beside each entry.
    attrs: Vec<u8>,
    /// The way elsewhere.
    sender: Option<Sender>,
    /// What waits longer is not sent any more.
    give_up_at: Option<Instant>,
}

impl LogWriter {
    /// Opens the log, or begins it.
    pub fn open(config: LogConfig) -> io::Result<LogWriter> {
        let file = open(&config)?;
        let attrs = match config.words.is_empty() {
            true => Vec::new(),
            false => [b",\"attrs\":", &serde_json::to_vec(&config.words)?[..]].concat(),
        };
        let size_bytes = file.metadata()?.len();
        let sender = config.sink.clone().map(Sender::new);
        let mut writer = LogWriter {
            sender,
            give_up_at: None,
            config,
            file,
            size_bytes,
            batch: Vec::new(),
            open_lines: Default::default(),
            attrs,
        };
        writer.end_half_entry()?;
        Ok(writer)
    }

    /// Takes what was read from the container now. All complete lines are in the file when this returns.
    pub fn write(&mut self, stream: Stream, mut bytes: &[u8]) -> io::Result<()> {
        let now = Timestamp::now();
        let time = now.to_string();
        self.give_up_at = None;
        let mut open_line = std::mem::take(&mut self.open_lines[stream as usize]);
        while !bytes.is_empty() {
            let room = LINE_BYTES_MAX - open_line.len();
            let (text, ended, used) = match bytes.iter().take(room + 1).position(|&b| b == b'\n') {
                Some(end) => (&bytes[..end], true, end + 1),
                None if bytes.len() >= room => {
                    let cut = whole_letters(&bytes[..room], room < LINE_BYTES_MAX);
                    (&bytes[..cut], false, cut)
                }
                None => break,
            };
            let text = if open_line.is_empty() {
                text
            } else {
                open_line.extend_from_slice(text);
                &open_line
            };
            entry::append(&mut self.batch, text, ended, stream, &self.attrs, &time);
            if let Some(sender) = &mut self.sender {
                sender.add(stream, text, ended, now);
            }
            open_line.clear();
            bytes = &bytes[used..];
            self.entry_added()?;
        }
        open_line.extend_from_slice(bytes);
        self.open_lines[stream as usize] = open_line;
        self.send();
        self.flush()
    }

    /// Sends what is to go elsewhere, as far as it is taken.
    pub fn send(&mut self) {
        if let Some(sender) = &mut self.sender {
            sender.flush();
        }
    }

    /// Something waits to be sent, and may still be.
    pub fn is_waiting(&self) -> bool {
        self.sender.as_ref().is_some_and(Sender::is_waiting)
            && self.give_up_at.is_none_or(|at| Instant::now() < at)
    }

    /// The container writes no more: lines that never ended are entries as they are.
    pub fn finish(&mut self) -> io::Result<()> {
        let now = Timestamp::now();
        let time = now.to_string();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let line = std::mem::take(&mut self.open_lines[stream as usize]);
            if !line.is_empty() {
                entry::append(&mut self.batch, &line, false, stream, &self.attrs, &time);
                if let Some(sender) = &mut self.sender {
                    sender.add(stream, &line, true, now);
                }
                self.entry_added()?;
            }
        }
        self.give_up_at = Some(Instant::now() + SENT_WITHIN);
        self.send();
        self.flush()
    }

    /// Gives back memory that only busy times need.
    pub fn shrink(&mut self) {
        self.batch = Vec::new();
        for line in &mut self.open_lines {
            line.shrink_to_fit();
        }
    }

    fn entry_added(&mut self) -> io::Result<()> {
        let batch = u64::try_from(self.batch.len()).unwrap_or(u64::MAX);
        if self.size_bytes.saturating_add(batch) >= self.config.max_size_bytes {
            self.flush()?;
            self.rotate()?;
        } else if self.batch.len() >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.batch);
        // Also after an error: a full disk must not make the monitor grow.
        self.size_bytes += u64::try_from(self.batch.len()).unwrap_or(0);
        self.batch.clear();
        written
    }

    fn rotate(&mut self) -> io::Result<()> {
        let path = &self.config.path;
        for n in (1..self.config.max_files).rev() {
            match std::fs::rename(rotated(path, n - 1), rotated(path, n)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.config.max_files <= 1 {
            self.file.set_len(0)?;
        } else {
            self.file = open(&self.config)?;
        }
        self.size_bytes = 0;
        Ok(())
    }

    /// A monitor that was killed, or a full disk, may have left half an entry: it gets its line end, so that it
    /// does not spoil the next one.
    fn end_half_entry(&mut self) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let mut last = [b'\n'];
        if let Some(at) = self.size_bytes.checked_sub(1) {
            self.file.read_exact_at(&mut last, at)?;
        }
        if last != [b'\n'] {
            self.file.write_all(b"\n")?;
            self.size_bytes += 1;
        }
        Ok(())
    }
}

fn open(config: &LogConfig) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&config.path)
}

/// How much of `bytes` to take so that no letter of UTF-8 is cut in two; at least one byte, or, where
/// something stands before them, none.
fn whole_letters(bytes: &[u8], may_be_none: bool) -> usize {
    let least = if may_be_none { 0 } else { 1 };
    let start = bytes.len().saturating_sub(4).max(least);
    let last_letter = (start..bytes.len()).rev().find(|&at| bytes[at] & 0xc0 != 0x80);
    let Some(at) = last_letter else { return bytes.len() };
    let length = match bytes[at] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    if at + length > bytes.len() { at } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::super::Entry;
    use super::*;
    use teu_testkit::TempDir;

    fn texts(path: &std::path::Path) -> Vec<String> {
        let text = std::fs::read(path).unwrap();
        let lines = text.split_inclusive(|&byte| byte == b'\n');
        lines.map(|line| Entry::parse(line).unwrap().text).collect()
    }

    fn writer(directory: &TempDir, max_size_bytes: u64, max_files: u32) -> LogWriter {
        let path = directory.join("log");
        LogWriter::open(LogConfig { max_size_bytes, max_files, ..LogConfig::new(path) }).unwrap()
    }

    #[test]
    fn lines_are_entries_however_they_arrive() {
        let directory = TempDir::new("log-lines");
        let mut log = writer(&directory, 1 << 20, 3);
        log.write(Stream::Stdout, b"one\ntw").unwrap();
        log.write(Stream::Stderr, b"error\n").unwrap();
        log.write(Stream::Stdout, b"o\n\nthree").unwrap();
        assert_eq!(texts(&directory.join("log")), ["one\n", "error\n", "two\n", "\n"]);
        log.finish().unwrap();
        assert_eq!(texts(&directory.join("log")).last().unwrap(), "three");
    }

    #[test]
    fn a_long_line_is_cut_between_letters() {
        let directory = TempDir::new("log-long");
        let mut log = writer(&directory, 1 << 20, 3);
        let line = format!("a{}\n", "\u{20ac}".repeat(20_000));
        for piece in line.as_bytes().chunks(1000) {
            log.write(Stream::Stdout, piece).unwrap();
        }
        let texts = texts(&directory.join("log"));
        assert_eq!(texts.concat(), line);
        assert_eq!(texts.len(), 4);
        assert!(texts[..3].iter().all(|text| text.len() > LINE_BYTES_MAX - 4));
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_too() {
        let directory = TempDir::new("log-bytes");
        let mut log = writer(&directory, 1 << 24, 3);
        for _ in 0..10 {
            log.write(Stream::Stdout, &[0x80; 9999]).unwrap();
            log.write(Stream::Stdout, &[0xf0; 9999]).unwrap();
        }
        log.finish().unwrap();
        let count: usize = texts(&directory.join("log")).iter().map(|t| t.chars().count()).sum();
        assert_eq!(count, 20 * 9999);
    }

    #[test]
    fn the_oldest_file_goes() {
        let directory = TempDir::new("log-rotate");
        let mut log = writer(&directory, 1000, 3);
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        log.write(Stream::Stdout, text.as_bytes()).unwrap();
        let names = ["log.2", "log.1", "log"];
        let kept: Vec<String> =
            names.iter().flat_map(|name| texts(&directory.join(name))).collect();
        assert_eq!(kept.last().unwrap(), "line 99\n");
        assert!(kept.len() > 20 && kept.len() < 50);
        assert!(text.ends_with(&kept.concat()));
        assert_eq!(std::fs::read_dir(&*directory).unwrap().count(), 3);
        assert!(names.iter().all(|n| directory.join(n).metadata().unwrap().len() < 1100));
    }

    #[test]
    fn half_an_entry_spoils_nothing() {
        let directory = TempDir::new("log-half");
        std::fs::write(directory.join("log"), b"{\"log\":\"ha").unwrap();
        writer(&directory, 1 << 20, 1).write(Stream::Stdout, b"whole\n").unwrap();
        let text = std::fs::read_to_string(directory.join("log")).unwrap();
        assert!(text.lines().nth(1).unwrap().contains("whole"));
    }
}
