//! `inspect`: docker's names for what is known.

use serde_json::Value;
use teu_testkit::Teu;

fn inspect(teu: &Teu, what: &str) -> Value {
    let text = teu.ok(&format!("inspect {what}"));
    let mut all: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn a_container_has_dockers_fields() {
    let teu = Teu::with_busybox("inspect");
    let id = teu.ok("run -d --name a -e A=1 -l k=v -m 64m --cpus 0.5 -w /tmp -h web --pids-limit 50 -v /etc:/m:ro busybox sleep 99");
    let seen = inspect(&teu, "a");
    let at = |pointer: &str| seen.pointer(pointer).cloned().unwrap_or(Value::Null);
    assert_eq!(at("/Id"), id);
    assert_eq!(at("/Name"), "/a");
    assert_eq!(at("/Path"), "sleep");
    assert_eq!(at("/Args/0"), "99");
    assert_eq!(at("/State/Status"), "running");
    assert_eq!(at("/State/Running"), true);
    assert_eq!(at("/State/OOMKilled"), false);
    assert_eq!(at("/Config/Hostname"), "web");
    assert_eq!(at("/Config/WorkingDir"), "/tmp");
    assert_eq!(at("/Config/Image"), "busybox");
    assert_eq!(at("/Config/Labels/k"), "v");
    assert!(at("/Config/Env").as_array().unwrap().contains(&"A=1".into()));
    assert_eq!(at("/HostConfig/Memory"), 64 << 20);
    assert_eq!(at("/HostConfig/NanoCpus"), 500_000_000);
    assert_eq!(at("/HostConfig/PidsLimit"), 50);
    assert_eq!(at("/HostConfig/Binds/0"), "/etc:/m:ro");
    assert_eq!(at("/Mounts/0/Destination"), "/m");
    assert_eq!(at("/Mounts/0/RW"), false);
    assert!(at("/Image").as_str().unwrap().starts_with("sha256:"));
    assert!(at("/Created").as_str().unwrap().ends_with('Z'));
    assert!(at("/State/StartedAt").as_str().unwrap().starts_with("20"));
    assert!(!at("/NetworkSettings/IPAddress").as_str().unwrap().is_empty());
    teu.ok("stop -t 0 a");
    let seen = inspect(&teu, "a");
    assert_eq!(seen.pointer("/State/Status").unwrap(), "exited");
    assert_eq!(seen.pointer("/State/ExitCode").unwrap(), 137);
    assert_eq!(seen.pointer("/State/Pid").unwrap(), 0);
}

#[test]
fn an_image_has_dockers_fields() {
    let teu = Teu::with_busybox("inspect-image");
    let seen = inspect(&teu, "busybox");
    assert!(seen["Id"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(seen["RepoTags"][0], "busybox:latest");
    assert_eq!(seen["Os"], "linux");
    assert_eq!(seen["Config"]["Cmd"][0], "sh");
    assert_eq!(seen["RootFS"]["Type"], "layers");
    assert_eq!(seen["RootFS"]["Layers"].as_array().unwrap().len(), 1);
}

#[test]
fn several_at_once_and_none() {
    let teu = Teu::with_busybox("inspect-many");
    teu.ok("create --name a --network none busybox true");
    teu.ok("create --name b --network none busybox true");
    assert_eq!(teu.ok("inspect -f '{{.Name}}' a b"), "/a\n/b");
    let done = teu.run("inspect nobody");
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains("No such object: nobody"), "{done:?}");
    assert_eq!(done.stdout.trim(), "[]");
}

#[test]
fn templates() {
    let teu = Teu::with_busybox("templates");
    teu.ok("create --name a -l k=v -l other=w --network none busybox true");
    let format = |template: &str| teu.ok(&format!("inspect -f '{template}' a"));
    assert_eq!(format("{{.Config.Labels.k}}"), "v");
    assert_eq!(format("{{json .Config.Labels}}"), r#"{"k":"v","other":"w"}"#);
    assert_eq!(format("{{.State.Status}}/{{.Config.Image}}"), "created/busybox");
    let told = teu.run("inspect -f '{{.NoSuch' a");
    assert_ne!(told.code, 0);
}
