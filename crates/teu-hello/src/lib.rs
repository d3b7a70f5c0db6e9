//! `/hello`, the only program of the image `teu/hello`: tells from inside what a container is.
//!
//! It is the static binary teu itself under another name, so the image needs no file but that one. All
//! it tells it reads from /proc and /sys as any program in any container could; only the host's
//! namespaces, which nobody can see from inside, come in the variable [`HOST_NAMESPACES`].

mod capabilities;
mod cgroups;
mod namespaces;
mod network;
mod root;

use std::fs;
use std::io::Write;

/// `mnt:[4026531841] pid:[…] …` of the one who started the container.
pub const HOST_NAMESPACES: &str = "TEU_HOST_NAMESPACES";
/// The image's layers, lowest first, separated by blanks.
pub const LAYERS: &str = "TEU_IMAGE_LAYERS";

/// The program.
pub fn main() -> u8 {
    let text = tell(|name| std::env::var(name).ok());
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// The whole text.
pub fn tell(variable: impl Fn(&str) -> Option<String>) -> String {
    let text = |name: &str| variable(name).unwrap_or_default();
    let mut page = Page::default();
    page.line("Hello from inside a container.");
    page.line("");
    page.line("A container is a process that the kernel shows a world of its own. Seen from here:");

    page.heading("Process");
    page.row("PID", &std::process::id().to_string(), "the first process of its PID namespace");
    page.row(
        "hostname",
        &read("/proc/sys/kernel/hostname"),
        "its own; the id's first twelve digits by default",
    );
    page.row("kernel", &read("/proc/sys/kernel/osrelease"), "the host's: it is shared");

    page.heading("Network");
    for (name, value, meaning) in network::rows() {
        page.row(&name, &value, meaning);
    }
    page.heading("Namespaces");
    for (name, value, meaning) in namespaces::rows(&text(HOST_NAMESPACES)) {
        page.row(name, &value, meaning);
    }
    page.heading("Control groups");
    for (name, value, meaning) in cgroups::rows() {
        page.row(&name, &value, meaning);
    }
    page.heading("Root file system");
    for (name, value, meaning) in root::rows(&text(LAYERS)) {
        page.row(name, &value, meaning);
    }
    page.heading("Rights");
    for (name, value, meaning) in capabilities::rows() {
        page.row(name, &value, &meaning);
    }
    page.line("");
    page.line("Next: teu run -it debian bash");
    page.text
}

/// Rows of three columns under headings.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        self.text += &format!("\n{heading}\n");
    }

    fn row(&mut self, name: &str, value: &str, meaning: &str) {
        let row = format!("  {name:<12} {value:<34} {meaning}");
        self.line(row.trim_end());
    }
}

/// A file's text without its line end; a dash where it cannot be read.
fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "-".to_string(), |text| text.trim().to_string())
}

#[test]
fn every_part_is_told_wherever_it_runs() {
    let text = tell(|_| None);
    for part in [
        "PID",
        "hostname",
        "loopback",
        "mnt",
        "time",
        "Control groups",
        "layers",
        "capabilities",
        "seccomp",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}
