//! Volumes: directories that outlive containers.

use std::fs;
use teu_testkit::Teu;
use teu_testkit::teu::shell;

#[test]
fn create_list_inspect_remove() {
    let teu = Teu::with_busybox("volume-verbs");
    assert_eq!(teu.ok("volume create --label tier=db --label x data"), "data");
    assert_eq!(teu.ok("volume create data"), "data", "it is there already");
    let anonymous = teu.ok("volume create");
    assert_eq!(anonymous.len(), 64, "{anonymous}");
    let listed = teu.ok("volume ls");
    assert_eq!(listed.lines().next(), Some("DRIVER    VOLUME NAME"));
    assert!(listed.contains("local     data"), "{listed}");
    let shown = teu.ok("volume inspect data");
    let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(value[0]["Name"], "data");
    assert_eq!(value[0]["Labels"]["tier"], "db");
    assert_eq!(value[0]["Options"], serde_json::Value::Null);
    assert_eq!(value[0]["Scope"], "local");
    let names = |flags: &str| teu.ok(&format!("volume ls -q {flags}")).replace('\n', " ");
    assert_eq!(names("-f name=dat"), "data");
    assert_eq!(names("-f label=tier"), "data");
    assert_eq!(names("-f label=tier=web"), "");
    assert_eq!(names("-f driver=other"), "");
    assert_eq!(names("-f dangling=true -f name=dat"), "data");
    assert_eq!(names("-f dangling=false"), "");
    assert_eq!(teu.ok("volume ls --format '{{.Name}} {{.Driver}}' -f name=dat"), "data local");
    assert_eq!(teu.ok(&format!("volume rm {anonymous} data")), format!("{anonymous}\ndata"));
    assert_eq!(teu.ok("volume ls -q"), "");
    assert_eq!(teu.ok("volume rm -f gone"), "gone");
    for (line, why) in [
        ("volume rm gone", "get gone: no such volume"),
        ("volume inspect gone", "get gone: no such volume"),
        (
            "volume create a/b",
            "create a/b: \"a/b\" includes invalid characters for a local volume name",
        ),
        ("volume create x", "create x: volume name is too short"),
        (
            "volume create -d foo zz",
            "create zz: error looking up volume plugin foo: plugin \"foo\" not found",
        ),
        ("volume create -o foo=1 zz", "create zz: invalid option: \"foo\""),
        ("volume create -o type=tmpfs zz", "create zz: missing required option: \"device\""),
        ("volume ls -f nonsense=1", "invalid filter 'nonsense'"),
    ] {
        let told = teu.fails(1, line);
        assert!(told.contains(why), "{line}: {told}");
    }
}

#[test]
fn what_is_written_outlives_the_container() {
    let teu = Teu::with_busybox("volume-outlives");
    teu.ok("run --rm --network none -v data:/d busybox sh -c 'echo kept >/d/file'");
    assert_eq!(teu.ok("run --rm --network none -v data:/other busybox cat /other/file"), "kept");
    assert_eq!(
        teu.ok("run --rm --network none --mount type=volume,src=data,dst=/m busybox cat /m/file"),
        "kept"
    );
    let told = teu.run("run --rm --network none -v data:/d:ro busybox sh -c 'echo x >/d/file'");
    assert!(told.code != 0 && told.stderr.contains("Read-only"), "{told:?}");
    assert_eq!(teu.ok("volume ls -q"), "data");
}

#[test]
fn a_volume_in_use_stays() {
    let teu = Teu::with_busybox("volume-in-use");
    let id = teu.ok("create --name a --network none -v data:/d busybox true");
    let told = teu.fails(1, "volume rm data");
    assert!(told.contains(&format!("remove data: volume is in use - [{id}]")), "{told}");
    assert_eq!(teu.ok("volume prune -a -f"), "Total reclaimed space: 0B");
    assert_eq!(teu.ok("volume ls -q -f dangling=false"), "data");
    teu.ok("rm a");
    assert_eq!(teu.ok("volume ls -q -f dangling=true"), "data");
    assert_eq!(teu.ok("volume prune -f"), "Total reclaimed space: 0B", "it has a name");
    let told = teu.ok("volume prune -a -f");
    assert!(told.starts_with("Deleted Volumes:\ndata\n\nTotal reclaimed space: "), "{told}");
}

#[test]
fn anonymous_ones_go_with_their_container() {
    let teu = Teu::with_busybox("volume-anonymous");
    teu.ok("run --rm --network none -v /d busybox sh -c 'echo x >/d/x'");
    assert_eq!(teu.ok("volume ls -q"), "");
    teu.ok("create --name a --network none -v /d -v data:/e busybox true");
    let names = teu.ok("volume ls -q");
    assert_eq!(names.lines().count(), 2, "{names}");
    teu.ok("rm -v a");
    assert_eq!(teu.ok("volume ls -q"), "data");
    teu.ok("create --name b --network none -v /d busybox true");
    teu.ok("rm b");
    assert_eq!(teu.ok("volume ls -q").lines().count(), 2, "without -v it stays");
    let told = teu.ok("volume prune -f");
    assert!(told.contains("Deleted Volumes:"), "{told}");
    assert_eq!(teu.ok("volume ls -q"), "data");
}

#[test]
fn volumes_of_the_image() {
    let teu = Teu::with_busybox("volume-image");
    teu.ok("run --name a --network none busybox sh -c 'mkdir -p /data/sub; echo 1 >/data/one; chown 5:6 /data; chmod 750 /data'");
    teu.ok("commit -c 'VOLUME /data' a with");
    teu.ok("rm a");
    assert_eq!(
        teu.ok("run --rm --network none with sh -c 'cat /data/one; stat -c \"%a %u %g\" /data'"),
        "1\n750 5 6"
    );
    assert_eq!(teu.ok("volume ls -q"), "");
    teu.ok("run --name b --network none with sh -c 'echo 2 >/data/two'");
    // It is no part of the container's own files.
    assert_eq!(teu.ok("diff b"), "");
    let told = teu.ok("inspect -f '{{json .Mounts}}' b");
    let value: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (value[0]["Type"].as_str(), value[0]["Destination"].as_str()),
        (Some("volume"), Some("/data"))
    );
    assert_eq!(value[0]["RW"], true);
    // Asked for with a name, it is that one.
    teu.ok("run --rm --network none -v mine:/data with true");
    assert_eq!(teu.ok("volume ls -q -f name=mine"), "mine");
    // Another container may have them too, and they stay as long as it does.
    assert_eq!(teu.ok("run --rm --network none --volumes-from b busybox cat /data/two"), "2");
    let told =
        teu.run("run --rm --network none --volumes-from b:ro busybox sh -c 'echo x >/data/x'");
    assert!(told.code != 0 && told.stderr.contains("Read-only"), "{told:?}");
    teu.ok("create --name c --network none --volumes-from b busybox cat /data/two");
    teu.ok("rm -v b");
    assert_eq!(teu.ok("start -a c"), "2");
}

#[test]
fn an_empty_volume_gets_what_the_image_has_there() {
    let teu = Teu::with_busybox("volume-fill");
    teu.ok("run --name a --network none busybox sh -c 'mkdir -p /data/d; echo 1 >/data/f; chown 7:8 /data/f; chmod 640 /data/f; ln -s f /data/l; ln /data/f /data/h; mkfifo /data/p'");
    teu.ok("commit a with");
    let list = "sh -c 'cd /data; stat -c \"%n %a %u %g %h %F\" d f l h p'";
    let expected = "d 755 0 0 2 directory\nf 640 7 8 2 regular file\nl 777 0 0 1 symbolic link\nh 640 7 8 2 regular file\np 644 0 0 1 fifo";
    assert_eq!(teu.ok(&format!("run --rm --network none -v v1:/data with {list}")), expected);
    teu.ok("run --rm --network none -v v1:/data with sh -c 'rm -r /data/d'");
    // Only when it is empty.
    assert_eq!(teu.run("run --rm --network none -v v1:/data with ls /data/d").code, 1);
    assert_eq!(teu.ok("run --rm --network none -v v2:/data:nocopy with ls /data"), "");
    assert_eq!(
        teu.ok("run --rm --network none --mount src=v3,dst=/data,volume-nocopy with ls /data"),
        ""
    );
    // A directory of a volume.
    teu.ok("run --rm --network none -v v2:/x busybox sh -c 'mkdir -p /x/in/side; echo deep >/x/in/side/f; ln -s / /x/out'");
    assert_eq!(
        teu.ok(
            "run --rm --network none --mount src=v2,dst=/m,volume-subpath=in/side busybox cat /m/f"
        ),
        "deep"
    );
    // A link leads nowhere but into the volume.
    let told =
        teu.run("run --rm --network none --mount src=v2,dst=/m,volume-subpath=out busybox ls /m");
    assert_eq!(told.stdout, "in\nout", "{told:?}");
    let told = teu
        .fails(125, "run --rm --network none --mount src=v2,dst=/m,volume-subpath=no busybox true");
    assert!(told.contains("no"), "{told}");
    teu.fails(
        125,
        "run --rm --network none --mount src=v2,dst=/m,volume-subpath=../x busybox true",
    );
}

#[test]
fn a_volume_moves_as_an_archive() {
    let teu = Teu::with_busybox("volume-move");
    teu.ok("run --rm --network none -v one:/d busybox sh -c 'cd /d; echo 1 >f; chown 3:4 f; chmod 4711 f; ln f g; mkdir -p a/b; ln -s f s'");
    let tar = teu.scratch().join("one.tar").display().to_string();
    teu.ok(&format!("volume export -o {tar} one"));
    let names = shell(&format!("tar -tf {tar} | sort | tr '\\n' ' '"));
    assert_eq!(names.trim(), "./ a/ a/b/ f g s");
    teu.ok("volume create two");
    teu.ok(&format!("volume import two {tar}"));
    assert_eq!(
        teu.ok("run --rm --network none -v two:/d busybox stat -c '%a %u %g %h' /d/g"),
        "4711 3 4 2"
    );
    let again = teu.scratch().join("two.tar").display().to_string();
    teu.ok(&format!("volume export -o {again} two"));
    assert_eq!(fs::read(&tar).unwrap(), fs::read(&again).unwrap());
    let told = teu.fails(1, "volume export nobody");
    assert!(told.contains("get nobody: no such volume"), "{told}");
}

#[test]
fn options_of_the_local_driver() {
    let teu = Teu::with_busybox("volume-options");
    let host = teu.scratch().join("host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("f"), "from the host").unwrap();
    teu.ok(&format!("volume create -o type=none -o o=bind -o device={} bound", host.display()));
    assert_eq!(teu.ok("run --rm --network none -v bound:/d busybox cat /d/f"), "from the host");
    teu.ok("volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,mode=700 mem");
    let told =
        teu.ok("run --rm --network none -v mem:/d busybox sh -c 'grep \" /d \" /proc/mounts'");
    assert!(told.starts_with("tmpfs /d tmpfs rw") && told.contains("size=1024k"), "{told}");
    assert_eq!(teu.ok("volume inspect -f '{{.Options.o}}' mem"), "size=1m,mode=700");
    let told =
        teu.fails(125, "run --rm --network none --volume-driver other -v new:/d busybox true");
    assert!(told.contains("error looking up volume plugin other"), "{told}");
    let told = teu.fails(125, "run --rm --network none -v x:/d busybox true");
    assert!(told.contains("volume name is too short"), "{told}");
}

#[test]
fn inspect_shows_mounts_as_docker_does() {
    let teu = Teu::with_busybox("volume-inspect");
    teu.ok("create --name a --network none -v data:/d -v other:/o:ro --mount src=third,dst=/t busybox true");
    assert_eq!(
        teu.ok("inspect -f '{{json .HostConfig.Binds}}' a"),
        "[\"data:/d\",\"other:/o:ro\"]"
    );
    let told = teu.ok("inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.Driver}} [{{.Mode}}] {{.RW}};{{end}}' a");
    assert_eq!(
        told,
        "volume data /d local [z] true;volume other /o local [ro] false;volume third /t local [] true;"
    );
    let source = teu.ok("inspect -f '{{(index .Mounts 0).Source}}' a");
    assert_eq!(source, teu.ok("volume inspect -f '{{.Mountpoint}}' data"));
}
