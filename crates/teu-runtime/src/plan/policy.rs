//! Capability names → masks. A name that nobody here knows is for a newer kernel, and left out.

use super::CapabilitySets;
use crate::capability::CapSet;
use teu_oci::runtime::LinuxCapabilities;

pub(super) fn sets(asked: Option<&LinuxCapabilities>) -> CapabilitySets {
    let Some(asked) = asked else { return CapabilitySets::default() };
    let mask = |names: &[String]| CapSet::from_known_names(names.iter().map(String::as_str)).0.0;
    CapabilitySets {
        bounding: mask(&asked.bounding),
        effective: mask(&asked.effective),
        permitted: mask(&asked.permitted),
        inheritable: mask(&asked.inheritable),
        ambient: mask(&asked.ambient),
    }
}
