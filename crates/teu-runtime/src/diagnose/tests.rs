//! Failed starts, each as a root that has exactly this one thing wrong.

use super::*;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use teu_testkit::TempDir;

const ENOENT: Option<i32> = Some(2);
const ENOEXEC: Option<i32> = Some(8);
const EACCES: Option<i32> = Some(13);

/// A root being built.
struct Image(TempDir);

impl Image {
    fn new() -> Image {
        let image = Image(TempDir::new("diagnose"));
        for dir in ["bin", "etc", "lib", "lib64", "usr/bin", "usr/lib", "work"] {
            std::fs::create_dir_all(image.0.join(dir)).unwrap();
        }
        image.file("bin/sh", &program(62, None, &[]), 0o755)
    }

    fn file(self, path: &str, content: &[u8], mode: u32) -> Image {
        std::fs::write(self.0.join(path), content).unwrap();
        self.mode(path, mode)
    }

    fn mode(self, path: &str, mode: u32) -> Image {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.0.join(path), mode).unwrap();
        self
    }

    fn link(self, path: &str, target: &str) -> Image {
        symlink(target, self.0.join(path)).unwrap();
        self
    }
}

/// An ELF file: header, three program headers, the strings, the dynamic section.
fn program(machine: u16, loader: Option<&str>, needed: &[&str]) -> Vec<u8> {
    let mut strings = vec![0u8];
    let mut string = |text: &str| {
        let at = strings.len() as u64;
        strings.extend(text.bytes().chain([0]));
        at
    };
    let interpreter = loader.map(&mut string);
    let mut entries: Vec<(u64, u64)> = needed.iter().map(|name| (1, string(name))).collect();
    const STRINGS: u64 = 64 + 3 * 56;
    entries.extend([(5, 0x1000 + STRINGS), (0, 0)]);
    let dynamic_at = STRINGS + strings.len() as u64;
    let dynamic_size = entries.len() as u64 * 16;
    let header = |kind: u32, at: u64, size: u64| {
        let mut bytes = Vec::new();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(5u32.to_le_bytes());
        for word in [at, 0x1000 + at, 0x1000 + at, size, size, 8] {
            bytes.extend(word.to_le_bytes());
        }
        bytes
    };
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    file.extend(machine.to_le_bytes());
    file.resize(64, 0);
    file[32..40].copy_from_slice(&64u64.to_le_bytes());
    file[54..56].copy_from_slice(&56u16.to_le_bytes());
    file[56..58].copy_from_slice(&3u16.to_le_bytes());
    file.extend(header(1, 0, dynamic_at + dynamic_size));
    file.extend(header(if needed.is_empty() { 6 } else { 2 }, dynamic_at, dynamic_size));
    let interpreter = interpreter.map(|at| STRINGS + at);
    file.extend(header(if interpreter.is_some() { 3 } else { 6 }, interpreter.unwrap_or(0), 1));
    file.extend(strings);
    file.extend(
        entries.iter().flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()]).flatten(),
    );
    file
}

fn user(uid: u32) -> Ids {
    Ids { uid, gid: uid, groups: vec![uid], home: "/".into(), name: None }
}

fn ask(image: &Image, program: &str, uid: u32, cwd: &str, errno: Option<i32>) -> Option<Diagnosis> {
    let root = std::fs::File::open::<&Path>(image.0.as_ref()).unwrap();
    let ids = user(uid);
    let attempt = Attempt { program, env: &["PATH=/usr/bin:/bin".into()], cwd, ids: &ids, errno };
    diagnose(root.as_fd(), &[], &attempt)
}

#[track_caller]
fn check(image: Image, program: &str, errno: Option<i32>, code: u8, cause: &str, remedy: &str) {
    check_as(image, program, 0, "/", errno, code, cause, remedy);
}

#[track_caller]
#[expect(clippy::too_many_arguments, reason = "a row of a table")]
fn check_as(
    image: Image,
    program: &str,
    uid: u32,
    cwd: &str,
    errno: Option<i32>,
    code: u8,
    cause: &str,
    remedy: &str,
) {
    let got = ask(&image, program, uid, cwd, errno).expect("a diagnosis");
    assert!(got.cause.contains(cause), "{got:?}");
    assert!(got.remedy.contains(remedy), "{got:?}");
    assert_eq!(got.exit_code, code, "{got:?}");
}

#[test]
fn not_there() {
    check(
        Image::new(),
        "bash",
        ENOENT,
        127,
        "no program `bash` in $PATH (/usr/bin:/bin)",
        "another shell: /bin/sh",
    );
    check(Image::new(), "sh -c true", ENOENT, 127, "no program `sh -c true`", "quotes");
    check(Image::new(), "/bin/no", ENOENT, 127, "no file /bin/no", "check");
    check(Image::new(), "", ENOENT, 127, "no program was named", "CMD");
    std::fs::create_dir(Image::new().0.join("app")).unwrap();
    let image = Image::new().file("lib/run", b"x", 0o755);
    check(image, "/lib/run/x", Some(20), 126, "below something that is no directory", "path");
}

#[test]
fn scripts() {
    let script = |text: &str| Image::new().file("bin/x", text.as_bytes(), 0o755);
    check(
        script("#!/bin/bash\n"),
        "x",
        ENOENT,
        127,
        "/bin/x is a script for /bin/bash, which is not in the container",
        "install bash in the image, or write the script for /bin/sh",
    );
    check(
        script("#!/usr/local/bin/bash -e\n").file("usr/bin/bash", &program(62, None, &[]), 0o755),
        "x",
        ENOENT,
        127,
        "script for /usr/local/bin/bash",
        "it is at /usr/bin/bash here",
    );
    check(script("#!/bin/sh\r\necho\r\n"), "x", ENOENT, 127, "CRLF", "dos2unix");
    check(script("#! \n"), "x", ENOEXEC, 126, "names no interpreter", "#!/bin/sh");
    check(script("#!/bin/x\n"), "x", Some(40), 126, "more than 5 interpreters", "");
    check(script("echo hello\n"), "x", ENOEXEC, 126, "text without a #! line", "sh FILE");
    check(script("\u{feff}#!/bin/sh\n"), "x", ENOEXEC, 126, "byte order mark", "UTF-8");
    check(
        script("#!/usr/bin/env python3\n").file("usr/bin/env", &program(62, None, &[]), 0o755),
        "x",
        None,
        127,
        "script for python3",
        "install python3",
    );
    let loaded = program(62, Some("/lib64/ld-linux-x86-64.so.2"), &[]);
    check(
        script("#!/bin/lost\n").file("bin/lost", &loaded, 0o755),
        "x",
        ENOENT,
        127,
        "/bin/x is run by /bin/lost, and /bin/lost is linked with glibc",
        "C library",
    );
}

#[test]
fn binaries() {
    let glibc = program(62, Some("/lib64/ld-linux-x86-64.so.2"), &[]);
    let image = || Image::new().file("bin/x", &glibc, 0o755);
    check(image(), "x", ENOENT, 127, "its loader /lib64/ld-linux-x86-64.so.2", "statically");
    let alpine = image().file("lib/ld-musl-x86_64.so.1", &program(62, None, &[]), 0o755);
    check(alpine, "x", ENOENT, 127, "this is a musl image (Alpine)", "Debian");
    for (machine, name) in [(183, "aarch64"), (40, "arm"), (243, "riscv64"), (9999, "another")] {
        let image = Image::new().file("bin/x", &program(machine, None, &[]), 0o755);
        let cause = format!("is built for {name}");
        check(image, "x", ENOEXEC, 126, &cause, "--platform linux/amd64");
    }
    for (head, cause) in [
        (&b"MZ\x90\0"[..], "Windows"),
        (&b"\xcf\xfa\xed\xfe"[..], "macOS"),
        (&b"\0\0\0\0"[..], "no program that Linux knows"),
        (&b"\x7fELF\x02\x01"[..], "damaged"),
        (&b""[..], "empty file"),
    ] {
        check(Image::new().file("bin/x", head, 0o755), "x", ENOEXEC, 126, cause, "");
    }
}

#[test]
fn libraries_missing() {
    let loader = "/lib64/ld-linux-x86-64.so.2";
    let image = || {
        let needs = program(62, Some(loader), &["libone.so.1", "libc.so.6"]);
        let library = program(62, None, &["libtwo.so.2", "libc.so.6"]);
        Image::new()
            .file("lib64/ld-linux-x86-64.so.2", &program(62, None, &[]), 0o755)
            .file("lib/libc.so.6", &program(62, None, &["ld-linux-x86-64.so.2"]), 0o644)
            .file("usr/bin/x", &needs, 0o755)
            .file("work/libone.so.1", &library, 0o644)
    };
    check(
        image(),
        "x",
        None,
        127,
        "/usr/bin/x needs the shared library libone.so.1, which",
        "package",
    );
    let image = image().file("etc/ld.so.conf", b"# here\n/work\n", 0o644);
    let through = "libtwo.so.2 (through /work/libone.so.1)";
    assert!(ask(&image, "x", 0, "/", None).unwrap().cause.contains(through));
    // Of the wrong width: as good as absent.
    let image = image.file("lib/libtwo.so.2", &program(3, None, &[]), 0o644);
    assert!(ask(&image, "x", 0, "/", None).unwrap().cause.contains(through));
    let image = image.file("lib/libtwo.so.2", &program(62, None, &[]), 0o644);
    assert_eq!(ask(&image, "x", 0, "/", None), None);
    assert_eq!(ask(&image, "x", 0, "/", ENOENT), None);
}

#[test]
fn rights_and_kinds() {
    check(Image::new(), "/etc", EACCES, 126, "/etc is a directory", "inside");
    let image = || Image::new().file("bin/x", b"#!/bin/sh\n", 0o644);
    check(image(), "x", EACCES, 126, "/bin/x is not executable (mode 0644)", "chmod");
    check_as(
        image().mode("bin/x", 0o700),
        "x",
        7,
        "/",
        EACCES,
        126,
        "user 7 may not execute",
        "-u",
    );
    check_as(image().mode("bin/x", 0o711), "x", 7, "/", None, 126, "may not read /bin/x", "-u");
    check_as(
        image().mode("bin/x", 0o755).mode("bin", 0o700),
        "/bin/x",
        7,
        "/",
        EACCES,
        126,
        "out of reach for user 7: /bin has mode 0700",
        "chmod a+x",
    );
    let image = Image::new().link("bin/x", "/opt/gone");
    check(
        image,
        "x",
        ENOENT,
        127,
        "/bin/x is a link to /opt/gone, which is not in the container",
        "copy",
    );
    let image = Image::new().link("bin/x", "y").link("bin/y", "x");
    check(image, "/bin/x", Some(40), 127, "circle", "repair");
}

#[test]
fn working_directories() {
    check_as(Image::new(), "sh", 0, "/no/where", ENOENT, 127, "/no/where does not exist", "-w");
    check_as(Image::new(), "sh", 0, "/bin/sh", Some(20), 126, "/bin/sh is not a directory", "-w");
    check_as(Image::new(), "sh", 0, "/bin/sh/x", Some(20), 126, "below something", "-w");
    check_as(Image::new(), "sh", 0, "work", ENOENT, 126, "not an absolute path", "slash");
    let closed = Image::new().mode("work", 0o700);
    check_as(closed, "sh", 7, "/work", EACCES, 126, "/work is closed to user 7", "-w");
}

#[test]
fn nothing_wrong_and_nothing_known() {
    assert_eq!(ask(&Image::new(), "sh", 0, "/", ENOENT), None);
    assert_eq!(ask(&Image::new(), "/bin/sh", 5, "/work", None), None);
    let image = Image::new();
    let root = std::fs::File::open::<&Path>(image.0.as_ref()).unwrap();
    let ids = user(0);
    let attempt = |program| Attempt { program, env: &[], cwd: "/", ids: &ids, errno: ENOENT };
    let hidden = MountView { destination: "/data", noexec: false, root: None };
    assert_eq!(diagnose(root.as_fd(), &[hidden], &attempt("/data/x")), None);
    let shown = MountView { destination: "/data", noexec: true, root: Some(root.as_fd()) };
    let got = diagnose(root.as_fd(), &[shown], &attempt("/data/bin/sh")).unwrap();
    assert!(got.cause.contains("noexec") && got.exit_code == 126, "{got:?}");
}

#[test]
fn damaged_elf_files_end_well() {
    let good = program(62, Some("/lib/loader"), &["liba.so", "libb.so"]);
    for at in 0..good.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            let image = TempDir::new("elf");
            std::fs::write(image.join("x"), &bad).unwrap();
            let _ = elf::Elf::read(std::fs::File::open(image.join("x")).unwrap());
        }
        let image = TempDir::new("elf");
        std::fs::write(image.join("x"), &good[..at]).unwrap();
        let _ = elf::Elf::read(std::fs::File::open(image.join("x")).unwrap());
    }
}
