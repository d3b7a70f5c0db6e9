//! What a verb tells while it works; the door decides how it looks.

use teu_model::{Digest, Reference};

/// One piece of news from a pull.
#[derive(Clone, Debug, PartialEq)]
pub enum PullEvent {
    /// It begins.
    Begin {
        /// What is pulled.
        reference: Reference,
    },
    /// A layer's stage.
    Layer {
        /// Its compressed digest.
        blob: Digest,
        /// Where it stands.
        stage: LayerStage,
    },
    /// It is done.
    Done {
        /// What was pulled.
        reference: Reference,
        /// The digest of what the name means now.
        digest: Digest,
        /// Whether anything changed here.
        changed: bool,
    },
}

/// Where a layer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerStage {
    /// Nothing moved yet.
    Waiting,
    /// It is here already.
    Exists,
    /// So many of so many bytes have come.
    Moving {
        /// Compressed bytes that have come.
        done: u64,
        /// Compressed bytes in all.
        total: u64,
    },
    /// Here and verified.
    Complete,
}

/// Who listens.
pub trait Progress {
    /// The image is not here and will be pulled: docker's `run` says so.
    fn not_found_locally(&mut self, reference: &Reference);
    /// News.
    fn pull(&mut self, event: PullEvent);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn not_found_locally(&mut self, _reference: &Reference) {}
    fn pull(&mut self, _event: PullEvent) {}
}
