//! The firewall: one table a root, constant chains; what varies is an element of a set.
//!
//! What the kernel holds is `firewall.nft`, beside this file; a test compares the two. It says:
//! from outside, and from other bridges, a container is reached only on connections it opened itself
//! or that were translated to it (published ports); what leaves a bridge carries the host's address.
//! The name of the bridge decides, not the addresses: a container that sends from a false address is
//! masqueraded, too.

use crate::NetworkError;
use crate::error::Doing;
use teu_netlink::nft::Expression::{
    BothIn, DestinationTranslated, InputIn, KnownConnection, Masquerade, OutputIn, OutputNotIn,
    Verdict,
};
use teu_netlink::nft::Verdict::{Accept, Drop};
use teu_netlink::nft::{self, Batch, Family, Hook, Place, Table};
use teu_netlink::{NetlinkError, Socket};

/// The table's comment, which is its version: a table with another is replaced.
const COMMENT: &str = "teu 1";
const RULES: usize = 6;

/// The table of this name.
pub(crate) fn table(name: &str) -> Table<'_> {
    Table { family: Family::Inet, name }
}

/// The table stands, whole, and knows `bridge`. True when something was missing.
pub(crate) fn ensure(socket: &mut Socket, name: &str, bridge: &str) -> Result<bool, NetworkError> {
    let step = || format!("write the firewall table {name}");
    let table = table(name);
    let found = nft::table(socket, table).doing(step)?;
    let is_ours = found.is_some_and(|found| found.comment.as_deref() == Some(COMMENT));
    let is_whole = is_ours && nft::rules(socket, table, None).doing(step)?.len() == RULES;
    let mut bridges: Vec<String> = nft::elements(socket, table, "bridges")
        .doing(step)?
        .into_iter()
        .filter_map(|tuple| tuple.into_iter().next())
        .collect();
    if is_whole && bridges.iter().any(|known| known == bridge) {
        return Ok(false);
    }
    if !bridges.iter().any(|known| known == bridge) {
        bridges.push(bridge.to_string());
    }
    replace(socket, table, &bridges).doing(step)?;
    Ok(true)
}

/// The whole table in one transaction, in place of what had its name.
fn replace(socket: &mut Socket, table: Table<'_>, bridges: &[String]) -> Result<(), NetlinkError> {
    let mut batch = Batch::new();
    // Made so that it can be removed: a removal of nothing is refused.
    batch.add_table(table, None);
    batch.delete_table(table);
    batch.add_table(table, Some(COMMENT));
    batch.add_ifname_set(table, "bridges", 1);
    batch.add_ifname_set(table, "same", 2);
    for bridge in bridges {
        batch.add_ifnames(table, "bridges", &[bridge]);
        batch.add_ifnames(table, "same", &[bridge, bridge]);
    }
    batch.add_base_chain(table, "forward", Hook::ForwardFilter);
    batch.add_base_chain(table, "postrouting", Hook::PostroutingNat);
    let mut rule = |chain, words: &[nft::Expression<'_>]| {
        batch.add_rule(table, chain, Place::Last, words, None);
    };
    // Most packets of a host are none of ours and leave with the first rule.
    rule("forward", &[OutputNotIn("bridges"), Verdict(Accept)]);
    rule("forward", &[KnownConnection, Verdict(Accept)]);
    rule("forward", &[BothIn("same"), Verdict(Accept)]);
    rule("forward", &[DestinationTranslated, Verdict(Accept)]);
    rule("forward", &[OutputIn("bridges"), Verdict(Drop)]);
    rule("postrouting", &[InputIn("bridges"), OutputNotIn("bridges"), Masquerade]);
    batch.commit(socket)
}

/// What does not belong into the table, or is missing from it; nothing where there is no table.
pub(crate) fn fault(
    socket: &mut Socket,
    name: &str,
    bridge: &str,
) -> Result<Option<String>, NetworkError> {
    let step = || format!("read the firewall table {name}");
    let table = table(name);
    if nft::table(socket, table).doing(step)?.is_none() {
        return Ok(None);
    }
    let rules = nft::rules(socket, table, None).doing(step)?.len();
    if rules != RULES {
        return Ok(Some(format!("it has {rules} rules instead of {RULES}")));
    }
    for set in ["bridges", "same"] {
        for element in nft::elements(socket, table, set).doing(step)? {
            if element.iter().any(|word| word != bridge) {
                return Ok(Some(format!("its set {set} names {}", element.join(" . "))));
            }
        }
    }
    Ok(None)
}

/// The table as it should be.
pub(crate) fn restore(socket: &mut Socket, name: &str, bridge: &str) -> Result<(), NetworkError> {
    replace(socket, table(name), &[bridge.to_string()])
        .doing(|| format!("write the firewall table {name}"))
}

/// Takes the table away, if it is there.
pub(crate) fn remove(socket: &mut Socket, name: &str) -> Result<(), NetworkError> {
    let step = || format!("remove the firewall table {name}");
    if nft::table(socket, table(name)).doing(step)?.is_some() {
        let mut batch = Batch::new();
        batch.delete_table(table(name));
        batch.commit(socket).doing(step)?;
    }
    Ok(())
}
