//! `teu export`: a container's files as a tar.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb};
use crate::help::Teach;
use crate::{Door, Outcome, terminal};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use teu_engine::Engine;

pub const TEACH: Teach = Teach {
    name: "export",
    usage: "[OPTIONS] CONTAINER",
    about: "Export a container's filesystem as a tar archive",
    example: "teu export web > web.tar\n\
              teu export -o web.tar web",
};

/// As typed.
#[derive(Debug, Default)]
pub struct ExportFlags {
    /// `-o`.
    pub output: Option<String>,
}

/// Where to.
pub const FLAGS: &[Flag<ExportFlags>] = &[Flag {
    long: "output",
    short: Some('o'),
    takes: Takes::Value("string"),
    doc: "Write to a file, instead of STDOUT",
    set: |typed, value| {
        typed.output = Some(value.to_string()).filter(|path| !path.is_empty());
        Ok(())
    },
}];

pub const VERB: Verb<ExportFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    write_archive(flags.output.as_deref(), "export", |to| export(&door.engine()?, &names[0], to))
}

fn export(engine: &Engine, name: &str, to: &mut dyn Write) -> Result<(), Failure> {
    Ok(engine.export(name, to)?)
}

/// To the file `output`, which is whole or not there, or to standard output, which is no terminal.
pub fn write_archive(
    output: Option<&str>,
    verb: &str,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Outcome {
    let Some(path) = output else {
        if terminal::stdout_is_terminal() {
            return Err(Failure::new(
                "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            ));
        }
        let mut out = BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
        write(&mut out)?;
        out.flush().map_err(|error| Failure::new("cannot write the archive").because(error))?;
        return Ok(0);
    };
    let refused = |why: String| Failure::new(format!("failed to {verb} container: {why}"));
    let target = Path::new(path);
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    if directory.is_some_and(|directory| !directory.is_dir()) {
        let directory = directory.unwrap_or(target).display();
        return Err(refused(format!(
            "invalid output path: directory \"{directory}\" does not exist"
        )));
    }
    // A device or a pipe is written to; a file appears when it is whole.
    if target.metadata().is_ok_and(|about| !about.is_file()) {
        let file = File::options().write(true).open(target);
        let file = file.map_err(|error| refused(format!("{path}: {error}")))?;
        return into(file, write);
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let temporary: PathBuf = target.with_file_name(format!(".tmp-{name}{}", std::process::id()));
    let file = File::create_new(&temporary);
    let file = file.map_err(|error| refused(format!("{path}: {error}")))?;
    let written = into(file, write).and_then(|status| {
        std::fs::rename(&temporary, target)
            .map_err(|error| refused(format!("{path}: {error}")))
            .map(|()| status)
    });
    if written.is_err() {
        // The first failure is the one to tell.
        std::fs::remove_file(&temporary).unwrap_or(());
    }
    written
}

fn into(file: File, write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Outcome {
    let mut out = BufWriter::with_capacity(1 << 18, file);
    write(&mut out)?;
    out.flush().map_err(|error| Failure::new("cannot write the archive").because(error))?;
    Ok(0)
}
