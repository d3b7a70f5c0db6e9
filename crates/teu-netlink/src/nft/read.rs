//! What the kernel's firewall holds: ours, and the chains of others that decide about forwarding.

use super::expression::{DATA_VERDICT, VERDICT_CODE};
use super::{
    CHAIN_HOOK, CHAIN_NAME, CHAIN_POLICY, CHAIN_TABLE, CHAIN_TYPE, DATA_VALUE, ELEMENT_KEY,
    ELEMENTS_LIST, ELEMENTS_SET, ELEMENTS_TABLE, Family, GETCHAIN, GETGEN, GETRULE, GETSETELEM,
    GETTABLE, HOOK_HOOKNUM, IFNAME_LENGTH, LIST_ELEMENT, NEWCHAIN, NEWGEN, NEWRULE, NEWSETELEM,
    NEWTABLE, RULE_CHAIN, RULE_EXPRESSIONS, RULE_HANDLE, RULE_TABLE, RULE_USERDATA, TABLE_NAME,
    TABLE_USERDATA, Table, Verdict, comment_of, nfgenmsg,
};
use crate::message::{ACK, DUMP};
use crate::{Attribute, NetlinkError, Reply, Requests, Socket, attributes};
use teu_kernel::libc::ENOENT;

const GEN_ID: u16 = 1;
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;
const IMMEDIATE_DATA: u16 = 2;
const TARGET_NAME: u16 = 1;
const FORWARD: u32 = 2;

/// A number that every change of the firewall raises, whoever makes it: equal means untouched.
pub fn generation(socket: &mut Socket) -> Result<u32, NetlinkError> {
    let mut requests = Requests::new();
    requests.message("NFT_MSG_GETGEN", GETGEN, ACK, &nfgenmsg(0));
    let mut generation = None;
    socket.transact(&requests, |reply| {
        if reply.kind == NEWGEN {
            let id = parts(reply).find(|part| part.kind == GEN_ID);
            generation = id.and_then(|id| id.u32_be());
        }
    })?;
    generation.ok_or(NetlinkError::Malformed { request: "NFT_MSG_GETGEN" })
}

/// A table as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Its comment.
    pub comment: Option<String>,
}

/// The table, if it exists.
pub fn table(socket: &mut Socket, table: Table<'_>) -> Result<Option<TableInfo>, NetlinkError> {
    let mut requests = Requests::new();
    requests
        .message("NFT_MSG_GETTABLE", GETTABLE, ACK, &nfgenmsg(table.family.number()))
        .put_text(TABLE_NAME, table.name);
    let mut found = None;
    missing_is_ok(socket.transact(&requests, |reply| found = read_table(reply).or(found.take())))?;
    Ok(found)
}

/// All tables of the families we know.
pub fn tables(socket: &mut Socket) -> Result<Vec<TableInfo>, NetlinkError> {
    let mut requests = Requests::new();
    requests.message("NFT_MSG_GETTABLE", GETTABLE, DUMP, &nfgenmsg(0));
    let mut tables = Vec::new();
    socket.transact(&requests, |reply| tables.extend(read_table(reply)))?;
    Ok(tables)
}

pub(crate) fn read_table(reply: Reply<'_>) -> Option<TableInfo> {
    let family = Family::of_number(*reply.payload.first()?)?;
    let name = parts(reply).find(|part| part.kind == TABLE_NAME)?.text()?;
    let comment = parts(reply).find(|part| part.kind == TABLE_USERDATA);
    let comment = comment.and_then(|data| comment_of(data.content)).map(str::to_string);
    (reply.kind == NEWTABLE).then(|| TableInfo { family, name: name.to_string(), comment })
}

/// A chain that the kernel itself calls for every packet that is forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseChain {
    /// The family of its table.
    pub family: Family,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// What becomes of a packet about which its rules say nothing.
    pub policy: Verdict,
}

/// All base chains of type filter at the hook `forward`, in the families that see IPv4.
pub fn base_chains(socket: &mut Socket) -> Result<Vec<BaseChain>, NetlinkError> {
    let mut requests = Requests::new();
    requests.message("NFT_MSG_GETCHAIN", GETCHAIN, DUMP, &nfgenmsg(0));
    let mut chains = Vec::new();
    socket.transact(&requests, |reply| chains.extend(read_chain(reply)))?;
    Ok(chains)
}

pub(crate) fn read_chain(reply: Reply<'_>) -> Option<BaseChain> {
    let part = |kind| parts(reply).find(|part| part.kind == kind);
    let family = Family::of_number(*reply.payload.first()?)?;
    let number = part(CHAIN_HOOK)?.nested().find(|part| part.kind == HOOK_HOOKNUM)?.u32_be()?;
    let policy = if part(CHAIN_POLICY)?.u32_be()? == 0 { Verdict::Drop } else { Verdict::Accept };
    let is_forward = number == FORWARD && part(CHAIN_TYPE)?.text()? == "filter";
    let table = part(CHAIN_TABLE)?.text()?.to_string();
    let name = part(CHAIN_NAME)?.text()?.to_string();
    (reply.kind == NEWCHAIN && is_forward).then_some(BaseChain { family, table, name, policy })
}

/// Whether the table has a chain of this name.
pub fn chain_exists(
    socket: &mut Socket,
    table: Table<'_>,
    name: &str,
) -> Result<bool, NetlinkError> {
    let mut requests = Requests::new();
    requests
        .message("NFT_MSG_GETCHAIN", GETCHAIN, ACK, &nfgenmsg(table.family.number()))
        .put_text(CHAIN_TABLE, table.name)
        .put_text(CHAIN_NAME, name);
    let mut found = false;
    missing_is_ok(socket.transact(&requests, |reply| found |= reply.kind == NEWCHAIN))?;
    Ok(found)
}

/// How a rule ends, as far as it matters to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It stops what reaches it, without a condition: `drop` or `reject`.
    StopsAll,
    /// It gives what reaches it back to the calling chain, without a condition: `return`.
    ReturnsAll,
    /// Anything else.
    Other,
}

/// A rule as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRule {
    /// Its chain.
    pub chain: String,
    /// Its number in its table.
    pub handle: u64,
    /// Its comment, as nft and iptables-nft store it.
    pub comment: Option<String>,
    /// What it does.
    pub held: Held,
}

/// The rules of one chain, or of all chains of the table, in order; none where there is no such chain.
pub fn rules(
    socket: &mut Socket,
    table: Table<'_>,
    chain: Option<&str>,
) -> Result<Vec<HeldRule>, NetlinkError> {
    let mut requests = Requests::new();
    let mut message =
        requests.message("NFT_MSG_GETRULE", GETRULE, DUMP, &nfgenmsg(table.family.number()));
    message.put_text(RULE_TABLE, table.name);
    if let Some(chain) = chain {
        message.put_text(RULE_CHAIN, chain);
    }
    drop(message);
    let mut rules = Vec::new();
    missing_is_ok(socket.transact(&requests, |reply| rules.extend(read_rule(reply))))?;
    Ok(rules)
}

pub(crate) fn read_rule(reply: Reply<'_>) -> Option<HeldRule> {
    let part = |kind| parts(reply).find(|part| part.kind == kind);
    let chain = part(RULE_CHAIN)?.text()?.to_string();
    let handle = part(RULE_HANDLE)?.u64_be()?;
    let comment = part(RULE_USERDATA).and_then(|data| comment_of(data.content));
    let comment = comment.map(str::to_string);
    let held = part(RULE_EXPRESSIONS).map_or(Held::Other, |list| held(list));
    (reply.kind == NEWRULE).then_some(HeldRule { chain, handle, comment, held })
}

/// Only counters, logs, comments and one verdict make a rule without a condition.
fn held(list: Attribute<'_>) -> Held {
    let mut held = Held::Other;
    for expression in list.nested() {
        let part = |kind| expression.nested().find(|part| part.kind == kind);
        let name = part(EXPR_NAME).and_then(|name| name.text()).unwrap_or_default();
        let data = part(EXPR_DATA);
        let named = |data: Attribute<'_>| {
            data.nested()
                .find(|part| part.kind == TARGET_NAME)
                .and_then(|name| name.text().map(str::to_string))
        };
        let inner = data.and_then(named);
        held = match (name, inner.as_deref()) {
            ("counter" | "log", _) | ("match", Some("comment")) => continue,
            ("reject", _) | ("target", Some("REJECT")) => Held::StopsAll,
            ("immediate", _) => match data.and_then(verdict_code) {
                Some(NF_DROP) => Held::StopsAll,
                Some(NFT_RETURN) => Held::ReturnsAll,
                _ => return Held::Other,
            },
            _ => return Held::Other,
        };
    }
    held
}

const NF_DROP: i32 = 0;
const NFT_RETURN: i32 = -5;

fn verdict_code(immediate: Attribute<'_>) -> Option<i32> {
    let value = immediate.nested().find(|part| part.kind == IMMEDIATE_DATA)?;
    let verdict = value.nested().find(|part| part.kind == DATA_VERDICT)?;
    let code = verdict.nested().find(|part| part.kind == VERDICT_CODE)?;
    Some(code.u32_be()?.cast_signed())
}

/// The tuples of interface names in a set; none where there is no such set.
pub fn elements(
    socket: &mut Socket,
    table: Table<'_>,
    set: &str,
) -> Result<Vec<Vec<String>>, NetlinkError> {
    let mut requests = Requests::new();
    requests
        .message("NFT_MSG_GETSETELEM", GETSETELEM, DUMP, &nfgenmsg(table.family.number()))
        .put_text(ELEMENTS_TABLE, table.name)
        .put_text(ELEMENTS_SET, set);
    let mut found = Vec::new();
    missing_is_ok(socket.transact(&requests, |reply| {
        let list = parts(reply).find(|part| part.kind == ELEMENTS_LIST);
        if let (NEWSETELEM, Some(list)) = (reply.kind, list) {
            let elements = list.nested().filter(|part| part.kind == LIST_ELEMENT);
            found.extend(elements.filter_map(read_element));
        }
    }))?;
    Ok(found)
}

pub(crate) fn read_element(element: Attribute<'_>) -> Option<Vec<String>> {
    let key = element.nested().find(|part| part.kind == ELEMENT_KEY)?;
    let value = key.nested().find(|part| part.kind == DATA_VALUE)?;
    let names =
        value.content.chunks(IFNAME_LENGTH).map(|name| Some(crate::text(name)?.to_string()));
    names.collect()
}

/// The attributes behind nf_tables' family header.
fn parts(reply: Reply<'_>) -> impl Iterator<Item = Attribute<'_>> {
    attributes(reply.payload.get(4..).unwrap_or(&[]))
}

fn missing_is_ok(result: Result<(), NetlinkError>) -> Result<(), NetlinkError> {
    match result {
        Err(error) if error.raw_os_error() == Some(ENOENT) => Ok(()),
        other => other,
    }
}
