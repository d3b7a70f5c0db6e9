//! Processes that stand still and go on, and names that change.

use std::fs;
use std::path::Path;
use teu_testkit::Teu;
use teu_testkit::teu::{shell, until};

fn state(group: &Path) -> String {
    let v1 = group.join("freezer.state");
    if v1.exists() {
        return fs::read_to_string(v1).unwrap().trim().to_string();
    }
    let events = fs::read_to_string(group.join("cgroup.events")).unwrap();
    if events.contains("frozen 1") { "FROZEN".into() } else { "THAWED".into() }
}

fn counting(name: &str) -> Teu {
    let teu = Teu::with_busybox(name);
    let script = "i=0; while :; do i=$((i+1)); echo $i >/count; done";
    teu.ok(&format!("run -d --network none --name a busybox sh -c '{script}'"));
    until("it counts", || (!count(&teu).is_empty()).then_some(()));
    teu
}

fn count(teu: &Teu) -> String {
    let pid = teu.pid("a");
    fs::read_to_string(format!("/proc/{pid}/root/count")).unwrap_or_default()
}

/// C11
#[test]
fn paused_nothing_moves_unpaused_it_goes_on() {
    let teu = counting("pause");
    assert_eq!(teu.ok("pause a"), "a");
    let group = teu.cgroup("a", "freezer");
    assert_eq!(state(&group), "FROZEN");
    let stands = count(&teu);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(count(&teu), stands);
    let shown = teu.ok("inspect -f '{{.State.Status}} {{.State.Paused}} {{.State.Running}}' a");
    assert_eq!(shown, "paused true true");
    let listed = teu.ok("ps --format '{{.Status}} {{.State}}'");
    assert!(listed.starts_with("Up ") && listed.ends_with("(Paused) paused"), "{listed}");
    assert_eq!(teu.ok("ps -q --filter status=paused").len(), 12);
    assert_eq!(teu.ok("unpause a"), "a");
    assert_eq!(state(&group), "THAWED");
    until("it goes on", || (count(&teu) != stands).then_some(()));
    assert_eq!(teu.ok("inspect -f '{{.State.Status}}' a"), "running");
}

#[test]
fn what_a_paused_container_refuses() {
    let teu = counting("paused-refuses");
    teu.ok("pause a");
    for (verb, words) in [
        ("pause a", "is already paused"),
        ("exec a true", "is paused, unpause the container before exec"),
        ("attach a", "You cannot attach to a paused container, unpause it first"),
        ("rm a", "container is paused and must be unpaused first"),
        ("start a", "cannot start a paused container, try unpause instead"),
    ] {
        let told = teu.fails(1, verb);
        assert!(told.contains(words), "{verb}: {told}");
    }
    teu.ok("unpause a");
    assert!(teu.fails(1, "unpause a").contains("is not paused"));
    teu.ok("stop -t 0 a");
    assert!(teu.fails(1, "pause a").contains("is not running"));
    assert!(teu.fails(1, "unpause a").contains("is not paused"));
    assert!(teu.fails(1, "pause nobody").contains("No such container: nobody"));
}

#[test]
fn a_paused_container_can_be_ended() {
    let teu = counting("paused-ends");
    teu.ok("pause a");
    teu.ok("stop -t 1 a");
    assert_eq!(teu.ok("inspect -f '{{.State.Status}} {{.State.Paused}}' a"), "exited false");
    for verb in ["kill a", "rm -f a"] {
        teu.run("start a");
        teu.ok("pause a");
        teu.ok(verb);
        until("it has ended", || {
            let now = teu.run("inspect -f '{{.State.Status}}' a");
            (now.code != 0 || now.stdout == "exited").then_some(())
        });
    }
}

/// A command that was killed between the freezer and the record: the next one says what is.
#[test]
fn the_record_follows_the_group() {
    let teu = counting("pause-broke-off");
    let id = teu.ok("inspect -f '{{.Id}}' a");
    let group = teu.cgroup("a", "freezer");
    let (file, on, off) = if group.join("freezer.state").exists() {
        (group.join("freezer.state"), "FROZEN", "THAWED")
    } else {
        (group.join("cgroup.freeze"), "1", "0")
    };
    let pending = teu.run_dir().join("pending").join(&id);
    fs::write(&file, on).unwrap();
    fs::write(&pending, "").unwrap();
    assert_eq!(teu.ok("inspect -f '{{.State.Status}}' a"), "paused");
    fs::write(&file, off).unwrap();
    fs::write(&pending, "").unwrap();
    assert_eq!(teu.ok("inspect -f '{{.State.Status}}' a"), "running");
}

#[test]
fn a_renamed_container_is_the_same() {
    let teu = Teu::with_busybox("rename");
    let id = teu.ok("create --name x --network none busybox true");
    teu.ok("create --name y --network none busybox true");
    assert_eq!(teu.ok("rename x z"), "");
    assert_eq!(teu.ok("inspect -f '{{.Id}} {{.Name}}' z"), format!("{id} /z"));
    assert!(teu.fails(1, "inspect x").contains("No such object: x"));
    for (words, why) in [
        ("rename z y", "Error when allocating new name: Conflict. The container name \"/y\" is"),
        ("rename z z", "Renaming a container with the same name as its current name"),
        ("rename z 'd e'", "Error when allocating new name: Invalid container name (/d e)"),
        ("rename z ''", "Error: Neither old nor new names may be empty"),
        ("rename nobody d", "No such container: nobody"),
    ] {
        let told = teu.fails(1, words);
        assert!(told.contains(why), "{words}: {told}");
    }
    assert!(teu.fails(1, "rename z y").contains("failed to rename container named z"));
    assert_eq!(teu.ok("inspect -f '{{.Name}}' z"), "/z");
    // The old name is free.
    teu.ok("create --name x --network none busybox true");
    assert_eq!(teu.ok("ps -a --format '{{.Names}}'"), "x\ny\nz");
}

/// A rename that was killed half way leaves one name.
#[test]
fn a_rename_that_broke_off_leaves_one_name() {
    let teu = Teu::with_busybox("rename-broke-off");
    let id = teu.ok("create --name a --network none busybox true");
    let names = teu.root().join("names/containers");
    let record = teu.root().join("containers").join(&id).join("state.json");
    let text = fs::read_to_string(&record).unwrap();
    shell(&format!("ln -s {id} {}/b", names.display()));
    fs::write(&record, text.replace("\"name\":\"a\"", "\"name\":\"a\",\"other_name\":\"b\""))
        .unwrap();
    fs::write(teu.run_dir().join("pending").join(&id), "").unwrap();
    assert_eq!(teu.ok("ps -a --format '{{.Names}}'"), "a");
    assert!(!names.join("b").is_symlink());
    assert!(!fs::read_to_string(&record).unwrap().contains("other_name"));
}
