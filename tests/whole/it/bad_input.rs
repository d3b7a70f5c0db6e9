//! Malformed input through every door it can come in by: a clear error, docker's exit code, nothing left on
//! disk, no panic. The tables are the point; each line is something that somebody once typed or sent.

use std::fs;
use std::path::{Path, PathBuf};
use teu_testkit::images::busybox;
use teu_testkit::teu::{Done, shell, words};
use teu_testkit::{Registry, RegistryOptions, Teu};

/// Every file below the state root that stands for something: what a failed command must not add to.
fn on_disk(teu: &Teu) -> String {
    shell(&format!(
        "cd {}; find . -mindepth 1 ! -path './scratch/*' ! -path './version' ! -type d | sort; ls ingest trash 2>/dev/null || true",
        teu.root().display()
    ))
}

/// Gathers what was not refused as it should be, so that one run shows all of it.
#[derive(Default)]
struct Refusals {
    count: usize,
    faults: Vec<String>,
}

impl Refusals {
    /// Refused in words, with docker's code.
    fn check(&mut self, what: &str, done: &Done, codes: &[i32]) {
        self.count += 1;
        let error = &done.stderr;
        let fault = if !codes.contains(&done.code) {
            "has another exit code"
        } else if error.trim().is_empty() {
            "is refused without a word"
        } else if error.contains("panicked") {
            "panics"
        } else if error.len() > 4000 {
            "says too much"
        } else if error.contains(['\u{1b}', '\0', '\r']) {
            "reaches the terminal raw"
        } else {
            return;
        };
        self.faults.push(format!("{what:?} {fault}: {done:?}"));
    }

    #[track_caller]
    fn end(self, at_least: usize) {
        assert!(self.count >= at_least, "only {} were tried", self.count);
        let faults = self.faults.len();
        assert!(faults == 0, "{faults} of {}:\n{}", self.count, self.faults.join("\n"));
    }
}

/// docker's codes where a verb of another kind than `run` fails.
const ANY: &[i32] = &[1, 125];
/// Those of `run`.
const RUN: &[i32] = &[125];

const REFERENCES: &[&str] = &[
    "",
    " ",
    "/",
    "a/",
    "/a",
    "a//b",
    "A",
    "a/B",
    "a:",
    "a:b:c",
    "a@",
    "a@b",
    "a@sha256:",
    "a@sha256:12",
    "a@sha256:zz",
    "a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg",
    "a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
    "a@md5:0123456789abcdef0123456789abcdef",
    "a:tag with space",
    "a b",
    "a:-tag",
    "a:.tag",
    "a:é",
    "é",
    "a--",
    "-a/b",
    "a/-b",
    "a/b-",
    "_a",
    "a_",
    "a___b",
    "a..b/c",
    "a/../b",
    "..",
    ".",
    "../../etc/passwd",
    "host:port/a",
    "host:99999999/a",
    "host:5000/",
    "host:5000/A",
    "[::1/a",
    "http://host/a",
    "docker://host/a",
    "a\\b",
    "a?b",
    "a#b",
    "a%2fb",
    "a:$(id)",
    "a;b",
    "a|b",
    "a\u{1b}[31m",
    "a\nb",
    "a\tb",
    "a:0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
];

#[test]
fn references() {
    let teu = Teu::with_busybox("bad-references");
    let before = on_disk(&teu);
    let mut refusals = Refusals::default();
    let long = "a".repeat(300);
    for reference in REFERENCES.iter().copied().chain([long.as_str()]) {
        let pull = teu.run_words(&["pull", "--", reference]);
        refusals.check(reference, &pull, ANY);
        let tag = teu.run_words(&["tag", "busybox", reference]);
        refusals.check(reference, &tag, ANY);
        let run = ["run", "--rm", "--pull", "never", "--network", "none", "--", reference, "true"];
        refusals.check(reference, &teu.run_words(&run), RUN);
    }
    assert_eq!(on_disk(&teu), before);
    refusals.end(150);
}

const FLAGS: &[&str] = &[
    "--nonsense",
    "--nonsense=1",
    "-Z",
    "-mm",
    "-m",
    "-m ''",
    "-m x",
    "-m -1",
    "-m 10x",
    "-m 1.2.3m",
    "-m 99999999999999999999g",
    "-m 1m",
    "--memory-swap x",
    "-m 64m --memory-swap 32m",
    "--memory-reservation x",
    "--cpus x",
    "--cpus -1",
    "--cpus ''",
    "--cpus 1e9",
    "--cpus nan",
    "--cpus inf",
    "--cpus 9999",
    "--cpu-shares x",
    "--cpu-shares -5",
    "--cpuset-cpus x",
    "--cpuset-cpus 1-0",
    "--cpuset-cpus 0,",
    "--cpuset-cpus 4096",
    "--cpuset-mems x",
    "--cpuset-mems 77",
    "--pids-limit x",
    "--pids-limit 1.5",
    "-e ''",
    "-e =x",
    "--env-file /no/such/file",
    "--env-file /",
    "-w relative",
    "-w ''x",
    "-u nobody-here-at-all:x:y",
    "--group-add no-such-group",
    "--name 'a b'",
    "--name -x",
    "--name é",
    "--name .",
    "-h 'a b'",
    "--hostname aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "-v /etc:relative",
    "-v /etc:/",
    "-v :",
    "-v ::",
    "-v /a:/b:/c:/d",
    "-v /etc:/m:nonsense",
    "-v /etc:/m:ro,rw",
    "-v /etc:/m:shared,private",
    "-v /etc:/m -v /tmp:/m",
    "--mount ''",
    "--mount x",
    "--mount type=nonsense,target=/m",
    "--mount type=bind,target=/m",
    "--mount type=bind,source=/etc",
    "--mount type=bind,source=relative,target=/m",
    "--mount type=bind,source=/no/such,target=/m",
    "--mount type=bind,source=/etc,target=/m,nonsense=1",
    "--mount type=bind,source=/etc,target=/m,readonly=maybe",
    "--mount type=tmpfs,target=/m,tmpfs-size=x",
    "--mount type=tmpfs,target=/m,tmpfs-mode=9",
    "--mount type=tmpfs,source=/x,target=/m",
    "--tmpfs relative",
    "--tmpfs /m:size=x",
    "--tmpfs /m:nonsense",
    "--tmpfs /",
    "--cap-add NOSUCH",
    "--cap-add ''",
    "--cap-drop NOSUCH",
    "--security-opt nonsense",
    "--security-opt seccomp=/no/such",
    "--security-opt seccomp=/etc/passwd",
    "--security-opt seccomp=/",
    "--security-opt no-new-privileges=maybe",
    "--device /no/such",
    "--device /etc/passwd",
    "--device /dev/null:relative",
    "--device /dev/null:/dev/x:q",
    "--device /dev/null:/dev/x:rwm:y",
    "--network nonsense",
    "--network container:nobody",
    "--dns x",
    "--dns 300.1.1.1",
    "--add-host x",
    "--add-host x:",
    "--add-host x:300.0.0.1",
    "--add-host :1.2.3.4",
    "--stop-signal NOSUCH",
    "--stop-signal 99",
    "--stop-signal -1",
    "--stop-timeout x",
    "--label-file /no/such",
    "--cidfile /no/such/directory/file",
    "--pull sometimes",
    "--platform x",
    "--platform linux/nonsense",
    "--platform plan9/amd64",
    "--cgroupns nonsense",
    "--detach-keys x-y",
    "--detach-keys ctrl-",
    "--detach-keys ctrl-é",
    "-a nonsense",
    "-d --attach stdout",
    "--sig-proxy=maybe",
    "--init=maybe",
    "--rm=maybe",
    "--privileged=2",
    "--read-only=x",
    "-p 80:80",
    "--restart sometimes",
    "--restart on-failure:x",
    "--restart always:3",
    "--gpus all",
    "--ipc nonsense",
    "--pid nonsense",
    "--pid container:nobody",
    "--userns nonsense",
];

#[test]
fn flags_of_run() {
    let teu = Teu::with_busybox("bad-flags");
    // The index of the image and the bridge are made by the first start, and stay.
    teu.ok("run --rm busybox true");
    let before = on_disk(&teu);
    let mut refusals = Refusals::default();
    for flags in FLAGS {
        let mut all = words("run --network none");
        if flags.contains("--network") {
            all.truncate(1);
        }
        all.extend(words(flags));
        all.extend(words("busybox true"));
        // Who it runs as is only known inside: 126, as everything that only the start can see.
        let inside = flags.starts_with("-u ") || flags.starts_with("--group-add");
        refusals.check(flags, &teu.run_words(&all), if inside { &[125, 126] } else { RUN });
        // What only the start can see leaves the container, as docker does.
        let made = teu.ok("ps -aq");
        if !made.is_empty() {
            teu.ok(&format!("rm {made}"));
        }
    }
    assert_eq!(on_disk(&teu), before);
    refusals.end(100);
}

const COMMANDS: &[&str] = &[
    "nonsense",
    "rnu x",
    "run",
    "create",
    "start",
    "attach",
    "exec",
    "exec a",
    "stop",
    "kill",
    "wait",
    "rm",
    "logs",
    "logs a b",
    "inspect",
    "pull",
    "pull a b",
    "tag",
    "tag a",
    "tag a b c",
    "rmi",
    "import",
    "import /no/such/file",
    "load -i /no/such/file",
    "load extra",
    "start nobody",
    "attach nobody",
    "exec nobody true",
    "stop nobody",
    "kill nobody",
    "wait nobody",
    "rm nobody",
    "logs nobody",
    "inspect nobody",
    "rmi nobody",
    "tag nobody x",
    "stop -t x nobody",
    "kill -s NOSUCH nobody",
    "logs --tail x nobody",
    "logs --since yesterday-ish nobody",
    "ps --filter x",
    "ps --filter nonsense=1",
    "ps --filter status=nonsense",
    "ps --format '{{.Nonsense'",
    "ps -n x",
    "images --filter nonsense=1",
    "--nonsense ps",
    "stop ../../etc",
    "rm ''",
    "start ''",
    "inspect ''",
    "inspect --type nonsense x",
    "exec ../x true",
];

#[test]
fn commands() {
    let teu = Teu::with_busybox("bad-commands");
    teu.ok("ps");
    let before = on_disk(&teu);
    let mut refusals = Refusals::default();
    for line in COMMANDS {
        refusals.check(line, &teu.run(line), ANY);
    }
    assert_eq!(on_disk(&teu), before);
    refusals.end(50);
}

/// Makes a tar of the named files, as `docker save` would.
fn archive(directory: &Path, files: &[(&str, &str)]) -> PathBuf {
    let staging = directory.join("staging");
    shell(&format!("rm -rf {0}; mkdir {0}", staging.display()));
    for (name, text) in files {
        let path = staging.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let tar = directory.join("archive.tar");
    shell(&format!("tar -C {} -cf {} .", staging.display(), tar.display()));
    tar
}

const CONFIG: &str =
    r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;

/// `manifest.json` and `config.json` of an archive.
const ARCHIVES: &[(&str, &str)] = &[
    ("", CONFIG),
    ("{", CONFIG),
    ("{}", CONFIG),
    ("null", CONFIG),
    ("[]", CONFIG),
    ("[1]", CONFIG),
    ("[null]", CONFIG),
    ("[{}]", CONFIG),
    (r#"[{"Config":1}]"#, CONFIG),
    (r#"[{"Config":"missing.json","Layers":[]}]"#, CONFIG),
    (r#"[{"Config":"../../etc/passwd","Layers":[]}]"#, CONFIG),
    (r#"[{"Config":"/etc/passwd","Layers":[]}]"#, CONFIG),
    (r#"[{"Config":"config.json","Layers":["missing.tar"]}]"#, CONFIG),
    (r#"[{"Config":"config.json","Layers":["../layer.tar"]}]"#, CONFIG),
    (r#"[{"Config":"config.json","Layers":[1]}]"#, CONFIG),
    (r#"[{"Config":"config.json","Layers":"x"}]"#, CONFIG),
    (r#"[{"Config":"config.json","Layers":[],"RepoTags":["UPPER:x"]}]"#, CONFIG),
    (r#"[{"Config":"config.json","Layers":[],"RepoTags":[""]}]"#, CONFIG),
    (r#"[{"Config":"config.json","Layers":[],"RepoTags":[7]}]"#, CONFIG),
    (r#"[{"Config":"config.json","Layers":["config.json"]}]"#, CONFIG),
    (r#"[{"Config":"config.json","Layers":[],"RepoTags":["a:b"]}]"#, ""),
    (r#"[{"Config":"config.json","Layers":[],"RepoTags":["a:b"]}]"#, "{"),
    (r#"[{"Config":"config.json","Layers":[],"RepoTags":["a:b"]}]"#, "[]"),
    (r#"[{"Config":"config.json","Layers":[],"RepoTags":["a:b"]}]"#, r#"{"rootfs":7}"#),
    (
        r#"[{"Config":"config.json","Layers":[],"RepoTags":["a:b"]}]"#,
        r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:12"]}}"#,
    ),
    (
        r#"[{"Config":"config.json","Layers":[],"RepoTags":["a:b"]}]"#,
        r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:0000000000000000000000000000000000000000000000000000000000000000"]}}"#,
    ),
    (
        r#"[{"Config":"config.json","Layers":[],"RepoTags":["a:b"]}]"#,
        r#"{"architecture":"amd64","os":"linux","config":{"Env":7},"rootfs":{"type":"layers","diff_ids":[]}}"#,
    ),
    (
        r#"[{"Config":"config.json","Layers":[],"RepoTags":["a:b"]}]"#,
        r#"{"architecture":7,"os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
    ),
];

#[test]
fn archives() {
    let teu = Teu::new("bad-archives");
    teu.ok("ps");
    let before = on_disk(&teu);
    let mut refusals = Refusals::default();
    let mut load = |what: &str, path: &Path| {
        let done = teu.run(&format!("load -i {}", path.display()));
        refusals.check(what, &done, ANY);
    };
    for (manifest, config) in ARCHIVES {
        let tar = archive(teu.scratch(), &[("manifest.json", manifest), ("config.json", config)]);
        load(&format!("{manifest} {config}"), &tar);
    }
    // OCI layouts.
    for index in [
        "",
        "{",
        "{}",
        "[]",
        r#"{"schemaVersion":1}"#,
        r#"{"schemaVersion":2,"manifests":7}"#,
        r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2}]}"#,
        r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"../../x","size":2}]}"#,
        r#"{"schemaVersion":2,"manifests":[{"mediaType":"text/plain","digest":"sha256:00","size":-2}]}"#,
    ] {
        let tar = archive(
            teu.scratch(),
            &[("index.json", index), ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)],
        );
        load(index, &tar);
    }
    // No archives at all.
    let file = teu.scratch().join("file");
    for bytes in [
        &b""[..],
        b"x",
        &[0; 10],
        &[0xff; 2000],
        b"PK\x03\x04aaaa",
        b"\x1f\x8b\x08\x00",
        b"\x28\xb5\x2f\xfd",
        &[b'a'; 512],
    ] {
        fs::write(&file, bytes).unwrap();
        load(&format!("{bytes:?}"), &file);
    }
    // A good one, cut.
    let good = archive(teu.scratch(), &[("manifest.json", "[]"), ("config.json", CONFIG)]);
    let bytes = fs::read(good).unwrap();
    for at in [1, 100, 511, 512, 513, 600, 1024, 1500] {
        fs::write(&file, &bytes[..at.min(bytes.len())]).unwrap();
        load(&format!("cut at {at}"), &file);
    }
    assert_eq!(on_disk(&teu), before);
    refusals.end(50);
}

/// A ustar header with one thing wrong.
fn header(change: impl Fn(&mut [u8; 512])) -> Vec<u8> {
    let mut block = [0u8; 512];
    block[..4].copy_from_slice(b"file");
    block[100..107].copy_from_slice(b"0000644");
    block[108..115].copy_from_slice(b"0000000");
    block[116..123].copy_from_slice(b"0000000");
    block[124..135].copy_from_slice(b"00000000000");
    block[136..147].copy_from_slice(b"00000000000");
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut block);
    sum(&mut block);
    block.to_vec()
}

fn sum(block: &mut [u8; 512]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn layers() {
    let teu = Teu::new("bad-layers");
    teu.ok("ps");
    let before = on_disk(&teu);
    let file = teu.scratch().join("layer");
    let mut refusals = Refusals::default();
    let mut import = |what: &str, bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let done = teu.run(&format!("import {} bad", file.display()));
        refusals.check(what, &done, ANY);
    };
    let pax = |record: &str| {
        let mut bytes = header(|block| {
            block[156] = b'x';
            block[124..135].copy_from_slice(format!("{:011o}", record.len()).as_bytes());
        });
        let mut data = record.as_bytes().to_vec();
        data.resize(data.len().div_ceil(512) * 512, 0);
        bytes.extend(data);
        bytes.extend(header(|_| ()));
        bytes.extend([0; 1024]);
        bytes
    };
    import("wrong checksum", &{
        let mut bytes = header(|_| ());
        bytes[0] = b'g';
        [bytes, vec![0; 1024]].concat()
    });
    import("size without end", &header(|block| block[124..135].copy_from_slice(b"77777777777")));
    import("size beyond 2^63", &header(|block| block[124..136].copy_from_slice(&[0xff; 12])));
    import("size no number", &header(|block| block[124..135].copy_from_slice(b"nonsense!!!")));
    import("mode no number", &header(|block| block[100..107].copy_from_slice(b"xyzxyzx")));
    import("owner no number", &header(|block| block[108..115].copy_from_slice(b"xyzxyzx")));
    import("cut in a header", &header(|_| ())[..300]);
    import(
        "long name without end",
        &header(|block| {
            block[156] = b'L';
            block[124..135].copy_from_slice(b"00007777777");
        }),
    );
    import("a name longer than any path", &{
        let mut bytes = header(|block| {
            block[156] = b'L';
            block[124..135].copy_from_slice(b"00000100000");
        });
        bytes.extend(vec![b'a'; 0o100000]);
        bytes.extend(header(|_| ()));
        bytes
    });
    for record in [
        "x",
        "5 x\n",
        "99 path=a\n",
        "0 path=a\n",
        "-1 path=a\n",
        "99999999999999999999 a=b\n",
        "12 size=abc\n",
        "10 =value\n",
        "18 mtime=nonsense\n",
        "16 uid=nonsense\n",
    ] {
        import(record, &pax(record));
    }
    import(
        "a header that is too long",
        &header(|block| {
            block[156] = b'x';
            block[124..135].copy_from_slice(b"00100000000");
        }),
    );
    import("gzip that is none", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03nonsense");
    import("zstd that is none", b"\x28\xb5\x2f\xfd\x24nonsense");
    let good = fs::read(&busybox().tar).unwrap();
    import("cut in a file", &good[..100_000]);
    fs::write(&file, &good[..200_000]).unwrap();
    shell(&format!("gzip -kf {0}; head -c 50000 {0}.gz >{0}.cut", file.display()));
    let cut = fs::read(teu.scratch().join("layer.cut")).unwrap();
    import("gzip that ends early", &cut);
    assert_eq!(on_disk(&teu), before);
    refusals.end(24);
}

/// What a registry answers as a manifest.
const MANIFESTS: &[&str] = &[
    "",
    "{",
    "null",
    "[]",
    "7",
    "\"x\"",
    "{}",
    r#"{"schemaVersion":1}"#,
    r#"{"schemaVersion":3,"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#,
    r#"{"schemaVersion":"2","mediaType":"application/vnd.oci.image.manifest.v1+json"}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":7,"layers":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"x","size":1},"layers":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":-1},"layers":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2},"layers":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":99999999999},"layers":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:../../../etc/passwd","size":2},"layers":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[],"layers":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":7}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2,"platform":{"os":"plan9","architecture":"mips"}}]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2,"platform":{"os":"linux","architecture":"amd64"}}]}"#,
    r#"{"schemaVersion":2,"mediaType":"text/html","config":{},"layers":[]}"#,
    "<html>not found</html>",
];

#[test]
fn manifests() {
    let registry = Registry::start(RegistryOptions::default());
    let teu = Teu::new("bad-manifests");
    teu.ok("ps");
    let before = on_disk(&teu);
    let mut refusals = Refusals::default();
    for (number, manifest) in MANIFESTS.iter().enumerate() {
        let file = teu.scratch().join("manifest");
        fs::write(&file, manifest).unwrap();
        let hex = shell(&format!("sha256sum {} | cut -d' ' -f1", file.display()));
        registry.put_manifest("bad", &format!("t{number}"), &hex, manifest.as_bytes());
        let name = format!("{}/bad:t{number}", registry.address());
        refusals.check(manifest, &teu.run(&format!("pull {name}")), ANY);
        let done = teu.run(&format!("run --rm --network none {name} true"));
        refusals.check(manifest, &done, RUN);
    }
    assert_eq!(on_disk(&teu), before);
    refusals.end(2 * MANIFESTS.len());
    assert_eq!(teu.ok("images -q"), "");
}

const CONFIGURATIONS: &[&str] = &[
    "nonsense",
    "[",
    "[registry",
    "[registry]\ninsecure = 7\n",
    "[registry]\ninsecure = ['a', 7]\n",
    "[registry]\ninsecur = []\n",
    "[registry]\nmirrors = []\n",
    "[registry.mirrors]\n'docker.io' = 'x'\n",
    "[registries]\n",
    "key = 1\n",
    "[registry]\n[registry]\n",
    "\u{0}",
    "[registry]\ninsecure = ['\n",
];

#[test]
fn configuration_files() {
    let teu = Teu::with_busybox("bad-config").with_own_etc();
    crate::pull::configure(&teu, "");
    teu.ok("ps");
    let before = on_disk(&teu);
    let mut refusals = Refusals::default();
    for text in CONFIGURATIONS {
        let file = teu.scratch().join("config.toml");
        fs::write(&file, text).unwrap();
        teu.place().shell(&format!("cp {} /etc/teu/config.toml", file.display()));
        let done = teu.run("run --rm --network none busybox true");
        refusals.check(text, &done, RUN);
        assert!(done.stderr.contains("/etc/teu/config.toml"), "{text:?}: {done:?}");
    }
    teu.place().shell(": >/etc/teu/config.toml");
    assert_eq!(on_disk(&teu), before);
    refusals.end(CONFIGURATIONS.len());
}

/// Files that flags name: --env-file, seccomp profiles.
#[test]
fn files_that_flags_name() {
    let teu = Teu::with_busybox("bad-files");
    // The index of the image and the bridge are made by the first start, and stay.
    teu.ok("run --rm busybox true");
    let before = on_disk(&teu);
    let file = teu.scratch().join("file");
    let mut refusals = Refusals::default();
    let mut run = |what: &str, flag: &str| {
        let done = teu.run(&format!("run --rm --network none {flag} busybox true"));
        refusals.check(what, &done, RUN);
    };
    for text in ["=value\n", "a b=c\n", "a\u{0}b=c\n"] {
        fs::write(&file, text).unwrap();
        run(text, &format!("--env-file {}", file.display()));
    }
    fs::write(&file, [b'a', b'=', 0xff, 0xfe, b'\n']).unwrap();
    run("not UTF-8", &format!("--env-file {}", file.display()));
    for profile in [
        "",
        "{",
        "[]",
        "7",
        r#"{"defaultAction":"NONSENSE"}"#,
        r#"{"defaultAction":7}"#,
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":7}"#,
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"NONSENSE"}]}"#,
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"index":9,"value":1,"op":"SCMP_CMP_EQ"}]}]}"#,
    ] {
        fs::write(&file, profile).unwrap();
        run(profile, &format!("--security-opt seccomp={}", file.display()));
    }
    assert_eq!(on_disk(&teu), before);
    refusals.end(13);
}
