//! The options of a mount, as `mount(8)` spells them: which bits they set, which they clear, how
//! mounts travel, and what is left for the file system itself.

use super::{Travel, Way};
use crate::error::PlanError;
use teu_kernel::mount::MountAttr;

/// A list of options, understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `bind` or `rbind`; the latter with `true`.
    pub bind: Option<bool>,
    /// Bits of this mount.
    pub set: u64,
    /// Bits that it loses, where its source has them.
    pub clear: u64,
    /// Bits of all mounts below, too.
    pub set_all: u64,
    /// Bits that all mounts below lose.
    pub clear_all: u64,
    /// How mounts travel; the last word counts.
    pub travel: Option<Travel>,
    /// Names and values for the file system.
    pub data: Vec<(String, Option<String>)>,
}

const RDONLY: u64 = MountAttr::RDONLY.bits();
const NOSUID: u64 = MountAttr::NOSUID.bits();
const NODEV: u64 = MountAttr::NODEV.bits();
const NOEXEC: u64 = MountAttr::NOEXEC.bits();
const NOATIME: u64 = MountAttr::NOATIME.bits();
const STRICTATIME: u64 = MountAttr::STRICTATIME.bits();
const NODIRATIME: u64 = MountAttr::NODIRATIME.bits();
const NOSYMFOLLOW: u64 = MountAttr::NOSYMFOLLOW.bits();
const ATIME: u64 = MountAttr::ATIME.bits();

/// Name, bits that it sets, bits that it clears. `r` before a name means "all mounts below, too".
/// Access times are one choice of several bits: each of its words clears the others.
const BITS: [(&str, u64, u64); 19] = [
    ("ro", RDONLY, 0),
    ("rw", 0, RDONLY),
    ("nosuid", NOSUID, 0),
    ("suid", 0, NOSUID),
    ("nodev", NODEV, 0),
    ("dev", 0, NODEV),
    ("noexec", NOEXEC, 0),
    ("exec", 0, NOEXEC),
    ("noatime", NOATIME, ATIME),
    ("atime", 0, ATIME),
    ("strictatime", STRICTATIME, ATIME),
    ("nostrictatime", 0, ATIME),
    ("relatime", 0, ATIME),
    ("norelatime", 0, ATIME),
    ("nodiratime", NODIRATIME, 0),
    ("diratime", 0, NODIRATIME),
    ("nosymfollow", NOSYMFOLLOW, 0),
    ("symfollow", 0, NOSYMFOLLOW),
    ("defaults", 0, 0),
];

const WAYS: [(&str, Way); 4] = [
    ("private", Way::Private),
    ("slave", Way::Slave),
    ("shared", Way::Shared),
    ("unbindable", Way::Unbindable),
];

/// What asks for more than teu can do: refused by name rather than ignored.
const NOT_YET: [&str; 3] = ["idmap", "ridmap", "tmpcopyup"];

impl Options {
    pub(super) fn parse(words: &[String]) -> Result<Options, PlanError> {
        let mut options = Options::default();
        for word in words {
            options.take(word)?;
        }
        Ok(options)
    }

    fn take(&mut self, word: &str) -> Result<(), PlanError> {
        if NOT_YET.contains(&word) {
            return Err(PlanError::Unsupported { field: format!("mounts.options: {word}") });
        }
        match word {
            "" => {}
            "bind" => self.bind = self.bind.or(Some(false)),
            "rbind" => self.bind = Some(true),
            _ => {
                if !self.take_bits(word) && !self.take_way(word) {
                    self.take_data(word)?;
                }
            }
        }
        Ok(())
    }

    fn take_bits(&mut self, word: &str) -> bool {
        let find = |name: &str| BITS.iter().find(|bits| bits.0 == name);
        // `relatime` begins with r and is not `elatime`: the whole word is looked up first.
        if let Some(&(_, set, clear)) = find(word) {
            self.clear = (self.clear & !set) | clear;
            self.set = (self.set & !clear) | set;
        } else if let Some(&(_, set, clear)) = word.strip_prefix('r').and_then(find) {
            self.clear_all = (self.clear_all & !set) | clear;
            self.set_all = (self.set_all & !clear) | set;
        } else {
            return false;
        }
        true
    }

    fn take_way(&mut self, word: &str) -> bool {
        let found = travel(word);
        self.travel = found.or(self.travel);
        found.is_some()
    }

    fn take_data(&mut self, word: &str) -> Result<(), PlanError> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (word, None),
        };
        // fsconfig(2) would cut neither: it refuses 256 bytes, and so do we, with a reason.
        if name.is_empty() || word.len() > 255 || word.contains('\0') {
            return Err(PlanError::Bad {
                field: "mounts.options",
                value: word.chars().take(64).collect(),
                why: "an option is a name, or name=value, of at most 255 bytes".to_string(),
            });
        }
        self.data.push((name.to_string(), value));
        Ok(())
    }
}

/// `slave`, `rslave` and their kin.
pub(super) fn travel(word: &str) -> Option<Travel> {
    let find = |name: &str| WAYS.iter().find(|way| way.0 == name).map(|way| way.1);
    find(word)
        .map(|way| Travel { way, recursive: false })
        .or_else(|| Some(Travel { way: find(word.strip_prefix('r')?)?, recursive: true }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Options {
        Options::parse(&words.iter().map(|word| word.to_string()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_last_word_counts() {
        assert_eq!(parse(&["ro", "rw"]), Options { clear: RDONLY, ..Options::default() });
        assert_eq!(parse(&["rw", "ro"]), Options { set: RDONLY, ..Options::default() });
        let atime = parse(&["noatime", "relatime"]);
        assert_eq!((atime.set, atime.clear), (0, ATIME));
        assert_eq!(parse(&["strictatime"]).set, STRICTATIME);
        assert_eq!(parse(&["bind", "rbind"]).bind, Some(true));
        assert_eq!(parse(&["rbind", "bind"]).bind, Some(true));
    }

    #[test]
    fn r_before_a_word_means_all_mounts_below() {
        let options = parse(&["rro", "rslave"]);
        assert_eq!((options.set, options.set_all), (0, RDONLY));
        assert_eq!(options.travel, Some(Travel { way: Way::Slave, recursive: true }));
    }

    #[test]
    fn what_is_left_is_the_file_systems() {
        let options = parse(&["nosuid", "mode=755", "size=64k", "noswap"]);
        let pair = |name: &str, value: &str| (name.to_string(), Some(value.to_string()));
        assert_eq!(options.data[..2], [pair("mode", "755"), pair("size", "64k")]);
        assert_eq!(options.data[2], ("noswap".to_string(), None));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for word in ["idmap", "tmpcopyup", "=x", &"x".repeat(256), "a\0b"] {
            assert!(Options::parse(&[word.to_string()]).is_err(), "{word:?}");
        }
    }
}
