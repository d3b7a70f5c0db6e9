//! Capabilities by name, docker's default set, and what `--cap-add` and `--cap-drop` make of it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One capability, by its number in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability(u8);

/// Names by number, as `capabilities(7)` has them, without their prefix.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Those that code speaks of.
#[expect(missing_docs, reason = "named as in capabilities(7)")]
impl Capability {
    pub const CHOWN: Capability = Capability(0);
    pub const DAC_OVERRIDE: Capability = Capability(1);
    pub const DAC_READ_SEARCH: Capability = Capability(2);
    pub const FOWNER: Capability = Capability(3);
    pub const FSETID: Capability = Capability(4);
    pub const KILL: Capability = Capability(5);
    pub const SETGID: Capability = Capability(6);
    pub const SETUID: Capability = Capability(7);
    pub const SETPCAP: Capability = Capability(8);
    pub const NET_BIND_SERVICE: Capability = Capability(10);
    pub const NET_ADMIN: Capability = Capability(12);
    pub const NET_RAW: Capability = Capability(13);
    pub const SYS_MODULE: Capability = Capability(16);
    pub const SYS_RAWIO: Capability = Capability(17);
    pub const SYS_CHROOT: Capability = Capability(18);
    pub const SYS_PTRACE: Capability = Capability(19);
    pub const SYS_PACCT: Capability = Capability(20);
    pub const SYS_ADMIN: Capability = Capability(21);
    pub const SYS_BOOT: Capability = Capability(22);
    pub const SYS_NICE: Capability = Capability(23);
    pub const SYS_RESOURCE: Capability = Capability(24);
    pub const SYS_TIME: Capability = Capability(25);
    pub const SYS_TTY_CONFIG: Capability = Capability(26);
    pub const MKNOD: Capability = Capability(27);
    pub const AUDIT_WRITE: Capability = Capability(29);
    pub const SETFCAP: Capability = Capability(31);
    pub const SYSLOG: Capability = Capability(34);
    pub const PERFMON: Capability = Capability(38);
    pub const BPF: Capability = Capability(39);
}

impl Capability {
    /// `CAP_NET_RAW`, `net_raw`, `cap_net_raw`, …
    pub fn parse(text: &str) -> Result<Capability, BadCapability> {
        let upper = text.trim().to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let number = NAMES.iter().position(|known| *known == name);
        let number = number.and_then(|number| u8::try_from(number).ok());
        number
            .map(Capability)
            .ok_or_else(|| BadCapability { given: text.chars().take(100).collect() })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CAP_{}", NAMES[usize::from(self.0)])
    }
}

/// A text that names no capability. Worded as docker words it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown capability: \"{given}\"")]
pub struct BadCapability {
    /// What was given.
    pub given: String,
}

/// A set of capabilities, in the kernel's form: bit `n` is capability `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CapSet(pub u64);

impl CapSet {
    /// None.
    pub const EMPTY: CapSet = CapSet(0);
    /// All that have a name here.
    pub const ALL: CapSet = CapSet((1 << NAMES.len()) - 1);
    /// What a container gets that asks for nothing: docker's fourteen.
    pub const DEFAULT: CapSet = CapSet::of(&[
        Capability::CHOWN,
        Capability::DAC_OVERRIDE,
        Capability::FSETID,
        Capability::FOWNER,
        Capability::MKNOD,
        Capability::NET_RAW,
        Capability::SETGID,
        Capability::SETUID,
        Capability::SETFCAP,
        Capability::SETPCAP,
        Capability::NET_BIND_SERVICE,
        Capability::SYS_CHROOT,
        Capability::KILL,
        Capability::AUDIT_WRITE,
    ]);

    const fn of(list: &[Capability]) -> CapSet {
        let (mut bits, mut i) = (0, 0);
        while i < list.len() {
            bits |= 1 << list[i].0;
            i += 1;
        }
        CapSet(bits)
    }

    /// What this process could hand on: its bounding set, as far as it has names here.
    pub fn available() -> CapSet {
        CapSet(teu_kernel::capability::bounding() & CapSet::ALL.0)
    }

    /// From names; the first unknown one is the error.
    pub fn from_names<'a>(
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<CapSet, BadCapability> {
        names.into_iter().map(Capability::parse).collect()
    }

    /// From names, unknown ones left out: a bundle may be written for a newer kernel (runc, too,
    /// only warns). The unknown names come second.
    pub fn from_known_names<'a>(
        names: impl IntoIterator<Item = &'a str>,
    ) -> (CapSet, Vec<&'a str>) {
        let mut unknown = Vec::new();
        let known = names
            .into_iter()
            .filter_map(|name| Capability::parse(name).inspect_err(|_| unknown.push(name)).ok());
        (known.collect(), unknown)
    }

    /// As a bundle lists them: `CAP_CHOWN`, …, in the kernel's order.
    pub fn names(self) -> Vec<String> {
        self.into_iter().map(|capability| capability.to_string()).collect()
    }

    /// Whether `capability` is in it.
    pub fn has(self, capability: Capability) -> bool {
        self.0 >> capability.0 & 1 == 1
    }

    /// Whether all of `other` is in it.
    pub fn contains(self, other: CapSet) -> bool {
        other.0 & !self.0 == 0
    }

    /// What `--privileged`, `--cap-add` and `--cap-drop` make of the default, as docker decides it:
    /// ALL dropped leaves what is added; ALL added leaves what is not dropped; else one that is both
    /// added and dropped is added.
    pub fn asked_for(
        privileged: bool,
        add: &[String],
        drop: &[String],
    ) -> Result<CapSet, BadCapability> {
        let is_all = |name: &String| name.trim().eq_ignore_ascii_case("all");
        let set = |list: &[String]| {
            CapSet::from_names(list.iter().filter(|name| !is_all(name)).map(String::as_str))
        };
        let (adds, drops) = (set(add)?, set(drop)?);
        let (all_added, all_dropped) = (add.iter().any(is_all), drop.iter().any(is_all));
        Ok(match () {
            () if privileged => CapSet::available(),
            () if all_added => CapSet(CapSet::available().0 & !drops.0),
            () if all_dropped => adds,
            () => CapSet(CapSet::DEFAULT.0 & !drops.0 | adds.0),
        })
    }
}

impl FromIterator<Capability> for CapSet {
    fn from_iter<I: IntoIterator<Item = Capability>>(list: I) -> CapSet {
        CapSet(list.into_iter().fold(0, |bits, capability| bits | 1 << capability.0))
    }
}

impl IntoIterator for CapSet {
    type Item = Capability;
    type IntoIter = std::vec::IntoIter<Capability>;
    fn into_iter(self) -> Self::IntoIter {
        let numbers = (0u8..).take(NAMES.len()).map(Capability);
        numbers.filter(|capability| self.has(*capability)).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for text in ["CAP_NET_RAW", "net_raw", "Cap_Net_Raw"] {
            assert_eq!(Capability::parse(text), Ok(Capability::NET_RAW), "{text}");
        }
        assert_eq!(Capability::BPF.to_string(), "CAP_BPF");
        assert_eq!(
            Capability::parse("CAP_FOO").unwrap_err().to_string(),
            "unknown capability: \"CAP_FOO\""
        );
        assert_eq!(CapSet::DEFAULT.0, 0xa804_25fb, "as /proc/PID/status shows it under docker");
        assert_eq!(
            CapSet::from_names(CapSet::ALL.names().iter().map(String::as_str)),
            Ok(CapSet::ALL)
        );
    }

    #[track_caller]
    fn check(add: &[&str], drop: &[&str], expected: CapSet) {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(CapSet::asked_for(false, &list(add), &list(drop)), Ok(expected));
    }

    #[test]
    fn added_and_dropped() {
        check(&[], &[], CapSet::DEFAULT);
        check(&["sys_time"], &[], CapSet(CapSet::DEFAULT.0 | 1 << 25));
        check(&[], &["CAP_MKNOD"], CapSet(CapSet::DEFAULT.0 & !(1 << 27)));
        check(&["kill"], &["ALL"], CapSet(1 << 5));
        check(&["all"], &["kill"], CapSet(CapSet::available().0 & !(1 << 5)));
        assert!(CapSet::asked_for(false, &["x".into()], &[]).is_err());
        assert_eq!(CapSet::asked_for(true, &[], &["kill".into()]), Ok(CapSet::available()));
    }
}
