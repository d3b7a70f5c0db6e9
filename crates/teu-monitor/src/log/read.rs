//! The reading side: all files of a log in order, some of it or all, once or as it grows.
//!
//! A reader holds the file it reads open. At its end it looks whether the writer has begun another: the
//! file that was `log` is then `log.1`, and finished.

use super::{Entry, LogConfig, Stream, Timestamp, rotated};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::Duration;
use teu_kernel::inotify::Watch;
use teu_kernel::poll::{PollFd, PollFlags, poll};

/// How much of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All of it.
    All,
    /// So many entries.
    Entries(usize),
}

/// Which entries are wanted.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Those of standard output.
    pub stdout: bool,
    /// Those of standard error.
    pub stderr: bool,
    /// Only the last ones.
    pub tail: Tail,
    /// Only those of this moment and later.
    pub since: Option<Timestamp>,
    /// Only those of this moment and earlier.
    pub until: Option<Timestamp>,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions { stdout: true, stderr: true, tail: Tail::All, since: None, until: None }
    }
}

/// What ended a [`LogReader::wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There may be new entries.
    Log,
    /// The other descriptor is ready.
    Other,
    /// The time is over.
    Time,
}

const BLOCK_BYTES: usize = 64 * 1024;
/// No entry of ours is longer: 16 KiB of text, six bytes for each at most, and a frame.
const ENTRY_BYTES_MAX: usize = 256 * 1024;

/// Reads a log from a chosen place to its end, and on when it grows.
#[derive(Debug)]
pub struct LogReader {
    config: LogConfig,
    options: LogOptions,
    /// `None` until the log exists.
    file: Option<File>,
    /// Read and not yet returned; begins at the start of an entry.
    buffer: VecDeque<u8>,
    /// Everything up to here was searched for a line end.
    searched: usize,
    watch: Option<Watch>,
    past_until: bool,
}

impl LogReader {
    /// Opens the log and goes to the first entry that `options` want.
    pub fn open(config: &LogConfig, options: LogOptions) -> io::Result<LogReader> {
        let mut reader = LogReader {
            config: config.clone(),
            options,
            file: None,
            buffer: VecDeque::new(),
            searched: 0,
            watch: None,
            past_until: false,
        };
        match options.tail {
            Tail::All => reader.go_to_start()?,
            Tail::Entries(count) => reader.go_to_last(count)?,
        }
        Ok(reader)
    }

    /// The next entry that is wanted; `None` at the end of what has been written so far.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        while !self.past_until {
            let Some(line) = self.next_line()? else { return Ok(None) };
            let Some(entry) = Entry::parse(&line) else { continue };
            if self.options.until.is_some_and(|until| entry.time > until) {
                self.past_until = true;
            } else if self.wanted(&entry) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Whether nothing can follow any more, because all that follows is later than what is wanted.
    pub fn is_over(&self) -> bool {
        self.past_until
    }

    /// Waits until the log has grown, or `other` is readable or closed, or `limit` passed.
    ///
    /// The first call begins to watch, and returns at once: something may have been written between the last
    /// read and the watch.
    pub fn wait(
        &mut self,
        other: Option<BorrowedFd<'_>>,
        limit: Option<Duration>,
    ) -> io::Result<Woken> {
        let Some(watch) = &self.watch else {
            let directory = self.config.path.parent().map_or(PathBuf::from("."), PathBuf::from);
            self.watch = Some(Watch::directory(&directory)?);
            return Ok(Woken::Log);
        };
        let mut fds = vec![PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN)];
        fds.extend(other.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        if poll(&mut fds, limit)? == 0 {
            return Ok(Woken::Time);
        }
        if !fds[0].revents().is_empty() {
            watch.clear()?;
            return Ok(Woken::Log);
        }
        Ok(Woken::Other)
    }

    fn wanted(&self, entry: &Entry) -> bool {
        let stream = match entry.stream {
            Stream::Stdout => self.options.stdout,
            Stream::Stderr => self.options.stderr,
        };
        stream && self.options.since.is_none_or(|since| entry.time >= since)
    }

    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let end = self.buffer.iter().skip(self.searched).position(|&byte| byte == b'\n');
            if let Some(end) = end {
                let line = self.buffer.drain(..=self.searched + end).collect();
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.searched > ENTRY_BYTES_MAX {
                // Not ours. What follows its line end may be.
                self.buffer.clear();
                self.searched = 0;
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads on. False at the end of what is there.
    fn fill(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else {
            self.file = open_if_there(&self.config, 0)?;
            return Ok(self.file.is_some());
        };
        let mut block = vec![0; BLOCK_BYTES];
        let count = file.read(&mut block)?;
        if count > 0 {
            self.buffer.extend(&block[..count]);
            return Ok(true);
        }
        if self.config.max_files <= 1 {
            // One file only is emptied instead of renamed.
            let length = file.metadata()?.len();
            if file.stream_position()? > length {
                file.rewind()?;
                return Ok(true);
            }
            return Ok(false);
        }
        match next_file(&self.config, file)? {
            // Something may have come between the read and the renaming.
            Some(next) => {
                let mut rest = Vec::new();
                file.read_to_end(&mut rest)?;
                self.buffer.extend(rest);
                self.file = Some(next);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn go_to_start(&mut self) -> io::Result<()> {
        for n in (0..self.config.max_files.max(1)).rev() {
            self.file = open_if_there(&self.config, n)?;
            if self.file.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Goes to the `count`th entry from the end, counting those that are wanted.
    fn go_to_last(&mut self, count: usize) -> io::Result<()> {
        let mut missing = count;
        for n in 0..self.config.max_files.max(1) {
            let Some(mut file) = open_if_there(&self.config, n)? else { break };
            let start = self.place_of_last(&file, &mut missing)?;
            file.seek(SeekFrom::Start(start))?;
            self.file = Some(file);
            if missing == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Where in `file` the last `missing` wanted entries begin; `missing` becomes what must be sought in
    /// the file before.
    fn place_of_last(&self, file: &File, missing: &mut usize) -> io::Result<u64> {
        let mut place = file.metadata()?.len();
        // The bytes from `place` on up to the end of the entry that is being put together.
        let mut tail: Vec<u8> = Vec::new();
        let mut start_of_last = place;
        while place > 0 && *missing > 0 {
            let length = BLOCK_BYTES.min(usize::try_from(place).unwrap_or(BLOCK_BYTES));
            place -= u64::try_from(length).unwrap_or(0);
            let mut block = vec![0; length];
            file.read_exact_at(&mut block, place)?;
            block.extend_from_slice(&tail);
            tail = block;
            while *missing > 0 {
                let without_end = &tail[..tail.len().saturating_sub(1)];
                let begin = match without_end.iter().rposition(|&byte| byte == b'\n') {
                    Some(end_before) => end_before + 1,
                    None if place == 0 => 0,
                    None => break,
                };
                if Entry::parse(&tail[begin..]).is_some_and(|entry| self.wanted(&entry)) {
                    *missing -= 1;
                    start_of_last = place + u64::try_from(begin).unwrap_or(0);
                }
                tail.truncate(begin);
                if begin == 0 {
                    break;
                }
            }
            if tail.len() > ENTRY_BYTES_MAX {
                tail.clear();
            }
        }
        Ok(if *missing > 0 { 0 } else { start_of_last })
    }
}

fn open_if_there(config: &LogConfig, n: u32) -> io::Result<Option<File>> {
    match File::open(rotated(&config.path, n)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file that follows `file`; `None` where it is the newest.
fn next_file(config: &LogConfig, file: &File) -> io::Result<Option<File>> {
    let own = file.metadata()?;
    let mut newer = None;
    for n in 0..config.max_files {
        let Some(candidate) = open_if_there(config, n)? else {
            // Between two renames of the writer: look again later.
            if n == 0 {
                return Ok(None);
            }
            break;
        };
        let metadata = candidate.metadata()?;
        if (metadata.dev(), metadata.ino()) == (own.dev(), own.ino()) {
            return Ok(newer);
        }
        newer = Some(candidate);
    }
    // Our file is gone, so the oldest that is left follows it.
    Ok(newer)
}

#[cfg(test)]
mod tests {
    use super::super::LogWriter;
    use super::*;
    use teu_testkit::TempDir;

    fn log(directory: &TempDir, lines: usize) -> (LogConfig, LogWriter) {
        let config = LogConfig {
            path: directory.join("log"),
            max_size_bytes: 20_000,
            max_files: 5,
            ..LogConfig::new(PathBuf::new())
        };
        let mut writer = LogWriter::open(config.clone()).unwrap();
        for n in 0..lines {
            let stream = if n % 10 == 3 { Stream::Stderr } else { Stream::Stdout };
            writer.write(stream, format!("line {n}\n").as_bytes()).unwrap();
        }
        (config, writer)
    }

    fn all(reader: &mut LogReader) -> Vec<String> {
        std::iter::from_fn(|| reader.next_entry().unwrap()).map(|entry| entry.text).collect()
    }

    #[test]
    fn reads_all_files_in_order() {
        let directory = TempDir::new("log-read");
        let (config, _writer) = log(&directory, 800);
        let lines = all(&mut LogReader::open(&config, LogOptions::default()).unwrap());
        assert_eq!(lines.len(), 800);
        assert!(lines.iter().enumerate().all(|(n, line)| *line == format!("line {n}\n")));
    }

    #[test]
    fn the_last_entries_may_lie_in_several_files() {
        let directory = TempDir::new("log-tail");
        let (config, _writer) = log(&directory, 800);
        for count in [0, 1, 7, 500, 799, 800, 5000] {
            let options = LogOptions { tail: Tail::Entries(count), ..LogOptions::default() };
            let lines = all(&mut LogReader::open(&config, options).unwrap());
            assert_eq!(lines.len(), count.min(800), "tail {count}");
            assert!(lines.last().is_none_or(|line| line == "line 799\n"));
        }
        let options = LogOptions { tail: Tail::Entries(2), stdout: false, ..LogOptions::default() };
        let lines = all(&mut LogReader::open(&config, options).unwrap());
        assert_eq!(lines, ["line 783\n", "line 793\n"]);
    }

    #[test]
    fn follows_through_rotations() {
        let directory = TempDir::new("log-follow");
        let (config, mut writer) = log(&directory, 10);
        let mut reader = LogReader::open(&config, LogOptions::default()).unwrap();
        let mut lines = all(&mut reader);
        assert_eq!(reader.wait(None, None).unwrap(), Woken::Log);
        for n in 10..2000 {
            writer.write(Stream::Stdout, format!("line {n}\n").as_bytes()).unwrap();
            if n % 300 == 0 {
                assert_eq!(reader.wait(None, None).unwrap(), Woken::Log);
                lines.extend(all(&mut reader));
            }
        }
        lines.extend(all(&mut reader));
        assert_eq!(lines.len(), 2000);
        assert_eq!(reader.wait(None, Some(Duration::ZERO)).unwrap(), Woken::Log);
        assert_eq!(reader.wait(None, Some(Duration::ZERO)).unwrap(), Woken::Time);
    }

    #[test]
    fn times_limit() {
        let directory = TempDir::new("log-times");
        let (config, mut writer) = log(&directory, 3);
        std::thread::sleep(Duration::from_millis(2));
        let between = Timestamp::now();
        std::thread::sleep(Duration::from_millis(2));
        writer.write(Stream::Stdout, b"late\n").unwrap();
        let until = LogOptions { until: Some(between), ..LogOptions::default() };
        let mut reader = LogReader::open(&config, until).unwrap();
        assert_eq!(all(&mut reader).len(), 3);
        assert!(reader.is_over());
        let since = LogOptions { since: Some(between), ..LogOptions::default() };
        assert_eq!(all(&mut LogReader::open(&config, since).unwrap()), ["late\n"]);
    }

    #[test]
    fn a_log_that_is_not_there_yet_is_empty() {
        let directory = TempDir::new("log-none");
        let config = LogConfig::new(directory.join("log"));
        let mut reader = LogReader::open(&config, LogOptions::default()).unwrap();
        assert_eq!(reader.next_entry().unwrap(), None);
        LogWriter::open(config).unwrap().write(Stream::Stdout, b"first\n").unwrap();
        assert_eq!(all(&mut reader), ["first\n"]);
    }
}
