//! Which shared library a program misses: what the loader does, by reading only.
//!
//! The loader's own words stand in the container's output; here it is said what to do. Where the loader
//! looks: RUNPATH, LD_LIBRARY_PATH, the directories of /etc/ld.so.conf (musl: /etc/ld-musl-ARCH.path),
//! the usual ones. Its cache is not read: whoever forgot `ldconfig` is told nothing wrong, only less.

use super::elf::Elf;
use super::{Diagnosis, NOT_FOUND, Search};
use std::collections::{HashSet, VecDeque};
use std::io::Read;

const LIBRARIES_MAX: usize = 512;
const CONF_MAX: u64 = 64 << 10;

/// The first library in the loader's order that is nowhere.
pub(super) fn missing(search: &Search<'_>, path: &str, program: Elf) -> Option<Diagnosis> {
    let machine = program.machine;
    let musl = program.interpreter.as_deref().is_some_and(|loader| loader.contains("/ld-musl"));
    let common = directories(search, musl);
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([(path.to_string(), program)]);
    while let Some((user, elf)) = queue.pop_front() {
        let origin = user.rsplit_once('/').map_or("", |(dir, _)| dir);
        let own: Vec<String> = elf
            .search
            .iter()
            .map(|dir| dir.replace("${ORIGIN}", origin).replace("$ORIGIN", origin))
            .collect();
        for name in elf.needed {
            if !seen.insert(name.clone()) || seen.len() > LIBRARIES_MAX || builtin(&name, musl) {
                continue;
            }
            let places: Vec<String> = if name.contains('/') {
                vec![search.absolute(&name)]
            } else {
                own.iter().chain(&common).map(|dir| format!("{dir}/{name}")).collect()
            };
            if places.iter().any(|place| search.places.is_unknown(place)) {
                return None;
            }
            let library = places.iter().find_map(|place| {
                let elf = Elf::read(search.places.read(place).ok()?)?;
                (elf.machine == machine).then(|| (place.clone(), elf))
            });
            match library {
                Some(library) => queue.push_back(library),
                None => return Some(told(path, &user, &name)),
            }
        }
    }
    None
}

fn told(path: &str, user: &str, name: &str) -> Diagnosis {
    let through = if user == path { String::new() } else { format!(" (through {user})") };
    let cause =
        format!("{path} needs the shared library {name}{through}, which is not in the container");
    let remedy = "install the package that has it in the image, or link the program statically";
    Diagnosis::new(NOT_FOUND, cause, remedy)
}

/// In musl's loader these are one with libc.
fn builtin(name: &str, musl: bool) -> bool {
    let bare =
        |library: &str| name.strip_prefix(library).is_some_and(|rest| rest.starts_with(".so"));
    musl && ["libc", "libpthread", "librt", "libm", "libdl", "libutil", "libxnet"]
        .iter()
        .any(|l| bare(l))
        || name.starts_with("libc.musl-")
        || name.starts_with("ld-musl")
        || name.starts_with("ld-linux")
        || name.starts_with("linux-vdso")
}

fn directories(search: &Search<'_>, musl: bool) -> Vec<String> {
    let arch = std::env::consts::ARCH;
    let path = search.env("LD_LIBRARY_PATH").unwrap_or("");
    let mut dirs: Vec<String> = path
        .split([':', ';'])
        .filter(|dir| !dir.is_empty())
        .map(|dir| search.absolute(dir))
        .collect();
    if musl {
        let conf = text(search, &format!("/etc/ld-musl-{arch}.path"));
        dirs.extend(conf.split([':', '\n']).filter(|dir| dir.starts_with('/')).map(str::to_string));
        dirs.extend(["/lib", "/usr/local/lib", "/usr/lib"].map(str::to_string));
        return dirs;
    }
    // What /etc/ld.so.conf includes is known by name in the distributions; a directory is not listed
    // here because a stranger made it.
    let confs = [
        "/etc/ld.so.conf".to_string(),
        format!("/etc/ld.so.conf.d/{arch}-linux-gnu.conf"),
        "/etc/ld.so.conf.d/libc.conf".to_string(),
        "/etc/ld.so.conf.d/fakeroot.conf".to_string(),
    ];
    for conf in confs {
        let conf = text(search, &conf);
        dirs.extend(
            conf.lines().map(str::trim).filter(|line| line.starts_with('/')).map(str::to_string),
        );
    }
    for prefix in ["", "/usr", "/usr/local"] {
        dirs.push(format!("{prefix}/lib/{arch}-linux-gnu"));
        dirs.push(format!("{prefix}/lib/i386-linux-gnu"));
        dirs.extend(["lib64", "lib", "lib32"].map(|lib| format!("{prefix}/{lib}")));
    }
    dirs
}

fn text(search: &Search<'_>, path: &str) -> String {
    let mut text = Vec::new();
    let read = search.places.read(path).and_then(|file| file.take(CONF_MAX).read_to_end(&mut text));
    if read.is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&text).into_owned()
}
