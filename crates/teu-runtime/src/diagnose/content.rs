//! What the kernel finds when it opens a program: a `#!` line, an ELF header, or nothing it knows.

use super::elf::{Elf, Machine};
use super::{Diagnosis, NOT_FOUND, NOT_RUNNABLE, Search, libraries, places};
use std::fs::Metadata;
use std::io::Read;

/// The kernel reads 256 bytes; a `#!` line ends there.
const HEAD: u64 = 256;
/// The kernel follows five.
const INTERPRETERS_MAX: u8 = 5;

impl Search<'_> {
    pub(super) fn content(&self, path: &str, about: &Metadata, depth: u8) -> Option<Diagnosis> {
        if about.len() == 0 {
            let cause = format!("{path} is an empty file");
            let remedy = "was it copied or downloaded whole when the image was built?";
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, remedy));
        }
        let mut head = Vec::new();
        self.places.read(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
        if let Some(line) = head.strip_prefix(b"#!") {
            return self.script(path, about, line, depth);
        }
        if head.starts_with(b"\x7fELF") {
            return self.binary(path, about);
        }
        (self.attempt.errno.is_some()).then(|| unknown(path, &head)).flatten()
    }

    fn script(&self, path: &str, about: &Metadata, line: &[u8], depth: u8) -> Option<Diagnosis> {
        let end = line.iter().position(|c| *c == b'\n').unwrap_or(line.len());
        let line = String::from_utf8_lossy(&line[..end]);
        if line.ends_with('\r') {
            let cause = format!(
                "the first line of {path} ends as on Windows (CRLF), so that its interpreter is \
                 looked for as `{}\\r`",
                line.trim()
            );
            let remedy =
                "convert the file: sed -i 's/\\r$//', dos2unix, or eol=lf in .gitattributes";
            return Some(Diagnosis::new(NOT_FOUND, cause, remedy));
        }
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let Some(interpreter) = words.next() else {
            let cause = format!("the #! line of {path} names no interpreter");
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, "write one, such as #!/bin/sh"));
        };
        let at = self.absolute(interpreter);
        let found = self.places.stat(&at).is_ok();
        if !found && self.places.link(&at).is_none() && !self.places.is_unknown(&at) {
            return Some(self.no_interpreter(path, interpreter));
        }
        if depth >= INTERPRETERS_MAX {
            let cause = format!("{path} leads through more than {INTERPRETERS_MAX} interpreters");
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, "name a program as interpreter"));
        }
        if let Some(inner) = self.examine(&at, depth + 1) {
            let cause = format!("{path} is run by {interpreter}, and {}", inner.cause);
            return Some(Diagnosis { cause, ..inner });
        }
        if interpreter.ends_with("/env")
            && let Some(program) = words.find(|word| !word.starts_with('-') && !word.contains('='))
            && !program.contains('/')
            && self.in_path(program).all(|at| self.places.stat(&at).is_err())
        {
            return Some(self.no_interpreter(path, program));
        }
        if !places::may(about, self.attempt.ids, places::READ) {
            let who = self.attempt.ids.uid;
            let cause = format!(
                "user {who} may not read {path} (mode {:04o}), and a script is read by its interpreter",
                places::mode(about)
            );
            let remedy = "chmod a+rx it, or run as another user with -u";
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, remedy));
        }
        None
    }

    fn no_interpreter(&self, path: &str, interpreter: &str) -> Diagnosis {
        let cause = format!("{path} is a script for {interpreter}, which is not in the container");
        let name = interpreter.rsplit('/').next().unwrap_or(interpreter);
        let found = self.in_path(name).find(|at| self.places.stat(at).is_ok());
        let remedy = match (found, self.a_shell().filter(|_| super::is_shell(name))) {
            (Some(at), _) => format!("it is at {at} here: write that after the #!"),
            (None, Some(shell)) => {
                format!("install {name} in the image, or write the script for {shell}")
            }
            (None, None) => format!("install {name} in the image"),
        };
        Diagnosis::new(NOT_FOUND, cause, remedy)
    }

    fn binary(&self, path: &str, about: &Metadata) -> Option<Diagnosis> {
        let Some(elf) = self.places.read(path).ok().and_then(Elf::read) else {
            let cause = format!("{path} begins as an ELF program and is damaged");
            let remedy = "was it copied or downloaded whole when the image was built?";
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, remedy));
        };
        if !elf.machine.runs_here() {
            let (theirs, here) = (elf.machine.kernel_name(), Machine::HERE.kernel_name());
            let cause = format!("{path} is built for {theirs}, and this machine is {here}");
            let here = Machine::HERE.name();
            let remedy = format!("take the image for this machine: --platform linux/{here}");
            return Some(Diagnosis::new(NOT_RUNNABLE, cause, remedy));
        }
        if let Some(loader) = &elf.interpreter {
            let known = !self.places.is_unknown(loader);
            if known && self.places.stat(loader).is_err() {
                return Some(self.no_loader(path, loader));
            }
        }
        if self.attempt.errno.is_none() {
            return libraries::missing(self, path, elf);
        }
        // Programs are executed without being read; only a look at it in /proc needs that.
        let _ = about;
        None
    }

    fn no_loader(&self, path: &str, loader: &str) -> Diagnosis {
        let exists = |path: &str| self.places.stat(path).is_ok();
        let arch = std::env::consts::ARCH;
        let musl_here = exists(&format!("/lib/ld-musl-{arch}.so.1"));
        let glibc_program = loader.contains("/ld-linux");
        let (kind, remedy) = match (glibc_program, musl_here) {
            (true, true) => (
                "is linked with glibc, and this is a musl image (Alpine)",
                "build it in an Alpine image, link it statically, or take a Debian image",
            ),
            (true, false) => (
                "is linked with glibc",
                "link it statically, or take an image that has a C library",
            ),
            (false, _) if loader.contains("/ld-musl") => (
                "is linked with musl, as in Alpine",
                "build it in this kind of image, or link it statically",
            ),
            (false, _) => ("is linked dynamically", "link it statically, or install its loader"),
        };
        let cause = format!("{path} {kind}: its loader {loader} is not in the container");
        Diagnosis::new(NOT_FOUND, cause, remedy)
    }
}

/// Something that the kernel does not know how to run.
fn unknown(path: &str, head: &[u8]) -> Option<Diagnosis> {
    if head.starts_with(b"\xef\xbb\xbf#!") {
        let cause = format!("{path} has a byte order mark before its #!");
        return Some(Diagnosis::new(NOT_RUNNABLE, cause, "save it as UTF-8 without one"));
    }
    let is_text = head.iter().all(|c| *c >= 0x20 || matches!(c, b'\n' | b'\r' | b'\t'));
    let (cause, remedy) = match head {
        [b'M', b'Z', ..] => ("is a program for Windows", "take a program for Linux"),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
            ("is a program for macOS", "build it for Linux (GOOS=linux, --target …-linux-…)")
        }
        _ if is_text => (
            "is a text without a #! line",
            "begin it with #!/bin/sh, or run it with its interpreter: sh FILE",
        ),
        _ => ("is no program that Linux knows", "name a program"),
    };
    Some(Diagnosis::new(NOT_RUNNABLE, format!("{path} {cause}"), remedy))
}
