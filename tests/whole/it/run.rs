//! `run` and its flags: what docker's users type, and what they get.

use std::fs;
use teu_testkit::Teu;
use teu_testkit::teu::shell;

#[test]
fn the_exit_code_is_the_programs() {
    let teu = Teu::with_busybox("code");
    for code in [0, 1, 3, 42, 125, 126, 127, 200, 255] {
        let done = teu.run(&format!("run --rm --network none busybox sh -c 'exit {code}'"));
        assert_eq!(done.code, code, "{done:?}");
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    }
    let done = teu.run("run --rm --network none busybox sh -c 'kill -KILL $$'");
    // Number one cannot be killed from inside.
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(teu.run("run --rm --init --network none busybox sh -c 'kill -9 $$'").code, 137);
}

#[test]
fn streams_are_kept_apart() {
    let teu = Teu::with_busybox("streams");
    let done = teu.run("run --rm --network none busybox sh -c 'echo out; echo err >&2'");
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("out", "err"));
}

#[test]
fn the_environment_is_made_of_image_file_and_flags() {
    let teu = Teu::with_busybox("env");
    let file = teu.scratch().join("env");
    fs::write(&file, "# a comment\nFROM_FILE=1\nBOTH=file\nHOST_VAR\n\n").unwrap();
    let words = format!(
        "run --rm --network none --hostname h --env-file {} -e BOTH=flag -e EMPTY= -e HOST_VAR2 -e UNSET busybox env",
        file.display()
    );
    let words = teu_testkit::teu::words(&words);
    let mut command = teu.command(&words);
    command.env("HOST_VAR", "from host").env("HOST_VAR2", "too").env_remove("UNSET");
    let done = teu_testkit::teu::finish(&mut command, &words);
    let lines: Vec<&str> = done.stdout.lines().collect();
    for expected in [
        "FROM_FILE=1",
        "BOTH=flag",
        "EMPTY=",
        "HOST_VAR=from host",
        "HOST_VAR2=too",
        "HOSTNAME=h",
        "HOME=/root",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ] {
        assert!(lines.contains(&expected), "{expected}: {done:?}");
    }
    assert!(!done.stdout.contains("UNSET") && !done.stdout.contains("BOTH=file"), "{done:?}");
}

#[test]
fn the_working_directory_is_made_if_it_is_missing() {
    let teu = Teu::with_busybox("cwd");
    assert_eq!(teu.ok("run --rm --network none busybox pwd"), "/");
    assert_eq!(teu.ok("run --rm --network none -w /etc busybox pwd"), "/etc");
    assert_eq!(teu.ok("run --rm --network none -w /new/deep busybox pwd"), "/new/deep");
}

#[test]
fn users_and_groups_are_those_of_the_image() {
    let teu = Teu::with_busybox("user");
    let id = |flags: &str| teu.ok(&format!("run --rm --network none {flags} busybox id"));
    assert_eq!(id(""), "uid=0(root) gid=0(root) groups=0(root)");
    assert_eq!(id("-u user"), "uid=1000(user) gid=1000(user) groups=50(staff),1000(user)");
    assert_eq!(id("-u 1000"), "uid=1000(user) gid=1000(user) groups=50(staff),1000(user)");
    assert_eq!(id("-u user:root"), "uid=1000(user) gid=0(root) groups=0(root)");
    assert_eq!(id("-u 4242:4343"), "uid=4242 gid=4343 groups=4343");
    assert_eq!(id("-u 4242"), "uid=4242 gid=0(root) groups=0(root)");
    assert!(id("-u user --group-add staff --group-add 777").contains("777"));
    assert_eq!(teu.ok("run --rm --network none -u user busybox sh -c 'echo $HOME'"), "/home");
}

/// D8
#[test]
fn another_entrypoint_drops_the_images_command() {
    let teu = Teu::with_busybox("entrypoint");
    let tar = teu_testkit::images::busybox().tar.display();
    let entrypoint = r#"--change 'ENTRYPOINT ["echo", "image"]' --change 'CMD ["cmd"]'"#;
    teu.ok(&format!("import {entrypoint} {tar} greeter"));
    assert_eq!(teu.ok("run --rm --network none greeter"), "image cmd");
    assert_eq!(teu.ok("run --rm --network none greeter mine"), "image mine");
    assert_eq!(teu.ok("run --rm --network none --entrypoint printf greeter '%s' x"), "x");
    assert_eq!(teu.ok("run --rm --network none --entrypoint echo greeter"), "");
    assert_eq!(teu.ok("run --rm --network none --entrypoint '' greeter echo bare"), "bare");
}

/// R6
#[test]
fn hosts_resolv_conf_and_hostname_are_written_per_start() {
    let teu = Teu::with_busybox("init-layer");
    let flags = "--dns 192.0.2.53 --add-host db:192.0.2.7 --hostname web";
    let shown = teu
        .ok(&format!("run --name a {flags} busybox cat /etc/hosts /etc/resolv.conf /etc/hostname"));
    for expected in
        ["127.0.0.1\tlocalhost", "192.0.2.7\tdb", "\tweb", "nameserver 192.0.2.53", "\nweb"]
    {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let paths = "{{.HostsPath}} {{.ResolvConfPath}} {{.HostnamePath}}";
    for path in teu.ok(&format!("inspect -f '{paths}' a")).split(' ') {
        assert!(fs::metadata(path).is_ok(), "{path}");
    }
    // What the image has there is not touched: the writable layer holds no such file.
    let upper = teu.ok("inspect -f '{{.Id}}' a");
    let upper = teu.root().join("containers").join(upper).join("upper/etc/hosts");
    assert!(fs::metadata(&upper).map_or(true, |about| about.len() == 0), "{}", upper.display());
    // Written anew: what was added inside is gone after a start.
    teu.ok("run -d --name b busybox sh -c 'echo added >>/etc/hosts; sleep 99'");
    teu_testkit::teu::until("the line", || {
        teu.ok("exec b cat /etc/hosts").contains("added").then_some(())
    });
}

#[test]
fn host_gateway_is_the_bridge() {
    let teu = Teu::with_busybox("host-gateway");
    let shown =
        teu.ok("run --rm --add-host gw:host-gateway busybox sh -c 'cat /etc/hosts; ip route'");
    let gateway = shown.lines().find_map(|line| line.strip_prefix("default via ")).unwrap();
    let gateway = gateway.split(' ').next().unwrap();
    assert!(shown.contains(&format!("{gateway}\tgw")), "{shown}");
}

#[test]
fn a_read_only_root_with_a_writable_corner() {
    let teu = Teu::with_busybox("read-only");
    let run = "run --rm --network none --read-only";
    assert!(teu.fails(1, &format!("{run} busybox touch /x")).contains("Read-only file system"));
    teu.ok(&format!("{run} --tmpfs /tmp busybox touch /tmp/x"));
    let sized = teu.ok(&format!("{run} --tmpfs /t:size=1m,mode=700,noexec busybox sh -c 'grep \" /t \" /proc/mounts; stat -c %a /t'"));
    for word in ["size=1024k", "noexec", "nosuid", "nodev", "700"] {
        assert!(sized.contains(word), "{word}: {sized}");
    }
}

#[test]
fn files_of_the_host_by_volume_and_by_mount() {
    let teu = Teu::with_busybox("volumes");
    let directory = teu.scratch().join("shared");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("file"), "host").unwrap();
    let here = directory.display();
    let run = "run --rm --network none";
    assert_eq!(teu.ok(&format!("{run} -v {here}:/m busybox cat /m/file")), "host");
    teu.ok(&format!("{run} -v {here}:/m busybox sh -c 'echo inside >/m/new'"));
    assert_eq!(fs::read_to_string(directory.join("new")).unwrap(), "inside\n");
    let told = teu.fails(1, &format!("{run} -v {here}:/m:ro busybox touch /m/x"));
    assert!(told.contains("Read-only file system"), "{told}");
    let told = teu.fails(
        1,
        &format!("{run} --mount type=bind,source={here},target=/m,readonly busybox touch /m/x"),
    );
    assert!(told.contains("Read-only file system"), "{told}");
    assert_eq!(teu.ok(&format!("{run} -v {here}/file:/etc/motd busybox cat /etc/motd")), "host");
    // -v makes what is missing; --mount does not.
    teu.ok(&format!("{run} -v {here}/made:/m busybox true"));
    assert!(directory.join("made").is_dir());
    let told = teu.fails(
        125,
        &format!("{run} --mount type=bind,source={here}/missing,target=/m busybox true"),
    );
    assert!(told.contains("missing") && told.contains("exist"), "{told}");
    assert!(!directory.join("missing").exists());
    teu.ok(&format!(
        "{run} --mount type=tmpfs,destination=/t,tmpfs-size=2m busybox sh -c 'df /t | grep -q 2048'"
    ));
}

#[test]
fn the_id_goes_to_the_cidfile() {
    let teu = Teu::with_busybox("cidfile");
    let file = teu.scratch().join("cid");
    let here = file.display();
    let id = teu.ok(&format!("run -d --network none --cidfile {here} busybox sleep 99"));
    assert_eq!(fs::read_to_string(&file).unwrap(), id);
    let told = teu.fails(125, &format!("run --rm --network none --cidfile {here} busybox true"));
    assert!(told.contains("container ID file found"), "{told}");
    // create writes it too.
    let other = teu.scratch().join("other");
    let id = teu.ok(&format!("create --network none --cidfile {} busybox true", other.display()));
    assert_eq!(fs::read_to_string(&other).unwrap(), id);
}

#[test]
fn an_image_that_is_not_here_and_not_to_be_pulled() {
    let teu = Teu::with_busybox("never");
    let told = teu.fails(125, "run --rm --pull never nothing true");
    assert!(told.contains("No such image: nothing:latest"), "{told}");
}

#[test]
fn a_flag_that_is_not_there_is_refused_by_name() {
    let teu = Teu::with_busybox("flags");
    for flag in ["--publish 80:80", "-p 80:80", "-P", "--link a", "--network-alias a"] {
        let told = teu.fails(125, &format!("run --rm {flag} busybox true"));
        let name = flag.split(' ').next().unwrap();
        assert!(told.contains(name.trim_start_matches('-')), "{told}");
    }
    let told = teu.fails(125, "run --hostnme x busybox true");
    assert!(told.contains("hostname"), "did you mean: {told}");
    let told = teu.run("rnu busybox").stderr;
    assert!(told.contains("run"), "did you mean: {told}");
}

#[test]
fn the_embedded_image_tells_what_a_container_is() {
    let teu = Teu::new("hello");
    let shown = teu.ok("run --rm teu/hello");
    let lower = shown.to_lowercase();
    for word in [
        "pid",
        "hostname",
        "gateway",
        "cgroup",
        "overlay",
        "seccomp",
        "capabilities",
        "net",
        "uts",
        "time",
    ] {
        assert!(lower.contains(word), "{word}: {shown}");
    }
}

#[test]
fn help_teaches_by_an_example_per_verb() {
    let teu = Teu::new("help");
    for verb in [
        "run", "create", "start", "attach", "exec", "stop", "kill", "wait", "rm", "ps", "logs",
        "inspect", "pull", "images", "tag", "rmi", "import", "load", "version", "info",
    ] {
        let shown = teu.ok(&format!("{verb} --help"));
        assert!(shown.contains(&format!("teu {verb}")), "{shown}");
    }
    let shown = teu.ok("--help");
    assert!(shown.contains("run") && shown.contains("teu"), "{shown}");
    assert_eq!(teu.ok("--version").lines().count(), 1);
    // It opened nothing.
    assert_eq!(shell(&format!("ls -A {}", teu.root().display())), "");
}

#[test]
fn fifty_starts_at_once_get_fifty_addresses() {
    let teu = Teu::with_busybox("fifty");
    let children: Vec<_> = (0..50)
        .map(|at| {
            let name = format!("c{at}");
            let words = ["run", "-d", "--name", &name, "busybox", "sleep", "99"];
            let mut command = teu.command(&words);
            command.stdout(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let names = teu.ok("ps --format '{{.Names}}'");
    assert_eq!(names.lines().count(), 50);
    let mut addresses: Vec<String> = names.lines().map(|name| teu.address(name)).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 50);
    let all: Vec<&str> = names.lines().collect();
    teu.ok(&format!("rm -f {}", all.join(" ")));
    assert_eq!(teu.ok("ps -aq"), "");
}
