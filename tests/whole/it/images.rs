//! Images on this machine: `import`, `load`, `images`, `tag`, `rmi`.

use std::fs::File;
use teu_testkit::Teu;
use teu_testkit::images::{busybox, debian_directory};
use teu_testkit::teu::{finish, shell};

#[test]
fn an_import_has_the_name_and_command_given() {
    let teu = Teu::new("import");
    let tar = busybox().tar.display();
    let id = teu.ok(&format!(
        "import --change 'CMD [\"echo\", \"imported\"]' --change 'ENV A=1' {tar} mine:v1"
    ));
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    assert_eq!(teu.ok("run --rm --network none mine:v1"), "imported");
    assert_eq!(teu.ok("run --rm --network none mine:v1 sh -c 'echo $A'"), "1");
    assert_eq!(teu.ok(&format!("run --rm --network none {} true", &id[7..19])), "");
    // From standard input, and compressed.
    shell(&format!("gzip -1 <{tar} >{}/c.gz", teu.scratch().display()));
    let mut command = teu.command(&["import", "-", "mine:v2"]);
    command.stdin(File::open(teu.scratch().join("c.gz")).unwrap());
    let done = finish(&mut command, &[]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(teu.ok("run --rm --network none mine:v2 echo x"), "x");
}

#[test]
fn images_are_listed_as_docker_does() {
    let teu = Teu::with_busybox("images");
    teu.ok("tag busybox registry.example:5000/team/box:1.0");
    let shown = teu.ok("images");
    let head: Vec<&str> = shown.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head.join(" "), "REPOSITORY TAG IMAGE ID CREATED SIZE");
    assert_eq!(shown.lines().count(), 3, "{shown}");
    let id = teu.ok("images -q busybox");
    assert_eq!(id.len(), 12, "{id}");
    assert!(teu.ok("images -q --no-trunc busybox").starts_with(&format!("sha256:{id}")));
    let names = teu.ok("images --format '{{.Repository}}:{{.Tag}}'");
    assert!(
        names.contains("busybox:latest") && names.contains("registry.example:5000/team/box:1.0"),
        "{names}"
    );
    assert!(teu.ok("images registry.example:5000/team/box").contains("1.0"));
}

#[test]
fn the_last_name_takes_the_image_with_it() {
    let teu = Teu::with_busybox("rmi");
    let id = teu.ok("images -q --no-trunc busybox");
    teu.ok("tag busybox second");
    assert_eq!(teu.ok("rmi busybox"), "Untagged: busybox:latest");
    let shown = teu.ok("rmi second");
    assert!(
        shown.contains("Untagged: second:latest") && shown.contains(&format!("Deleted: {id}")),
        "{shown}"
    );
    assert_eq!(teu.ok("images -q"), "");
    let layers = shell(&format!(
        "find {0}/layers/sha256 {0}/content/sha256 -mindepth 1 | wc -l",
        teu.root().display()
    ));
    assert_eq!(layers, "0");
    let told = teu.fails(1, "rmi busybox");
    assert!(told.contains("No such image: busybox:latest"), "{told}");
}

#[test]
fn an_image_in_use_stays() {
    let teu = Teu::with_busybox("rmi-used");
    let id = teu.ok("create --name a --network none busybox true");
    let told = teu.fails(1, "rmi busybox");
    assert!(told.contains("conflict") && told.contains(&id[..12]), "{told}");
    teu.ok("start -a a");
    teu.ok("rm a");
    teu.ok("rmi busybox");
}

#[test]
fn an_archive_of_skopeos_is_loaded() {
    let teu = Teu::new("load");
    let archive = teu.scratch().join("debian.tar");
    let oci = debian_directory().join("oci");
    shell(&format!(
        "skopeo --insecure-policy copy -q oci:{}:latest docker-archive:{}:deb:12",
        oci.display(),
        archive.display()
    ));
    assert_eq!(teu.ok(&format!("load -q -i {}", archive.display())), "Loaded image: deb:12");
    assert!(teu.ok("run --rm --network none deb:12 cat /etc/debian_version").starts_with("12."));
    // By standard input as well.
    let mut command = teu.command(&["load"]);
    command.stdin(File::open(&archive).unwrap());
    let done = finish(&mut command, &[]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "Loaded image: deb:12"), "{done:?}");
}

#[test]
fn an_image_that_runs_keeps_running_without_its_name() {
    let teu = Teu::with_busybox("rmi-force");
    teu.ok("run -d --name a --network none busybox sleep 99");
    teu.ok("tag busybox second");
    teu.ok("rmi busybox");
    assert_eq!(teu.ok("exec a echo still"), "still");
    assert_eq!(teu.ok("ps --format '{{.Image}}'"), "busybox");
}
