//! The Debian packages that tests need, by name.

use crate::{Result, output};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Package, and what for.
#[rustfmt::skip]
const PACKAGES: &[(&str, &str)] = &[
    ("apache2-utils",     "htpasswd, for a registry with a password"),
    ("busybox-static",    "the smallest image; the guests' first program"),
    ("ca-certificates",   "the trust store"),
    ("debootstrap",       "a real Debian root file system"),
    ("docker-registry",   "the registry that teu pulls from"),
    ("docker.io",         "tests/same-as-docker: docker proves it first"),
    ("e2fsprogs",         "the guests' disks"),
    ("fish",              "completions in a shell that has them"),
    ("iproute2",          "looks at what teu-network made"),
    ("iptables",          "rules of others that must survive"),
    ("iputils-ping",      "ping from a container, and to it"),
    ("kmod",              "the guests' modules"),
    ("libcap2-bin",       "capsh, getpcaps"),
    ("man-db",            "renders the manual pages"),
    ("nftables",          "nft list, to be compared with the text in the tree"),
    ("nginx-light",       "a server in a container"),
    ("openssl",           "a private authority for a registry"),
    ("postgresql",        "a database in a container"),
    ("procps",            "ps, sysctl"),
    ("qemu-system-x86",   "the guests"),
    ("redis-server",      "a server in a container"),
    ("skopeo",            "pushes to the registry; reads what teu wrote"),
    ("strace",            "kills teu at each of its system calls"),
    ("util-linux",        "unshare, nsenter, lsns, findmnt"),
    ("xz-utils",          "the guests' compressed modules"),
    ("zsh",               "completions in a shell that has them"),
];

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs those that are missing. Their daemons are not started: tests that want one start it in
/// namespaces of its own.
pub fn install_missing() -> Result<()> {
    let installed = installed()?;
    let missing: Vec<&str> = PACKAGES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !installed.iter().any(|have| have == name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    let _policy = NoDaemons::begin()?;
    output(apt_get().args(["-qq", "update"]))?;
    output(apt_get().args(["-qq", "install", "--no-install-recommends"]).args(&missing))
        .map(drop)
        .map_err(|error| format!("{error}\n  needed: {}", reasons(&missing)))
}

/// `apt-get`, patient while another one works.
pub fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn installed() -> Result<Vec<String>> {
    let format = "${db:Status-Status} ${Package}\n";
    let list = output(Command::new("dpkg-query").args(["-W", "-f", format]))
        .map_err(|error| format!("the tests want Debian: {error}"))?;
    let names = list.lines().filter_map(|line| line.strip_prefix("installed "));
    Ok(names.map(String::from).collect())
}

fn reasons(missing: &[&str]) -> String {
    let told = PACKAGES.iter().filter(|(name, _)| missing.contains(name));
    told.map(|(name, why)| format!("{name} ({why})")).collect::<Vec<_>>().join(", ")
}

/// While it lives, an installed daemon is not started (Debian policy, invoke-rc.d). A machine that
/// has a rule of its own keeps it.
struct NoDaemons(Option<PathBuf>);

impl NoDaemons {
    fn begin() -> Result<NoDaemons> {
        use std::os::unix::fs::PermissionsExt;
        if Path::new(POLICY).exists() {
            return Ok(NoDaemons(None));
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n")
            .and_then(|()| fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)))
            .map_err(|error| format!("`{POLICY}`: {error}"))?;
        Ok(NoDaemons(Some(POLICY.into())))
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            eprintln!("`{}` stays: {error}", path.display());
        }
    }
}

#[test]
fn in_order_and_once() {
    assert!(PACKAGES.is_sorted_by_key(|(name, _)| name));
}
