//! The root file system: an image's layers below, one of the container's own on top.

use std::fs;
use teu_testkit::Teu;
use teu_testkit::teu::shell;

/// An image of two layers, made as `docker save` writes it.
fn two_layers(teu: &Teu) -> String {
    let at = teu.scratch().join("two");
    let here = at.display();
    shell(&format!(
        r#"mkdir -p {here}/a/bin {here}/a/d {here}/b/d {here}/out; cd {here}
        cp /bin/busybox a/bin/busybox; for name in sh cat ls sha256sum; do ln -s busybox a/bin/$name; done
        echo lower >a/both; echo lower >a/lower-only; echo x >a/gone; echo x >a/d/old
        echo upper >b/both; echo upper >b/upper-only; : >b/.wh.gone; : >b/d/.wh..wh..opq; echo x >b/d/new
        for layer in a b; do tar --numeric-owner --owner=0 --group=0 --sort=name -C $layer -cf out/$layer.tar .; done
        one=$(sha256sum out/a.tar | cut -d' ' -f1); two=$(sha256sum out/b.tar | cut -d' ' -f1)
        printf '{{"architecture":"amd64","os":"linux","config":{{"Cmd":["sh"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}}}' $one $two >out/config.json
        printf '[{{"Config":"config.json","RepoTags":["two:latest"],"Layers":["a.tar","b.tar"]}}]' >out/manifest.json
        tar -C out -cf two.tar ."#
    ));
    teu.ok(&format!("load -i {here}/two.tar"));
    here.to_string()
}

/// R4
#[test]
fn the_upper_layer_wins_and_what_it_deletes_is_gone() {
    let teu = Teu::new("layers");
    two_layers(&teu);
    let look = "run --rm --network none two";
    assert_eq!(teu.ok(&format!("{look} cat /both /lower-only /upper-only")), "upper\nlower\nupper");
    let shown = teu.ok(&format!("{look} ls / /d"));
    assert!(!shown.contains("gone") && !shown.contains("old") && shown.contains("new"), "{shown}");
    assert!(!shown.contains(".wh."), "{shown}");
}

/// R4
#[test]
fn layers_are_listed_in_order_and_never_change() {
    let teu = Teu::new("layers-stay");
    let here = two_layers(&teu);
    let sums = shell(&format!("cd {here}/out; sha256sum a.tar b.tar | cut -d' ' -f1"));
    let listed = teu.ok("inspect -f '{{json .RootFS.Layers}}' two");
    let ids: Vec<String> = serde_json::from_str(&listed).unwrap();
    let expected: Vec<String> = sums.lines().map(|hex| format!("sha256:{hex}")).collect();
    assert_eq!(ids, expected);
    let hash =
        || shell(&format!("find {}/layers -type f | sort | xargs sha256sum", teu.root().display()));
    let before = hash();
    teu.ok("run --rm --network none two sh -c 'echo changed >/both; echo changed >/lower-only; rm /bin/cat'");
    assert_eq!(hash(), before);
    assert_eq!(teu.ok("run --rm --network none two cat /both"), "upper");
}

/// R4 in the other direction: nothing is unpacked where the kernel can mount from files.
#[test]
fn containers_of_one_image_share_its_files() {
    let teu = Teu::with_busybox("share");
    for name in ["a", "b", "c"] {
        teu.ok(&format!("run -d --name {name} --network none busybox sleep 99"));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let run = teu.run_dir().display().to_string();
    let ours: Vec<&str> = mounts.lines().filter(|line| line.contains(&run)).collect();
    assert_eq!(ours.len(), 1, "one root for three containers, and nothing else: {ours:?}");
}

/// R1
#[test]
fn the_root_is_the_images() {
    let teu = Teu::with_debian("os-release");
    let shown = teu.ok("run --rm --network none debian cat /etc/os-release");
    assert!(shown.contains("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\""), "{shown}");
    let listed = teu.ok("run --rm --network none debian ls /");
    assert!(listed.contains("boot") && listed.contains("usr"), "{listed}");
    // R2: the kernel is the host's.
    assert_eq!(teu.ok("run --rm --network none debian uname -r"), shell("uname -r"));
}

/// Modes, owners, times, links, capabilities and extended attributes are the tar's.
#[test]
fn files_are_what_the_layer_says() {
    let teu = Teu::with_busybox("exact");
    let at = teu.scratch().join("e");
    let here = at.display();
    shell(&format!(
        "mkdir -p {here}/bin {here}/deep/er; cd {here}; cp /bin/busybox bin/busybox; ln -s busybox bin/stat
         echo x >f; chown 1:2 f; chmod 4751 f; touch -d @1234567890.123456789 f; ln f hard; ln -s f soft
         mkfifo p; mknod n c 1 3; setfattr -n user.color -v blue f 2>/dev/null || true
         truncate -s 100M sparse; tar --xattrs --format=pax -S -cf ../e.tar ."
    ));
    teu.ok(&format!("import {here}.tar exact"));
    let stat = |what: &str, path: &str| {
        teu.ok(&format!("run --rm --network none exact stat -c '{what}' {path}"))
    };
    assert_eq!(stat("%a %u %g %h %Y", "/f"), "4751 1 2 2 1234567890");
    assert_eq!(stat("%i", "/f"), stat("%i", "/hard"));
    assert_eq!(stat("%F %N", "/soft"), "symbolic link '/soft' -> 'f'");
    assert_eq!(stat("%F", "/p"), "fifo");
    assert_eq!(stat("%F %t %T", "/n"), "character special file 1 3");
    assert_eq!(stat("%s", "/sparse"), (100 << 20).to_string());
}

/// D3: a great many small changes to a big tree.
#[test]
fn changes_are_the_containers_own() {
    let teu = Teu::with_busybox("changes");
    teu.ok("run --name a --network none busybox sh -c 'rm -r /bin/vi /home; echo x >/etc/passwd; mkdir /new; mv /tmp /moved'");
    teu.ok("run --name b --network none busybox sh -c 'test -e /bin/vi && test -d /home && grep -q root /etc/passwd && test -d /tmp'");
    teu.ok("rm a b");
    assert_eq!(teu.run("run --rm --network none busybox test -d /new").code, 1);
}
