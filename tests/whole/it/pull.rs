//! `pull`, from Debian's docker-registry, filled by skopeo.

use std::fs;
use teu_testkit::images::{busybox, debian_directory};
use teu_testkit::teu::{finish, shell, words};
use teu_testkit::{Registry, RegistryOptions, Teu, Tty};

/// An image of a registry, small, by skopeo.
fn push_busybox(registry: &Registry, name: &str) {
    // skopeo reads an archive as `docker save` writes it.
    let at = teu_testkit::TempDir::new("push");
    let (here, tar) = (at.display(), busybox().tar.display());
    shell(&format!(
        r#"cd {here}; cp {tar} layer.tar; id=$(sha256sum layer.tar | cut -d' ' -f1)
        printf '{{"architecture":"amd64","os":"linux","config":{{"Cmd":["sh"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:%s"]}}}}' $id >config.json
        printf '[{{"Config":"config.json","RepoTags":["b:latest"],"Layers":["layer.tar"]}}]' >manifest.json
        tar -cf ../archive-$$.tar . && mv ../archive-$$.tar archive.tar"#
    ));
    skopeo_copy(&format!("docker-archive:{here}/archive.tar"), registry, name, "");
}

fn skopeo_copy(from: &str, registry: &Registry, name: &str, flags: &str) {
    shell(&format!(
        "skopeo --insecure-policy copy -q --dest-tls-verify=false {flags} {from} docker://{}/{name}",
        registry.address()
    ));
}

fn blobs_asked(registry: &Registry) -> usize {
    registry.log().lines().filter(|line| line.contains("GET") && line.contains("/blobs/")).count()
}

/// A whole Debian by HTTP, and a shell in it.
#[test]
fn debian_over_http_gives_bash() {
    let registry = Registry::start(RegistryOptions::default());
    let from = format!("oci:{}:latest", debian_directory().join("oci").display());
    skopeo_copy(&from, &registry, "debian:12", "");
    let teu = Teu::new("pull-http");
    let name = format!("{}/debian:12", registry.address());
    let shown = teu.ok(&format!("pull {name}"));
    assert!(shown.contains("Pulling from debian") && shown.contains("Digest: sha256:"), "{shown}");
    assert!(shown.contains(&format!("Status: Downloaded newer image for {name}")), "{shown}");
    let asked = blobs_asked(&registry);
    let again = teu.ok(&format!("pull {name}"));
    assert!(again.contains(&format!("Status: Image is up to date for {name}")), "{again}");
    assert_eq!(blobs_asked(&registry), asked, "a second pull moves nothing");
    let command = teu.command(&["run", "-it", "--rm", "--network", "none", &name, "bash"]);
    let mut user = Tty::spawn(&command, 24, 80);
    user.expect("# ");
    user.send("echo $BASH_VERSION; cat /etc/debian_version\n");
    user.expect("5.2");
    user.expect("12.");
    user.send("exit\n");
    assert_eq!(user.end(), 0);
}

/// The same over HTTPS, with an authority that only this registry has, and a password.
#[test]
fn debian_over_https_with_a_private_authority_and_a_password() {
    let options = RegistryOptions { tls: true, password: true, ..Default::default() };
    let registry = Registry::start(options);
    let from = format!("oci:{}:latest", debian_directory().join("oci").display());
    let credentials = format!("--dest-creds {}:{}", Registry::USER, Registry::PASSWORD);
    skopeo_copy(&from, &registry, "debian", &credentials);

    let teu = Teu::new("pull-https").with_own_etc();
    let port = registry.address().rsplit(':').next().unwrap();
    // Loopback by its address would be trusted without a certificate, as docker does.
    let host = format!("registry.test:{port}");
    teu.place().shell("echo 127.0.0.1 registry.test >>/etc/hosts");
    let name = format!("{host}/debian");
    let done = teu.run(&format!("pull {name}"));
    assert_ne!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("certificate signed by unknown authority"), "{done:?}");

    teu.place().shell(&format!(
        "mkdir -p /etc/docker/certs.d/{host}; cp {}/*/ca.crt /etc/docker/certs.d/{host}",
        registry.ca_dir().display()
    ));
    let done = teu.run(&format!("pull {name}"));
    assert_ne!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("no basic auth credentials"), "{done:?}");

    let auths = format!(
        r#"{{"auths":{{"{host}":{{"username":"{}","password":"{}"}}}}}}"#,
        Registry::USER,
        Registry::PASSWORD
    );
    fs::write(teu.scratch().join("config.json"), auths).unwrap();
    let words = words(&format!("run --rm --network none {name} bash -c 'echo $BASH'"));
    let done = finish(teu.command(&words).env("DOCKER_CONFIG", teu.scratch()), &words);
    assert_eq!((done.code, done.stdout.as_str()), (0, "/usr/bin/bash"), "{done:?}");
}

/// D1
#[test]
fn run_pulls_what_is_missing_and_only_that() {
    let registry = Registry::start(RegistryOptions::default());
    push_busybox(&registry, "box:latest");
    let teu = Teu::new("run-pulls");
    let name = format!("{}/box", registry.address());
    let run = |flags: &str| teu.run(&format!("run --rm --network none {flags} {name} echo x"));
    assert_eq!(run("--pull never").code, 125);
    let first = run("");
    assert_eq!((first.code, first.stdout.as_str()), (0, "x"), "{first:?}");
    assert!(
        first.stderr.contains(&format!("Unable to find image '{name}:latest' locally")),
        "{first:?}"
    );
    let manifests = || registry.log().lines().filter(|line| line.contains("/manifests/")).count();
    let before = manifests();
    let second = run("");
    assert_eq!((second.code, second.stderr.as_str()), (0, ""), "{second:?}");
    assert_eq!(manifests(), before, "what is here is not asked for");
    assert_eq!(run("--pull always").code, 0);
    assert!(manifests() > before);
}

/// D1
#[test]
fn the_default_registry_may_have_a_mirror() {
    let registry = Registry::start(RegistryOptions::default());
    push_busybox(&registry, "library/mirrored:latest");
    let teu = Teu::new("mirror").with_own_etc();
    configure(
        &teu,
        &format!("[registry.mirrors]\n'docker.io' = ['http://{}']\n", registry.address()),
    );
    assert_eq!(teu.ok("run --rm --network none mirrored echo x"), "x");
    assert_eq!(teu.ok("images --format '{{.Repository}}'"), "mirrored");
}

/// Writes the configuration, in a [`Teu::with_own_etc`].
pub fn configure(teu: &Teu, text: &str) {
    let file = teu.scratch().join("config.toml");
    fs::write(&file, text).unwrap();
    teu.place().shell(&format!("mkdir -p /etc/teu; cp {} /etc/teu/config.toml", file.display()));
}

#[test]
fn by_digest_and_only_that() {
    let registry = Registry::start(RegistryOptions::default());
    push_busybox(&registry, "box:1");
    let teu = Teu::new("digest");
    let shown = teu.ok(&format!("pull {}/box:1", registry.address()));
    let digest = shown.lines().find_map(|line| line.strip_prefix("Digest: ")).unwrap();
    teu.ok(&format!("pull {}/box@{digest}", registry.address()));
    let wrong = format!("sha256:{:064}", 0);
    let told = teu.run(&format!("pull {}/box@{wrong}", registry.address()));
    assert_ne!(told.code, 0);
    assert!(
        told.stderr.contains("manifest unknown") || told.stderr.contains("not found"),
        "{told:?}"
    );
}

#[test]
fn what_is_not_there_is_told_in_dockers_words() {
    let registry = Registry::start(RegistryOptions::default());
    push_busybox(&registry, "box:1");
    let teu = Teu::new("not-there");
    let told = teu.run(&format!("pull {}/box:2", registry.address()));
    assert_ne!(told.code, 0);
    assert!(
        told.stderr.contains(&format!("manifest for {}/box:2 not found", registry.address())),
        "{told:?}"
    );
    let told = teu.run("pull 127.0.0.1:1/box");
    assert_ne!(told.code, 0);
    assert!(
        told.stderr.contains("connection refused") || told.stderr.contains("Connection refused"),
        "{told:?}"
    );
    let told = teu.run(&format!("run --rm {}/box:2 true", registry.address()));
    assert_eq!(told.code, 125, "{told:?}");
    assert_eq!(teu.ok("images -q"), "");
}

#[test]
fn a_layer_that_was_changed_on_the_way_is_refused() {
    let registry = Registry::start(RegistryOptions::default());
    push_busybox(&registry, "box:1");
    let teu = Teu::new("tampered");
    // The biggest blob of the registry's storage is the layer.
    let storage = registry.ca_dir();
    let storage = storage.parent().unwrap().join("data");
    shell(&format!(
        "f=$(find {} -name data -size +100k); printf X | dd of=$f bs=1 seek=5000 conv=notrunc 2>/dev/null",
        storage.display()
    ));
    let told = teu.run(&format!("pull {}/box:1", registry.address()));
    assert_ne!(told.code, 0, "{told:?}");
    assert!(!told.stderr.is_empty());
    assert_eq!(teu.ok("images -q"), "");
    assert_eq!(
        shell(&format!("ls {}/layers/sha256 2>/dev/null | wc -l", teu.root().display())),
        "0"
    );
    assert_eq!(shell(&format!("ls {}/ingest | wc -l", teu.root().display())), "0");
}

#[test]
fn ten_at_once_pull_one_image() {
    let registry = Registry::start(RegistryOptions::default());
    push_busybox(&registry, "box:latest");
    let teu = Teu::new("ten");
    let name = format!("{}/box", registry.address());
    let children: Vec<_> = (0..10)
        .map(|_| {
            let words = ["run", "--rm", "--network", "none", &name, "true"];
            teu.command(&words).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {told}", output.status);
    }
    assert_eq!(teu.ok("images -q").lines().count(), 1);
}
