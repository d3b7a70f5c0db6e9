//! One definition per flag: how it is called, what it does, its help, and where its value goes.
//!
//! ```text
//!  words ──Verb::parse──► flags as typed (a struct) ──resolve──► request as meant
//! ```
//! A flag stands in the file of its group; parsing, help and suggestions all read the same definition.
//! What docker has and teu has not yet is known by name and refused: nothing is ever ignored.

mod health;
mod kernel;
mod life;
mod network;
mod place;
mod process;
mod resources;
mod security;
mod storage;

pub use health::{HEALTH, HealthFlags};
pub use kernel::{KERNEL, KernelFlags, is_cdi_name};
pub use life::{LIFE, LifeFlags};
pub use network::{NETWORK, NetworkFlags};
pub use place::{Place, question};
pub use process::{HasProcess, PROCESS, ProcessFlags, exec_process, run_detach};
pub use resources::{HasResources, KERNEL_MEMORY, RESOURCES, ResourceFlags, update_resources};
pub use security::{SECURITY, SecurityFlags};
pub use storage::{STORAGE, StorageFlags};

use crate::exit_code::Failure;
use crate::help::{self, Teach};
use std::ffi::OsString;

/// The hidden flag by which other verbs ask a verb to describe itself.
pub const DESCRIBE: &str = "teu-describe";

/// A flag whose value goes into a `T`.
pub struct Flag<T> {
    /// Without its dashes.
    pub long: &'static str,
    /// One letter, if there is one.
    pub short: Option<char>,
    /// Whether a value follows.
    pub takes: Takes,
    /// One line for `--help`.
    pub doc: &'static str,
    /// Keeps what was typed; what is wrong with it, in words, if something is.
    pub set: fn(&mut T, &str) -> Result<(), String>,
}

/// What follows a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing; `--flag=false` unsets it.
    Nothing,
    /// A value, called so in the help.
    Value(&'static str),
}

/// A verb's command line.
pub struct Verb<T: 'static> {
    /// Its name and what `--help` says of it.
    pub teach: Teach,
    /// Its flags, in groups.
    pub flags: &'static [&'static [Flag<T>]],
    /// Docker's flags that are not there yet: `--publish -p …`.
    pub later: &'static str,
    /// How many arguments it takes.
    pub arguments: Arguments,
    /// After the first argument nothing is a flag of ours: it belongs to the container's program.
    pub first_ends_flags: bool,
}

/// How many arguments a verb takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// So many or more.
    AtLeast(usize),
    /// Exactly so many.
    Exactly(usize),
    /// Between the two.
    Between(usize, usize),
}

/// Flags as typed, and the arguments; nothing where help was asked for and given.
pub type Typed<T> = Option<(T, Vec<String>)>;

impl<T: Default> Verb<T> {
    /// Takes the words apart.
    pub fn parse(&self, words: Vec<OsString>) -> Result<Typed<T>, Failure> {
        if let Some(typed) = place::asked(&words) {
            return Err(Failure::place(self.place(&words[..words.len() - 1], &typed)));
        }
        let name = self.teach.name;
        let usage = |error: lexopt::Error| Failure::usage(Some(name), wording(&error));
        let mut parser = lexopt::Parser::from_args(words);
        let mut typed = T::default();
        let mut arguments = Vec::new();
        loop {
            use lexopt::Arg::{Long, Short, Value};
            let (shown, flag) = match parser.next().map_err(usage)? {
                None => break,
                Some(Value(argument)) => {
                    arguments.push(text(name, argument)?);
                    if self.first_ends_flags {
                        for word in parser.raw_args().map_err(usage)? {
                            arguments.push(text(name, word)?);
                        }
                        break;
                    }
                    continue;
                }
                Some(Long(long)) => {
                    let long = long.to_string();
                    if long == DESCRIBE {
                        crate::output::print(&crate::man::of(self));
                        return Ok(None);
                    }
                    if long == "help" {
                        crate::output::print(&help::of(self));
                        return Ok(None);
                    }
                    (format!("--{long}"), self.all().find(|flag| flag.long == long))
                }
                Some(Short(short)) => {
                    let shown = format!("-{short}");
                    let found = self.all().find(|flag| flag.short == Some(short));
                    if short == 'h' && found.is_none() {
                        crate::output::print(&help::of(self));
                        return Ok(None);
                    }
                    (shown, found)
                }
            };
            let flag = flag.ok_or_else(|| self.unknown(&shown))?;
            let value = match flag.takes {
                Takes::Value(_) => Some(parser.value().map_err(usage)?),
                // Of `-it` the `t` is a flag of its own; only after `=` a value is meant: `-t=false`.
                Takes::Nothing if shown.starts_with("--") => parser.optional_value(),
                Takes::Nothing => match parser.clone().next() {
                    Err(lexopt::Error::UnexpectedValue { .. }) => parser.optional_value(),
                    _ => None,
                },
            };
            let value = value.map(|value| text(name, value)).transpose()?;
            let value = value.unwrap_or_else(|| "true".to_string());
            (flag.set)(&mut typed, &value).map_err(|why| {
                let message =
                    format!("invalid argument \"{value}\" for \"{}\" flag: {why}", spelled(flag));
                Failure::usage(Some(name), message)
            })?;
        }
        self.count(&arguments)?;
        Ok(Some((typed, arguments)))
    }

    /// All flags of all groups.
    pub fn all(&self) -> impl Iterator<Item = &'static Flag<T>> {
        self.flags.iter().flat_map(|group| group.iter())
    }

    fn unknown(&self, shown: &str) -> Failure {
        if self.later.split_ascii_whitespace().any(|later| later == shown) {
            let message = format!("the flag {shown} is not there yet");
            let hint = "docker has it and teu will; until then it is refused rather than ignored";
            return Failure::usage(Some(self.teach.name), message).hint(hint);
        }
        let known: Vec<&str> = self.all().map(|flag| flag.long).collect();
        Failure::unknown_flag(Some(self.teach.name), shown, &known)
    }

    fn count(&self, arguments: &[String]) -> Result<(), Failure> {
        let count = arguments.len();
        let (good, wanted) = match self.arguments {
            Arguments::AtLeast(n) => (count >= n, format!("at least {}", plural(n))),
            Arguments::Exactly(0) => (count == 0, "no arguments".to_string()),
            Arguments::Exactly(n) => (count == n, plural(n)),
            Arguments::Between(from, to) => {
                let wanted = match from {
                    0 => format!("at most {}", plural(to)),
                    from => format!("at least {from} and at most {}", plural(to)),
                };
                ((from..=to).contains(&count), wanted)
            }
        };
        if good {
            return Ok(());
        }
        let name = self.teach.name;
        let verb = if wanted == "no arguments" { "accepts" } else { "requires" };
        let message =
            format!("'teu {name}' {verb} {wanted}\n\nUsage:  teu {name} {}", self.teach.usage);
        Err(Failure::usage(Some(name), message).code(1))
    }
}

fn plural(count: usize) -> String {
    if count == 1 { "1 argument".to_string() } else { format!("{count} arguments") }
}

/// `-e, --env`, as docker names a flag in its messages.
fn spelled<T>(flag: &Flag<T>) -> String {
    match flag.short {
        Some(short) => format!("-{short}, --{}", flag.long),
        None => format!("--{}", flag.long),
    }
}

/// Docker's words for what the parser found.
fn wording(error: &lexopt::Error) -> String {
    match error {
        lexopt::Error::MissingValue { option: Some(option) } => {
            format!("flag needs an argument: {option}")
        }
        lexopt::Error::UnexpectedValue { option, value } => {
            format!("the flag {option} takes no value, and got {value:?}")
        }
        other => other.to_string(),
    }
}

fn text(verb: &str, word: OsString) -> Result<String, Failure> {
    word.into_string().map_err(|word| {
        Failure::usage(Some(verb), format!("{} is not valid UTF-8", word.display()))
    })
}

/// The value of a switch: `--flag`, `--flag=true`, `--flag=0`.
pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("it must be true or false".to_string()),
    }
}

/// A whole number.
pub fn integer(text: &str) -> Result<i64, String> {
    text.parse::<i64>().map_err(|_| "it must be a whole number".to_string())
}

/// A length of time as Go writes it, in milliseconds: `1m30s`, `100ms`.
pub fn duration_ms(text: &str) -> Result<u64, String> {
    let bad = || format!("time: invalid duration \"{text}\"");
    let length = crate::moment::duration(text).ok_or_else(bad)?;
    u64::try_from(length.as_millis()).map_err(|_| bad())
}

/// A size in bytes.
pub fn size(text: &str) -> Result<u64, String> {
    teu_model::parse_size(text).map_err(|error| error.to_string())
}

/// Flags of `create` and `run`, as typed.
#[derive(Debug, Default)]
pub struct CreateFlags {
    /// What runs.
    pub process: ProcessFlags,
    /// Name, image, what happens at the end.
    pub life: LifeFlags,
    /// Limits.
    pub resources: ResourceFlags,
    /// Rights.
    pub security: SecurityFlags,
    /// Mounts and devices.
    pub storage: StorageFlags,
    /// Network and names.
    pub network: NetworkFlags,
    /// Health checks.
    pub health: HealthFlags,
    /// Shared namespaces, settings of the kernel.
    pub kernel: KernelFlags,
}

impl HasProcess for CreateFlags {
    fn process(&mut self) -> &mut ProcessFlags {
        &mut self.process
    }
}

/// The groups that `create` and `run` have in common.
pub const CREATE: [&[Flag<CreateFlags>]; 8] =
    [PROCESS, LIFE, RESOURCES, SECURITY, STORAGE, NETWORK, HEALTH, KERNEL];

/// Docker's flags of `create` and `run` that are not there yet.
pub const CREATE_LATER: &str = "--cpu-count --cpu-percent \
    --io-maxbandwidth --io-maxiops --link \
    --link-local-ip --network-alias --net-alias \
    --publish -p --publish-all -P --use-api-socket";

impl CreateFlags {
    /// The request that was meant. `words`: the image and the command.
    pub fn resolve(self, words: &[String]) -> Result<teu_model::CreateRequest, String> {
        let (image, command) = words.split_first().ok_or("an image is missing")?;
        let mut request = teu_model::CreateRequest {
            image: image.clone(),
            process: self.process.resolve(command)?,
            ..teu_model::CreateRequest::default()
        };
        self.life.resolve(&mut request)?;
        request.health = self.health.resolve()?;
        request.resources = self.resources.resolve()?;
        self.security.resolve(&mut request)?;
        self.storage.resolve(&mut request)?;
        self.network.resolve(&mut request)?;
        self.kernel.resolve(&mut request)?;
        Ok(request)
    }
}

#[cfg(test)]
mod tests;
