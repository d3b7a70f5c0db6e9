//! Names, ids, lists, removal and collection.
#![allow(missing_docs, reason = "a test")]

mod common;
use common::*;
use std::sync::atomic::{AtomicBool, Ordering};
use teu_image::{Image, ImageError, ImageUser, ImportOptions, Removed, Store, TagTarget};
use teu_model::{Paths, Platform, Reference};
use teu_oci::image::ContainerConfig;

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn import(store: &Store, seed: u32, name: &str) -> Image {
    let reference = (!name.is_empty()).then(|| reference(name));
    let options = ImportOptions { reference, ..ImportOptions::default() };
    store.import(&layer(seed, 500)[..], options).unwrap()
}

#[track_caller]
fn not_found(store: &Store, what: &str, expected: &str) {
    assert_eq!(store.find(what, None).unwrap_err().to_string(), expected);
}

#[test]
fn found_by_all_its_names() {
    let root = root("names");
    let store = &root.store;
    let image = import(store, 1, "a:1");
    let other = import(store, 2, "localhost:5000/a/b");
    import(store, 3, "localhost:5000/a");
    let target = store.resolve(&reference("a:1")).unwrap().unwrap();
    store.tag(&reference("me/b"), &target).unwrap();
    let by_digest = format!("me/b@{}", target.digest);
    store.tag(&reference(&by_digest), &target).unwrap();
    let hex = image.id.hex();
    for what in ["a:1", "docker.io/library/a:1", "me/b", &by_digest, &hex, &hex[..12]] {
        assert_eq!(store.find(what, None).unwrap().image, image, "{what}");
    }
    for what in [image.id.to_string(), format!("sha256:{}", &hex[..7])] {
        assert_eq!(store.find(&what, None).unwrap().image.id, image.id, "{what}");
    }
    assert_eq!(store.find("localhost:5000/a/b:latest", None).unwrap().image.id, other.id);
    not_found(store, "zoo", "No such image: zoo:latest");
    not_found(store, "a:2", "No such image: a:2");
    not_found(store, "localhost:5000/x", "No such image: localhost:5000/x:latest");
    not_found(store, &"0".repeat(64), &format!("No such image: sha256:{}", "0".repeat(64)));
    assert!(matches!(store.find("A", None), Err(ImageError::Reference(_))));

    let wrong = Platform::parse("linux/s390x").unwrap();
    let error = store.find("a:1", &wrong).unwrap_err();
    assert!(error.to_string().contains("does not match the specified platform"), "{error}");
    assert!(store.find("a:1", &Platform::here()).is_ok());

    let list = store.list().unwrap();
    assert_eq!(list.len(), 3);
    let listed = list.iter().find(|listed| listed.id == image.id).unwrap();
    let names: Vec<String> = listed.tags.iter().map(Reference::familiar).collect();
    assert_eq!(names, ["a:1", "me/b:latest"]);
    assert_eq!((listed.digests.len(), listed.size), (1, 501));
    root.assert_tidy();
}

#[test]
fn a_name_needs_its_image() {
    let root = root("needs");
    let target = TagTarget { digest: sha256(b"x"), media_type: OCI_MANIFEST.into(), size: 1 };
    assert!(matches!(root.store.tag(&reference("a"), &target), Err(ImageError::Missing { .. })));
    assert_eq!(root.store.resolve(&reference("a")).unwrap(), None);
    assert!(!root.store.untag(&reference("a")).unwrap());
}

#[test]
fn a_pulled_index() {
    let root = root("index");
    let store = &root.store;
    let tar = layer(7, 100);
    let blob = gzip(&tar);
    let (config, other) = (config(&[&tar]), b"another platform's".to_vec());
    let manifest = manifest(&config, &[&blob]);
    let here = Platform::here().architecture;
    let platform = |arch: &str| format!(r#","platform":{{"os":"linux","architecture":"{arch}"}}"#);
    let index = index(&[
        descriptor(OCI_MANIFEST, &other, &platform("s390x")),
        descriptor(OCI_MANIFEST, &manifest, &platform(&here)),
    ]);
    let digests = [sha256(&index), sha256(&manifest), sha256(&config), sha256(&tar)];
    let lease = store.lease(&digests).unwrap();
    store.put_blob(&index, Some(&digests[0])).unwrap();
    let target = TagTarget { digest: digests[0].clone(), media_type: OCI_INDEX.into(), size: 1 };
    assert!(store.tag(&reference("a"), &target).is_err());
    store.put_blob(&manifest, None).unwrap();
    store.put_blob(&config, None).unwrap();
    let mut writer =
        store.layer_writer(teu_image::Compression::Gzip, Some(sha256(&blob)), None).unwrap();
    writer.feed(&blob).unwrap();
    writer.finish().unwrap();
    store.tag(&reference("a"), &target).unwrap();
    drop(lease);
    let found = store.find("a", &Platform::here()).unwrap();
    assert_eq!((found.image.id, found.image.manifest), (sha256(&config), sha256(&manifest)));
    assert_eq!(store.find(&sha256(&config).hex()[..8], None).unwrap().image.layers.len(), 1);
    let wanted = Platform::parse("linux/s390x").unwrap();
    assert!(matches!(store.find("a", &wanted), Err(ImageError::WrongPlatform { .. })));
    // A collection takes none of it.
    assert_eq!(store.gc(&nobody).unwrap(), teu_image::Collected::default());
    assert!(store.find("a", None).is_ok());
    store.remove("a", false, &nobody).unwrap();
    assert_eq!(root.count("content/sha256") + root.count("layers/by-blob"), 0);
}

#[test]
fn removal() {
    let root = root("removal");
    let store = &root.store;
    let image = import(store, 1, "a:1");
    let target = store.find("a:1", None).unwrap().target;
    store.tag(&reference("x/y:2"), &target).unwrap();
    let lines = |what: &str, force| {
        let removal = store.remove(what, force, &nobody).unwrap();
        removal.lines.iter().map(Removed::to_string).collect::<Vec<_>>()
    };
    assert_eq!(lines("x/y:2", false), ["Untagged: x/y:2"]);
    assert!(!root.path("refs/docker.io/x").exists());
    let user =
        || vec![ImageUser { image: image.id.clone(), container: "c".into(), running: false }];
    let error = store.remove("a:1", false, &user).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "conflict: unable to remove repository reference \"a:1\" (must force) - \
             container c is using its referenced image {}",
            image.id.short()
        )
    );
    // Forced: the names and the id go, what the container needs stays.
    let removal = store.remove("a:1", true, &user).unwrap();
    assert_eq!(removal.lines.len(), 2);
    not_found(store, "a:1", "No such image: a:1");
    assert!(store.has_layer(&image.layers[0]) && store.has_blob(&image.id));
    let collected = store.gc(&nobody).unwrap();
    assert_eq!((collected.layers.len(), collected.chains.len()), (1, 1));
    assert!(collected.bytes > 500);

    let image = import(store, 1, "");
    assert_eq!(
        lines(&image.id.hex()[..5], false),
        [format!("Deleted: {}", image.id), format!("Deleted: {}", image.layers[0])]
    );
    assert_eq!(root.count("content/sha256") + root.count("layers/sha256"), 0);
    root.assert_tidy();
}

#[test]
fn shared_layers_stay() {
    let root = root("shared");
    let store = &root.store;
    let base = layer(1, 100);
    let top = layer(2, 100);
    store.load(&docker_archive(&[&base], r#"["base:1"]"#)[..]).unwrap();
    store.load(&docker_archive(&[&base, &top], r#"["top:1"]"#)[..]).unwrap();
    let removal = store.remove("top:1", false, &nobody).unwrap();
    assert_eq!(removal.collected.layers, [diff(&top)]);
    assert_eq!(removal.lines.len(), 3);
    assert!(store.find("base:1", None).is_ok() && store.has_layer(&diff(&base)));
}

#[test]
fn leases_keep_what_no_name_keeps() {
    let root = root("leases");
    let store = &root.store;
    let mut lease = store.lease([&sha256(b"one")]).unwrap();
    store.put_blob(b"one", None).unwrap();
    lease.add([&sha256(b"two")]).unwrap();
    store.put_blob(b"two", None).unwrap();
    store.put_blob(b"three", None).unwrap();
    assert_eq!(store.gc(&nobody).unwrap().blobs, [sha256(b"three")]);
    assert!(store.has_blob(&sha256(b"one")) && store.has_blob(&sha256(b"two")));
    // The lease of a command that died is only a file.
    std::fs::write(root.path("leases/dead"), format!("{}\n", sha256(b"four"))).unwrap();
    store.put_blob(b"four", None).unwrap();
    drop(lease);
    assert_eq!(store.gc(&nobody).unwrap().blobs.len(), 3);
    root.assert_tidy();
}

#[test]
fn a_collection_that_died_is_finished_by_the_next() {
    let root = root("died");
    let store = &root.store;
    let image = import(store, 1, "a");
    // What it threw away was needed by nobody then; here it has been made anew since.
    let trash = root.path("trash/images").join(format!("layer-{}", image.layers[0].0.hex()));
    std::fs::create_dir(&trash).unwrap();
    std::fs::write(trash.join("layer.tar"), "x").unwrap();
    std::fs::create_dir(root.path("ingest/layer-left-over")).unwrap();
    assert_eq!(store.gc(&nobody).unwrap().bytes, 1);
    assert_eq!(store.find("a", None).unwrap().image, image);
    assert!(store.has_layer(&image.layers[0]));
    root.assert_tidy();
}

#[test]
fn collections_beside_loads() {
    let root = root("race");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                root.store.gc(&nobody).unwrap();
                count += 1;
            }
            count
        });
        let workers: Vec<_> = (0..3)
            .map(|worker: u32| {
                let store = &root.store;
                scope.spawn(move || {
                    for round in 0..8 {
                        // All of them share these layers, so they come and go under each other.
                        let layers = [layer(round % 2, 3000), layer(9, 3000)];
                        let name = format!("w{worker}:1");
                        let tags = format!(r#"["{name}"]"#);
                        let archive = docker_archive(&[&layers[0], &layers[1]], &tags);
                        store.load(&archive[..]).unwrap();
                        let found = store.find(&name, None).unwrap();
                        assert!(found.image.layers.iter().all(|layer| store.has_layer(layer)));
                        store.remove(&name, round % 3 == 0, &nobody).unwrap();
                    }
                })
            })
            .collect();
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(collector.join().unwrap() > 0);
        assert!(ended.iter().all(Result::is_ok));
    });
    root.assert_tidy();
}

#[test]
fn the_builtin_image_is_the_same_everywhere() {
    let config = || ContainerConfig { cmd: vec!["/hello".into()], ..ContainerConfig::default() };
    let make = |root: &Root| {
        let tar = tar(&[("hello", b"program")]);
        root.store.builtin(&reference("teu/hello"), &tar[..], config()).unwrap()
    };
    let (one, two) = (root("builtin"), root("builtin"));
    assert_eq!(make(&one), make(&two));
    assert_eq!(make(&one).id, one.store.find("teu/hello", None).unwrap().image.id);
    assert_eq!(one.store.list().unwrap().len(), 1);
}

#[test]
fn the_version_is_looked_at() {
    let root = root("version");
    let open = || Store::open(&Paths::of_root(&root.path("")));
    open().unwrap();
    std::fs::write(root.path("version"), "2\n").unwrap();
    assert!(matches!(open(), Err(ImageError::NewerVersion { .. })));
    use std::os::unix::fs::PermissionsExt;
    for place in ["", "content", "layers/sha256", "refs", "leases", "trash/images"] {
        let mode = std::fs::metadata(root.path(place)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{place}");
    }
}
