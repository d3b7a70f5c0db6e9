//! Archives as others write them; and as nobody should.
#![allow(missing_docs, reason = "a test")]

mod common;
use common::*;
use std::collections::HashSet;
use teu_image::{Loaded, Store};
use teu_model::Platform;
use teu_oci::image::{Document, ImageConfig};

#[track_caller]
fn load(store: &Store, archive: &[u8]) -> Vec<String> {
    let loaded = store.load(archive).unwrap_or_else(|error| panic!("{}", told(&error)));
    loaded.iter().map(Loaded::to_string).collect()
}

/// The lines of a corpus; empty ones count, comments do not.
fn corpus(text: &str) -> Vec<String> {
    let digest = sha256(b"some bytes").to_string();
    let entry = format!(r#"{{"mediaType":"x","digest":"{digest}","size":1}}"#);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.replace("$E", &entry).replace("$D", &digest)).collect()
}

#[test]
fn docker_archives() {
    let (one, two) = (layer(1, 5000), layer(2, 5000));
    let plain = docker_archive(&[&one, &two], r#"["a:1","localhost:5000/b:2"]"#);
    for archive in [plain.clone(), gzip(&plain), zstd(&plain)] {
        let root = root("docker");
        let lines = load(&root.store, &archive);
        assert_eq!(lines, ["Loaded image: a:1", "Loaded image: localhost:5000/b:2"]);
        let image = root.store.find("a:1", None).unwrap().image;
        assert_eq!(image.layers, [diff(&one), diff(&two)]);
        assert_eq!(image.id, sha256(&config(&[&one, &two])));
        assert_eq!(image.config.config.cmd, ["sh"]);
        root.assert_tidy();
        // Again: nothing is new.
        load(&root.store, &archive);
        assert_eq!((root.count("layers/sha256"), root.count("content/sha256")), (2, 2));
        root.assert_tidy();
    }
}

#[test]
fn without_a_name_and_with_packed_layers() {
    let root = root("nameless");
    let tar_bytes = layer(3, 5000);
    let config = config(&[&tar_bytes]);
    let manifest = br#"[{"Config":"blobs/c","RepoTags":null,"Layers":["./blobs/l"]}]"#;
    let archive = tar(&[
        ("blobs/l", &gzip(&tar_bytes)),
        ("unused", &gzip(&layer(4, 100))),
        ("VERSION", b"1.0"),
        ("blobs/c", &config),
        ("manifest.json", manifest),
    ]);
    assert_eq!(load(&root.store, &archive), [format!("Loaded image ID: {}", sha256(&config))]);
    assert_eq!(root.count("layers/sha256"), 1);
    root.assert_tidy();
}

#[test]
fn equal_layers_are_links() {
    let root = root("links");
    let tar_bytes = layer(3, 5000);
    let config = config(&[&tar_bytes, &tar_bytes, &tar_bytes]);
    let manifest =
        br#"[{"Config":"c.json","RepoTags":[],"Layers":["a/layer.tar","b/layer.tar","c/layer.tar"]}]"#;
    let mut writer = teu_tar::Writer::new(Vec::new());
    writer.file("manifest.json", 0o644, manifest).unwrap();
    writer.symlink("a/layer.tar", "../b/layer.tar").unwrap();
    writer.symlink("c/layer.tar", "../a/layer.tar").unwrap();
    writer.file("b/layer.tar", 0o644, &tar_bytes).unwrap();
    writer.file("c.json", 0o644, &config).unwrap();
    load(&root.store, &writer.finish().unwrap());
    let image = root.store.find(&sha256(&config).hex(), None).unwrap().image;
    assert_eq!(image.layers, vec![diff(&tar_bytes); 3]);
    root.assert_tidy();
}

#[test]
fn oci_layouts() {
    let root = root("layout");
    let (one, two) = (layer(1, 5000), layer(2, 5000));
    let blobs = [gzip(&one), zstd(&two)];
    let config = config(&[&one, &two]);
    let manifest = manifest(&config, &[&blobs[0], &blobs[1]]);
    let name = r#","annotations":{"org.opencontainers.image.ref.name":"a/b:1"}"#;
    let top = index(&[descriptor(OCI_MANIFEST, &manifest, name)]);
    let archive = oci_archive(&top, &[&blobs[0], &blobs[1], &config, &manifest]);
    assert_eq!(load(&root.store, &archive), ["Loaded image: a/b:1"]);
    let found = root.store.find("a/b:1", None).unwrap();
    assert_eq!(found.image.manifest, sha256(&manifest));
    assert_eq!(root.store.blob(&sha256(&manifest)).unwrap(), manifest);
    assert_eq!(root.store.layer_by_blob(&sha256(&blobs[1])), Some(diff(&two)));
    root.assert_tidy();

    // An index below it, one platform of two there, and an attestation.
    let here = Platform::here().architecture;
    let platform = |arch: &str| format!(r#","platform":{{"os":"linux","architecture":"{arch}"}}"#);
    let nested = index(&[
        descriptor(OCI_MANIFEST, b"not here", &platform("s390x")),
        descriptor(OCI_MANIFEST, &manifest, &platform(&here)),
        descriptor("application/vnd.in-toto+json", b"{}", ""),
    ]);
    let name = r#","annotations":{"io.containerd.image.name":"docker.io/library/n:2"}"#;
    let top = index(&[descriptor(OCI_INDEX, &nested, name)]);
    let archive = oci_archive(&top, &[&blobs[0], &blobs[1], &config, &manifest, &nested]);
    assert_eq!(load(&root.store, &archive), ["Loaded image: n:2"]);
    assert_eq!(root.store.find("n:2", None).unwrap().target.digest, sha256(&nested));
    root.assert_tidy();
}

/// What skopeo makes of our layout, we read; so it has read ours.
#[test]
fn as_skopeo_writes_them() {
    if !teu_testkit::have(teu_testkit::Need::Program("skopeo")) {
        return;
    }
    let root = root("skopeo");
    let (one, two) = (layer(1, 50_000), layer(2, 50_000));
    let blobs = [gzip(&one), gzip(&two)];
    let config = config(&[&one, &two]);
    let manifest = manifest(&config, &[&blobs[0], &blobs[1]]);
    let top = index(&[descriptor(OCI_MANIFEST, &manifest, "")]);
    let file = |name: &str| root.directory.join(name).display().to_string();
    let archive = oci_archive(&top, &[&blobs[0], &blobs[1], &config, &manifest]);
    std::fs::write(file("ours"), archive).unwrap();
    for (number, kind) in ["docker-archive", "oci-archive"].iter().enumerate() {
        let name = format!("made/by{number}:1");
        let to = file(kind);
        let done = std::process::Command::new("skopeo")
            .args(["copy", "-q", "--insecure-policy", &format!("oci-archive:{}", file("ours"))])
            .arg(format!("{kind}:{to}:{name}"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let expected = [format!("Loaded image: {name}")];
        assert_eq!(load(&root.store, &std::fs::read(to).unwrap()), expected, "{kind}");
        let image = root.store.find(&name, None).unwrap().image;
        assert_eq!(image.layers, [diff(&one), diff(&two)]);
    }
    root.assert_tidy();
}

#[test]
fn layouts_that_are_refused() {
    let root = root("bad-layout");
    let (one, two) = (layer(1, 500), layer(2, 500));
    let (blob, config) = (gzip(&one), config(&[&one]));
    let good = manifest(&config, &[&blob]);
    let entry = descriptor(OCI_MANIFEST, &good, "");
    let just = [entry.clone()];
    let mut chain = vec![good.clone()];
    for _ in 0..6 {
        let below = chain.last().unwrap();
        let kind = if chain.len() == 1 { OCI_MANIFEST } else { OCI_INDEX };
        chain.push(index(&[descriptor(kind, below, "")]));
    }
    let deep: Vec<&[u8]> =
        chain.iter().map(Vec::as_slice).chain([&blob[..], &config[..]]).collect();
    let named = |name: &str| {
        descriptor(
            OCI_MANIFEST,
            &good,
            &format!(r#","annotations":{{"io.containerd.image.name":"{name}"}}"#),
        )
    };
    let whole = [&blob[..], &config, &good];
    let lying = {
        let mut archive = oci_archive(&index(&just), &[&blob, &config]);
        archive.truncate(archive.len() - 1024);
        let mut writer = teu_tar::Writer::new(archive);
        writer.file(&blob_name(&good), 0o644, &manifest(&config, &[&blob, &blob])).unwrap();
        writer.finish().unwrap()
    };
    let two_layers = manifest(&config, &[&blob, &blob]);
    let other_layer = manifest(&config, &[&gzip(&two)]);
    let chart =
        String::from_utf8(good.clone()).unwrap().replace("oci.image.config", "cncf.helm.config");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("zeros", vec![0; 10240]),
        ("no archive", b"{}".repeat(1000)),
        ("an archive of something else", tar(&[("etc/passwd", b"root")])),
        ("a layer", one.clone()),
        ("cut", oci_archive(&index(&just), &whole)[..3000].to_vec()),
        ("cut gzip", gzip(&oci_archive(&index(&just), &whole))[..500].to_vec()),
        ("bzip2", b"BZh91AY&SY whatever".to_vec()),
        ("no index.json", tar(&[("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)])),
        ("layout 2", tar(&[("oci-layout", br#"{"imageLayoutVersion":"2.0.0"}"#)])),
        ("layout null", tar(&[("oci-layout", b"{}"), ("index.json", b"{}")])),
        ("index.json is a manifest", oci_archive(&good, &whole)),
        ("empty index", oci_archive(&index(&[]), &whole)),
        ("no manifest", oci_archive(&index(&just), &[&blob, &config])),
        ("no config", oci_archive(&index(&just), &[&blob, &good])),
        ("no layer", oci_archive(&index(&just), &[&config, &good])),
        ("another manifest under its name", lying),
        (
            "more layers than diff ids",
            oci_archive(
                &index(&[descriptor(OCI_MANIFEST, &two_layers, "")]),
                &[&blob, &config, &two_layers],
            ),
        ),
        (
            "another layer",
            oci_archive(
                &index(&[descriptor(OCI_MANIFEST, &other_layer, "")]),
                &[&gzip(&two), &config, &other_layer],
            ),
        ),
        (
            "a chart",
            oci_archive(
                &index(&[descriptor(OCI_MANIFEST, chart.as_bytes(), "")]),
                &[&blob, &config, chart.as_bytes()],
            ),
        ),
        ("called an index", oci_archive(&index(&[descriptor(OCI_INDEX, &good, "")]), &whole)),
        ("six indexes deep", oci_archive(chain.last().unwrap(), &deep)),
        ("a bad name", oci_archive(&index(&[named("../x")]), &whole)),
        (
            "a name with a digest",
            oci_archive(&index(&[named(&format!("a@{}", sha256(b"")))]), &whole),
        ),
        ("one good, one bad", oci_archive(&index(&[named("a:1"), named("A")]), &whole)),
        (
            "one good, one missing",
            oci_archive(&index(&[entry.clone(), descriptor(OCI_MANIFEST, b"x", "")]), &whole),
        ),
        ("twice the same member", tar(&[("oci-layout", b"{}"), ("oci-layout", b"{}")])),
    ];
    for (what, archive) in cases {
        let result = root.store.load(&archive[..]);
        assert!(result.is_err(), "{what}: {result:?}");
        assert_eq!(root.count("content/sha256") + root.count("layers/sha256"), 0, "{what}");
        assert_eq!(root.count("refs"), 1, "{what}");
        root.assert_tidy();
    }
    load(&root.store, &oci_archive(&index(&[entry]), &whole));
}

#[test]
fn hostile_manifests() {
    let texts = corpus(include_str!("hostile/manifests.txt"));
    assert!(texts.len() > 70);
    for text in &texts {
        let result = Document::parse(text.as_bytes(), None);
        assert!(result.is_err(), "{text}: {result:?}");
    }
    let entry = r#"{"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":1}"#;
    let many = |key: &str, count: usize| {
        let entries = vec![entry; count].join(",");
        format!(r#"{{"schemaVersion":2,"config":{entry},"{key}":[{entries}]}}"#)
    };
    let deep = format!(r#"{{"schemaVersion":2,"x":{}}}"#, "[".repeat(100_000));
    let long = format!(r#"{{"schemaVersion":2,"x":"{}"}}"#, "x".repeat(5 << 20));
    for text in [many("layers", 1001), many("layers", 60_000), deep, long] {
        assert!(Document::parse(text.as_bytes(), None).is_err());
    }
    assert!(Document::parse(many("layers", 1000).as_bytes(), None).is_ok());
}

#[test]
fn hostile_configs() {
    let root = root("configs");
    let tar_bytes = layer(1, 100);
    let texts = corpus(include_str!("hostile/configs.txt"));
    assert!(texts.len() > 50);
    let good = config(&[&tar_bytes]);
    let deep = format!(r#"{{"x":{}}}"#, "[".repeat(100_000));
    let long = format!(r#"{{"author":"{}"}}"#, "x".repeat(9 << 20));
    let texts = texts.into_iter().map(|text| text.replace("$L", &diff(&tar_bytes).to_string()));
    for text in texts.chain([deep, long]) {
        let cut: String = text.chars().take(200).collect();
        let archive = tar(&[
            ("c.json", text.as_bytes()),
            ("l.tar", &tar_bytes),
            ("manifest.json", br#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l.tar"]}]"#),
        ]);
        let result = root.store.load(&archive[..]);
        assert!(result.is_err(), "{cut}: {result:?}");
        assert_eq!(root.count("content/sha256") + root.count("layers/sha256"), 0, "{cut}");
        root.assert_tidy();
    }
    assert!(ImageConfig::parse(&good).is_ok());
}

#[test]
fn hostile_docker_manifests() {
    let root = root("docker-manifests");
    let (tar_bytes, other) = (layer(1, 100), layer(2, 100));
    let config = config(&[&tar_bytes]);
    let texts = corpus(include_str!("hostile/docker-manifests.txt"));
    assert!(texts.len() > 40);
    let archive = |manifest: &str| {
        let mut writer = teu_tar::Writer::new(Vec::new());
        writer.file("config.json", 0o644, &config).unwrap();
        writer.file("layer.tar", 0o644, &tar_bytes).unwrap();
        writer.file("wrong.tar", 0o644, &other).unwrap();
        writer.file("bad.tar", 0o644, &tar_bytes[..700]).unwrap();
        writer.directory("directory", 0o755).unwrap();
        writer.symlink("loop", "loop").unwrap();
        writer.symlink("dangling", "nothing").unwrap();
        writer.symlink("out", "../../../etc/passwd").unwrap();
        writer.file("manifest.json", 0o644, manifest.as_bytes()).unwrap();
        writer.finish().unwrap()
    };
    let mut reasons = HashSet::new();
    for text in &texts {
        let error = root.store.load(&archive(text)[..]).expect_err(text);
        reasons.insert(told(&error));
        assert_eq!(root.count("content/sha256") + root.count("layers/sha256"), 0, "{text}");
        assert_eq!(root.count("refs"), 1, "{text}");
        root.assert_tidy();
    }
    assert!(reasons.len() > 20, "{reasons:#?}");
    let good = r#"[{"Config":"config.json","Layers":["layer.tar"],"RepoTags":["a:1"]}]"#;
    load(&root.store, &archive(good));
}
