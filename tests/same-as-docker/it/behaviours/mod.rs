//! The table: a file for each verb or group of verbs.

mod change;
mod commit;
mod create;
mod exec;
mod filters;
mod images;
mod inspect;
mod life;
mod logs;
mod look;
mod ps;
mod run;
mod stats;

use crate::behaviour::{Compare, Scene};

/// All scenes.
pub(crate) const ALL: &[&[Scene]] = &[
    change::SCENES,
    commit::SCENES,
    create::SCENES,
    exec::SCENES,
    filters::SCENES,
    images::SCENES,
    inspect::SCENES,
    life::SCENES,
    logs::SCENES,
    look::SCENES,
    ps::SCENES,
    run::SCENES,
    stats::SCENES,
];

/// As many as were asked for, each called by a name of its own.
#[test]
fn enough() {
    const ASKED: usize = 200;
    let lines = || ALL.iter().copied().flatten().flat_map(|scene| scene.lines);
    assert!(lines().count() >= ASKED, "{} behaviours", lines().count());
    for scene in ALL.iter().copied().flatten() {
        let mut names: Vec<&str> = scene.lines.iter().map(|line| line.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), scene.lines.len(), "{}: a name stands twice", scene.name);
    }
    let reasons = lines().filter_map(|line| match line.compare {
        Compare::Differs(reason) => Some(reason),
        _ => None,
    });
    for reason in reasons {
        assert!(reason.len() > 10, "a reason says something: {reason}");
    }
}
