//! Roots as the kernel shows them, with every driver, against what GNU tar unpacks.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use support::{Store, assert_same, best, drivers, look, with_init_layer};
use teu_model::DiffId;
use teu_snapshot::{Driver, SnapshotError, Snapshots, WritableOptions};
use teu_tar::{Entry, Kind, Time, Writer, Xattr};
use teu_testkit::{Need, have};

/// A tree with one of everything.
const ODDITIES: &str = r#"
mkdir -p t/deep/$(printf 'x%.0s' $(seq 200))/$(printf 'y%.0s' $(seq 255)) t/many t/empty t/sticky
cd t
echo hello > file; ln file hard; ln file deep/harder; ln -s file soft; ln -s nowhere/at/all dangling
ln -s "$(printf 'l/%.0s' $(seq 200))" long; ln -s "$(printf 'l/%.0s' $(seq 2000))" longer
ln -s "$(printf 's%.0s' $(seq 448))" just; ln -s "$(printf 's%.0s' $(seq 449))" over
mkfifo pipe; mknod null c 1 3; mknod big b 259 1048575
chmod 1777 sticky; chmod 4755 file; chmod 000 empty; chown 12345:3000000000 soft sticky
for n in $(seq 1500); do echo $n > "many/ a name of some length, number $n"; done
for n in 0 1 511 512 513 4095 4096 4097 100000 1048576; do head -c $n /dev/urandom > size$n; done
truncate -s 3M holes; printf here | dd of=holes bs=1 seek=1000000 conv=notrunc status=none
truncate -s 64M hollow
touch -d '1969-12-31 23:59:58.5 UTC' size1; touch -d '2099-01-01 00:00:00.123456789 UTC' many
touch -hd '2001-02-03 04:05:06 UTC' soft
"#;

fn tar_of(store: &Store, options: &str) -> DiffId {
    store.shell(&format!(
        "tar --xattrs --xattrs-include='*' --format=posix {options} -cf a.tar -C t ."
    ));
    store.add_layer(&fs::read(store.top.join("a.tar")).unwrap())
}

fn check_oddities(driver: Driver) {
    if !have(Need::Root) {
        return;
    }
    let store = Store::new(&format!("roots-{driver}"));
    store.shell(ODDITIES);
    let mut acl = vec![2, 0, 0, 0];
    for (tag, rights, id) in
        [(1u16, 6u16, u32::MAX), (2, 4, 7), (4, 4, u32::MAX), (16, 6, u32::MAX), (32, 0, u32::MAX)]
    {
        acl.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
        acl.extend(id.to_le_bytes());
    }
    let capability = [&[1, 0, 0, 2, 0, 0x20][..], &[0; 14]].concat();
    for (path, name, value) in [
        ("file", c"user.one", &[b'v'; 300][..]),
        ("many", c"user.two", b"x"),
        ("size512", c"user.long", &[b'w'; 3000]),
        ("size513", c"security.capability", &capability),
        ("size511", c"system.posix_acl_access", &acl),
        ("longer", c"trusted.mine", b"x"),
        ("just", c"trusted.mine", b"x"),
    ] {
        let path = store.top.join("t").join(path);
        let time = fs::symlink_metadata(&path).unwrap();
        teu_kernel::xattr::set(&path, name, value).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().mtime(), time.mtime());
    }
    for options in ["", "--sparse", "--sparse --sort=name --sparse-version=0.1"] {
        let diff = tar_of(&store, options);
        let snapshots = store.snapshots(driver);
        let root = snapshots.ensure_root(&[diff]).unwrap();
        assert_same(&look(&root.path), &with_init_layer(look(&store.top.join("t"))));
        snapshots.forget_root(&root.chain).unwrap();
        assert!(!root.path.exists());
    }
    assert!(store.snapshots(driver).built_roots().unwrap().is_empty());
}

#[test]
fn one_of_everything_from_files() {
    if drivers().contains(&Driver::ErofsFile) {
        check_oddities(Driver::ErofsFile);
    }
}

#[test]
fn one_of_everything_from_loop_devices() {
    if drivers().contains(&Driver::ErofsLoop) {
        check_oddities(Driver::ErofsLoop);
    }
}

#[test]
fn one_of_everything_unpacked() {
    check_oddities(Driver::Tree);
}

/// Directories of the machine itself, some thousand files in three layers.
#[test]
fn real_files_in_layers() {
    if !have(Need::Root) {
        return;
    }
    let store = Store::new("real");
    let mut layers = Vec::new();
    let there = |part: &&str| part.split(' ').all(|path| Path::new("/").join(path).exists());
    let parts = ["etc", "usr/sbin", "usr/share/perl5 var/lib/dpkg/info"];
    for part in parts.into_iter().filter(there) {
        store.shell(&format!(
            "tar --xattrs --xattrs-include='*' --format=posix -cf a.tar -C / {part}"
        ));
        layers.push(store.add_layer(&fs::read(store.top.join("a.tar")).unwrap()));
        store.shell("mkdir -p t; tar --xattrs --xattrs-include='*' -xpf a.tar -C t");
    }
    let root = store.snapshots(best()).ensure_root(&layers).unwrap();
    let (got, mut expected) = (look(&root.path), look(&store.top.join("t")));
    // Parents that no layer names: `usr` and the like are root's, 0755, of 1970.
    for implied in ["", "usr", "usr/share", "var", "var/lib", "var/lib/dpkg"] {
        if expected.contains_key(implied) {
            expected.insert(implied.into(), "40755 0:0 0.000000000 0  ".into());
        }
    }
    assert_same(&got, &with_init_layer(expected));
    if best() == Driver::Tree {
        return;
    }
    // The same stack built twice is the same, byte for byte.
    let place = store.paths.root.join("roots/sha256").join(root.chain.0.hex()).join("root.erofs");
    let first = fs::read(&place).unwrap();
    store.snapshots(best()).forget_root(&root.chain).unwrap();
    store.snapshots(best()).prepare(&layers).unwrap();
    assert!(first == fs::read(&place).unwrap());
}

fn archive(make: impl FnOnce(&mut Writer<Vec<u8>>) -> std::io::Result<()>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    make(&mut writer).unwrap();
    writer.finish().unwrap()
}

#[test]
fn whiteouts_across_layers_with_every_driver() {
    if !have(Need::Root) {
        return;
    }
    let store = Store::new("whiteouts");
    let layers = [
        store.add_layer(&archive(|layer| {
            layer.file("etc/passwd", 0o644, b"root")?;
            layer.file("etc/gone", 0o644, b"gone")?;
            layer.file("opt/old/a", 0o644, b"a")?;
            layer.file("kept/below", 0o600, b"below")
        })),
        store.add_layer(&archive(|layer| {
            layer.file("etc/.wh.gone", 0o644, b"")?;
            layer.directory("opt", 0o711)?;
            layer.file("opt/.wh..wh..opq", 0o644, b"")?;
            layer.file("opt/new", 0o644, b"new")?;
            layer.file(".wh..wh.plnk/1", 0o644, b"")?;
            layer.file("kept/above", 0o600, b"above")
        })),
        store.add_layer(&archive(|layer| {
            layer.file(".wh.kept", 0o644, b"")?;
            layer.file("kept/above", 0o640, b"again")
        })),
    ];
    for driver in drivers() {
        let snapshots = store.snapshots(driver);
        let root = snapshots.ensure_root(&layers).unwrap();
        let mut seen: Vec<_> = look(&root.path).into_keys().collect();
        let own = with_init_layer(BTreeMap::new());
        seen.retain(|path| !own.contains_key(path) && !root.path.join(path).is_dir());
        assert_eq!(seen, ["etc/passwd", "kept/above", "opt/new"], "{driver}");
        assert_eq!(fs::metadata(root.path.join("opt")).unwrap().mode(), 0o40711);
        assert_eq!(fs::read(root.path.join("kept/above")).unwrap(), b"again");
        snapshots.forget_root(&root.chain).unwrap();
    }
}

#[test]
fn what_overlayfs_would_misread_is_left_out() {
    if !have(Need::Root) {
        return;
    }
    let store = Store::new("misread");
    let xattr = |name: &str| Xattr { name: name.into(), value: b"y".to_vec() };
    let entry = |path: &str, kind| Entry {
        path: path.into(),
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: vec![
            xattr("system.posix_acl_access"),
            xattr("trusted.overlay.opaque"),
            xattr("user.kept"),
            xattr("user.overlay.whiteout"),
            xattr("xyz"),
        ],
    };
    let below = store.add_layer(&archive(|layer| layer.file("d/below", 0o644, b"")));
    let above = store.add_layer(&archive(|layer| {
        layer.append(&entry("d", Kind::Directory), std::io::empty())?;
        layer.append(&entry("d/below", Kind::Character { major: 0, minor: 0 }), std::io::empty())
    }));
    for driver in drivers() {
        let snapshots = store.snapshots(driver);
        let root = snapshots.ensure_root(&[below.clone(), above.clone()]).unwrap();
        assert!(root.path.join("d/below").is_file());
        let names = teu_kernel::xattr::list(&root.path.join("d")).unwrap();
        assert_eq!(names, [b"user.kept"], "{driver}");
        snapshots.forget_root(&root.chain).unwrap();
    }
}

#[test]
fn an_overlay_is_written_and_the_root_stays() {
    if !have(Need::Root) {
        return;
    }
    let store = Store::new("overlay");
    let diff = store.add_layer(&archive(|layer| {
        layer.file("file", 0o644, b"old")?;
        layer.file("other", 0o644, b"other")
    }));
    for driver in drivers() {
        let snapshots = store.snapshots(driver);
        let root = snapshots.ensure_root(std::slice::from_ref(&diff)).unwrap();
        for (number, volatile) in [false, true].into_iter().enumerate() {
            let part = |name: &str| {
                let path = store.top.join(format!("{driver}-{number}-{name}"));
                fs::create_dir(&path).unwrap();
                path
            };
            let (upper, work, at) = (part("upper"), part("work"), part("at"));
            let options = WritableOptions { volatile, userxattr: false };
            let mount = snapshots.writable(&root, &upper, &work, options).unwrap();
            let target = teu_kernel::mount::open_path(&at).unwrap();
            teu_kernel::mount::attach(mount.as_fd(), target.as_fd()).unwrap();
            // The root may go while the overlay stays; an unpacked one has its files in it.
            if volatile && driver != Driver::Tree {
                snapshots.forget_root(&root.chain).unwrap();
            }
            fs::write(at.join("file"), "new").unwrap();
            fs::remove_file(at.join("other")).unwrap();
            assert_eq!(fs::read(at.join("file")).unwrap(), b"new");
            assert!(!at.join("other").exists());
            assert!(upper.join("file").exists());
            teu_kernel::mount::unmount_lazily(&at).unwrap();
            if !volatile {
                assert_eq!(fs::read(root.path.join("file")).unwrap(), b"old");
                assert!(fs::write(root.path.join("file"), "new").is_err());
            }
        }
        snapshots.forget_root(&root.chain).unwrap();
    }
}

#[test]
fn fifty_at_once_mount_it_once() {
    if !have(Need::Root) {
        return;
    }
    let store = Store::new("at-once");
    let diff = store.add_layer(&archive(|layer| layer.file("file", 0o644, b"x")));
    let snapshots = Snapshots::new(&store.paths);
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let root = snapshots.ensure_root(std::slice::from_ref(&diff)).unwrap();
                assert_eq!(fs::read(root.path.join("file")).unwrap(), b"x");
            });
        }
    });
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let run = store.paths.run.to_string_lossy().into_owned();
    assert_eq!(mounts.lines().filter(|line| line.contains(&run)).count(), 1);
    assert_eq!(snapshots.mounted_roots().unwrap(), snapshots.built_roots().unwrap());
    assert_eq!(fs::read_dir(store.paths.root.join("ingest")).unwrap().count(), 0);
    assert_eq!(snapshots.driver(), Some(best()), "this file system is a disk's");
}

#[test]
fn no_layer_at_all_is_the_init_layer_alone() {
    if !have(Need::Root) {
        return;
    }
    let store = Store::new("empty");
    for driver in drivers() {
        let root = store.snapshots(driver).ensure_root(&[]).unwrap();
        let top = BTreeMap::from([(String::new(), "40755 0:0 0.000000000 0  ".to_string())]);
        assert_same(&look(&root.path), &with_init_layer(top));
        store.snapshots(driver).forget_root(&root.chain).unwrap();
    }
}

#[test]
fn what_is_damaged_is_made_again_or_told() {
    if !have(Need::Root) || best() == Driver::Tree {
        return;
    }
    let store = Store::new("damaged");
    let diff = store.add_layer(&archive(|layer| layer.file("file", 0o644, b"x")));
    let snapshots = store.snapshots(best());
    let stack = std::slice::from_ref(&diff);
    // A damaged index of a layer: the archive tells the same.
    fs::write(store.layer(&diff).join("index"), b"nonsense").unwrap();
    let root = snapshots.ensure_root(stack).unwrap();
    assert_eq!(fs::read(root.path.join("file")).unwrap(), b"x");
    snapshots.unmount_all().unwrap();
    // A root's index that is cut, or of another version.
    let index = store.paths.root.join("roots/sha256").join(root.chain.0.hex()).join("root.erofs");
    let good = fs::read(&index).unwrap();
    let mut other = good.clone();
    other[1024 + 64 + 9] = b'0';
    for bad in [&good[..good.len() - 512], &other, b""] {
        fs::write(&index, bad).unwrap();
        snapshots.ensure_root(stack).unwrap();
        assert!(fs::read(&index).unwrap() == good);
        snapshots.unmount_all().unwrap();
    }
    snapshots.forget_root(&root.chain).unwrap();
    snapshots.forget_root(&root.chain).unwrap();
    // An archive that is cut cannot be pointed into.
    fs::write(store.layer(&diff).join("layer.tar"), [0; 100]).unwrap();
    store_index(&store, &diff);
    assert!(matches!(snapshots.ensure_root(stack), Err(SnapshotError::BadLayer { .. })));
    fs::remove_dir_all(store.layer(&diff)).unwrap();
    assert!(matches!(snapshots.ensure_root(stack), Err(SnapshotError::LayerMissing { .. })));
    assert_eq!(fs::read_dir(store.paths.root.join("ingest")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(store.paths.root.join("trash")).unwrap().count(), 0);
}

fn store_index(store: &Store, diff: &DiffId) {
    let mut parser = teu_tar::Parser::new();
    parser.feed(&archive(|layer| layer.file("file", 0o644, b"x"))).unwrap();
    fs::write(store.layer(diff).join("index"), parser.finish().unwrap().encode()).unwrap();
}

/// The last file of an archive that ends without being filled up lies in no whole block.
#[test]
fn an_archive_cut_after_its_last_byte() {
    if !have(Need::Root) {
        return;
    }
    let store = Store::new("cut");
    let mut bytes = archive(|layer| layer.file("file", 0o644, &[b'x'; 700]));
    bytes.truncate(512 + 700);
    let diff = store.add_layer(&bytes);
    for driver in drivers() {
        let root = store.snapshots(driver).ensure_root(std::slice::from_ref(&diff)).unwrap();
        assert_eq!(fs::read(root.path.join("file")).unwrap(), [b'x'; 700]);
        store.snapshots(driver).forget_root(&root.chain).unwrap();
    }
}

/// Layers that reach for the machine's own files: refused, or kept inside, whatever unpacks them.
#[test]
fn nothing_outside_is_touched() {
    if !have(Need::Root) {
        return;
    }
    let store = Store::new("outside");
    let outside = store.top.join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "mine").unwrap();
    let before = look(&outside);
    let there = outside.to_str().unwrap();
    let hard = |path: &str, target: &str| Entry {
        path: path.into(),
        kind: Kind::HardLink { target: target.into() },
        mode: 0o777,
        uid: 1,
        gid: 1,
        mtime: Time::default(),
        xattrs: vec![],
    };
    let inside = &there[1..];
    let attempts = [
        // Through a link of the same layer.
        archive(|layer| {
            layer.symlink("way", there)?;
            layer.file("way/file", 0o777, b"theirs")
        }),
        archive(|layer| {
            layer.symlink("way", "../../../../../../..")?;
            layer.file(&format!("way{there}/file"), 0o777, b"theirs")
        }),
        archive(|layer| layer.append(&hard("file", &format!("{inside}/file")), std::io::empty())),
        archive(|layer| {
            layer.symlink("way", there)?;
            layer.append(&hard("file", "way/file"), std::io::empty())
        }),
        archive(|layer| layer.file(&format!("{inside}/.wh.file"), 0o644, b"")),
        archive(|layer| {
            layer.symlink("file", &format!("{there}/file"))?;
            layer.append(&hard("other", "file"), std::io::empty())
        }),
    ];
    let mut refused = 0;
    for bytes in attempts {
        let diff = store.add_layer(&bytes);
        for driver in [Driver::Tree, best()] {
            let snapshots = store.snapshots(driver);
            match snapshots.ensure_root(std::slice::from_ref(&diff)) {
                Ok(root) => snapshots.forget_root(&root.chain).unwrap(),
                Err(SnapshotError::BadLayer { .. }) => refused += 1,
                Err(other) => panic!("{other}"),
            }
            assert_same(&look(&outside), &before);
            assert_eq!(fs::read_dir(store.paths.root.join("ingest")).unwrap().count(), 0);
        }
    }
    assert_eq!(refused, 6);
}
