//! What holds for every verb: which state root, and what the user's surroundings say.

use crate::exit_code::Failure;
use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use teu_engine::{Engine, Outside};
use teu_model::Paths;

/// The global flags, and the environment behind them.
#[derive(Debug, Default)]
pub struct Door {
    root: Option<PathBuf>,
    config: Option<PathBuf>,
    /// Verbs of other doors.
    pub tools: &'static [crate::Tool],
}

/// What the words before the verb come to.
pub enum Asked {
    /// A verb, and everything after it.
    Verb(Door, String, Vec<OsString>),
    /// `--help`, or nothing at all.
    Help,
    /// `--version`.
    Version,
}

/// Reads up to the verb.
pub fn read(arguments: Vec<OsString>, tools: &'static [crate::Tool]) -> Result<Asked, Failure> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut door = Door { tools, ..Door::default() };
    let usage = |error: lexopt::Error| Failure::usage(None, error.to_string());
    loop {
        use lexopt::Arg::{Long, Short, Value};
        match parser.next().map_err(usage)? {
            Some(Long("root")) => door.root = Some(parser.value().map_err(usage)?.into()),
            Some(Long("config")) => door.config = Some(parser.value().map_err(usage)?.into()),
            Some(Long("help") | Short('h')) | None => return Ok(Asked::Help),
            Some(Long("version") | Short('v')) => return Ok(Asked::Version),
            Some(Value(verb)) => {
                let verb = verb.to_string_lossy().into_owned();
                let rest = parser.raw_args().map_err(usage)?.collect();
                return Ok(Asked::Verb(door, verb, rest));
            }
            Some(Long(other)) => {
                let typed = format!("--{other}");
                return Err(Failure::unknown_flag(
                    None,
                    &typed,
                    &["root", "config", "help", "version"],
                ));
            }
            Some(Short(other)) => {
                return Err(Failure::unknown_flag(None, &format!("-{other}"), &[]));
            }
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Door {
    /// Where the state root lies: `--root`, `TEU_ROOT`, /var/lib/teu.
    fn paths(&self) -> Result<Paths, Failure> {
        let default = Path::new("/var/lib/teu");
        let asked = self.root.clone().or_else(|| variable("TEU_ROOT").map(PathBuf::from));
        let root = match asked {
            None => default.to_path_buf(),
            Some(root) => {
                let failed = |source| {
                    Failure::new(format!("cannot use the state root {}", root.display()))
                        .because(source)
                };
                let mut private = std::fs::DirBuilder::new();
                private.recursive(true).mode(0o700).create(&root).map_err(failed)?;
                // One root has one name, however it was typed: names on the machine are made of it.
                root.canonicalize().map_err(failed)?
            }
        };
        let mut paths = Paths::of_root(&root);
        if let Some(config) =
            self.config.clone().or_else(|| variable("TEU_CONFIG").map(PathBuf::from))
        {
            paths.config = config;
        }
        Ok(paths)
    }

    /// The state root, not opened: `fsck` does that itself.
    pub fn state_root(&self) -> Result<(Paths, Outside), Failure> {
        Ok((self.paths()?, outside()))
    }

    /// The engine, open.
    pub fn engine(&self) -> Result<Engine, Failure> {
        let paths = self.paths()?;
        Engine::open(paths, outside()).map_err(|error| {
            let failure = Failure::from(error);
            if teu_kernel::capability::is_root() {
                return failure;
            }
            failure.hint("teu works for root today: sudo teu …; without root comes later")
        })
    }
}

fn outside() -> Outside {
    let either = |upper: &str| variable(upper).or_else(|| variable(&upper.to_ascii_lowercase()));
    let docker = variable("DOCKER_CONFIG").map(PathBuf::from);
    let docker = docker.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".docker")));
    let no_proxy = either("NO_PROXY").unwrap_or_default();
    Outside {
        docker_config: docker.map(|directory| directory.join("config.json")),
        http_proxy: either("HTTP_PROXY"),
        https_proxy: either("HTTPS_PROXY"),
        no_proxy: no_proxy
            .split(',')
            .map(|host| host.trim().to_string())
            .filter(|h| !h.is_empty())
            .collect(),
    }
}
