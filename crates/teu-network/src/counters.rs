//! What went through containers' cables, seen from the host's ends: no namespace has to be entered.

use crate::error::Doing;
use crate::{NetworkError, Networks};
use std::collections::HashMap;
use teu_netlink::{Socket, link};

/// Bytes, as the container sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// That came into the container.
    pub received: u64,
    /// That it sent.
    pub sent: u64,
}

impl Networks {
    /// The traffic of all cables in the calling thread's network namespace, by the name of the host's end.
    pub fn traffic(&self) -> Result<HashMap<String, Traffic>, NetworkError> {
        let mut socket = Socket::route().doing(|| "open a netlink socket".to_string())?;
        let all = link::counters(&mut socket).doing(|| "read interfaces' counters".to_string())?;
        let prefix = self.veth_prefix();
        // What the host's end sends is what the container receives.
        let ours = all.into_iter().filter(|(name, _)| name.starts_with(&prefix)).map(
            |(name, counters)| {
                let traffic =
                    Traffic { received: counters.sent_bytes, sent: counters.received_bytes };
                (name, traffic)
            },
        );
        Ok(ours.collect())
    }
}
