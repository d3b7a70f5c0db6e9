//! What reads the bytes of others, each alone, for `fuzz/`. Not part of the interface.
#![allow(missing_docs, reason = "the names say it, and nobody else calls them")]

use crate::nft::read;
use crate::socket::Round;
use crate::{Requests, address, attributes, link};

/// A datagram of answers, every answer given to every reader.
pub fn datagram(bytes: &[u8]) -> usize {
    let mut requests = Requests { first: 1, ..Requests::new() };
    link::get(&mut requests, "lo");
    link::get_index(&mut requests, 1);
    let mut understood = 0;
    let mut round = Round::new(&requests);
    let end = round.read(bytes, &mut |reply| {
        understood += usize::from(link::Link::read(reply).is_some())
            + usize::from(address::read(reply).is_some())
            + usize::from(read::read_table(reply).is_some())
            + usize::from(read::read_chain(reply).is_some())
            + usize::from(read::read_rule(reply).is_some());
        let parts = attributes(reply.payload.get(4..).unwrap_or_default());
        understood += parts.filter_map(read::read_element).count();
    });
    understood + usize::from(end.is_ok())
}
