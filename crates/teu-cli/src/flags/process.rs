//! What runs, as whom, where, with which environment: `create`, `run` and `exec` alike.

use super::{CreateFlags, Flag, Takes, switch};
use std::path::Path;
use teu_model::ProcessRequest;

/// As typed.
#[derive(Clone, Debug, Default)]
pub struct ProcessFlags {
    env: Vec<String>,
    env_files: Vec<String>,
    cwd: Option<String>,
    user: Option<String>,
    groups: Vec<String>,
    entrypoint: Option<String>,
    /// `-t`.
    pub tty: bool,
    /// `-i`.
    pub interactive: bool,
    /// `-d`.
    pub detach: bool,
    /// `--detach-keys`.
    pub detach_keys: Option<String>,
}

/// Flags that have these among them.
pub trait HasProcess {
    /// Where they are kept.
    fn process(&mut self) -> &mut ProcessFlags;
}

const fn env<T: HasProcess>() -> Flag<T> {
    Flag {
        long: "env",
        short: Some('e'),
        takes: Takes::Value("list"),
        doc: "Set environment variables; a name alone takes its value from here",
        set: |typed, value| {
            typed.process().env.push(value.to_string());
            Ok(())
        },
    }
}

const fn env_file<T: HasProcess>() -> Flag<T> {
    Flag {
        long: "env-file",
        short: None,
        takes: Takes::Value("list"),
        doc: "Read in a file of environment variables",
        set: |typed, value| {
            typed.process().env_files.push(value.to_string());
            Ok(())
        },
    }
}

const fn workdir<T: HasProcess>() -> Flag<T> {
    Flag {
        long: "workdir",
        short: Some('w'),
        takes: Takes::Value("string"),
        doc: "Working directory inside the container",
        set: |typed, value| {
            typed.process().cwd = Some(value.to_string());
            Ok(())
        },
    }
}

const fn user<T: HasProcess>() -> Flag<T> {
    Flag {
        long: "user",
        short: Some('u'),
        takes: Takes::Value("string"),
        doc: "Username or UID (format: <name|uid>[:<group|gid>])",
        set: |typed, value| {
            typed.process().user = Some(value.to_string());
            Ok(())
        },
    }
}

const fn interactive<T: HasProcess>() -> Flag<T> {
    Flag {
        long: "interactive",
        short: Some('i'),
        takes: Takes::Nothing,
        doc: "Keep STDIN open, and pass it on",
        set: |typed, value| switch(value).map(|on| typed.process().interactive = on),
    }
}

const fn tty<T: HasProcess>() -> Flag<T> {
    Flag {
        long: "tty",
        short: Some('t'),
        takes: Takes::Nothing,
        doc: "Allocate a pseudo-TTY",
        set: |typed, value| switch(value).map(|on| typed.process().tty = on),
    }
}

const fn detach<T: HasProcess>() -> Flag<T> {
    Flag {
        long: "detach",
        short: Some('d'),
        takes: Takes::Nothing,
        doc: "Run in the background",
        set: |typed, value| switch(value).map(|on| typed.process().detach = on),
    }
}

const fn detach_keys<T: HasProcess>() -> Flag<T> {
    Flag {
        long: "detach-keys",
        short: None,
        takes: Takes::Value("string"),
        doc: "Override the key sequence for detaching (default ctrl-p,ctrl-q)",
        set: |typed, value| {
            typed.process().detach_keys = Some(value.to_string());
            Ok(())
        },
    }
}

/// For `create` and `run`. `-d` is `run`'s alone.
pub const PROCESS: &[Flag<CreateFlags>] = &[
    interactive(),
    tty(),
    detach_keys(),
    env(),
    env_file(),
    workdir(),
    user(),
    Flag {
        long: "group-add",
        short: None,
        takes: Takes::Value("list"),
        doc: "Add additional groups to join",
        set: |typed, value| {
            typed.process.groups.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "entrypoint",
        short: None,
        takes: Takes::Value("string"),
        doc: "Overwrite the default ENTRYPOINT of the image",
        set: |typed, value| {
            typed.process.entrypoint = Some(value.to_string());
            Ok(())
        },
    },
];

/// `run`'s own.
pub const fn run_detach<T: HasProcess>() -> Flag<T> {
    detach()
}

/// For `exec`.
pub const fn exec_process<T: HasProcess>() -> [Flag<T>; 8] {
    [detach(), detach_keys(), env(), env_file(), interactive(), tty(), user(), workdir()]
}

impl ProcessFlags {
    /// `-u ''`: for `exec` nobody, and not the container's own user (CVE-2026-30892).
    pub fn names_nobody(&self) -> bool {
        self.user.as_deref() == Some("")
    }

    /// The process that was meant. `command`: what stands after the image or the container.
    pub fn resolve(&self, command: &[String]) -> Result<ProcessRequest, String> {
        if let Some(cwd) = self.cwd.as_deref().filter(|cwd| !cwd.starts_with('/')) {
            return Err(format!(
                "the working directory '{cwd}' is invalid, it needs to be an absolute path"
            ));
        }
        Ok(ProcessRequest {
            args: command.to_vec(),
            // An empty one means: none, and the image's command is not run either.
            entrypoint: self
                .entrypoint
                .clone()
                .map(|one| if one.is_empty() { vec![] } else { vec![one] }),
            env: self.environment(&|name| std::env::var(name).ok())?,
            cwd: self.cwd.clone().filter(|cwd| !cwd.is_empty()),
            user: self.user.clone().filter(|user| !user.is_empty()),
            groups: self.groups.clone(),
            tty: self.tty,
            stdin: self.interactive,
        })
    }

    /// Files first, flags over them.
    fn environment(&self, here: &dyn Fn(&str) -> Option<String>) -> Result<Vec<String>, String> {
        let mut env = Vec::new();
        for path in &self.env_files {
            env.extend(env_file_lines(Path::new(path), here)?);
        }
        for pair in &self.env {
            if pair.is_empty() || pair.starts_with('=') {
                return Err(format!("invalid environment variable: {pair}"));
            }
            env.extend(with_value(pair, here));
        }
        Ok(env)
    }
}

/// `NAME=value` as it is. `NAME` alone takes exactly this variable's value from here, if it has one.
fn with_value(pair: &str, here: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if pair.contains('=') {
        return Some(pair.to_string());
    }
    here(pair).map(|value| format!("{pair}={value}"))
}

/// The lines of a file of labels; of `NAME` alone the value is empty.
pub fn label_file_lines(path: &str) -> Result<Vec<String>, String> {
    env_file_lines(Path::new(path), &|_| Some(String::new()))
}

/// A failed open, in docker's words: those of Go.
fn in_go(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_string()
}

/// More than any true file of variables.
const FILE_MAX: u64 = 16 << 20;

fn env_file_lines(
    path: &Path,
    here: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<String>, String> {
    use std::io::Read;
    let shown = path.display();
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("open {shown}: {}", in_go(&error)))?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(format!("the file {shown} is larger than 16 MiB"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("the file {shown} contains invalid utf8 bytes"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = line.split('=').next().unwrap_or(line);
        if name.contains([' ', '\t']) {
            return Err(format!(
                "poorly formatted environment: variable '{name}' contains whitespaces ({shown}, line {})",
                number + 1
            ));
        }
        if name.is_empty() {
            return Err(format!(
                "poorly formatted environment: no variable name on line '{line}' ({shown}, line {})",
                number + 1
            ));
        }
        pairs.extend(with_value(line, here));
    }
    Ok(pairs)
}

#[test]
fn environments() {
    let here = |name: &str| (name == "HOME").then(|| "/me".to_string());
    let flags = |env: &[&str]| ProcessFlags {
        env: env.iter().map(ToString::to_string).collect(),
        ..ProcessFlags::default()
    };
    let got = flags(&["A=1", "HOME", "NOT_HERE", "B=", "X*", "C=a=b"]).environment(&here);
    assert_eq!(got.unwrap(), ["A=1", "HOME=/me", "B=", "C=a=b"]);
    assert!(flags(&["=x"]).environment(&here).is_err());
    assert!(flags(&[""]).environment(&here).is_err());

    let path = std::env::temp_dir().join(format!("teu-cli-env-{}", std::process::id()));
    let check = |text: &[u8], expected: &str| {
        std::fs::write(&path, text).unwrap();
        let got = env_file_lines(&path, &here).map_or_else(|error| error, |pairs| pairs.join("|"));
        assert!(got.contains(expected), "{got}");
    };
    check(b"# c\n\n  A=1 2\nHOME\nNONE\nB='q'\r\n", "A=1 2|HOME=/me|B='q'");
    check(b"A B=1\n", "variable 'A B' contains whitespaces");
    check(b"=1\n", "no variable name on line '=1'");
    check(b"\xff=1\n", "invalid utf8");
    std::fs::remove_file(&path).unwrap();
}
