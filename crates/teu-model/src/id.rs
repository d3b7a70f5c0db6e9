//! Identities: 64 hex digits, made from 32 random bytes; a prefix that is unique names the object.

use crate::digest::hex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an id; an id is 64 hex digits")]
pub struct BadId {
    /// What was given.
    pub given: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// From random bytes; docker's rule holds: the first twelve digits are never all
            /// decimal, so that a short id is a valid host name that no resolver takes for an address.
            pub fn from_random(mut bytes: [u8; 32]) -> $name {
                if hex(&bytes[..6]).bytes().all(|digit| digit.is_ascii_digit()) {
                    bytes[0] = 0xa0 | (bytes[0] & 0x0f);
                }
                $name(hex(&bytes))
            }

            /// From 64 lower case hex digits.
            pub fn parse(text: &str) -> Result<$name, BadId> {
                let digits = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
                if text.len() == 64 && text.bytes().all(digits) {
                    Ok($name(text.to_string()))
                } else {
                    Err(BadId { given: text.chars().take(100).collect() })
                }
            }

            /// All 64 digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The first twelve digits, as lists show it.
            pub fn short(&self) -> &str {
                &self.0[..12]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<$name, BadId> {
                $name::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

id!(
    /// Names a container, and the sandbox that its first member made.
    ContainerId
);
id!(
    /// Names a network.
    NetworkId
);

/// Four hex digits that stand for one state root (`--root`) in every name that is global to the
/// machine: bridge, veth, nft table, cgroup. So roots live side by side.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RootId(String);

impl RootId {
    /// FNV-1a over the root's path, folded to 16 bits: only has to tell a few roots apart.
    pub fn of(root: &std::path::Path) -> RootId {
        let hash = root
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3_u64)
            });
        let folded = (hash ^ (hash >> 16) ^ (hash >> 32) ^ (hash >> 48)) & 0xffff;
        RootId(format!("{folded:04x}"))
    }

    /// The four digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[test]
fn a_short_id_is_never_a_number() {
    let id = ContainerId::from_random([0x11; 32]);
    assert_eq!(id.short(), "a11111111111");
    assert_eq!(ContainerId::parse(id.as_str()), Ok(id.clone()));
    assert!(ContainerId::parse(&id.as_str().to_uppercase()).is_err());
}

#[test]
fn roots_differ() {
    let of = |path: &str| RootId::of(path.as_ref());
    assert_ne!(of("/var/lib/teu"), of("/tmp/teu"));
    assert_eq!(of("/var/lib/teu").as_str().len(), 4);
}
