//! `cp`: both ways, by docker's rules, and never out of the container's root.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::{Command, Stdio};
use teu_testkit::Teu;
use teu_testkit::teu::{finish, run_plain, shell, until};

/// A container with files, running or not.
fn container(teu: &Teu, runs: bool) {
    let make = "mkdir -p /s/d/e /empty; echo one >/s/f; echo deep >/s/d/e/g; ln -s f /s/l; ln -s /s/d /s/dl; ln /s/f /s/h; \
        chown 5:6 /s/f; chmod 4640 /s/f; touch -d @1234567890 /s/d/e/g";
    let end = if runs { "touch /ready; sleep 99" } else { "true" };
    let detach = if runs { "-d" } else { "" };
    teu.ok(&format!("run {detach} --name aa --network none busybox sh -c '{make}; {end}'"));
    if runs {
        until("it is ready", || (teu.run("exec aa test -e /ready").code == 0).then_some(()));
    }
}

fn both(name: &str, test: impl Fn(&Teu, &str)) {
    for runs in [true, false] {
        let teu = Teu::with_busybox(&format!("{name}-{runs}"));
        container(&teu, runs);
        let at = teu.scratch().join("host");
        fs::create_dir(&at).unwrap();
        test(&teu, at.to_str().unwrap());
    }
}

#[test]
fn out_of_a_container_by_dockers_rules() {
    both("cp-out", |teu, at| {
        let read = |path: &str| {
            fs::read_to_string(format!("{at}/{path}"))
                .unwrap_or_else(|error| panic!("{path}: {error}"))
        };
        teu.ok(&format!("cp aa:/s/f {at}/"));
        assert_eq!(read("f"), "one\n");
        let about = fs::metadata(format!("{at}/f")).unwrap();
        assert_eq!((about.uid(), about.gid(), about.mode() & 0o7777), (0, 0, 0o4640));
        teu.ok(&format!("cp -a aa:/s/f {at}/owned"));
        let about = fs::metadata(format!("{at}/owned")).unwrap();
        assert_eq!((about.uid(), about.gid()), (5, 6));
        // A directory into one that is there; to a name that is not; its content alone.
        fs::create_dir(format!("{at}/in")).unwrap();
        teu.ok(&format!("cp aa:/s {at}/in"));
        assert_eq!(read("in/s/d/e/g"), "deep\n");
        teu.ok(&format!("cp aa:/s {at}/as"));
        assert_eq!(read("as/d/e/g"), "deep\n");
        assert_eq!(fs::metadata(format!("{at}/as/d/e/g")).unwrap().mtime(), 1_234_567_890);
        assert_eq!(
            fs::metadata(format!("{at}/as/h")).unwrap().ino(),
            fs::metadata(format!("{at}/as/f")).unwrap().ino()
        );
        teu.ok(&format!("cp aa:/s/. {at}/in"));
        assert_eq!(read("in/d/e/g"), "deep\n");
        // Over a file that is there.
        fs::write(format!("{at}/there"), "old").unwrap();
        teu.ok(&format!("cp aa:s/f {at}/there"));
        assert_eq!(read("there"), "one\n");
        // A link is a link, unless it is to be followed or a slash says that it is a directory.
        teu.ok(&format!("cp aa:/s/l {at}/link"));
        assert_eq!(fs::read_link(format!("{at}/link")).unwrap().to_str(), Some("f"));
        teu.ok(&format!("cp -L aa:/s/l {at}/followed"));
        assert_eq!(read("followed"), "one\n");
        teu.ok(&format!("cp aa:/s/dl/ {at}/dir"));
        assert_eq!(read("dir/e/g"), "deep\n");
        for (words, why) in [
            (format!("cp aa:/nope {at}"), "Could not find the file /nope in container aa"),
            (format!("cp aa:/s {at}/f"), "cannot copy directory"),
            (format!("cp aa:/s/f {at}/no/"), "no such directory"),
            (format!("cp aa:/s/f {at}/no/where"), "does not exist"),
            (format!("cp aa:/s/f/ {at}"), "not a directory"),
            (format!("cp nobody:/x {at}"), "No such container: nobody"),
            ("cp aa:/x bb:/y".to_string(), "copying between containers is not supported"),
            (format!("cp {at}/f {at}/g"), "must specify at least one container source"),
        ] {
            let told = teu.fails(1, &words);
            assert!(told.contains(why), "{words}: {told}");
        }
    });
}

#[test]
fn into_a_container_by_dockers_rules() {
    both("cp-in", |teu, at| {
        shell(&format!(
            "mkdir -p {at}/d/e; echo new >{at}/f; chown 7:8 {at}/f; chmod 2755 {at}/f; echo x >{at}/d/e/g; ln -s f {at}/l; ln {at}/f {at}/h"
        ));
        let read = |path: &str| listed(teu, path, "-xO");
        teu.ok(&format!("cp {at}/f aa:/empty/"));
        assert_eq!(read("/empty/f"), "new");
        let listed = listed(teu, "/empty/f", "-tv");
        assert!(listed.starts_with("-rwxr-sr-x 7/8"), "{listed}");
        teu.ok(&format!("cp {at}/f aa:/s/f"));
        assert_eq!(read("/s/f"), "new");
        teu.ok(&format!("cp {at}/d aa:/empty"));
        assert_eq!(read("/empty/d/e/g"), "x");
        teu.ok(&format!("cp {at}/d aa:/renamed"));
        assert_eq!(read("/renamed/e/g"), "x");
        teu.ok(&format!("cp {at}/d/. aa:/empty"));
        assert_eq!(read("/empty/e/g"), "x");
        // Through a link that is a directory, and to what a link leads to.
        teu.ok(&format!("cp {at}/f aa:/s/dl/through"));
        assert_eq!(read("/s/d/through"), "new");
        teu.ok(&format!("cp {at}/d/e/g aa:/s/l"));
        assert_eq!(read("/s/f"), "x");
        teu.ok(&format!("cp {at}/l aa:/empty/link"));
        teu.ok(&format!("cp -L {at}/l aa:/empty/followed"));
        assert_eq!(read("/empty/followed"), "new");
        for (words, why) in [
            (format!("cp {at}/f aa:/no/where"), "Could not find the file /no in container aa"),
            (format!("cp {at}/f aa:/no/"), "no such directory"),
            (format!("cp {at}/d aa:/etc/passwd"), "cannot copy directory"),
            (format!("cp {at}/nope aa:/"), "no such file or directory"),
        ] {
            let told = teu.fails(1, &words);
            assert!(told.contains(why), "{words}: {told}");
        }
    });
}

/// What tar makes of the archive of `path`.
fn listed(teu: &Teu, path: &str, how: &str) -> String {
    let mut cp = teu.command(&["cp", &format!("aa:{path}"), "-"]);
    let mut cp = cp.stdout(Stdio::piped()).spawn().unwrap();
    let mut tar = Command::new("tar");
    let text = run_plain(tar.args([how, "--numeric-owner"]).stdin(cp.stdout.take().unwrap()));
    assert!(cp.wait().unwrap().success());
    text
}

#[test]
fn archives_through_standard_input_and_output() {
    both("cp-tar", |teu, at| {
        let names = listed(teu, "/s", "-t");
        assert_eq!(names, "s/\ns/d/\ns/d/e/\ns/d/e/g\ns/dl\ns/f\ns/h\ns/l");
        assert_eq!(listed(teu, "/s/.", "-t").lines().next(), Some("./"));
        assert_eq!(listed(teu, "/s/f", "-t"), "f");
        let root = listed(teu, "/", "-t");
        assert!(
            root.contains("s/d/e/g") && !root.contains("proc/self") && !root.contains("dev/null"),
            "{root}"
        );
        shell(&format!(
            "mkdir -p {at}/x/y; echo 1 >{at}/x/y/f; chown 3:4 {at}/x/y/f; tar -C {at} -cf {at}/x.tar x"
        ));
        let give = |path: &str| {
            let mut cp = teu.command(&["cp", "-", path]);
            finish(cp.stdin(fs::File::open(format!("{at}/x.tar")).unwrap()), &[])
        };
        let done = give("aa:/empty");
        assert_eq!(done.code, 0, "{done:?}");
        assert!(listed(teu, "/empty/x/y/f", "-tv").starts_with("-rw-r--r-- 3/4"));
        for path in ["aa:/etc/passwd", "aa:/nodir"] {
            let done = give(path);
            assert!(
                done.code == 1
                    && done.stderr.contains(&format!("destination \"{path}\" must be a directory")),
                "{done:?}"
            );
        }
        // What is a directory stays one.
        shell(&format!("mkdir {at}/z; echo 1 >{at}/z/x; tar -C {at}/z -cf {at}/x.tar x"));
        let done = give("aa:/empty");
        assert!(
            done.code == 1
                && done.stderr.contains("cannot overwrite directory \"x\" with non-directory"),
            "{done:?}"
        );
    });
}

#[test]
fn volumes_and_binds_are_reached() {
    let teu = Teu::with_busybox("cp-volumes");
    let host = teu.scratch().join("host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("f"), "of the host").unwrap();
    let file = host.join("f").display().to_string();
    let flags = format!("-v data:/vol -v {}:/bind -v {}:/ro:ro", host.display(), host.display());
    teu.ok(&format!("run -d --name up --network none {flags} busybox sleep 99"));
    teu.ok(&format!("create --name down --network none {flags} busybox true"));
    for name in ["up", "down"] {
        teu.ok(&format!("cp {file} {name}:/vol/{name}"));
        teu.ok(&format!("cp {file} {name}:/bind/{name}"));
        let told = teu.fails(1, &format!("cp {file} {name}:/ro/x"));
        assert!(told.contains("mounted volume is marked read-only"), "{told}");
        let back = teu.scratch().join(name).display().to_string();
        teu.ok(&format!("cp {name}:/ro/f {back}"));
        assert_eq!(fs::read_to_string(&back).unwrap(), "of the host");
    }
    assert_eq!(fs::read_to_string(host.join("down")).unwrap(), "of the host");
    assert_eq!(teu.ok("run --rm --network none -v data:/d busybox ls /d"), "down\nup");
    // The one that is down can be started, and is as it was.
    assert_eq!(teu.ok("diff down"), "");
    teu.ok("start down");
    teu.ok("create --name fixed --read-only --network none -v data:/vol busybox true");
    let told = teu.fails(1, &format!("cp {file} fixed:/etc/x"));
    assert!(told.contains("container rootfs is marked read-only"), "{told}");
    teu.ok(&format!("cp {file} fixed:/vol/fixed"));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let run = teu.run_dir().display().to_string();
    assert_eq!(mounts.lines().filter(|line| line.contains(&run)).count(), 1);
}

#[test]
fn with_a_archives_belong_to_the_containers_user() {
    let teu = Teu::with_busybox("cp-archive");
    teu.ok("create --name aa -u user --network none busybox true");
    let file = teu.scratch().join("f");
    fs::write(&file, "x").unwrap();
    teu.ok(&format!("cp -a {} aa:/tmp/a", file.display()));
    teu.ok(&format!("cp {} aa:/tmp/b", file.display()));
    let names = listed(&teu, "/tmp", "-tv");
    assert!(names.contains("1000/1000") && names.contains(" 0/0 "), "{names}");
}

/// CVE-2018-15664: a directory becomes a link between look and use.
#[test]
fn links_never_lead_out_of_the_root() {
    let teu = Teu::with_busybox("cp-race");
    let (secret, at) = (teu.scratch().join("secret"), teu.scratch().join("out"));
    fs::create_dir(&secret).unwrap();
    fs::create_dir(&at).unwrap();
    fs::write(secret.join("f"), "secret").unwrap();
    let up = "../".repeat(40);
    let path = secret.display().to_string();
    teu.ok(&format!(
        "run -d --name aa --network none busybox sh -c 'mkdir -p /real /swap; echo inside >/real/f; ln -s {up}{path} /swap/link; \
         ln -s {path} /swap/abs; cp -r /real /swap/dir; touch /ready; \
         while :; do mv /swap/dir /swap/d2; mv /swap/link /swap/dir; mv /swap/dir /swap/link; mv /swap/d2 /swap/dir; done'"
    ));
    until("it is ready", || (teu.run("exec aa test -e /ready").code == 0).then_some(()));
    fs::write(teu.scratch().join("mine"), "mine").unwrap();
    let mine = teu.scratch().join("mine").display().to_string();
    for round in 0..60 {
        let to = at.join(round.to_string());
        for from in ["/swap/dir/f", "/swap/dir/", "/swap/abs/f", "/swap/link/f"] {
            teu.run(&format!("cp -L aa:{from} {}", to.display()));
            let got = shell(&format!("cat {0} {0}/f 2>/dev/null || true", to.display()));
            assert!(!got.contains("secret"), "{from}: {got}");
        }
        teu.run(&format!("cp {mine} aa:/swap/dir/f"));
        teu.run(&format!("cp {mine} aa:/swap/abs/"));
    }
    assert_eq!(fs::read_to_string(secret.join("f")).unwrap(), "secret");
    assert_eq!(fs::read_dir(&secret).unwrap().count(), 1);
}

#[test]
fn an_archives_links_do_not_lead_out_of_the_destination() {
    let teu = Teu::with_busybox("cp-links");
    let outside = teu.scratch().join("outside");
    fs::create_dir(&outside).unwrap();
    teu.ok(&format!(
        "run --name aa --network none busybox sh -c 'mkdir -p /t/a; ln -s {} /t/b; echo x >/t/a/f'",
        outside.display()
    ));
    let at = teu.scratch().join("at");
    fs::create_dir_all(at.join("t")).unwrap();
    // On the host, a link stands where the copy has a directory.
    symlink(&outside, at.join("t/a")).unwrap();
    let told = teu.fails(1, &format!("cp aa:/t {}", at.display()));
    assert!(told.contains("cannot overwrite non-directory"), "{told}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn all_kinds_of_files_come_and_go() {
    both("cp-kinds", |teu, at| {
        let long = "n".repeat(200);
        shell(&format!(
            "mkdir -p {at}/in/{long}/{long}; cd {at}/in; echo x >{long}/{long}/f; truncate -s 300M sparse; printf end >>sparse
             mkfifo p; mknod c c 1 3; mknod b b 7 200; echo x >cap; setfattr -n user.color -v blue cap 2>/dev/null || true
             printf x >\"$(printf 'odd\\n\\377name')\"; touch -d @1.5 old; chmod 6711 cap"
        ));
        teu.ok(&format!("cp {at}/in aa:/kinds"));
        teu.ok(&format!("cp -a aa:/kinds {at}/back"));
        let look = |place: &str| {
            shell(&format!(
                "cd {at}/{place}; find . ! -name . -printf '%p %y %m %U %G %s %l %T@\n' | sort; getfattr -d cap 2>/dev/null || true; stat -c '%t %T' c b"
            ))
        };
        assert_eq!(look("in"), look("back"));
        assert!(
            fs::metadata(format!("{at}/back/sparse")).unwrap().blocks() < 4096,
            "holes stay holes"
        );
        assert!(listed(teu, "/kinds/sparse", "-tv").contains(&((300u64 << 20) + 3).to_string()));
    });
}

#[test]
fn ten_thousand_files() {
    both("cp-many", |teu, at| {
        shell(&format!(
            "mkdir {at}/many; cd {at}/many; for d in $(seq 100); do mkdir $d; for f in $(seq 100); do echo $d.$f >$d/$f; done; done"
        ));
        teu.ok(&format!("cp {at}/many aa:/"));
        teu.ok(&format!("cp aa:/many {at}/back"));
        shell(&format!("diff -r {at}/many {at}/back"));
    });
}
