//! `teu cp`: files between a container and the host.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, terminal};
use std::ffi::OsString;
use std::io::{BufWriter, Write};
use teu_engine::CopyOptions;
use teu_model::human_size;

pub const TEACH: Teach = Teach {
    name: "cp",
    usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tteu cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    about: "Copy files/folders between a container and the local filesystem",
    example: "teu cp web:/etc/nginx .          # a directory, with its name\n\
              teu cp site/. web:/var/www       # what is in a directory\n\
              teu cp web:/var/log - | tar t    # as an archive",
};

/// As typed.
#[derive(Debug, Default)]
pub struct CpFlags {
    archive: bool,
    follow: bool,
    quiet: Option<bool>,
}

const FLAGS: &[Flag<CpFlags>] = &[
    Flag {
        long: "archive",
        short: Some('a'),
        takes: Takes::Nothing,
        doc: "Archive mode (copy all uid/gid information)",
        set: |typed, value| switch(value).map(|on| typed.archive = on),
    },
    Flag {
        long: "follow-link",
        short: Some('L'),
        takes: Takes::Nothing,
        doc: "Always follow symbol link in SRC_PATH",
        set: |typed, value| switch(value).map(|on| typed.follow = on),
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        takes: Takes::Nothing,
        doc: "Do not tell how much was copied; without a terminal nothing is told anyway",
        set: |typed, value| switch(value).map(|on| typed.quiet = Some(on)),
    },
];

pub const VERB: Verb<CpFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(2),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, words)) = VERB.parse(words)? else { return Ok(0) };
    if words[0].is_empty() {
        return Err(Failure::new("source can not be empty"));
    }
    if words[1].is_empty() {
        return Err(Failure::new("destination can not be empty"));
    }
    let options = CopyOptions { archive: flags.archive, follow_links: flags.follow };
    let told = match (split(&words[0]), split(&words[1])) {
        (Some(_), Some(_)) => {
            return Err(Failure::new("copying between containers is not supported"));
        }
        (None, None) => return Err(Failure::new("must specify at least one container source")),
        (Some((container, path)), None) if words[1] == "-" => {
            if terminal::stdout_is_terminal() {
                return Err(Failure::new("an archive is not written to a terminal")
                    .hint("name a directory, or pass it on: | tar t"));
            }
            let mut out = BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
            door.engine()?.copy_to_archive(container, path, &options, &mut out)?;
            out.flush().map_err(|error| Failure::new("cannot write the archive").because(error))?;
            return Ok(0);
        }
        (Some((container, path)), None) => {
            let bytes = door.engine()?.copy_out(container, path, &options, &words[1])?;
            (bytes, words[1].clone())
        }
        (None, Some((container, path))) if words[0] == "-" => {
            let tar = std::io::stdin().lock();
            door.engine()?.copy_from_archive(container, tar, &options, path)?;
            return Ok(0);
        }
        (None, Some((container, path))) => {
            let bytes = door.engine()?.copy_in(container, &words[0], &options, path)?;
            (bytes, words[1].clone())
        }
    };
    if !flags.quiet.unwrap_or_else(|| !terminal::stdout_is_terminal()) {
        eprintln!("Successfully copied {} to {}", human_size(told.0), told.1);
    }
    Ok(0)
}

/// `CONTAINER:PATH`; what begins with `/` or `.` is a path of the host, whatever is in it.
fn split(word: &str) -> Option<(&str, &str)> {
    let (container, path) = word.split_once(':')?;
    (!word.starts_with('/') && !container.starts_with('.')).then_some((container, path))
}

#[test]
fn containers_and_paths() {
    assert_eq!(split("web:/etc"), Some(("web", "/etc")));
    assert_eq!(split("web:a:b"), Some(("web", "a:b")));
    for local in ["/a:b", "./a:b", "../a:b", "a", "-", "."] {
        assert_eq!(split(local), None, "{local}");
    }
}
