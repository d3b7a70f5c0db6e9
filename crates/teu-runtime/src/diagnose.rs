//! Why a program could not be started, in words: the kernel has one errno for a dozen causes.
//!
//! Runs after the failure, over the container's root by descriptor, and only reads. It looks at what
//! the kernel looked at, in the kernel's order, and stops at the first thing that is wrong:
//!
//! ```text
//!  working directory ─► program in PATH ─► links ─► directories' x ─► type ─► mode ─► mount
//!     ─► content:  empty | #! line ─► its interpreter, from "links" on
//!                        | ELF ─► machine ─► loader ─► libraries (only if exec went well)
//!                        | text without #!
//! ```
//! What is read was written by strangers: every size is bounded, and a doubt gives no diagnosis.

mod content;
mod elf;
mod libraries;
mod places;
#[cfg(test)]
mod tests;

pub use places::MountView;

use crate::user::Ids;
use places::Places;
use std::os::fd::BorrowedFd;

/// A failure to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The program as asked for: `args[0]`.
    pub program: &'a str,
    /// The container's environment: PATH and LD_LIBRARY_PATH are looked at.
    pub env: &'a [String],
    /// Working directory, absolute.
    pub cwd: &'a str,
    /// Who was to run it.
    pub ids: &'a Ids,
    /// What the kernel said. `None`: the program started, and ended at once with status 127.
    pub errno: Option<i32>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// One sentence without a full stop.
    pub cause: String,
    /// What to do, as one sentence.
    pub remedy: String,
    /// 127: something is not there. 126: it is there and cannot be run.
    pub exit_code: u8,
}

/// Something is not there.
const NOT_FOUND: u8 = 127;
/// It is there and cannot be run.
const NOT_RUNNABLE: u8 = 126;

impl Diagnosis {
    fn new(exit_code: u8, cause: impl Into<String>, remedy: impl Into<String>) -> Diagnosis {
        Diagnosis { cause: cause.into(), remedy: remedy.into(), exit_code }
    }
}

/// What a process finds its program in when its environment has no PATH.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why `attempt` failed, if it can be seen. `root` is the container's root as its process saw it; where
/// it is the image's alone, `mounts` says what else there was.
pub fn diagnose(
    root: BorrowedFd<'_>,
    mounts: &[MountView<'_>],
    attempt: &Attempt<'_>,
) -> Option<Diagnosis> {
    let places = Places { root, mounts };
    let did_start = attempt.errno.is_none();
    if !did_start && let Some(found) = working_directory(&places, attempt) {
        return Some(found);
    }
    let search = Search { places, attempt };
    match search.find()? {
        // It did start, so the file was good; only what it needs may be wrong.
        Found::Program(path) if did_start => {
            let about = search.places.stat(&path).ok()?;
            search.content(&path, &about, 0)
        }
        Found::Program(path) => search.examine(&path, 0),
        Found::Problem(diagnosis) => (!did_start).then_some(diagnosis),
    }
}

fn working_directory(places: &Places<'_>, attempt: &Attempt<'_>) -> Option<Diagnosis> {
    let cwd = attempt.cwd;
    if !cwd.starts_with('/') {
        let cause = format!("the working directory `{cwd}` is not an absolute path");
        return Some(Diagnosis::new(NOT_RUNNABLE, cause, "begin it with a slash"));
    }
    let remedy = "name another one with -w, or WORKDIR in the image";
    if let Some(closed) = closed_directory(places, &format!("{cwd}/."), attempt.ids) {
        let who = attempt.ids.uid;
        let cause = format!("the working directory {cwd} is closed to user {who}: {closed}");
        return Some(Diagnosis::new(NOT_RUNNABLE, cause, remedy));
    }
    let about = match places.stat(cwd) {
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let cause = format!("the working directory {cwd} does not exist");
            return Some(Diagnosis::new(NOT_FOUND, cause, remedy));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            let cause =
                format!("the working directory {cwd} lies below something that is no directory");
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, remedy));
        }
        Err(_) => return None,
    };
    (!about.is_dir()).then(|| {
        let cause = format!("the working directory {cwd} is not a directory");
        Diagnosis::new(NOT_RUNNABLE, cause, remedy)
    })
}

/// The first directory on the way to `path` that the user may not pass through, said in words.
fn closed_directory(places: &Places<'_>, path: &str, ids: &Ids) -> Option<String> {
    let mut upto = String::from("/");
    for component in path.split('/').filter(|part| !part.is_empty()) {
        let about = places.stat(&upto).ok()?;
        if about.is_dir() && !places::may(&about, ids, places::EXECUTE) {
            let mode = places::mode(&about);
            return Some(format!("{upto} has mode {mode:04o}"));
        }
        if !upto.ends_with('/') {
            upto.push('/');
        }
        upto.push_str(component);
    }
    None
}

enum Found {
    Program(String),
    Problem(Diagnosis),
}

/// One search for the reason.
struct Search<'a> {
    places: Places<'a>,
    attempt: &'a Attempt<'a>,
}

impl Search<'_> {
    fn env(&self, name: &str) -> Option<&str> {
        self.attempt.env.iter().rev().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    fn path(&self) -> &str {
        self.env("PATH").unwrap_or(DEFAULT_PATH)
    }

    /// `path` seen from the working directory.
    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_string();
        }
        format!("{}/{path}", self.attempt.cwd.trim_end_matches('/'))
    }

    /// Which file was meant.
    fn find(&self) -> Option<Found> {
        let program = self.attempt.program;
        if program.is_empty() {
            let remedy = "name a program after the image, or give the image a CMD";
            let problem = Diagnosis::new(NOT_FOUND, "no program was named", remedy);
            return Some(Found::Problem(problem));
        }
        if program.contains('/') {
            return Some(Found::Program(self.absolute(program)));
        }
        let mut first_hidden = None;
        for candidate in self.in_path(program) {
            match self.places.stat(&candidate) {
                Ok(about)
                    if about.is_file()
                        && places::may(&about, self.attempt.ids, places::EXECUTE) =>
                {
                    return Some(Found::Program(candidate));
                }
                Ok(_) => {
                    first_hidden.get_or_insert(candidate);
                }
                Err(_) if self.places.link(&candidate).is_some() => {
                    first_hidden.get_or_insert(candidate);
                }
                Err(_) => {}
            }
        }
        match first_hidden {
            Some(candidate) => Some(Found::Program(candidate)),
            None => Some(Found::Problem(self.not_in_path(program)?)),
        }
    }

    fn in_path(&self, program: &str) -> impl Iterator<Item = String> {
        let dirs: Vec<String> =
            self.path().split(':').take(64).map(|dir| self.absolute(dir)).collect();
        let program = program.to_string();
        dirs.into_iter().map(move |dir| format!("{}/{program}", dir.trim_end_matches('/')))
    }

    fn not_in_path(&self, program: &str) -> Option<Diagnosis> {
        // Only if all of PATH could be looked at.
        let known = self.in_path(program).all(|candidate| !self.places.is_unknown(&candidate));
        if !known {
            return None;
        }
        let cause = format!("there is no program `{program}` in $PATH ({})", self.path());
        let remedy = if program.contains(' ') {
            "it looks like a whole command line in one word: take the quotes away".to_string()
        } else if let Some(elsewhere) = self.elsewhere(program) {
            format!("it is at {elsewhere}, which $PATH does not name")
        } else if let Some(shell) = self.a_shell().filter(|_| is_shell(program)) {
            format!("the image has another shell: {shell}")
        } else if is_shell(program) {
            "the image has no shell at all: run its own program".to_string()
        } else {
            "check the spelling, or take an image that has it".to_string()
        };
        Some(Diagnosis::new(NOT_FOUND, cause, remedy))
    }

    fn elsewhere(&self, program: &str) -> Option<String> {
        let usual = DEFAULT_PATH.split(':').chain(["/app", "/", "/opt/bin", "/usr/games"]);
        let mut usual = usual.map(|dir| format!("{}/{program}", dir.trim_end_matches('/')));
        usual.find(|path| self.places.stat(path).is_ok_and(|about| about.is_file()))
    }

    fn a_shell(&self) -> Option<&'static str> {
        let shells = ["/bin/bash", "/bin/ash", "/bin/sh", "/bin/dash", "/busybox/sh"];
        shells.into_iter().find(|shell| self.places.stat(shell).is_ok_and(|about| about.is_file()))
    }

    /// What is wrong with the file at `path`. `depth`: how many interpreters deep.
    fn examine(&self, path: &str, depth: u8) -> Option<Diagnosis> {
        let ids = self.attempt.ids;
        let about = match self.places.stat(path) {
            Ok(about) => about,
            Err(error) => return self.missing(path, &error),
        };
        if let Some(closed) = closed_directory(&self.places, path, ids) {
            let cause = format!("{path} is out of reach for user {}: {closed}", ids.uid);
            let remedy =
                "open the directories on its way (chmod a+x), or run as another user with -u";
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, remedy));
        }
        if about.is_dir() {
            let remedy = "name a program inside it; or is an argument missing before it?";
            return Some(Diagnosis::new(NOT_RUNNABLE, format!("{path} is a directory"), remedy));
        }
        if !about.is_file() {
            let cause = format!("{path} is not a regular file");
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, "name a program"));
        }
        if !places::may(&about, ids, places::EXECUTE) {
            return Some(not_executable(path, places::mode(&about), ids));
        }
        if self.places.is_noexec(path) {
            let cause = format!("{path} lies on a mount with the option noexec");
            let remedy =
                "mount it without noexec (--tmpfs PATH:exec), or copy the program elsewhere";
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, remedy));
        }
        self.content(path, &about, depth)
    }

    fn missing(&self, path: &str, error: &std::io::Error) -> Option<Diagnosis> {
        if self.places.is_unknown(path) {
            return None;
        }
        match error.kind() {
            std::io::ErrorKind::NotFound => {}
            std::io::ErrorKind::NotADirectory => {
                let cause = format!("{path} lies below something that is no directory");
                return Some(Diagnosis::new(NOT_RUNNABLE, cause, "check the path"));
            }
            _ if error.raw_os_error() == Some(teu_kernel::libc::ELOOP) => {
                let cause = format!("{path} is a link that leads in a circle");
                return Some(Diagnosis::new(NOT_FOUND, cause, "repair the link in the image"));
            }
            _ => return None,
        }
        if let Some(target) = self.places.link(path) {
            let cause = format!("{path} is a link to {target}, which is not in the container");
            let remedy = "links are followed inside the container: copy what it points to as well";
            return Some(Diagnosis::new(NOT_FOUND, cause, remedy));
        }
        let cause = format!("there is no file {path} in the container");
        Some(Diagnosis::new(NOT_FOUND, cause, "check the path, or take an image that has it"))
    }
}

fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "ash" | "dash" | "zsh" | "fish" | "ksh")
}

fn not_executable(path: &str, mode: u32, ids: &Ids) -> Diagnosis {
    if mode & 0o111 == 0 {
        let cause = format!("{path} is not executable (mode {mode:04o})");
        let remedy = "make it so when the image is built: chmod +x, or COPY --chmod=755";
        return Diagnosis::new(NOT_RUNNABLE, cause, remedy);
    }
    let cause = format!("user {} may not execute {path} (mode {mode:04o})", ids.uid);
    Diagnosis::new(NOT_RUNNABLE, cause, "chmod a+rx it, or run as another user with -u")
}
