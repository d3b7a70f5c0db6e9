//! The table: a file for each verb or group of verbs.

mod change;
mod commit;
mod cp;
mod create;
mod exec;
mod filters;
mod flags;
mod health;
mod images;
mod inspect;
mod kernel;
mod life;
mod log_options;
mod logs;
mod look;
mod ps;
mod run;
mod stats;
mod volumes;

use crate::behaviour::{Compare, Scene};

/// All scenes.
pub(crate) const ALL: &[&[Scene]] = &[
    change::SCENES,
    commit::SCENES,
    cp::SCENES,
    create::SCENES,
    exec::SCENES,
    filters::SCENES,
    flags::SCENES,
    health::SCENES,
    images::SCENES,
    inspect::SCENES,
    kernel::SCENES,
    life::SCENES,
    log_options::SCENES,
    logs::SCENES,
    look::SCENES,
    ps::SCENES,
    run::SCENES,
    stats::SCENES,
    volumes::SCENES,
];

/// As many as were asked for, each called by a name of its own.
#[test]
fn enough() {
    const ASKED: usize = 400;
    let lines = || ALL.iter().copied().flatten().flat_map(|scene| scene.lines);
    let compared = lines().filter(|line| !matches!(line.compare, Compare::Differs(_))).count();
    println!("{compared} behaviours are docker's, {} differ", lines().count() - compared);
    assert!(compared >= ASKED, "{compared} behaviours");
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
