//! Stopping, ending and finding the processes of a group.

use crate::place::{Place, Shell, eventually};
use std::process::Command;
use teu_cgroup::{Freezer, Version};
use teu_testkit::{Need, have};

/// The state letter of `pid`, and its processor time in ticks.
fn running_time(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// C11
#[test]
fn frozen_processes_stand_still() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", "{}");
    let shell = Shell::run(&group, "while :; do :; done");
    eventually("it runs", || running_time(shell.pid()) > 0);
    assert_eq!(group.state().unwrap(), Freezer::Thawed);
    group.freeze().unwrap();
    assert_eq!(group.state().unwrap(), Freezer::Frozen);
    let before = running_time(shell.pid());
    std::thread::sleep(std::time::Duration::from_millis(60));
    assert_eq!(running_time(shell.pid()), before);
    group.freeze().unwrap();
    group.thaw().unwrap();
    assert_eq!(group.state().unwrap(), Freezer::Thawed);
    eventually("it runs on", || running_time(shell.pid()) > before);
}

#[test]
fn an_empty_group_freezes_too() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", "{}");
    group.freeze().unwrap();
    assert_eq!(group.state().unwrap(), Freezer::Frozen);
    group.thaw().unwrap();
}

#[test]
fn killed_are_all_and_also_the_frozen() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    for freeze in [false, true] {
        let group = place.group("c1", "{}");
        let mut shell = Shell::run(&group, "for i in 1 2 3 4 5; do sleep 100 & done; wait");
        eventually("all run", || group.procs().unwrap().len() == 6);
        assert!(group.procs().unwrap().contains(&shell.pid()));
        if freeze {
            group.freeze().unwrap();
        }
        group.kill().unwrap();
        shell.0.wait().unwrap();
        group.remove().unwrap();
        assert!(!group.exists());
    }
}

#[test]
fn a_fork_bomb_ends() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", r#"{"pids":{"limit":60}}"#);
    let _shell = Shell::run(&group, "f() { f & f & wait; }; f");
    eventually("it is full", || group.stats().unwrap().pids.current >= 50);
    group.kill().unwrap();
    group.remove().unwrap();
}

#[test]
fn removal_waits_for_those_that_are_ending() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", "{}");
    let shell = Shell::run(&group, "sleep 100 & sleep 0.3; kill $!");
    group.remove().unwrap();
    assert!(shell.succeeds());
}

#[test]
fn a_process_joins_by_its_own_write() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", "{}");
    let mut files: Vec<String> =
        group.join_files().iter().map(|file| file.to_str().unwrap().to_string()).collect();
    let v2_only = files.is_empty();
    if v2_only {
        files.push(
            group.dir_in(place.layout.v2().unwrap()).join("cgroup.procs").to_str().unwrap().into(),
        );
    }
    let writes: String = files.iter().map(|file| format!("echo 0 > {file};")).collect();
    let script = format!("{writes} exec sleep 100");
    let mut child = Command::new("sh").args(["-c", &script]).spawn().unwrap();
    eventually("it is in", || {
        let text = std::fs::read_to_string(format!("/proc/{}/cgroup", child.id())).unwrap();
        let inside = |line: &&str| line.ends_with(&group.path());
        let all = place.layout.hierarchies.iter();
        let expect = all.filter(|one| v2_only || one.version == Version::V1).count();
        text.lines().filter(inside).count() == expect
    });
    // Beside v1 it is not in v2's group, and is found and ended all the same.
    eventually("it is found", || group.procs().unwrap() == [child.id()]);
    group.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_v2_directory_is_there_for_births() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", "{}");
    assert_eq!(group.v2_dir_fd().unwrap().is_some(), place.layout.v2().is_some());
    group.remove().unwrap();
    assert_eq!(group.v2_dir_fd().is_err(), place.layout.v2().is_some());
}
