//! A layer's tar on its way to the disk: written, parsed, and hashed by another thread meanwhile.
//!
//! ```text
//!  inflate ──► buffer ──► layer.tar
//!                │  └───► Parser ──► index
//!                ▼
//!             hashing thread, which gives the buffer back
//! ```
//! On two cores this is what makes a pull as fast as its slowest part, which is the hash.

use crate::blobs::finished;
use crate::error::{At, ImageError};
use crate::store::Limits;
use ring::digest::{Context, SHA256};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use teu_kernel::sync_file_range::start_writeback;
use teu_model::{DiffId, Digest};
use teu_tar::{LayerIndex, Parser};

const BUFFER: usize = 256 << 10;
const BUFFERS: usize = 4;
/// Write-back starts when so much lies in the page cache.
const WINDOW: u64 = 8 << 20;
/// Below this nobody asks for the ratio: files of zeros are honest.
const RATIO_FROM: u64 = 1 << 30;

pub(crate) struct Raw {
    path: PathBuf,
    file: File,
    parser: Parser,
    hashing: Hashing,
    buffer: Vec<u8>,
    filled: usize,
    written: u64,
    started: u64,
    limits: Limits,
    /// Compressed bytes taken so far; kept up by the writer.
    pub(crate) packed: u64,
}

impl Raw {
    pub(crate) fn create(path: PathBuf, limits: Limits) -> Result<Raw, ImageError> {
        let file = File::create_new(&path).at("make", &path)?;
        let hashing = Hashing::start().at("start a thread to hash", &path)?;
        Ok(Raw {
            path,
            file,
            parser: Parser::new(),
            hashing,
            buffer: vec![0; BUFFER],
            filled: 0,
            written: 0,
            started: 0,
            limits,
            packed: 0,
        })
    }

    /// Where the next bytes go; never empty.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }

    /// `count` bytes of [`Raw::space`] were written.
    pub(crate) fn advance(&mut self, count: usize) -> Result<(), ImageError> {
        self.filled += count;
        if self.filled == self.buffer.len() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ImageError> {
        let bytes = &self.buffer[..self.filled];
        let total = self.written + bytes.len() as u64;
        let ratio_limit = self.packed.saturating_mul(self.limits.ratio_max).max(RATIO_FROM);
        let limit = self.limits.layer_size_max.min(ratio_limit);
        if total > limit {
            return Err(ImageError::LayerTooLarge { limit, packed: self.packed });
        }
        self.parser.feed(bytes).map_err(|source| ImageError::LayerTar { source })?;
        self.file.write_all(bytes).at("write", &self.path)?;
        self.written = total;
        if total - self.started >= WINDOW {
            // Not every file system can; the sync at the end is what counts.
            start_writeback(self.file.as_fd(), self.started, total - self.started).unwrap_or(());
            self.started = total;
        }
        let next = self.hashing.exchange(std::mem::take(&mut self.buffer), self.filled);
        self.buffer = next.ok_or(ImageError::GivenUp)?;
        self.filled = 0;
        Ok(())
    }

    /// Everything is on disk and hashed when this returns.
    pub(crate) fn finish(mut self) -> Result<(DiffId, LayerIndex), ImageError> {
        if self.filled > 0 {
            self.flush()?;
        }
        let index = self.parser.finish().map_err(|source| ImageError::LayerTar { source })?;
        self.file.sync_data().at("sync", &self.path)?;
        let digest = self.hashing.finish().ok_or(ImageError::GivenUp)?;
        Ok((DiffId(digest), index))
    }
}

struct Hashing {
    full: SyncSender<(Vec<u8>, usize)>,
    empty: Receiver<Vec<u8>>,
    made: usize,
    thread: JoinHandle<Digest>,
}

impl Hashing {
    fn start() -> std::io::Result<Hashing> {
        let (full, to_hash) = sync_channel::<(Vec<u8>, usize)>(BUFFERS);
        let (give_back, empty) = sync_channel(BUFFERS);
        let thread = Builder::new().name("teu-hash".into()).spawn(move || {
            let mut hash = Context::new(&SHA256);
            for (buffer, filled) in to_hash {
                hash.update(&buffer[..filled]);
                // Nobody takes it back once the layer ends.
                give_back.try_send(buffer).unwrap_or(());
            }
            finished(hash.finish())
        })?;
        Ok(Hashing { full, empty, made: 1, thread })
    }

    /// Hands a buffer over and returns an empty one; waits for the hash if it is behind.
    fn exchange(&mut self, buffer: Vec<u8>, filled: usize) -> Option<Vec<u8>> {
        self.full.send((buffer, filled)).ok()?;
        if let Ok(buffer) = self.empty.try_recv() {
            return Some(buffer);
        }
        if self.made < BUFFERS {
            self.made += 1;
            return Some(vec![0; BUFFER]);
        }
        self.empty.recv().ok()
    }

    fn finish(self) -> Option<Digest> {
        drop(self.full);
        self.thread.join().ok()
    }
}
