//! The host's side of a copy: paths as the user's own process sees them.

use super::path::{self, Asserted};
use crate::EngineError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// How a copy is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct CopyOptions {
    /// Owners are kept (out), or become the container's user (in).
    pub archive: bool,
    /// A link that is named as the source is followed.
    pub follow_links: bool,
}

/// What is read: `base` in `parent`, called `name`.
pub(super) struct HostSource {
    pub parent: File,
    /// Empty for the directory itself.
    pub base: String,
    pub name: String,
    pub is_directory: bool,
}

fn absolute(text: &str) -> Result<PathBuf, EngineError> {
    std::path::absolute(text).map_err(|error| EngineError::step(format!("find {text}"), error))
}

/// docker's words.
fn lstat(path: &Path, error: &io::Error) -> EngineError {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_string(),
        io::ErrorKind::NotADirectory => "not a directory".to_string(),
        _ => error.to_string(),
    };
    EngineError::bad(format!("lstat {}: {why}", path.display()))
}

pub(super) fn source(text: &str, follow: bool) -> Result<HostSource, EngineError> {
    let asked = Asserted::of(&absolute(text)?.to_string_lossy());
    // `absolute` drops a dot at the end, and what it asserts.
    let typed = Asserted::of(text);
    let given = absolute(text)?;
    let about =
        if follow || typed.is_directory() { given.metadata() } else { given.symlink_metadata() };
    let about = about.map_err(|error| lstat(&given, &error))?;
    if typed.is_directory() && !about.is_dir() {
        return Err(lstat(&given, &io::ErrorKind::NotADirectory.into()));
    }
    let name = if typed.name() == "." { ".".to_string() } else { asked.name() };
    let open = |path: &Path| {
        File::open(path).map_err(|source| EngineError::State {
            attempt: "open",
            path: path.to_path_buf(),
            source,
        })
    };
    if about.is_dir() {
        let name = if name == "." || name == "/" { String::new() } else { name };
        return Ok(HostSource {
            parent: open(&given)?,
            base: String::new(),
            name,
            is_directory: true,
        });
    }
    let real =
        if follow { given.canonicalize().map_err(|error| lstat(&given, &error))? } else { given };
    let base = real.file_name().unwrap_or_default();
    let base = base.to_str().ok_or_else(|| EngineError::bad("a name that is not valid UTF-8"))?;
    let parent = open(real.parent().unwrap_or(Path::new("/")))?;
    Ok(HostSource { parent, base: base.to_string(), name, is_directory: false })
}

/// Refuses what could not be written whatever is copied.
pub(super) fn check_output(text: &str) -> Result<(), EngineError> {
    let path = absolute(text)?;
    let plain = path::plain(&path);
    if let Some(directory) = plain.parent()
        && !directory.exists()
    {
        return Err(EngineError::bad(format!(
            "invalid output path: directory {:?} does not exist",
            directory.display().to_string()
        )));
    }
    if let Ok(about) = plain.metadata() {
        let kind = about.file_type();
        if kind.is_char_device() || kind.is_block_device() {
            return Err(EngineError::bad(format!(
                "invalid output path: {text:?} must be a directory or a regular file: got a device"
            )));
        }
    }
    Ok(())
}

/// Where something is written on the host.
pub(super) struct HostTarget {
    path: PathBuf,
    is_there: bool,
    is_directory: bool,
    asked: Asserted,
}

/// A link at the end is followed; what it leads to need not exist, its directory must.
pub(super) fn destination(text: &str) -> Result<HostTarget, EngineError> {
    let asked = Asserted::of(text);
    let mut path = path::plain(&absolute(text)?);
    for _ in 0..10 {
        match path.symlink_metadata() {
            Ok(about) if about.is_symlink() => {
                let to = std::fs::read_link(&path).map_err(|error| lstat(&path, &error))?;
                path = path.parent().unwrap_or(Path::new("/")).join(to);
            }
            Ok(about) => {
                return Ok(HostTarget {
                    path,
                    is_there: true,
                    is_directory: about.is_dir(),
                    asked,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parent = path.parent().unwrap_or(Path::new("/"));
                let about = parent.metadata().map_err(|error| lstat(parent, &error))?;
                if !about.is_dir() {
                    return Err(EngineError::bad("not a directory"));
                }
                return Ok(HostTarget { path, is_there: false, is_directory: false, asked });
            }
            Err(error) => return Err(lstat(&path, &error)),
        }
    }
    Err(EngineError::bad(format!("too many symlinks in {text}")))
}

impl HostTarget {
    pub(super) fn place(
        &self,
        source_is_directory: bool,
        name: &str,
    ) -> Result<(PathBuf, String), EngineError> {
        path::place(
            &self.path,
            self.is_directory,
            self.is_there,
            &self.asked,
            source_is_directory,
            name,
        )
    }
}
