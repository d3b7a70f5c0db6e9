//! `teu create`: a container that is ready to be started.

use crate::exit_code::{Failure, OWN_FAULT, of_run};
use crate::flags::{Arguments, CREATE, CREATE_LATER, CreateFlags, Verb};
use crate::help::Teach;
use crate::progress::News;
use crate::{Door, Outcome, output};
use std::ffi::OsString;
use std::io::Write;
use teu_engine::EngineError;
use teu_model::ContainerId;

pub const TEACH: Teach = Teach {
    name: "create",
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    about: "Create a new container",
    example: "teu create --name web -v /srv/www:/usr/share/nginx/html:ro nginx\n\
              teu start web",
};

pub const VERB: Verb<CreateFlags> = Verb {
    teach: TEACH,
    flags: &CREATE,
    later: CREATE_LATER,
    arguments: Arguments::AtLeast(1),
    first_ends_flags: true,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, words)) = VERB.parse(words)? else { return Ok(0) };
    let cidfile = CidFile::reserve(flags.life.cidfile.as_deref())?;
    let mut news = News::for_run(flags.life.quiet);
    let request = flags.resolve(&words).map_err(|why| Failure::new(why).code(OWN_FAULT))?;

    let engine = door.engine().map_err(|failure| failure.code(OWN_FAULT))?;
    // Unlike `run`, docker ends with 1 here: nothing of a program was to be told apart from it.
    let container = engine.create(&request, &mut news)?;
    if let Err(error) = cidfile.write(container.id()) {
        engine.remove(container.id().as_str(), true).map_err(of_run)?;
        return Err(of_run(error));
    }
    output::print(&format!("{}\n", container.id()));
    Ok(0)
}

/// `--cidfile`: refused where it is there already, written when there is an id.
pub struct CidFile(Option<String>);

impl CidFile {
    /// Before anything else is done.
    pub fn reserve(path: Option<&str>) -> Result<CidFile, Failure> {
        let path = path.filter(|path| !path.is_empty()).map(str::to_string);
        match &path {
            Some(taken) if std::path::Path::new(taken).symlink_metadata().is_ok() => {
                let message = format!(
                    "container ID file found, make sure the other container isn't running or delete {taken}"
                );
                Err(Failure::new(message).code(OWN_FAULT))
            }
            _ => Ok(CidFile(path)),
        }
    }

    /// Not through a file that somebody else made meanwhile.
    pub fn write(&self, id: &ContainerId) -> Result<(), EngineError> {
        let Some(path) = &self.0 else { return Ok(()) };
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
        file.and_then(|mut file| file.write_all(id.as_str().as_bytes())).map_err(|source| {
            EngineError::State { attempt: "write the container ID file", path: path.into(), source }
        })
    }
}
