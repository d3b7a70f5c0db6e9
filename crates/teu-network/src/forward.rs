//! Other programs' firewalls that stop forwarded packets, and our accept rules in them.
//!
//! In nf_tables an `accept` ends one base chain only: a packet is dropped as soon as *any* chain at
//! the hook drops it, so no rule in a table of ours helps against a chain of another's. docker and
//! ufw set the policy of iptables' FORWARD to drop, others end a chain of their own with `drop` or
//! `reject`. In each such chain stand two rules of ours, recognisable by their comment:
//!
//! ```text
//!  iifname "teu-ab12" counter accept comment "teu_ab12"
//!  oifname "teu-ab12" counter accept comment "teu_ab12"
//! ```
//!
//! The second would let strangers in; what may come in is decided in our own table (`firewall.rs`),
//! which these rules cannot override, for the reason above. Both are written with the few words
//! that iptables-nft can show (no connection tracking, no set): it calls a table with others
//! "incompatible" and refuses to touch it, which would be docker's end.
//!
//! Where: in `DOCKER-USER`, if docker has made it, behind the administrator's own rules there;
//! otherwise at the head of the chain that stops. Rules of others are never changed or moved.

use crate::error::Doing;
use crate::{NetworkError, Note};
use teu_netlink::nft::{
    self, BaseChain, Batch, Expression, Family, Held, HeldRule, Place, Table, Verdict,
};
use teu_netlink::{NetlinkError, Socket};

const DOCKER_USER: &str = "DOCKER-USER";
/// In, and out.
const RULES: usize = 2;

/// A chain in which our two rules must stand.
struct Opening {
    family: Family,
    table: String,
    chain: String,
    rules: Vec<HeldRule>,
}

/// Our rules stand in every chain that stops forwarded packets. True when some were missing.
pub(crate) fn ensure(
    socket: &mut Socket,
    comment: &str,
    bridge: &str,
    notes: &mut Vec<Note>,
) -> Result<bool, NetworkError> {
    let step = || "read the firewall's forward chains".to_string();
    notes.retain(|note| !matches!(note, Note::AcceptedIn { .. }));
    let mut changed = false;
    for opening in openings(socket).doing(step)? {
        changed |= open(socket, &opening, comment, bridge)
            .doing(|| format!("add accept rules to {} {}", opening.table, opening.chain))?;
        let table = format!("{} {}", family_name(opening.family), opening.table);
        notes.push(Note::AcceptedIn { table, chain: opening.chain });
    }
    Ok(changed)
}

/// Takes our rules out of every chain.
pub(crate) fn remove(socket: &mut Socket, comment: &str) -> Result<(), NetworkError> {
    let step = || "remove accept rules".to_string();
    for (table, family, rule) in ours(socket, comment).doing(step)? {
        let mut batch = Batch::new();
        batch.delete_rule(Table { family, name: &table }, &rule.chain, rule.handle);
        batch.commit(socket).doing(step)?;
    }
    Ok(())
}

/// Our rules in tables of others, each with its table.
pub(crate) fn ours(
    socket: &mut Socket,
    comment: &str,
) -> Result<Vec<(String, Family, HeldRule)>, NetlinkError> {
    let mut found = Vec::new();
    for info in nft::tables(socket)?.into_iter().filter(|info| !is_teu(&info.name)) {
        let table = Table { family: info.family, name: &info.name };
        let rules = nft::rules(socket, table, None)?;
        let rules = rules.into_iter().filter(|rule| rule.comment.as_deref() == Some(comment));
        found.extend(rules.map(|rule| (info.name.clone(), info.family, rule)));
    }
    Ok(found)
}

/// iptables-legacy keeps its rules where nf_tables cannot see them.
pub(crate) fn note_legacy(notes: &mut Vec<Note>) {
    notes.retain(|note| *note != Note::LegacyFirewall);
    let tables = std::fs::read_to_string("/proc/thread-self/net/ip_tables_names");
    if tables.is_ok_and(|tables| tables.lines().any(|table| table == "filter")) {
        notes.push(Note::LegacyFirewall);
    }
}

fn openings(socket: &mut Socket) -> Result<Vec<Opening>, NetlinkError> {
    let mut openings = Vec::new();
    for chain in nft::base_chains(socket)?.into_iter().filter(|chain| !is_teu(&chain.table)) {
        let table = Table { family: chain.family, name: &chain.table };
        let rules = nft::rules(socket, table, Some(&chain.name))?;
        if !stops(&chain, &rules) {
            continue;
        }
        let docker = is_iptables_forward(&chain) && nft::chain_exists(socket, table, DOCKER_USER)?;
        let (name, rules) = if docker {
            (DOCKER_USER.to_string(), nft::rules(socket, table, Some(DOCKER_USER))?)
        } else {
            (chain.name, rules)
        };
        openings.push(Opening { family: chain.family, table: chain.table, chain: name, rules });
    }
    Ok(openings)
}

/// Whether what no rule accepts is stopped. Rules in the middle that stop some packets are the
/// administrator's meaning and stay above or beside ours.
fn stops(chain: &BaseChain, rules: &[HeldRule]) -> bool {
    let last = rules.last().map(|rule| rule.held);
    chain.policy == Verdict::Drop || last == Some(Held::StopsAll)
}

fn is_iptables_forward(chain: &BaseChain) -> bool {
    chain.family == Family::Ip && chain.table == "filter" && chain.name == "FORWARD"
}

/// Tables of teu, of whichever root, stop only what is meant to be stopped.
fn is_teu(table: &str) -> bool {
    table.starts_with("teu_")
}

/// In docker's chain: behind the administrator's rules, but before the `return` that ends it.
fn place(chain: &str, rules: &[HeldRule]) -> Place {
    match rules.last() {
        Some(rule) if chain == DOCKER_USER && rule.held == Held::ReturnsAll => {
            Place::Before(rule.handle)
        }
        _ if chain == DOCKER_USER => Place::Last,
        _ => Place::First,
    }
}

fn open(
    socket: &mut Socket,
    opening: &Opening,
    comment: &str,
    bridge: &str,
) -> Result<bool, NetlinkError> {
    let is_ours = |rule: &&HeldRule| rule.comment.as_deref() == Some(comment);
    let held: Vec<&HeldRule> = opening.rules.iter().filter(is_ours).collect();
    if held.len() == RULES {
        return Ok(false);
    }
    let table = Table { family: opening.family, name: &opening.table };
    let mut batch = Batch::new();
    for rule in held {
        batch.delete_rule(table, &opening.chain, rule.handle);
    }
    let place = place(&opening.chain, &opening.rules);
    for name in [Expression::OutputIs(bridge), Expression::InputIs(bridge)] {
        let words = [name, Expression::Counter, Expression::Verdict(Verdict::Accept)];
        batch.add_rule(table, &opening.chain, place, &words, Some(comment));
    }
    batch.commit(socket)?;
    Ok(true)
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::Inet => "inet",
        Family::Ip => "ip",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(handle: u64, held: Held) -> HeldRule {
        HeldRule { chain: "FORWARD".into(), handle, comment: None, held }
    }

    #[test]
    fn what_stops() {
        let chain = |policy| BaseChain {
            family: Family::Ip,
            table: "filter".into(),
            name: "FORWARD".into(),
            policy,
        };
        let (accept, drop) = (chain(Verdict::Accept), chain(Verdict::Drop));
        assert!(stops(&drop, &[]));
        assert!(!stops(&accept, &[]));
        assert!(stops(&accept, &[rule(1, Held::Other), rule(2, Held::StopsAll)]));
        assert!(!stops(&accept, &[rule(1, Held::StopsAll), rule(2, Held::Other)]));
    }

    #[test]
    fn behind_the_administrators_rules_in_dockers_chain() {
        let rules = [rule(7, Held::Other), rule(8, Held::ReturnsAll)];
        assert_eq!(place(DOCKER_USER, &rules), Place::Before(8));
        assert_eq!(place(DOCKER_USER, &rules[..1]), Place::Last);
        assert_eq!(place(DOCKER_USER, &[]), Place::Last);
        assert_eq!(place("FORWARD", &rules), Place::First);
    }
}
