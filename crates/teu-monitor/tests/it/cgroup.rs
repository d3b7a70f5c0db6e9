//! The container's group, and the monitors'.

use crate::container::{Container, LIMIT, Wanted, pump, wait_until};
use teu_cgroup::{Group, Layout, MONITORS};
use teu_monitor::Target;
use teu_oci::runtime::{LinuxMemory, LinuxResources};
use teu_testkit::{Need, have};

/// Two groups, and their parent, that go with the test.
struct Groups {
    container: Group,
    monitors: Group,
    parent: Group,
}

impl Groups {
    fn new(name: &str, limit_bytes: Option<i64>) -> Groups {
        let layout = Layout::discover().unwrap();
        let parent = format!("/teu-test-{name}-{}", std::process::id());
        let groups = Groups {
            container: layout.plan(&parent, "container").unwrap(),
            monitors: layout.plan(&parent, MONITORS).unwrap(),
            parent: layout.plan("/", &parent[1..]).unwrap(),
        };
        let memory =
            limit_bytes.map(|bytes| LinuxMemory { limit: Some(bytes), ..Default::default() });
        groups.monitors.create(&LinuxResources::default()).unwrap();
        groups.container.create(&LinuxResources { memory, ..Default::default() }).unwrap();
        groups
    }

    fn both(&self) -> Option<(Group, Group)> {
        Some((self.container.clone(), self.monitors.clone()))
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in [&self.container, &self.monitors, &self.parent] {
            wait_until("the group is empty and gone", || {
                group.kill().unwrap_or(());
                group.remove().is_ok()
            });
        }
    }
}

#[test]
fn a_child_that_was_killed_for_memory_is_told() {
    if !have(Need::Root) {
        return;
    }
    let groups = Groups::new("oom", Some(32 << 20));
    let wanted = Wanted::script("tail /dev/zero; exit 3");
    let wanted = Wanted { groups: groups.both(), ..wanted };
    let (_container, mut link) = Container::start("oom", &wanted);
    let (exited, _, _) = pump(&mut link, b"");
    assert_eq!((exited.exit.code, exited.exit.oom_killed), (3, true));
    link.released().unwrap();
}

#[test]
fn the_monitor_lives_in_the_monitors_group() {
    if !have(Need::Root) {
        return;
    }
    let groups = Groups::new("group", None);
    let wanted = Wanted { groups: groups.both(), ..Wanted::script("sleep 1000") };
    let (container, mut link) = Container::start("group", &wanted);
    assert_eq!(groups.monitors.procs().unwrap(), [container.monitor_pid()]);
    assert_eq!(groups.container.procs().unwrap(), [container.pid]);
    link.signal(Target::Container, 15, Some("stop")).unwrap();
    link.signal(Target::Container, 9, Some("stop")).unwrap();
    let exit = link.wait(Some(LIMIT)).unwrap().unwrap().exit;
    assert_eq!((exit.oom_killed, exit.stopped_by.as_deref()), (false, Some("stop")));
    link.released().unwrap();
}
