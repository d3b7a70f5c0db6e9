//! What the parts find in their own: images, roots.

use super::{Defect, FsckOptions, Seen};
use crate::{Engine, EngineError};
use std::collections::HashSet;
use teu_model::ChainId;

pub(super) fn find(
    engine: &Engine,
    seen: &Seen,
    options: FsckOptions,
    defects: &mut Vec<Defect>,
) -> Result<(), EngineError> {
    for fault in engine.store.check(options.verify)? {
        let (object, wrong, remedy) = (fault.object.clone(), fault.wrong.clone(), fault.remedy);
        defects.push(Defect::new(object, wrong, remedy, move |engine| {
            Ok(engine.store.repair(&fault)?)
        }));
    }
    let mut root = |chain: &ChainId, wrong: &str| {
        let chain = chain.clone();
        defects.push(Defect::new(
            format!("root {}", &chain.0.hex()[..12]),
            wrong,
            "unmount and remove it; the next start makes it again where it is needed",
            move |engine| Ok(engine.snapshots.forget_root(&chain)?),
        ));
    };
    for chain in engine.snapshots.damaged_roots()? {
        root(&chain, "its index is damaged");
    }
    // While somebody acts, a root may be made for an image that was not there a moment ago.
    if seen.busy.is_empty() {
        let mut used: HashSet<ChainId> =
            seen.containers.values().map(|container| container.record.chain.clone()).collect();
        for image in engine.store.list().unwrap_or_default() {
            used.insert(teu_snapshot::chain_id(&image.image.layers));
        }
        let built = engine.snapshots.built_roots()?;
        for chain in built.iter().filter(|chain| !used.contains(chain)) {
            root(chain, "no image and no container has these layers");
        }
        for chain in engine.snapshots.mounted_roots()? {
            if !used.contains(&chain) && !built.contains(&chain) {
                root(&chain, "it is mounted, and no image and no container has these layers");
            }
        }
    }
    Ok(())
}
