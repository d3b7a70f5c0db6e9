//! Flags of `run` and `create` that say more about a container than change what it can do.

use std::fs;
use teu_testkit::Teu;

#[test]
fn names_ports_and_labels() {
    let teu = Teu::with_busybox("run-flags");
    let file = teu.scratch().join("labels");
    fs::write(&file, "# of the build\none=1\ntwo\nthree=from the file\n").unwrap();
    teu.ok(&format!(
        "run -d -q --name a --label-file {} -l three=3 --expose 80 --expose 8000-8002/udp --expose 81 \
         --dns 9.9.9.9 --dns-search a.org --dns-option ndots:2 busybox sleep 99",
        file.display()
    ));
    let shown = |template: &str| teu.ok(&format!("inspect -f '{template}' a"));
    assert_eq!(shown("{{json .Config.Labels}}"), r#"{"one":"1","three":"3","two":""}"#);
    assert_eq!(
        shown("{{json .Config.ExposedPorts}}"),
        r#"{"80/tcp":{},"8000/udp":{},"8001/udp":{},"8002/udp":{},"81/tcp":{}}"#
    );
    assert_eq!(
        shown("{{json .HostConfig.DnsSearch}} {{json .HostConfig.DnsOptions}}"),
        r#"["a.org"] ["ndots:2"]"#
    );
    assert!(shown("{{json .NetworkSettings.Ports}}").starts_with(r#"{"80/tcp":null,"#));
    assert_eq!(
        teu.ok("exec a cat /etc/resolv.conf"),
        "nameserver 9.9.9.9\nsearch a.org\noptions ndots:2"
    );
    assert_eq!(teu.ok("ps --format '{{.Ports}}'"), "80-81/tcp, 8000-8002/udp");
    assert_eq!(teu.ok("ps -q --filter expose=8001-8005/udp").len(), 12);
    assert_eq!(teu.ok("ps -q --filter expose=82"), "");
    // What a container says it serves is in its image, too, and in the containers of that.
    teu.ok("commit a mine");
    teu.ok("create --name b --expose 90 --network none mine");
    let ports =
        teu.ok("inspect -f '{{range $port, $_ := .Config.ExposedPorts}}{{$port}} {{end}}' b");
    assert_eq!(ports, "80/tcp 8000/udp 8001/udp 8002/udp 81/tcp 90/tcp ");
    let without =
        teu.ok("run --rm --network none --dns-search . --dns 9.9.9.9 busybox cat /etc/resolv.conf");
    assert!(!without.contains("search"), "{without}");
    let told = teu.fails(125, "run --rm --label-file /nonexistent busybox true");
    assert!(told.contains("open /nonexistent: no such file or directory"), "{told}");
    assert_eq!(
        teu.fails(125, "run -q --rm --pull never nothing-of-the-kind true").lines().count(),
        1
    );
}
