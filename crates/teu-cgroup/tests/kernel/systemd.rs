//! A delegated scope, on machines of v2 where systemd runs. Elsewhere groups lie below the top.

use crate::place::eventually;
use std::path::Path;
use std::process::{Child, Command};
use teu_cgroup::{Layout, MONITORS, Scope};
use teu_model::RootId;
use teu_testkit::{Need, have};

fn sleeper() -> Child {
    Command::new("sleep").arg("100").spawn().unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_scope_lives_as_long_as_its_monitors() {
    if !have(Need::Root) {
        return;
    }
    let layout = Layout::discover().unwrap();
    let root = RootId::of(Path::new(&format!("/test-{}", std::process::id())));
    if !layout.needs_scope() {
        assert_eq!(layout.default_parent(&root), format!("/teu-{root}"));
        return;
    }
    let scope = Scope::of(&root);
    assert_eq!(layout.default_parent(&root), scope.parent());
    for round in 0..5 {
        let (first, second) = (sleeper(), sleeper());
        scope.ensure(&layout, first.id()).unwrap();
        scope.ensure(&layout, second.id()).unwrap();
        let monitors = layout.plan(&scope.parent(), MONITORS).unwrap();
        assert_eq!(monitors.procs().unwrap().len(), 2, "round {round}");
        end(first);
        let group = layout.plan(&scope.parent(), "c1").unwrap();
        let resources = r#"{"pids":{"limit":9},"memory":{"limit":67108864},"cpu":{"cpus":"0"},
            "devices":[{"allow":false}]}"#;
        group.create(&serde_json::from_str(resources).unwrap()).unwrap();
        let container = sleeper();
        group.join_pid(container.id()).unwrap();
        assert_eq!(group.stats().unwrap().pids.limit, Some(9));
        group.kill().unwrap();
        end(container);
        group.remove().unwrap();
        end(second);
        // The next round begins at once: while systemd collects the old scope.
    }
    let monitors = layout.plan(&scope.parent(), MONITORS).unwrap();
    eventually("systemd collects the scope", || !monitors.exists());
}
