//! Device rules: OCI's list in order → a default and its exceptions, which both versions can keep.
//!
//! v1's files and the eBPF filter of v2 get the same meaning from the same value: of the rules that fit
//! a node, the last decides.

use crate::CgroupError;
use std::collections::BTreeMap;
use std::fmt;
use teu_oci::runtime::LinuxDeviceCgroup;

/// `b` or `c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Block,
    Char,
}

/// Which nodes: `None` is any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nodes {
    pub(crate) kind: Kind,
    pub(crate) major: Option<u32>,
    pub(crate) minor: Option<u32>,
}

/// Bits as the kernel has them (`BPF_DEVCG_ACC_*`).
pub(crate) const MKNOD: u8 = 1;
pub(crate) const READ: u8 = 2;
pub(crate) const WRITE: u8 = 4;

/// What a group may do with device nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeviceRules {
    /// What holds for whatever is no exception.
    pub(crate) allow: bool,
    /// Accesses for which the contrary holds.
    pub(crate) exceptions: BTreeMap<Nodes, u8>,
}

/// Every bit of the wildcard: `rwm`.
const ALL: u8 = MKNOD | READ | WRITE;

impl DeviceRules {
    /// `None` for an empty list: nothing was said about devices.
    pub(crate) fn of(list: &[LinuxDeviceCgroup]) -> Result<Option<DeviceRules>, CgroupError> {
        // As the kernel begins: nothing is denied.
        let mut rules = DeviceRules { allow: true, exceptions: BTreeMap::new() };
        for rule in list {
            rules.add(rule)?;
        }
        Ok((!list.is_empty()).then_some(rules))
    }

    fn add(&mut self, rule: &LinuxDeviceCgroup) -> Result<(), CgroupError> {
        let access = access(rule)?;
        let kind = match rule.kind.as_deref().unwrap_or("a") {
            "a" | "" => {
                // Whatever numbers and access stand beside, the kernel takes `a` for everything.
                *self = DeviceRules { allow: rule.allow, exceptions: BTreeMap::new() };
                return Ok(());
            }
            "b" => Kind::Block,
            "c" | "u" => Kind::Char,
            _ => return Err(bad(rule, "the type is one of a, b and c")),
        };
        let (major, minor) = (number(rule, rule.major)?, number(rule, rule.minor)?);
        let nodes = Nodes { kind, major, minor };
        if rule.allow == self.allow {
            return self.take_back(rule, nodes, access);
        }
        *self.exceptions.entry(nodes).or_insert(0) |= access;
        Ok(())
    }

    /// Back to the default for `nodes`. An exception that covers more, or less, cannot be split.
    fn take_back(
        &mut self,
        rule: &LinuxDeviceCgroup,
        nodes: Nodes,
        access: u8,
    ) -> Result<(), CgroupError> {
        let wider = |other: &Nodes| {
            let covers = |own: Option<u32>, their: Option<u32>| their.is_none() || own == their;
            other.kind == nodes.kind
                && covers(nodes.major, other.major)
                && covers(nodes.minor, other.minor)
                && *other != nodes
        };
        if self.exceptions.iter().any(|(other, bits)| wider(other) && bits & access != 0) {
            return Err(bad(rule, "an earlier rule covers more nodes, and cannot be split"));
        }
        // Whatever is narrower is covered by this rule.
        let narrower = |other: &Nodes| {
            let covers = |own: Option<u32>, their: Option<u32>| own.is_none() || own == their;
            other.kind == nodes.kind
                && covers(nodes.major, other.major)
                && covers(nodes.minor, other.minor)
        };
        self.exceptions.retain(|other, bits| {
            if narrower(other) {
                *bits &= !access;
            }
            *bits != 0
        });
        Ok(())
    }

    /// The writes (`devices.allow` or `devices.deny`, and the rule) that bring a group of v1 from
    /// `current`, as its `devices.list` tells it, to these rules. Where both deny by default, what stays
    /// allowed is allowed all the while.
    pub(crate) fn v1_writes(&self, current: Option<&DeviceRules>) -> Vec<(&'static str, String)> {
        let exception = |(nodes, bits): (&Nodes, &u8)| rule_text(nodes, *bits);
        let (for_default, for_exception) = match self.allow {
            true => ("devices.allow", "devices.deny"),
            false => ("devices.deny", "devices.allow"),
        };
        let mut writes = Vec::new();
        match current {
            Some(current) if !current.allow && !self.allow => {
                let gone = current.exceptions.iter().filter_map(|(nodes, bits)| {
                    let bits = bits & !self.exceptions.get(nodes).unwrap_or(&0);
                    (bits != 0).then(|| ("devices.deny", rule_text(nodes, bits)))
                });
                let new = self.exceptions.iter().filter_map(|(nodes, bits)| {
                    let bits = bits & !current.exceptions.get(nodes).unwrap_or(&0);
                    (bits != 0).then(|| ("devices.allow", rule_text(nodes, bits)))
                });
                writes.extend(gone);
                writes.extend(new);
            }
            Some(current) if current == self => {}
            _ => {
                writes.push((for_default, "a".to_string()));
                writes
                    .extend(self.exceptions.iter().map(exception).map(|one| (for_exception, one)));
            }
        }
        writes
    }

    /// What `devices.list` says. It shows a denying default's exceptions only, and `a *:* rwm` for an
    /// allowing one, whatever its exceptions are.
    pub(crate) fn parse_v1_list(text: &str) -> Option<DeviceRules> {
        let mut rules = DeviceRules::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (kind, numbers, bits) = (words.next()?, words.next()?, words.next()?);
            let kind = match kind {
                "b" => Kind::Block,
                "c" => Kind::Char,
                _ => return None,
            };
            let (major, minor) = numbers.split_once(':')?;
            let number =
                |text: &str| if text == "*" { Some(None) } else { text.parse().ok().map(Some) };
            let nodes = Nodes { kind, major: number(major)?, minor: number(minor)? };
            *rules.exceptions.entry(nodes).or_insert(0) |=
                bits.chars().map(bit).sum::<Option<u8>>()?;
        }
        Some(rules)
    }
}

/// The nodes that every runtime allows in a container beside what is asked: making any node, using
/// null, zero, full, random, urandom, tty, console, ptmx and pseudo-terminals. The first rule denies
/// the rest.
pub fn default_device_rules() -> Vec<LinuxDeviceCgroup> {
    let rule = |kind: &str, major, minor, access: &str| LinuxDeviceCgroup {
        allow: true,
        kind: Some(kind.to_string()),
        major,
        minor,
        access: Some(access.to_string()),
    };
    let mut rules = vec![
        LinuxDeviceCgroup { access: Some("rwm".to_string()), ..LinuxDeviceCgroup::default() },
        rule("c", None, None, "m"),
        rule("b", None, None, "m"),
    ];
    for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)] {
        rules.push(rule("c", Some(major), Some(minor), "rwm"));
    }
    rules.push(rule("c", Some(136), None, "rwm"));
    rules
}

fn bit(letter: char) -> Option<u8> {
    match letter {
        'm' => Some(MKNOD),
        'r' => Some(READ),
        'w' => Some(WRITE),
        _ => None,
    }
}

fn access(rule: &LinuxDeviceCgroup) -> Result<u8, CgroupError> {
    let Some(text) = rule.access.as_deref().filter(|text| !text.is_empty()) else { return Ok(ALL) };
    let bits = text.chars().try_fold(0, |bits, letter| bit(letter).map(|one| bits | one));
    bits.ok_or_else(|| bad(rule, "the access is some of r, w and m"))
}

/// Absent or -1 is any.
fn number(rule: &LinuxDeviceCgroup, number: Option<i64>) -> Result<Option<u32>, CgroupError> {
    match number {
        None | Some(-1) => Ok(None),
        Some(number) => match u32::try_from(number) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(bad(rule, "a device number has 32 bits")),
        },
    }
}

fn rule_text(nodes: &Nodes, bits: u8) -> String {
    let access: String = [(READ, 'r'), (WRITE, 'w'), (MKNOD, 'm')]
        .iter()
        .filter(|one| bits & one.0 != 0)
        .map(|one| one.1)
        .collect();
    format!("{nodes} {access}")
}

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number =
            |number: Option<u32>| number.map_or("*".to_string(), |number| number.to_string());
        let kind = match self.kind {
            Kind::Block => 'b',
            Kind::Char => 'c',
        };
        write!(f, "{kind} {}:{}", number(self.major), number(self.minor))
    }
}

fn bad(rule: &LinuxDeviceCgroup, why: &'static str) -> CgroupError {
    let number = |number: Option<i64>| match number {
        None | Some(-1) => "*".to_string(),
        Some(number) => number.to_string(),
    };
    let verb = if rule.allow { "allow" } else { "deny" };
    let (kind, access) =
        (rule.kind.as_deref().unwrap_or("a"), rule.access.as_deref().unwrap_or("rwm"));
    let rule = format!("{verb} {kind} {}:{} {access}", number(rule.major), number(rule.minor));
    CgroupError::DeviceRule { rule, why }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Rules as lines: `+c 1:3 rw`, `-a`.
    pub(crate) fn list(text: &str) -> Vec<LinuxDeviceCgroup> {
        text.split(';')
            .filter(|one| !one.trim().is_empty())
            .map(|one| {
                let one = one.trim();
                let mut words = one[1..].split(' ');
                let kind = words.next().map(String::from);
                let numbers = words.next().unwrap_or("*:*").split_once(':').unwrap();
                let number = |text: &str| text.parse().ok();
                LinuxDeviceCgroup {
                    allow: one.starts_with('+'),
                    kind,
                    major: number(numbers.0),
                    minor: number(numbers.1),
                    access: words.next().map(String::from),
                }
            })
            .collect()
    }

    pub(crate) fn rules(text: &str) -> DeviceRules {
        DeviceRules::of(&list(text)).unwrap().unwrap()
    }

    fn shown(rules: &DeviceRules) -> String {
        let mut text = if rules.allow { "allow" } else { "deny" }.to_string();
        for (nodes, bits) in &rules.exceptions {
            text.push_str(&format!("; {}", rule_text(nodes, *bits)));
        }
        text
    }

    #[test]
    fn the_last_rule_that_fits_decides() {
        let check = |text: &str, expect: &str| assert_eq!(shown(&rules(text)), expect, "{text}");
        check("-a", "deny");
        check("+a", "allow");
        check("-a;+c 1:3 r;+c 1:3 w", "deny; c 1:3 rw");
        check("-a;+c 1:3 rwm;-c 1:3 w", "deny; c 1:3 rm");
        check("-a;+c 1:3 rwm;+c 1:5 r;-c 1:* rwm", "deny");
        check("+c 1:3 rwm", "allow");
        check("-b 8:* rwm", "allow; b 8:* rwm");
        check("-b 8:0 rwm;+b 8:* r", "allow; b 8:0 wm");
        check("-a;+b 8:0 rwm;+a;-c 1:3 r", "allow; c 1:3 r");
        check("-a;+c *:* m;-c 1:3 rw", "deny; c *:* m");
        assert_eq!(DeviceRules::of(&[]).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let check = |text: &str| DeviceRules::of(&list(text)).unwrap_err().to_string();
        assert!(check("-a;+c 1:* rwm;-c 1:3 r").contains("`deny c 1:3 r`"));
        assert!(check("+x 1:3 r").contains("one of a, b and c"));
        assert!(check("-a;+c 1:3 rx").contains("some of r, w and m"));
        assert!(check("-a;+c 4294967296:3 r").contains("32 bits"));
        assert!(check("-a;+c -2:3 r").contains("32 bits"));
    }

    #[test]
    fn v1_goes_from_what_is_to_what_is_asked() {
        let check = |current: Option<&str>, text: &str, expect: &str| {
            let current = current.map(rules);
            let writes = rules(text).v1_writes(current.as_ref());
            let shown: Vec<String> =
                writes.iter().map(|(file, rule)| format!("{} {rule}", &file[8..])).collect();
            assert_eq!(shown.join("; "), expect, "{current:?} {text}");
        };
        check(None, "-a;+c 1:3 rw;+b *:* m", "deny a; allow b *:* m; allow c 1:3 rw");
        check(None, "+a;-c 1:3 w", "allow a; deny c 1:3 w");
        check(
            Some("-a;+c 1:3 rw"),
            "-a;+c 1:3 rm;+c 1:5 r",
            "deny c 1:3 w; allow c 1:3 m; allow c 1:5 r",
        );
        check(Some("-a;+c 1:3 rw"), "-a;+c 1:3 rw", "");
        check(Some("+a"), "+a", "");
        check(Some("-a"), "+a", "allow a");
    }

    #[test]
    fn the_kernels_list_is_read() {
        let read = DeviceRules::parse_v1_list("c 1:3 rwm\nb *:* m\n").unwrap();
        assert_eq!(shown(&read), "deny; b *:* m; c 1:3 rwm");
        assert_eq!(DeviceRules::parse_v1_list("a *:* rwm\n"), None);
        assert_eq!(DeviceRules::parse_v1_list("c 1 rwm"), None);
        assert_eq!(DeviceRules::parse_v1_list(""), Some(DeviceRules::default()));
    }

    #[test]
    fn the_default_denies_disks() {
        let rules = DeviceRules::of(&default_device_rules()).unwrap().unwrap();
        assert!(!rules.allow);
        assert_eq!(rules.exceptions.len(), 11);
    }
}
