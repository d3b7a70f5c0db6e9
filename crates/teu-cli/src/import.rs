//! `teu import`: an image from the tar of a root file system.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb};
use crate::help::Teach;
use crate::{Door, Outcome, output, pull, tag};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use teu_engine::parts::ImportOptions;

pub const TEACH: Teach = Teach {
    name: "import",
    usage: "[OPTIONS] file|- [REPOSITORY[:TAG]]",
    about: "Import the contents from a tarball to create a filesystem image",
    example: "debootstrap stable root && tar -C root -c . | teu import -c 'CMD [\"bash\"]' - debian",
};

/// As typed.
#[derive(Debug, Default)]
pub struct ImportFlags {
    changes: Vec<String>,
    message: Option<String>,
    platform: Option<String>,
}

const FLAGS: &[Flag<ImportFlags>] = &[
    Flag {
        long: "change",
        short: Some('c'),
        takes: Takes::Value("list"),
        doc: "Apply Dockerfile instruction to the created image",
        set: |typed, value| {
            typed.changes.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "message",
        short: Some('m'),
        takes: Takes::Value("string"),
        doc: "Set commit message for imported image",
        set: |typed, value| {
            typed.message = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "platform",
        short: None,
        takes: Takes::Value("string"),
        doc: "What the image is for: linux/arm64",
        set: |typed, value| {
            typed.platform = Some(value.to_string());
            Ok(())
        },
    },
];

const VERB: Verb<ImportFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, words)) = VERB.parse(words)? else { return Ok(0) };
    if let Some(more) = words.get(2) {
        return Err(Failure::new(format!("a file and a name, and then {more:?}: what is that?")));
    }
    if words[0].contains("://") {
        return Err(Failure::new("importing from a URL is not there yet")
            .code(125)
            .hint(format!("curl -sSL {} | teu import - …", words[0])));
    }
    let options = ImportOptions {
        reference: words.get(1).map(|name| tag::reference(name)).transpose()?,
        changes: flags.changes,
        message: flags.message,
        platform: pull::platform(flags.platform.as_deref())?,
    };
    let tar = input(Some(&words[0]).filter(|path| *path != "-").map(String::as_str))?;
    let image = door.engine()?.import(tar, options)?;
    output::print(&format!("{}\n", image.id));
    Ok(0)
}

/// A file, or standard input, which must not be a terminal then.
pub fn input(path: Option<&str>) -> Result<Box<dyn Read>, Failure> {
    match path {
        Some(path) => match File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(Failure::new(format!("cannot open {path}")).because(error)),
        },
        None if crate::terminal::stdin_is_terminal() => {
            Err(Failure::new("requested to read from stdin, but stdin is a terminal")
                .hint("name a file, or send one: teu … < FILE"))
        }
        None => Ok(Box::new(io::stdin().lock())),
    }
}
