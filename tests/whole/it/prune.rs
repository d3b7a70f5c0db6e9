//! What nobody uses: how much it is, and how it goes.

use std::io::Write;
use std::process::Stdio;
use teu_testkit::Teu;

#[test]
fn container_prune_takes_the_stopped_ones() {
    let teu = Teu::with_busybox("prune");
    teu.ok("run -d --name up --network none busybox sleep 99");
    let done = teu.ok("create --name done --label keep=no --network none busybox true");
    teu.ok("create --name kept --label keep --network none busybox true");
    let shown = teu.ok("container prune --dry-run --filter label!=keep");
    assert_eq!(shown, "Space that would be reclaimed: 0B");
    let shown = teu.ok("container prune --dry-run --filter label=keep=no");
    assert!(shown.starts_with(&format!("Would delete Containers:\n{done}\n")), "{shown}");
    assert_eq!(teu.ok("ps -aq").lines().count(), 3);
    let shown = teu.ok("container prune -f --filter label=keep=no");
    assert_eq!(shown, format!("Deleted Containers:\n{done}\n\nTotal reclaimed space: 0B"));
    assert_eq!(teu.ok("container prune -f --filter until=1h"), "Total reclaimed space: 0B");
    // No answer is no.
    let done = teu.run("container prune");
    assert_eq!(
        done.stdout,
        "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "
    );
    assert_eq!((done.code, done.stderr.as_str()), (1, "teu: container prune has been cancelled"));
    assert_eq!(teu.ok("ps -a --format '{{.Names}}'"), "kept\nup");
    let mut command = teu.command(&["container", "prune"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"y\n").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(teu.ok("ps -a --format '{{.Names}}'"), "up");
    let told = teu.fails(1, "container prune -f --filter name=x");
    assert!(told.contains("invalid filter 'name'"), "{told}");
    teu.fails(125, "container prune --nonsense");
}

#[test]
fn image_prune_takes_what_no_container_has() {
    let teu = Teu::with_busybox("prune-image");
    teu.ok("create --name a --network none busybox true");
    assert_eq!(teu.ok("image prune -f"), "Total reclaimed space: 0B");
    assert_eq!(teu.ok("image prune -af"), "Total reclaimed space: 0B");
    teu.ok("rm a");
    let shown = teu.ok("image prune -a --dry-run");
    assert!(
        shown.contains("untagged: busybox:latest") && shown.contains("deleted: sha256:"),
        "{shown}"
    );
    assert_eq!(teu.ok("images -q").lines().count(), 1);
    let shown = teu.ok("system prune -af");
    assert!(shown.starts_with("Deleted Images:\nuntagged: busybox:latest\n"), "{shown}");
    assert!(!shown.ends_with("space: 0B"), "{shown}");
    assert_eq!(teu.ok("images -q"), "");
    assert_eq!(teu.ok("fsck"), "nothing is wrong");
    let asked = teu.run("system prune --filter label=x").stdout;
    assert!(
        asked.contains("  - all dangling images\n  - unused build cache\n\n  Items"),
        "{asked}"
    );
}

#[test]
fn system_prune_takes_volumes_where_it_is_told_to() {
    let teu = Teu::with_busybox("prune-volumes");
    teu.ok("create --name a --network none -v /x -v kept:/y busybox true");
    teu.ok("run --rm --network none -v kept:/y busybox sh -c 'head -c 5000 /dev/zero >/y/file'");
    let row = |kind: &str| {
        let rows = teu.ok(
            "system df --format '{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}'",
        );
        rows.lines().find(|row| row.starts_with(kind)).unwrap().to_string()
    };
    assert_eq!(row("Local"), "Local Volumes|2|2|5kB|0B (0%)");
    let shown =
        teu.ok("system df -v --format '{{range .Volumes}}{{.Name}} {{.Links}} {{.Size}};{{end}}'");
    assert!(shown.contains("kept 1 5kB;"), "{shown}");
    teu.ok("system prune -f --filter label=none");
    teu.ok("rm a");
    assert_eq!(row("Local"), "Local Volumes|2|0|5kB|5kB (100%)");
    assert_eq!(teu.ok("system prune -f"), "Total reclaimed space: 0B");
    let shown = teu.ok("system prune --volumes --dry-run");
    assert!(shown.starts_with("Would delete Volumes:\n") && !shown.contains("kept"), "{shown}");
    assert_eq!(teu.ok("volume ls -q").lines().count(), 2);
    let shown = teu.ok("volume prune -a --dry-run");
    assert!(shown.contains("kept\n\nSpace that would be reclaimed: 5kB"), "{shown}");
    assert_eq!(teu.ok("volume rm --dry-run kept"), "kept");
    assert_eq!(teu.ok("volume ls -q").lines().count(), 2);
    teu.ok("system prune -f --volumes");
    assert_eq!(teu.ok("volume ls -q"), "kept", "it has a name");
    let told = teu.fails(1, "volume prune");
    assert!(told.contains("volume prune has been cancelled"), "{told}");
    teu.ok("create --name b --network none -v kept:/y busybox true");
    assert!(teu.fails(1, "volume rm --dry-run kept").contains("volume is in use"));
}

#[test]
fn df_counts_each_layer_once() {
    let teu = Teu::with_busybox("df");
    teu.ok("tag busybox other");
    teu.ok("run --name a --network none busybox sh -c 'head -c 5000 /dev/zero >/file'");
    let rows =
        teu.ok("system df --format '{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Reclaimable}}'");
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!(rows[0], "Images|1|1|0B (0%)");
    assert_eq!(rows[1], "Containers|1|0|5kB (100%)");
    assert!(teu.ok("system df").starts_with("TYPE            TOTAL     ACTIVE    SIZE"));
    let shown = teu.ok("system df -v");
    for part in
        ["Images space usage:", "SHARED SIZE", "Containers space usage:", "5kB", "VOLUME NAME"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(
        teu.ok("system df -v --format '{{range .Containers}}{{.Names}} {{.Size}}{{end}}'"),
        "a 5kB"
    );
}

#[test]
fn groups_are_other_names_of_the_verbs() {
    let teu = Teu::with_busybox("groups");
    teu.ok("container create --name a --network none busybox true");
    assert_eq!(teu.ok("container ls -a --format '{{.Names}}'"), "a");
    assert_eq!(teu.ok("image ls --format '{{.Repository}}'"), "busybox");
    assert_eq!(teu.ok("container inspect -f '{{.Name}}' a"), "/a");
    let told = teu.fails(1, "container inspect busybox");
    assert!(told.contains("No such container: busybox"), "{told}");
    assert!(teu.ok("container").contains("prune") && teu.ok("image --help").contains("pull"));
    let told = teu.fails(1, "container nonsense");
    assert!(told.contains("unknown command: teu container nonsense"), "{told}");
    assert_eq!(teu.ok("rm --dry-run a"), "a");
    assert_eq!(teu.ok("container rm a"), "a");
    let told = teu.fails(1, "rm --dry-run a b");
    assert!(
        told.contains("No such container: a") && told.contains("No such container: b"),
        "{told}"
    );
}
