//! `cargo xtask long power`: the guest loses its power in the middle of a load, many times over.
//!
//! ```text
//!  boot ─► what the last life left is looked at ─► load ─► SIGKILL to qemu ─┐
//!   ▲                                                                      │
//!   └──────────── with the lines of what had been told as done ────────────┘
//! ```
//! What the guest had not synced is gone with its memory: its disk hears of nothing else (`power.sh`). The host
//! waits for the load, and a while that a printed seed chooses.

use crate::guest::{PURE_V2, qemu};
use crate::guest_image::{make_directory, make_disk};
use crate::test::{logs, scratch};
use crate::{Result, build, run};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SCRIPT: &str = include_str!("power.sh");

const KERNEL: &str = "6.12";

/// Everything is emulated: a boot and a look at what was left take this long at most.
const LIFE_MAX: Duration = Duration::from_secs(400);

/// The guest's first word once it has a kernel and a root (`guest-init.sh`).
const BOOTED: &str = "@@teu kernel";

/// How often a guest that does not come so far is tried again.
const BOOTS_MAX: usize = 3;

/// How long the load runs.
const LOAD_SECONDS: std::ops::Range<u64> = 4..34;

/// Cuts the power so many times; every life must find the last one's store whole.
pub fn cut(times: usize) -> Result<()> {
    let seed = std::env::var("TEU_SEED").ok().and_then(|text| text.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut random: u64 = seed.unwrap_or(now.as_nanos() as u64);
    println!("TEU_SEED={random}");
    let guest = Guest::new()?;
    let mut told: Vec<String> = Vec::new();
    let mut sum = Sum::default();
    for life in 1..=times + 1 {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let span = (LOAD_SECONDS.end - LOAD_SECONDS.start) * 1000;
        let load = Duration::from_millis(LOAD_SECONDS.start * 1000 + (random >> 33) % span);
        let is_last = life > times;
        let mut console = guest.live(life, &told, (!is_last).then_some(load))?;
        // An emulated machine whose host holds it up may find no timer: then nothing of ours ran.
        for _ in 0..BOOTS_MAX {
            if console.contains(BOOTED) {
                break;
            }
            println!("life {life}: the guest did not boot; again");
            console = guest.live(life, &told, (!is_last).then_some(load))?;
        }
        let lines = told_in(&console);
        let with = |word: &str| -> Vec<String> {
            lines.iter().filter(|line| line.starts_with(word)).map(ToString::to_string).collect()
        };
        let checked = with("checked ").concat();
        if life > 1 && checked.is_empty() {
            return Err(format!("life {life} did not come to its load:\n{}", end_of(&console)));
        }
        let (failures, repairs) = (with("FAILED "), with("repaired: "));
        sum.add(&checked, &failures, &repairs);
        told = with("kept ");
        println!(
            "life {life}: {} after {:.1} s of load, {} told as done; {} put right, {} failures",
            if checked.is_empty() { "began" } else { &checked },
            load.as_secs_f64(),
            told.len(),
            repairs.len(),
            failures.len()
        );
        repairs.iter().chain(&failures).for_each(|line| println!("  {line}"));
    }
    println!(
        "power: {times} cuts, {} promises checked, {} defects put right, {} failures",
        sum.kept, sum.repairs, sum.failures
    );
    if sum.failures == 0 { Ok(()) } else { Err("something was lost".to_string()) }
}

#[derive(Default)]
struct Sum {
    kept: usize,
    repairs: usize,
    failures: usize,
}

impl Sum {
    fn add(&mut self, checked: &str, failures: &[String], repairs: &[String]) {
        self.kept += checked.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        self.repairs += repairs.len();
        self.failures += failures.len();
    }
}

/// What a console says for the host, without the mark.
fn told_in(console: &str) -> Vec<&str> {
    // The last line may be half of one.
    let whole = console.rfind('\n').map_or("", |end| &console[..end]);
    whole.lines().filter_map(|line| line.split_once("@@power ").map(|(_, told)| told)).collect()
}

fn end_of(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// Its disks.
struct Guest {
    tests: PathBuf,
    data: PathBuf,
    told: PathBuf,
}

impl Guest {
    fn new() -> Result<Guest> {
        let directory = scratch().join("power");
        make_directory(&directory)?;
        let staging = directory.join("staging");
        if staging.exists() {
            fs::remove_dir_all(&staging).map_err(|error| error.to_string())?;
        }
        make_directory(&staging.join("sources/power"))?;
        let teu = match std::env::var_os("TEU_BIN") {
            Some(named) => PathBuf::from(named),
            None => build::teu()?,
        };
        copy(&teu, &staging.join("teu"))?;
        write(&staging.join("power.sh"), SCRIPT.as_bytes())?;
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(staging.join("power.sh"), executable)
            .map_err(|error| error.to_string())?;
        write(&staging.join("list"), b"power power.sh /tests/sources/power\n")?;
        write(&staging.join("helpers"), b"")?;
        make_box(&directory.join("box"), &staging.join("box.tar"))?;
        let guest = Guest {
            tests: directory.join("tests.ext4"),
            data: directory.join("data.ext4"),
            told: directory.join("told"),
        };
        make_disk(&guest.tests, &staging, 64 << 20)?;
        let nothing = directory.join("nothing");
        make_directory(&nothing)?;
        make_disk(&guest.data, &nothing, 2 << 30)?;
        Ok(guest)
    }

    /// One life, cut after `load` of load, or lived to its end; what it printed.
    fn live(&self, life: usize, told: &[String], load: Option<Duration>) -> Result<String> {
        let mut text = format!("{life}\n{}\n", told.join("\n"));
        if load.is_none() {
            text += "end\n";
        }
        // A disk is made of whole sectors.
        text.extend(std::iter::repeat_n('\0', text.len().next_multiple_of(4096) - text.len()));
        write(&self.told, text.as_bytes())?;
        let console = logs("power")?.join(format!("console-{life}.log"));
        write(&console, b"")?;
        let drive = |path: &Path, more: &str| {
            format!("file={},format=raw,if=virtio,{more}", path.display())
        };
        let mut child = qemu(KERNEL, &self.tests, PURE_V2)?
            .args(["-drive", &drive(&self.data, "cache=writeback")])
            .args(["-drive", &drive(&self.told, "readonly=on")])
            .arg("-serial")
            .arg(format!("file:{}", console.display()))
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("qemu-system-x86_64: {error}"))?;
        let deadline = Instant::now() + LIFE_MAX;
        let mut cut_at = None;
        let read =
            || fs::read(&console).map(|text| String::from_utf8_lossy(&text).replace('\r', ""));
        while child.try_wait().map_err(|error| error.to_string())?.is_none() {
            let said = read().map_err(|error| error.to_string())?;
            if cut_at.is_none() && told_in(&said).contains(&"load") {
                cut_at = load.map(|load| Instant::now() + load);
            }
            if Instant::now() > cut_at.unwrap_or(deadline) {
                // SIGKILL: nothing is written any more.
                child.kill().map_err(|error| error.to_string())?;
                child.wait().map_err(|error| error.to_string())?;
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        read().map_err(|error| error.to_string())
    }
}

/// busybox alone.
fn make_box(directory: &Path, archive: &Path) -> Result<()> {
    let bin = directory.join("bin");
    make_directory(&bin)?;
    copy(Path::new("/bin/busybox"), &bin.join("busybox"))?;
    for name in ["sh", "true", "sleep", "cat", "dd", "head", "echo"] {
        if !bin.join(name).exists() {
            symlink("busybox", bin.join(name)).map_err(|error| error.to_string())?;
        }
    }
    run(Command::new("tar").arg("-C").arg(directory).arg("-cf").arg(archive).arg("bin"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).map_err(|error| format!("`{}`: {error}", from.display()))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).map_err(|error| format!("`{}`: {error}", path.display()))
}

#[test]
fn what_a_console_tells() {
    let console = "boot\n@@power load\nnoise@@power kept image a:1 1\n@@power kept ima";
    assert_eq!(told_in(console), ["load", "kept image a:1 1"]);
    assert!(told_in("").is_empty());
}
