//! Making, finding and removing groups.

use crate::place::{Place, Shell, content, eventually, resources};
use teu_cgroup::{CgroupError, Controller, Group, Version, list_groups};
use teu_testkit::{Need, have};

/// C2, C3
#[test]
fn a_group_is_there_in_every_hierarchy_and_then_in_none() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", "{}");
    let dirs: Vec<_> = place.layout.hierarchies.iter().map(|one| group.dir_in(one)).collect();
    assert!(group.exists() && dirs.iter().all(|dir| dir.is_dir()), "{dirs:?}");
    let names = list_groups(&place.layout, &place.parent, "c").unwrap();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["c1"]);
    assert!(list_groups(&place.layout, &place.parent, "x").unwrap().is_empty());
    let again = Group::open(&place.layout, &place.parent, "c1").unwrap();
    again.remove().unwrap();
    again.remove().unwrap();
    assert!(!dirs.iter().any(|dir| dir.exists()));
    assert_eq!(group.stats().unwrap().memory.usage, 0);
    assert!(group.procs().unwrap().is_empty());
    group.kill().unwrap();
}

#[test]
fn many_begin_in_a_new_parent_at_once() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let place = &place;
            scope.spawn(move || place.group(&format!("c{number}"), r#"{"pids":{"limit":9}}"#));
        }
    });
    let names = list_groups(&place.layout, &place.parent, "").unwrap();
    assert_eq!(names.len(), 20);
    for name in names {
        let group = place.layout.plan(&place.parent, &name).unwrap();
        assert_eq!(group.stats().unwrap().pids.limit, Some(9));
        // Also those whose parent had no processors yet when they were made.
        assert!(Shell::run(&group, "true").succeeds());
    }
}

#[test]
fn a_failed_start_leaves_nothing() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.layout.plan(&place.parent, "c1").unwrap();
    let error = group.create(&resources(r#"{"cpu":{"cpus":"4000"}}"#)).unwrap_err();
    assert!(error.to_string().contains("cpuset.cpus"), "{error}");
    assert!(error.hint().unwrap().contains("online"), "{error:?}");
    assert!(list_groups(&place.layout, &place.parent, "").unwrap().is_empty());
}

#[test]
fn what_was_left_empty_begins_anew_and_what_is_in_use_stays() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", r#"{"pids":{"limit":9}}"#);
    let group = place.group(group.name(), "{}");
    assert_eq!(group.stats().unwrap().pids.limit, None);
    let shell = Shell::run(&group, "sleep 100");
    let error = group.create(&resources("{}")).unwrap_err();
    assert!(matches!(error, CgroupError::Exists { .. }), "{error:?}");
    assert!(group.procs().unwrap().contains(&shell.pid()));
    assert!(!group.remove_if_empty().unwrap());
}

#[test]
fn groups_that_a_container_made_go_with_it() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", "{}");
    let inner: Vec<_> =
        place.layout.hierarchies.iter().map(|one| group.dir_in(one).join("a/b")).collect();
    inner.iter().for_each(|dir| std::fs::create_dir_all(dir).unwrap());
    let place_inside = place.layout.plan(&group.path(), "in").unwrap();
    // v1's cpuset takes no process before it has processors, which create sees to.
    place_inside.create(&resources("{}")).unwrap();
    let mut shell = Shell::run(&place_inside, "sleep 100 & sleep 100 & wait");
    eventually("both children run", || group.procs().unwrap().len() == 3);
    group.kill().unwrap();
    shell.0.wait().unwrap();
    group.remove().unwrap();
    assert!(list_groups(&place.layout, &place.parent, "").unwrap().is_empty());
}

#[test]
fn a_foreign_parent_hands_its_processors_down() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    // Made by somebody who set nothing.
    for hierarchy in &place.layout.hierarchies {
        let parent = hierarchy.mount_point.join(&place.parent[1..]);
        std::fs::create_dir(parent).unwrap();
    }
    let has_cpus = place.layout.of(Controller::Cpuset).unwrap().version == Version::V1;
    if has_cpus {
        let parent = place.layout.of(Controller::Cpuset).unwrap();
        let parent = parent.mount_point.join(&place.parent[1..]);
        for name in ["cpuset.cpus", "cpuset.mems"] {
            std::fs::write(parent.join(name), "0").unwrap();
        }
    }
    let group = place.group("c1", "{}");
    let cpus =
        content(&group, Controller::Cpuset, "cpuset.effective_cpus", "cpuset.cpus.effective");
    assert!(!cpus.is_empty());
    assert!(Shell::run(&group, "true").succeeds());
}
