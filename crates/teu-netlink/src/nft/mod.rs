//! nf_tables, the kernel's firewall: tables, chains, rules, sets, written in one transaction.
//!
//! ```text
//!  Batch    BATCH_BEGIN · NEWTABLE · NEWSET · NEWSETELEM · NEWCHAIN · NEWRULE … · BATCH_END
//!           all of it happens, or nothing
//! ```

mod expression;
pub(crate) mod read;

pub use expression::{Expression, Verdict};
pub use read::{
    BaseChain, Held, HeldRule, TableInfo, base_chains, chain_exists, elements, generation, rules,
    table, tables,
};

use crate::message::{ACK, APPEND, CREATE};
use crate::{NetlinkError, Requests, Socket};

const SUBSYSTEM: u16 = 10 << 8;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
pub(crate) const NEWTABLE: u16 = SUBSYSTEM;
pub(crate) const GETTABLE: u16 = SUBSYSTEM | 1;
const DELTABLE: u16 = SUBSYSTEM | 2;
pub(crate) const NEWCHAIN: u16 = SUBSYSTEM | 3;
pub(crate) const GETCHAIN: u16 = SUBSYSTEM | 4;
pub(crate) const NEWRULE: u16 = SUBSYSTEM | 6;
pub(crate) const GETRULE: u16 = SUBSYSTEM | 7;
const DELRULE: u16 = SUBSYSTEM | 8;
const NEWSET: u16 = SUBSYSTEM | 9;
pub(crate) const NEWSETELEM: u16 = SUBSYSTEM | 12;
pub(crate) const GETSETELEM: u16 = SUBSYSTEM | 13;
const DELSETELEM: u16 = SUBSYSTEM | 14;
pub(crate) const NEWGEN: u16 = SUBSYSTEM | 15;
pub(crate) const GETGEN: u16 = SUBSYSTEM | 16;

pub(crate) const TABLE_NAME: u16 = 1;
pub(crate) const TABLE_USERDATA: u16 = 6;
pub(crate) const CHAIN_TABLE: u16 = 1;
pub(crate) const CHAIN_NAME: u16 = 3;
pub(crate) const CHAIN_HOOK: u16 = 4;
pub(crate) const CHAIN_POLICY: u16 = 5;
pub(crate) const CHAIN_TYPE: u16 = 7;
pub(crate) const HOOK_HOOKNUM: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
pub(crate) const RULE_TABLE: u16 = 1;
pub(crate) const RULE_CHAIN: u16 = 2;
pub(crate) const RULE_HANDLE: u16 = 3;
pub(crate) const RULE_EXPRESSIONS: u16 = 4;
const RULE_POSITION: u16 = 6;
pub(crate) const RULE_USERDATA: u16 = 7;
const SET_TABLE: u16 = 1;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LEN: u16 = 5;
const SET_ID: u16 = 10;
const SET_USERDATA: u16 = 13;
pub(crate) const ELEMENTS_TABLE: u16 = 1;
pub(crate) const ELEMENTS_SET: u16 = 2;
pub(crate) const ELEMENTS_LIST: u16 = 3;
pub(crate) const ELEMENT_KEY: u16 = 1;
pub(crate) const DATA_VALUE: u16 = 1;
pub(crate) const LIST_ELEMENT: u16 = 1;
/// `nft`'s number of the type `ifname`; a concatenation shifts by six bits for each part.
const TYPE_IFNAME: u32 = 41;
/// For `nft` alone: the keys are in the machine's byte order (type 0, length, number); else it shows
/// names as nothing.
const HOST_BYTE_ORDER: [u8; 2] = [0, 4];
/// `IFNAMSIZ`.
pub(crate) const IFNAME_LENGTH: usize = 16;

/// Which packets a table sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4: where iptables-nft has its tables, too.
    Ip,
}

impl Family {
    pub(crate) fn number(self) -> u8 {
        match self {
            Family::Inet => 1,
            Family::Ip => 2,
        }
    }

    pub(crate) fn of_number(number: u8) -> Option<Family> {
        match number {
            1 => Some(Family::Inet),
            2 => Some(Family::Ip),
            _ => None,
        }
    }
}

/// Names a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table<'a> {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: &'a str,
}

/// The hook of a base chain, with the chain's type and the priority's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// `type filter hook forward priority filter`.
    ForwardFilter,
    /// `type nat hook postrouting priority srcnat`.
    PostroutingNat,
}

impl Hook {
    fn number_priority_type(self) -> (u32, i32, &'static str) {
        match self {
            Hook::ForwardFilter => (2, 0, "filter"),
            Hook::PostroutingNat => (4, 100, "nat"),
        }
    }
}

/// Where in its chain a new rule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before all others.
    First,
    /// Behind all others.
    Last,
    /// Right before the rule with this handle.
    Before(u64),
}

pub(crate) fn nfgenmsg(family: u8) -> [u8; 4] {
    [family, 0, 0, 0]
}

/// A transaction being written.
#[derive(Debug)]
pub struct Batch {
    requests: Requests,
    sets: u32,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch::new()
    }
}

impl Batch {
    /// An empty one.
    pub fn new() -> Batch {
        let mut requests = Requests::new();
        let [high, low] = (SUBSYSTEM >> 8).to_be_bytes();
        requests.message("NFNL_MSG_BATCH_BEGIN", BATCH_BEGIN, 0, &[0, 0, high, low]);
        Batch { requests, sets: 0 }
    }

    /// Carries it out.
    pub fn commit(mut self, socket: &mut Socket) -> Result<(), NetlinkError> {
        let [high, low] = (SUBSYSTEM >> 8).to_be_bytes();
        self.requests.message("NFNL_MSG_BATCH_END", BATCH_END, 0, &[0, 0, high, low]);
        socket.send(&self.requests)
    }

    fn message(
        &mut self,
        label: &'static str,
        kind: u16,
        flags: u16,
        table: Table<'_>,
    ) -> crate::Message<'_> {
        self.requests.message(label, kind, ACK | flags, &nfgenmsg(table.family.number()))
    }

    /// Makes the table; one that exists stays as it is.
    pub fn add_table(&mut self, table: Table<'_>, comment: Option<&str>) {
        let mut message = self.message("NFT_MSG_NEWTABLE", NEWTABLE, CREATE, table);
        message.put_text(TABLE_NAME, table.name);
        if let Some(comment) = comment {
            message.put(TABLE_USERDATA, &comment_data(comment));
        }
    }

    /// Removes the table and all it holds; it must exist.
    pub fn delete_table(&mut self, table: Table<'_>) {
        self.message("NFT_MSG_DELTABLE", DELTABLE, 0, table).put_text(TABLE_NAME, table.name);
    }

    /// Makes a base chain that accepts what its rules do not decide.
    pub fn add_base_chain(&mut self, table: Table<'_>, name: &str, hook: Hook) {
        let (number, priority, kind) = hook.number_priority_type();
        let mut message = self.message("NFT_MSG_NEWCHAIN", NEWCHAIN, CREATE, table);
        message.put_text(CHAIN_TABLE, table.name).put_text(CHAIN_NAME, name);
        message.nest(CHAIN_HOOK, |hook| {
            hook.put_u32_be(HOOK_HOOKNUM, number);
            hook.put_u32_be(HOOK_PRIORITY, priority.cast_unsigned());
        });
        message.put_u32_be(CHAIN_POLICY, ACCEPT).put_text(CHAIN_TYPE, kind);
    }

    /// Makes a set of interface names, or of tuples of `parts` of them.
    pub fn add_ifname_set(&mut self, table: Table<'_>, name: &str, parts: u32) {
        self.sets += 1;
        let id = self.sets;
        let key_type = (1..parts).fold(TYPE_IFNAME, |key, _| key << 6 | TYPE_IFNAME);
        let mut message = self.message("NFT_MSG_NEWSET", NEWSET, CREATE, table);
        message.put_text(SET_TABLE, table.name).put_text(SET_NAME, name);
        message.put_u32_be(SET_FLAGS, 0).put_u32_be(SET_KEY_TYPE, key_type);
        message.put_u32_be(SET_KEY_LEN, parts * 16).put_u32_be(SET_ID, id);
        message.put(SET_USERDATA, &[&HOST_BYTE_ORDER[..], &1_u32.to_ne_bytes()].concat());
    }

    /// Puts a tuple of interface names into a set; one that is there stays.
    pub fn add_ifnames(&mut self, table: Table<'_>, set: &str, names: &[&str]) {
        let message = self.message("NFT_MSG_NEWSETELEM", NEWSETELEM, CREATE, table);
        write_element(message, table, set, names);
    }

    /// Takes a tuple of interface names out of a set; it must be there.
    pub fn delete_ifnames(&mut self, table: Table<'_>, set: &str, names: &[&str]) {
        let message = self.message("NFT_MSG_DELSETELEM", DELSETELEM, 0, table);
        write_element(message, table, set, names);
    }

    /// Adds a rule.
    pub fn add_rule(
        &mut self,
        table: Table<'_>,
        chain: &str,
        place: Place,
        expressions: &[Expression<'_>],
        comment: Option<&str>,
    ) {
        let flags = if place == Place::Last { CREATE | APPEND } else { CREATE };
        let mut message = self.message("NFT_MSG_NEWRULE", NEWRULE, flags, table);
        message.put_text(RULE_TABLE, table.name).put_text(RULE_CHAIN, chain);
        if let Place::Before(handle) = place {
            message.put(RULE_POSITION, &handle.to_be_bytes());
        }
        message.nest(RULE_EXPRESSIONS, |list| {
            for expression in expressions {
                expression.write(list);
            }
        });
        if let Some(comment) = comment {
            message.put(RULE_USERDATA, &comment_data(comment));
        }
    }

    /// Removes a rule; it must exist.
    pub fn delete_rule(&mut self, table: Table<'_>, chain: &str, handle: u64) {
        self.message("NFT_MSG_DELRULE", DELRULE, 0, table)
            .put_text(RULE_TABLE, table.name)
            .put_text(RULE_CHAIN, chain)
            .put(RULE_HANDLE, &handle.to_be_bytes());
    }
}

const ACCEPT: u32 = 1;

fn write_element(mut message: crate::Message<'_>, table: Table<'_>, set: &str, names: &[&str]) {
    let key: Vec<u8> = names.iter().flat_map(|name| ifname(name)).collect();
    message.put_text(ELEMENTS_TABLE, table.name).put_text(ELEMENTS_SET, set);
    message.nest(ELEMENTS_LIST, |list| {
        list.nest(LIST_ELEMENT, |element| {
            element.nest(ELEMENT_KEY, |data| {
                data.put(DATA_VALUE, &key);
            });
        });
    });
}

/// An interface's name as the kernel compares it: 16 bytes, zeros behind. What is longer is no name.
pub(crate) fn ifname(name: &str) -> [u8; IFNAME_LENGTH] {
    let mut bytes = [0; IFNAME_LENGTH];
    for (to, from) in bytes.iter_mut().zip(name.bytes().take(IFNAME_LENGTH - 1)) {
        *to = from;
    }
    bytes
}

/// A comment as `nft` stores and shows it: type 0, length, text, zero.
fn comment_data(comment: &str) -> Vec<u8> {
    let text: Vec<u8> = comment.bytes().take(127).chain([0]).collect();
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    [&[0, length], text.as_slice()].concat()
}

/// The comment in an object's user data.
pub(crate) fn comment_of(mut data: &[u8]) -> Option<&str> {
    loop {
        let (&[kind, length], rest) = data.split_first_chunk::<2>()?;
        let value = rest.get(..usize::from(length))?;
        if kind == 0 {
            return crate::text(value);
        }
        data = &rest[usize::from(length)..];
    }
}

#[test]
fn comments_come_back() {
    assert_eq!(comment_of(&comment_data("teu 1")), Some("teu 1"));
    assert_eq!(comment_of(&[7, 1, 9, 0, 2, b'a', 0]), Some("a"));
    for bad in [&[][..], &[0], &[0, 9, 1], &[1, 0]] {
        assert_eq!(comment_of(bad), None);
    }
}
