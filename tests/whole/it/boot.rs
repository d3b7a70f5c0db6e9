//! `boot`: after the machine was restarted, what should run is started.

use teu_testkit::Teu;
use teu_testkit::teu::shell;

/// The processes of a container and its monitor end, and the boot has another name: the `number`th.
pub(crate) fn reboot(teu: &Teu, names: &[&str], number: usize) {
    let pids: Vec<String> = names.iter().map(|name| teu.pid(name).to_string()).collect();
    let pids = pids.join(" ");
    // Some end with others of them.
    let monitors = shell(&format!("ps -o ppid= -p '{pids}' | tr '\\n' ' '"));
    shell(&format!("kill -KILL {monitors} {pids} 2>/dev/null || true"));
    let file = teu.scratch().join("boot_id");
    let is_first = !file.exists();
    std::fs::write(&file, format!("11111111-2222-3333-4444-{number:012}\n")).unwrap();
    if is_first {
        let boot_id = "/proc/sys/kernel/random/boot_id";
        teu.place().shell(&format!("mount --bind {} {boot_id}", file.display()));
    }
}

#[test]
fn boot_starts_what_should_run() {
    let teu = Teu::with_busybox("boot").with_own_etc();
    let run = |name: &str, policy: &str| {
        teu.ok(&format!("run -d --name {name} --restart {policy} --network none busybox sleep 99"));
    };
    run("always", "always");
    run("unless", "unless-stopped");
    run("plain", "no");
    run("stopped-always", "always");
    run("stopped-unless", "unless-stopped");
    teu.ok("create --name never --restart always --network none busybox sleep 99");
    teu.ok("stop -t 0 stopped-always stopped-unless");
    reboot(&teu, &["always", "unless", "plain"], 1);
    assert_eq!(teu.ok("boot"), "always\nunless\nstopped-always", "in the order of their making");
    let mut names: Vec<String> =
        teu.ok("ps --format '{{.Names}}'").lines().map(String::from).collect();
    names.sort();
    assert_eq!(names, ["always", "stopped-always", "unless"]);
    assert_eq!(teu.ok("boot"), "", "nothing more to do");
    let unit = teu.ok("boot --systemd-unit");
    assert!(unit.contains("[Service]\nType=oneshot") && unit.contains(" boot\n"), "{unit}");
}

#[test]
fn in_the_order_of_what_needs_what() {
    let teu = Teu::with_busybox("boot-order").with_own_etc();
    let run = |name: &str, more: &str| {
        let flags = format!("--name {name} --restart always {more}");
        teu.ok(&format!("run -d {flags} busybox sleep 99"));
    };
    run("data", "--network none -v /data");
    run("taker", "--network none --volumes-from data:ro");
    run("net", "--network none --ipc shareable");
    run("joiner", "--network container:net --ipc container:net");
    run("inner", "--network none --pid container:joiner");
    // Made anew, it is the youngest, and still needed first.
    teu.ok("rm -f data");
    run("data", "--network none -v /data");
    reboot(&teu, &["data", "taker", "net", "joiner", "inner"], 1);
    assert_eq!(teu.ok("boot"), "data\ntaker\nnet\njoiner\ninner");
    assert_eq!(teu.ok("ps -q").lines().count(), 5);
    // One that cannot be started keeps nobody else from it.
    teu.ok("update --restart no net");
    reboot(&teu, &["data", "taker", "net", "joiner", "inner"], 2);
    let done = teu.run("boot");
    assert_ne!(done.code, 0, "{done:?}");
    assert_eq!(done.stdout, "data\ntaker", "{done:?}");
    assert!(done.stderr.contains("joiner does not start"), "{done:?}");
}
