//! `commit`: an image from what a container changed.

use std::fs;
use teu_testkit::Teu;
use teu_testkit::teu::{shell, until};

/// The tar of an image's last layer.
fn last_layer(teu: &Teu, image: &str) -> String {
    let layers = teu.ok(&format!("inspect -f '{{{{json .RootFS.Layers}}}}' {image}"));
    let ids: Vec<String> = serde_json::from_str(&layers).unwrap();
    let hex = ids.last().unwrap().trim_start_matches("sha256:").to_string();
    teu.root().join("layers/sha256").join(hex).join("layer.tar").display().to_string()
}

/// R5, R8
#[test]
fn what_was_changed_is_in_the_image() {
    let teu = Teu::with_busybox("commit");
    teu.ok(
        "run --name a --network none busybox sh -c 'echo new >/new; rm /bin/vi; rm -r /var; mkdir /var; \
         echo z >/var/z; chown 5:6 /new; ln /new /twin; mkfifo /p; touch -d @1234567890 /var/z; chmod 700 /home'",
    );
    let id = teu.ok("commit -a me -m 'a word' a mine:1");
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    let look = "run --rm --network none mine:1";
    assert_eq!(teu.ok(&format!("{look} cat /new /twin /var/z")), "new\nnew\nz");
    assert_eq!(teu.ok(&format!("{look} stat -c '%u %g %h' /new")), "5 6 2");
    assert_eq!(
        teu.ok(&format!("{look} stat -c '%Y %a' /var/z /home")),
        "1234567890 644\n".to_string() + &teu.ok(&format!("{look} stat -c '%Y' /home")) + " 700"
    );
    assert_eq!(teu.run(&format!("{look} ls /bin/vi")).code, 1);
    assert_eq!(teu.ok(&format!("{look} ls /var")), "z");
    // R5: the layer says so in OCI's way.
    let listed = shell(&format!("tar -tf {}", last_layer(&teu, "mine:1")));
    for name in ["bin/.wh.vi", "var/.wh..wh..opq", "var/z", "new"] {
        assert!(listed.lines().any(|line| line == name), "{name}: {listed}");
    }
    assert!(!listed.contains("bin/sh"), "{listed}");
    // The author, the word, and one layer more.
    let told = teu.ok(
        "inspect -f '{{.Author}}|{{.Comment}}|{{len .RootFS.Layers}}|{{json .Config.Cmd}}' mine:1",
    );
    assert!(told.starts_with("me|a word|2|[\"sh\",\"-c\""), "{told}");
    let layers = |image: &str| -> Vec<String> {
        serde_json::from_str(&teu.ok(&format!("inspect -f '{{{{json .RootFS.Layers}}}}' {image}")))
            .unwrap()
    };
    assert_eq!(layers("mine:1")[..1], layers("busybox")[..]);
}

/// R7
#[test]
fn the_init_layer_and_mounts_are_left_out() {
    let teu = Teu::with_busybox("commit-init");
    let host = teu.scratch().join("host");
    fs::create_dir(&host).unwrap();
    teu.ok(&format!(
        "run --name a --network none -v {}:/host busybox sh -c 'echo x >>/etc/hosts; echo secret >/host/s; echo kept >/etc/kept'",
        host.display()
    ));
    teu.ok("commit a mine");
    let hosts = teu.ok("run --rm --network none mine cat /etc/hosts");
    assert!(!hosts.lines().any(|line| line == "x"), "{hosts}");
    assert_eq!(teu.ok("run --rm --network none mine cat /etc/kept"), "kept");
    assert_eq!(teu.run("run --rm --network none mine ls /host/s").code, 1);
    let listed = shell(&format!("tar -tf {}", last_layer(&teu, "mine")));
    assert_eq!(listed, "etc/\netc/kept");
}

#[test]
fn the_config_is_the_containers_with_changes() {
    let teu = Teu::with_busybox("commit-config");
    teu.ok("create --name a --network none -e A=1 -w /tmp -u 1000 --label x=y --stop-signal USR1 --entrypoint sh busybox -c true");
    let config = |image: &str, field: &str| {
        teu.ok(&format!("inspect -f '{{{{json .Config.{field}}}}}' {image}"))
    };
    teu.ok("commit a plain");
    assert_eq!(config("plain", "Entrypoint"), "[\"sh\"]");
    assert_eq!(config("plain", "Cmd"), "[\"-c\",\"true\"]");
    assert_eq!(config("plain", "Env"), "[\"A=1\"]");
    assert_eq!(config("plain", "User"), "\"1000\"");
    assert_eq!(config("plain", "Labels"), "{\"x\":\"y\"}");
    // Nothing was changed: no layer, but a line of history.
    assert_eq!(teu.ok("inspect -f '{{len .RootFS.Layers}}' plain"), "1");
    let changes = [
        "CMD [\"echo\", \"hi\"]",
        "ENTRYPOINT []",
        "ENV B=2",
        "EXPOSE 80",
        "LABEL z=1",
        "STOPSIGNAL 9",
        "USER 0",
        "VOLUME /data",
        "WORKDIR /etc",
        "HEALTHCHECK --interval=5s CMD true",
        "ONBUILD RUN true",
    ];
    let mut words = vec!["commit"];
    for change in &changes {
        words.extend(["-c", change]);
    }
    words.extend(["a", "changed"]);
    let done = teu.run_words(&words);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(teu.ok("run --rm --network none changed"), "hi");
    assert_eq!(config("changed", "Env"), "[\"A=1\",\"B=2\"]");
    assert_eq!(config("changed", "ExposedPorts"), "{\"80/tcp\":{}}");
    assert_eq!(config("changed", "Volumes"), "{\"/data\":{}}");
    assert_eq!(config("changed", "WorkingDir"), "\"/etc\"");
    for (bad, why) in [
        ("COPY a b", "copy is not a valid change command"),
        ("SHELL [\"a\"]", "shell is not a valid"),
        ("USER", "requires"),
    ] {
        let told = teu.run_words(&["commit", "-c", bad, "a", "never"]);
        assert!(told.code == 1 && told.stderr.contains(why), "{told:?}");
    }
    assert!(!teu.ok("images").contains("never"));
    let told = teu.fails(1, "commit nobody x");
    assert!(told.contains("No such container: nobody"), "{told}");
    let told = teu.fails(1, "commit a UPPER");
    assert!(told.contains("lowercase"), "{told}");
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let teu = Teu::with_busybox("commit-same");
    for name in ["a", "b"] {
        teu.ok(&format!(
            "run --name {name} --network none busybox sh -c 'mkdir /d; for i in 3 1 2; do echo $i >/d/$i; done; rm /bin/vi'"
        ));
    }
    teu.ok("commit a one");
    teu.ok("commit a two");
    assert_eq!(last_layer(&teu, "one"), last_layer(&teu, "two"));
    let commit = |container: &str| {
        let mut command = teu.command(&["commit", container]);
        command.env("SOURCE_DATE_EPOCH", "1700000000");
        teu_testkit::teu::finish(&mut command, &[]).stdout
    };
    let id = commit("a");
    assert!(id.starts_with("sha256:"), "{id}");
    assert_eq!(id, commit("b"));
}

#[test]
fn a_running_container_stands_still_meanwhile_and_goes_on() {
    let teu = Teu::with_busybox("commit-pause");
    teu.ok("run -d --name a --network none busybox sh -c 'i=0; while :; do i=$((i+1)); echo $i >/t; mv /t /n; cp /n /m; done'");
    until("it counts", || (teu.run("exec a cat /m").code == 0).then_some(()));
    teu.ok("commit a mine");
    let done = teu.run("run --rm --network none mine sh -c 'cat /n; test -e /m'");
    assert!(done.stdout.trim().parse::<u64>().is_ok(), "{done:?}");
    let before = teu.ok("exec a cat /n");
    until("it goes on", || (teu.ok("exec a cat /n") != before).then_some(()));
    teu.ok("commit --pause=false a other");
    // One that is paused stays so.
    teu.ok("pause a");
    teu.ok("commit a third");
    assert!(teu.ok("ps --format '{{.Status}}'").contains("(Paused)"));
    teu.ok("unpause a");
}

#[test]
fn an_image_of_an_image_of_a_container() {
    let teu = Teu::with_busybox("commit-chain");
    teu.ok("run --name a --network none busybox sh -c 'mkdir -p /d/e; echo 1 >/d/e/one'");
    teu.ok("commit a one");
    teu.ok("run --name b --network none one sh -c 'rm -r /d/e; mkdir /d/e; echo 2 >/d/e/two'");
    assert_eq!(teu.ok("diff b"), "C /d\nC /d/e\nD /d/e/one\nA /d/e/two");
    teu.ok("commit b two");
    assert_eq!(teu.ok("run --rm --network none two find /d"), "/d\n/d/e\n/d/e/two");
    teu.ok("rm a b");
    teu.ok("rmi one");
    assert_eq!(teu.ok("run --rm --network none two cat /d/e/two"), "2");
}
