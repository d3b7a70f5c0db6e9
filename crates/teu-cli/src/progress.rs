//! A pull, as it goes: a line per layer that changes in place on a terminal, plain lines elsewhere.

use crate::terminal;
use std::io::Write;
use teu_engine::{LayerStage, Progress, PullEvent};
use teu_model::{Digest, Reference, human_size};

/// Tells a pull.
pub struct News {
    out: Box<dyn Write>,
    /// Lines are changed in place.
    live: bool,
    layers: Vec<(Digest, LayerStage)>,
}

impl News {
    /// `pull` tells on standard output.
    pub fn for_pull() -> News {
        News::to(Box::new(std::io::stdout()), terminal::stdout_is_terminal())
    }

    /// `run` and `create` leave standard output to the container; with `-q` nothing is told.
    pub fn for_run(quiet: bool) -> News {
        if quiet {
            return News::to(Box::new(std::io::sink()), false);
        }
        News::to(Box::new(std::io::stderr()), terminal::stderr_is_terminal())
    }

    fn to(out: Box<dyn Write>, live: bool) -> News {
        News { out, live, layers: Vec::new() }
    }

    /// A reader that is gone does not stop a pull.
    fn say(&mut self, text: &str) {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).unwrap_or(());
    }

    fn layer(&mut self, blob: Digest, stage: LayerStage) {
        let line = format!("{}: {}", blob.short(), words(stage, self.live));
        let known = self.layers.iter().position(|(known, _)| *known == blob);
        let changed = known.is_none_or(|at| {
            std::mem::discriminant(&self.layers[at].1) != std::mem::discriminant(&stage)
        });
        match known {
            Some(at) => self.layers[at].1 = stage,
            None => self.layers.push((blob, stage)),
        }
        match known {
            Some(at) if self.live => {
                let up = self.layers.len() - at;
                self.say(&format!("\x1b[{up}A\r\x1b[2K{line}\r\x1b[{up}B"));
            }
            _ if self.live || (changed && !matches!(stage, LayerStage::Moving { .. })) => {
                self.say(&format!("{line}\n"));
            }
            _ => {}
        }
    }
}

impl Progress for News {
    fn not_found_locally(&mut self, reference: &Reference) {
        self.say(&format!("Unable to find image '{}' locally\n", reference.familiar()));
    }

    fn pull(&mut self, event: PullEvent) {
        match event {
            PullEvent::Begin { reference } => {
                let what = match (&reference.tag, &reference.digest) {
                    (_, Some(digest)) => digest.to_string(),
                    (Some(tag), None) => tag.clone(),
                    (None, None) => "latest".to_string(),
                };
                self.say(&format!("{what}: Pulling from {}\n", repository(&reference)));
            }
            PullEvent::Layer { blob, stage } => self.layer(blob, stage),
            PullEvent::Done { reference, digest, changed } => {
                let name = reference.familiar();
                let status = if changed {
                    format!("Downloaded newer image for {name}")
                } else {
                    format!("Image is up to date for {name}")
                };
                self.say(&format!("Digest: {digest}\nStatus: {status}\n"));
            }
        }
    }
}

/// Docker leaves the registry away here.
fn repository(reference: &Reference) -> &str {
    &reference.repository
}

fn words(stage: LayerStage, live: bool) -> String {
    match stage {
        LayerStage::Waiting => "Pulling fs layer".to_string(),
        LayerStage::Exists => "Already exists".to_string(),
        LayerStage::Complete => "Pull complete".to_string(),
        LayerStage::Moving { done, total } if live => {
            let (done_text, total_text) = (human_size(done), human_size(total));
            format!("Downloading  [{}]  {done_text}/{total_text}", bar(done, total))
        }
        LayerStage::Moving { .. } => "Downloading".to_string(),
    }
}

fn bar(done: u64, total: u64) -> String {
    const WIDTH: u64 = 50;
    let full = usize::try_from(done.saturating_mul(WIDTH) / total.max(1)).unwrap_or(0).min(50);
    let mut bar = "=".repeat(full);
    if full < 50 {
        bar.push('>');
    }
    format!("{bar:<50}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn told(live: bool) -> String {
        let kept = Kept::default();
        let mut news = News::to(Box::new(kept.clone()), live);
        let reference = Reference::parse("busybox").unwrap();
        let (one, two) = (Digest::from_sha256([0xaa; 32]), Digest::from_sha256([0xbb; 32]));
        let layer = |blob: &Digest, stage| PullEvent::Layer { blob: blob.clone(), stage };
        news.not_found_locally(&reference);
        news.pull(PullEvent::Begin { reference: reference.clone() });
        news.pull(layer(&one, LayerStage::Waiting));
        news.pull(layer(&two, LayerStage::Exists));
        news.pull(layer(&one, LayerStage::Moving { done: 1_000_000, total: 2_000_000 }));
        news.pull(layer(&one, LayerStage::Complete));
        news.pull(PullEvent::Done { reference, digest: one, changed: true });
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn plain_lines() {
        let digest = "aa".repeat(32);
        assert_eq!(
            told(false),
            format!(
                "Unable to find image 'busybox:latest' locally\n\
                 latest: Pulling from library/busybox\n\
                 aaaaaaaaaaaa: Pulling fs layer\n\
                 bbbbbbbbbbbb: Already exists\n\
                 aaaaaaaaaaaa: Pull complete\n\
                 Digest: sha256:{digest}\n\
                 Status: Downloaded newer image for busybox:latest\n"
            )
        );
    }

    #[test]
    fn in_place_on_a_terminal() {
        let text = told(true);
        assert!(text.contains("\x1b[2A\r\x1b[2Kaaaaaaaaaaaa: Downloading  [====="), "{text:?}");
        assert!(text.contains("1MB/2MB\r\x1b[2B"), "{text:?}");
        assert_eq!((bar(0, 0).len(), bar(9, 3)), (50, "=".repeat(50)));
    }
}
