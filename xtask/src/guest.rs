//! The guests: Debian's kernels under qemu, on pure cgroup v2 or v1, running the same test programs.
//!
//! Without KVM (TCG), so that a run is the same everywhere. The guest prints to its serial console;
//! lines that begin with `@@teu` tell where a program begins and ends (`guest-init.sh`).

use crate::Result;
use crate::build::{self, Built, Helper, Part, TestProgram};
use crate::count::{Outcome, Run, Tally};
use crate::guest_image::{self, Kernel};
use crate::suite::failures_of;
use crate::test::{logs, scratch};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The oldest kernel that teu serves, and the first with everything.
pub const VERSIONS: [&str; 2] = ["6.1", "6.12"];

/// Packages whose kernel tests run in all modes. Unit tests are pure, and the monitor's move gigabytes:
/// under emulation both are for this machine only.
#[rustfmt::skip]
const PACKAGES: &[&str] =
    &["teu-cgroup", "teu-kernel", "teu-netlink", "teu-network", "teu-runtime", "teu-snapshot"];

/// Its unit tests call the kernel.
const WITH_UNIT_TESTS: &[&str] = &["teu-kernel"];

/// For the kernel's command line.
pub const PURE_V2: &str = "cgroup_no_v1=all";

const GUEST_MAX: Duration = Duration::from_secs(1200);

/// How often a guest is booted that panics before it comes to the tests.
const BOOTS_MAX: usize = 3;

/// One program's part of a guest's output.
#[derive(Debug, PartialEq)]
struct Section<'a> {
    name: &'a str,
    output: String,
    /// None where the guest ended first.
    exit_code: Option<i32>,
    seconds: f64,
}

/// Boots all guests, one after another, and counts.
pub fn run_all(built: &Built, tally: &mut Tally) -> Result<()> {
    let chosen: Vec<&TestProgram> =
        built.programs.iter().filter(|program| is_for_guests(program)).collect();
    let tests = make_tests_disk(&chosen, built)?;
    for version in VERSIONS {
        let started = Instant::now();
        let console = boot(version, version, PURE_V2, &tests)?;
        let missing = count(version, &chosen, &console, tally)?;
        if missing {
            println!("{}", last_lines(&console));
        }
        println!("  {version:<6} in {:.0} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The oldest kernel on pure v1, its controllers laid out in each way: the same tests of groups (C2, C3).
pub fn run_v1() -> Result<()> {
    let built = build::test_programs(&["teu-cgroup"])?;
    let chosen: Vec<&TestProgram> =
        built.programs.iter().filter(|program| program.part == Part::Kernel).collect();
    let tests = make_tests_disk(&chosen, &built)?;
    let mut tally = Tally::default();
    for how in ["alone", "together", "one"] {
        let mode = format!("v1-{how}");
        let console = boot(&mode, VERSIONS[0], &format!("teu.v1={how}"), &tests)?;
        if count(&mode, &chosen, &console, &mut tally)? {
            println!("{}", last_lines(&console));
        }
    }
    let failures: Vec<String> = tally.failures().into_iter().collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn is_for_guests(program: &TestProgram) -> bool {
    let package = program.package.as_str();
    match program.part {
        Part::Kernel => PACKAGES.contains(&package),
        Part::Unit => WITH_UNIT_TESTS.contains(&package),
        Part::Whole => false,
    }
}

/// A guest to look around in.
pub fn shell(version: &str) -> Result<()> {
    let built = build::test_programs(PACKAGES)?;
    let tests = make_tests_disk(&built.programs.iter().collect::<Vec<_>>(), &built)?;
    crate::run(
        qemu(version, &tests, &format!("{PURE_V2} teu.shell"))?.args(["-serial", "mon:stdio"]),
    )
}

fn make_tests_disk(programs: &[&TestProgram], built: &Built) -> Result<PathBuf> {
    let helpers = built.helpers.iter();
    let helpers: Vec<&Helper> = helpers
        .filter(|helper| programs.iter().any(|program| program.package == helper.package))
        .collect();
    let directory = scratch().join("guest");
    guest_image::make_directory(&directory)?;
    let disk = directory.join("tests.ext4");
    guest_image::tests_disk(programs, &helpers, &directory.join("staging"), &disk)?;
    Ok(disk)
}

/// The command that boots a guest with these tests; without a console.
pub fn qemu(version: &str, tests: &Path, append: &str) -> Result<Command> {
    let kernel = Kernel::fetch(version)?;
    let root = kernel.root_disk()?;
    let directory = scratch().join("guest");
    guest_image::make_directory(&directory)?;
    let initramfs = directory.join(format!("initramfs-{}", kernel.version));
    kernel.initramfs(&initramfs)?;
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(["-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "2048"])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(kernel.image())
        .arg("-initrd")
        .arg(&initramfs)
        .arg("-append")
        .arg(format!("console=ttyS0 quiet panic=-1 mitigations=off {append}"))
        // What a guest writes to its root is gone with it, so nothing is ever synced.
        .arg("-drive")
        .arg(format!("file={},format=raw,if=virtio,snapshot=on,cache=unsafe", root.display()))
        .arg("-drive")
        .arg(format!("file={},format=raw,if=virtio,readonly=on", tests.display()))
        .args(["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0"])
        .args(["-device", "virtio-rng-pci"]);
    Ok(command)
}

/// Runs a guest to its end; returns what it printed. The emulator now and then lets a CPU see half of what
/// the kernel writes into its own code while it boots, which is no finding: then it is booted again.
fn boot(mode: &str, version: &str, append: &str, tests: &Path) -> Result<String> {
    for _ in 1..BOOTS_MAX {
        let console = boot_once(mode, version, append, tests)?;
        if console.contains("@@teu begin ") || !console.contains("Kernel panic") {
            return Ok(console);
        }
        println!("  {mode:<6} panicked while it booted; again");
    }
    boot_once(mode, version, append, tests)
}

fn boot_once(mode: &str, version: &str, append: &str, tests: &Path) -> Result<String> {
    let console = logs(mode)?.join("console.log");
    let mut child = qemu(version, tests, append)?
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("qemu-system-x86_64: {error}"))?;
    let deadline = Instant::now() + GUEST_MAX;
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if Instant::now() > deadline {
            child.kill().map_err(|error| error.to_string())?;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let text =
        std::fs::read(&console).map_err(|error| format!("`{}`: {error}", console.display()))?;
    Ok(String::from_utf8_lossy(&text).replace('\r', ""))
}

/// Adds each program's run; true where one did not come to its end.
fn count(
    version: &str,
    programs: &[&TestProgram],
    console: &str,
    tally: &mut Tally,
) -> Result<bool> {
    let sections = sections(console);
    let mut missing = false;
    for program in programs {
        let section = sections.iter().find(|section| section.name == program.name);
        let (run, seconds) = match section {
            Some(section) => {
                let run = Run::parse(&section.output, section.exit_code);
                if run.count(Outcome::Failed) > 0 {
                    println!("{} on {version}\n{}", program.name, failures_of(&section.output));
                }
                missing |= section.exit_code.is_none();
                (run, section.seconds)
            }
            None => {
                missing = true;
                (Run::of_one("(it was run at all)", false), 0.0)
            }
        };
        tally.add(version, &program.name, run, seconds);
    }
    Ok(missing)
}

fn sections(console: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut open = false;
    for line in console.lines() {
        let told = line.find("@@teu ").map(|start| &line[start + 6..]);
        let words: Vec<&str> = told.unwrap_or_default().split(' ').collect();
        match (words.as_slice(), sections.last_mut()) {
            (["begin", name], _) => {
                open = true;
                sections.push(Section {
                    name,
                    output: String::new(),
                    exit_code: None,
                    seconds: 0.0,
                });
            }
            (["end", name, code, from, to], Some(section)) if section.name == *name => {
                open = false;
                section.exit_code = code.parse().ok();
                let number = |word: &str| word.parse::<f64>().unwrap_or_default();
                section.seconds = number(to) - number(from);
            }
            (_, Some(section)) if open => {
                section.output.push_str(line);
                section.output.push('\n');
            }
            _ => {}
        }
    }
    sections
}

fn last_lines(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[test]
fn consoles() {
    let console = "boot\n@@teu begin a/it\ntest x ... ok\nnoise@@teu end a/it 0 1.5 3.0\n\
                   between\n@@teu begin b\ntest y ... ok\nKernel panic";
    let sections = sections(console);
    assert_eq!(sections.len(), 2);
    assert_eq!(
        (sections[0].name, sections[0].exit_code, sections[0].seconds),
        ("a/it", Some(0), 1.5)
    );
    assert_eq!(sections[0].output, "test x ... ok\n");
    assert_eq!((sections[1].exit_code, sections[1].output.lines().count()), (None, 2));
}
