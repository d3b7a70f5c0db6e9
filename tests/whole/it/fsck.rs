//! `fsck`: defects that were made on purpose are found, named and repaired, and nothing else is.

use std::fs;
use teu_testkit::Teu;
use teu_testkit::teu::until;

/// Fields, for the shell: R the state root, V the run directory, C a stopped container's id, U a running
/// one's, I the digits that stand for the root, L the layer of the image `other`.
const DEFECTS: [(&str, &str, &str); 28] = [
    ("lost layer", "rm -r $R/layers/sha256/$L", "is missing"),
    ("truncated layer", "truncate -s -512 $R/layers/sha256/$L/layer.tar", "its archive has"),
    ("layer without index", "rm $R/layers/sha256/$L/index", "its index is missing"),
    (
        "wrong byte in a layer",
        "printf x | dd of=$R/layers/sha256/$L/layer.tar bs=1 seek=600 conv=notrunc 2>/dev/null",
        "layer ",
    ),
    ("missing document", "rm $R/content/sha256/$M", "is missing"),
    (
        "wrong byte in a document",
        "printf x | dd of=$R/content/sha256/$M bs=1 conv=notrunc 2>/dev/null",
        "document ",
    ),
    (
        "name to nowhere",
        "sed -i s/sha256:......../sha256:00000000/ $R/refs/docker.io/library/other/_tags/latest",
        "name docker.io/library/other:latest",
    ),
    ("damaged name", "echo x >$R/refs/docker.io/library/other/_tags/latest", "its file is damaged"),
    (
        "stale name",
        "ln -s $(printf %064d 5) $R/names/containers/stale",
        "name stale: it leads to 000000000000, which does not exist",
    ),
    ("name to the wrong one", "ln -s $C $R/names/containers/alias", "name alias: it leads to"),
    (
        "wrong link",
        "ln -s nonsense $R/names/containers/link",
        "name link: it leads to no container's id",
    ),
    ("a container's name lost", "rm $R/names/containers/down", "its name does not lead to it"),
    ("half a record", "rm $R/containers/$C/state.json", "half a record: its state.json is missing"),
    ("corrupt state", "echo '{' >$R/containers/$C/state.json", "its state.json is damaged"),
    (
        "corrupt request",
        "cp -r $R/containers/$C $R/containers/$Z; echo '{' >$R/containers/$Z/request.json",
        "its request.json is damaged",
    ),
    (
        "foreign file",
        "echo x >$R/containers/README",
        "containers/README: no container is called so",
    ),
    ("dead monitor", "kill -9 $(ps -o ppid= -p $P)", "its monitor is gone"),
    (
        "orphan process",
        "for d in $(find /sys/fs/cgroup -type d -name teu-$I); do mkdir $d/$Z; done; sleep 1000 >/dev/null 2>&1 & p=$!; for d in $(find /sys/fs/cgroup -type d -name $Z); do echo $p >$d/cgroup.procs; done",
        "a process is in it, and no container",
    ),
    ("stray veth", "ip link add t${I}deadbeef type veth peer name t${I}deadbeee", "interface t"),
    (
        "stray lease",
        "n=$(ls $V/networks | head -1); f=$(ls $V/networks/$n/addresses/* | head -1); sed s/$U/$Z/g $f >$V/networks/$n/addresses/$(basename $f | sed 's/[0-9]*$/77/')",
        "address ",
    ),
    ("stray mount", "mkdir -p $V/roots/x; mount -t tmpfs x $V/roots/x", "mount /run/"),
    ("stray firewall rule", "nft add rule inet teu_$I forward counter accept", "rules instead of"),
    (
        "stray firewall element",
        "nft add element inet teu_$I bridges { lo }",
        "its set bridges names lo",
    ),
    ("left-over of a pull", "mkdir $R/ingest/layer-x $R/ingest/root-x", "ingest/layer-x"),
    ("half a memory", "mkdir -p $V/ended/.$Z", "run/ended/.00000000000: a command that died"),
    (
        "spoilt memory",
        "mkdir -p $V/ended/$Z; echo '{' >$V/ended/$Z/request.json",
        "run/ended/000000000000: what is remembered of this container cannot be read",
    ),
    ("left-over of a removal", "mkdir -p $R/trash/$Z/upper", "trash/0000"),
    (
        "pending word",
        "touch $V/pending/$Z",
        "pending/000000000000: an action on this container broke off",
    ),
];

#[test]
fn every_seeded_defect_is_found_named_and_repaired() {
    let teu = Teu::with_busybox("fsck").elsewhere();
    let tar = teu.scratch().join("other.tar");
    teu.place().shell(&format!(
        "mkdir {0}/o; head -c 9000 /bin/sh >{0}/o/file; tar -C {0}/o -cf {1} .",
        teu.scratch().display(),
        tar.display()
    ));
    let down = teu.ok("create --name down busybox true");
    let up = teu.ok("run -d --name up busybox sleep 1000");
    assert_eq!(teu.ok("fsck --verify"), "nothing is wrong");
    let import = format!("import {} other", tar.display());
    for (what, seed, expected) in DEFECTS {
        // Some defects take the image or the name with them.
        teu.ok(&import);
        let image = teu.ok("inspect -f '{{index .RootFS.Layers 0}} {{.Id}}' other");
        let (layer, config) = image.split_once(' ').unwrap();
        let pid = teu.pid("up");
        let script = format!(
            "R={} V={} C={down} U={up} I={} L={} M={} Z={:064} P={pid}\n{seed}",
            teu.root().display(),
            teu.run_dir().display(),
            teu.id(),
            layer.trim_start_matches("sha256:"),
            config.trim_start_matches("sha256:"),
            0,
        );
        teu.place().shell(&script);
        let told = teu.run("fsck --verify");
        assert_eq!(told.code, 1, "{what}: {told:?}");
        assert!(told.stdout.contains(expected), "{what}: {told:?}");
        assert!(told.stdout.contains("--repair would: "), "{what}: {told:?}");
        let repaired = teu.run("fsck --repair --verify");
        assert_eq!(repaired.code, 0, "{what}: {repaired:?}");
        assert!(repaired.stdout.contains(expected), "{what}: {repaired:?}");
        assert!(repaired.stdout.contains("repaired: "), "{what}: {repaired:?}");
        assert_eq!(teu.ok("fsck --verify"), "nothing is wrong", "{what}");
        assert_eq!(teu.ok("ps -a --filter name=down --format '{{.Names}}'"), "down", "{what}");
        assert_eq!(teu.ok("exec up echo alive"), "alive", "{what}");
    }
    // What was not teu's, or could not be read, is still there for its owner.
    assert!(teu.root().join("lost/README").is_file());
    teu.ok("rm -f up down");
    assert_eq!(teu.ok("fsck"), "nothing is wrong");
}

#[test]
fn a_damaged_root_and_cut_events_are_made_whole() {
    let teu = Teu::with_busybox("fsck-root");
    teu.ok("run --name a --network none busybox true");
    let roots = teu.root().join("roots/sha256");
    let root = fs::read_dir(&roots).unwrap().next().unwrap().unwrap().path().join("root.erofs");
    let mut image = fs::read(&root).unwrap();
    let middle = image.len() / 2;
    image[middle] ^= 1;
    fs::remove_file(&root).unwrap();
    fs::write(&root, image).unwrap();
    let log = teu.root().join("events/log");
    let mut text = fs::read_to_string(&log).unwrap();
    text.truncate(text.len() - 20);
    fs::write(&log, text).unwrap();
    let told = teu.run("fsck");
    assert_eq!(told.code, 1, "{told:?}");
    for part in ["its index is damaged", "events/log: 1 of its lines tell no event"] {
        assert!(told.stdout.contains(part), "{told:?}");
    }
    let repaired = teu.run("fsck --repair");
    assert_eq!(repaired.code, 0, "{repaired:?}");
    assert_eq!(teu.ok("fsck"), "nothing is wrong");
    teu.ok("start -a a");
    assert!(teu.ok("events --since 1h --until 0s").contains(" container start "));
}

#[test]
fn a_damaged_record_hides_no_other_container() {
    let teu = Teu::with_busybox("fsck-hidden");
    let id = teu.ok("create --name a --network none busybox true");
    teu.ok("create --name b --network none busybox true");
    fs::write(teu.root().join("containers").join(&id).join("state.json"), "{").unwrap();
    assert_eq!(teu.ok("ps -a --format '{{.Names}}'"), "b");
    teu.ok("fsck --repair");
    let shown = teu.ok("ps -a --filter name=a --format '{{.Names}} {{.Status}}'");
    assert!(shown.starts_with("a Exited (255)"), "{shown}");
}

#[test]
fn what_others_are_doing_is_no_defect() {
    let teu = Teu::with_busybox("fsck-busy");
    let mut commands: Vec<_> = (0..4)
        .map(|number| {
            let words =
                ["run", "--rm", "busybox", "sleep", &format!("0.{number}")].map(String::from);
            teu.command(&words).spawn().unwrap()
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(teu.ok("fsck"), "nothing is wrong");
    }
    for command in &mut commands {
        command.wait().unwrap();
    }
    until("all is quiet", || (teu.ok("fsck") == "nothing is wrong").then_some(()));
}
