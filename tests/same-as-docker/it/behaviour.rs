//! A scene: a set-up and lines of shell, played on both sides and compared line by line.

use crate::docker::{self, Docker, SHARED, docker};
use crate::normal;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use teu_testkit::Teu;
use teu_testkit::teu::run_plain;

/// What of a line is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    /// Output, messages, exit code.
    All,
    /// Output and exit code.
    Output,
    /// The exit code.
    Code,
    /// Something differs, on purpose.
    Differs(&'static str),
}

/// One behaviour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub name: &'static str,
    /// Shell, in which `docker` is one of the two, `$c` and `$d` are names of containers, `$i` of an
    /// image and `$v` of a volume that nobody else uses. The directory is the scene's own.
    pub script: &'static str,
    pub compare: Compare,
}

/// Output, messages and exit code are the same.
pub(crate) const fn same(name: &'static str, script: &'static str) -> Line {
    Line { name, script, compare: Compare::All }
}

/// Output and exit code are the same.
pub(crate) const fn same_output(name: &'static str, script: &'static str) -> Line {
    Line { name, script, compare: Compare::Output }
}

/// The exit code is the same.
pub(crate) const fn same_code(name: &'static str, script: &'static str) -> Line {
    Line { name, script, compare: Compare::Code }
}

/// teu does it otherwise, for a reason.
pub(crate) const fn different(
    name: &'static str,
    script: &'static str,
    reason: &'static str,
) -> Line {
    Line { name, script, compare: Compare::Differs(reason) }
}

/// What is played together, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub name: &'static str,
    /// Looks at everything there is: nobody else is on the stage.
    pub alone: bool,
    pub set_up: &'static str,
    pub lines: &'static [Line],
}

/// A file of scenes: each a test.
macro_rules! scenes {
    ($($(#[$alone:ident])? $name:ident: $set_up:expr, [$($line:expr),* $(,)?];)*) => {
        /// The scenes of this file.
        pub(crate) const SCENES: &[crate::behaviour::Scene] = &[$(crate::behaviour::Scene {
            name: stringify!($name),
            alone: { let words: &[&str] = &[$(stringify!($alone))?]; !words.is_empty() },
            set_up: $set_up,
            lines: &[$($line),*],
        }),*];
        $(#[test]
        fn $name() {
            crate::behaviour::play(SCENES, stringify!($name));
        })*
    };
}
pub(crate) use scenes;

/// What a line showed.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    code: i32,
    output: String,
    told: String,
}

/// Plays the scene called `name`; panics with every line that is not as the table says.
#[track_caller]
pub(crate) fn play(scenes: &[Scene], name: &str) {
    if !docker::is_there() {
        return;
    }
    let scene = scenes.iter().find(|scene| scene.name == name).expect("a scene of this file");
    let (_alone, _together);
    if scene.alone {
        _alone = SHARED.write();
    } else {
        _together = SHARED.read();
    }
    let theirs = docker();
    let ours = Teu::new(&format!("same-{name}")).elsewhere();
    let loaded = ours.run_words(&["load", "-i", &theirs.archive.display().to_string()]);
    assert_eq!(loaded.code, 0, "{loaded:?}");
    let started = std::time::Instant::now();
    let (docker, teu) = std::thread::scope(|scope| {
        let docker = scope.spawn(|| docker_side(scene, theirs, ours.scratch()));
        let teu = teu_side(scene, &ours);
        (docker.join().expect("docker's side"), teu)
    });
    println!("{}: {:.1} s", scene.name, started.elapsed().as_secs_f64());
    let mut faults = String::new();
    for ((line, docker), teu) in scene.lines.iter().zip(&docker).zip(&teu) {
        if let Some(fault) = fault(line, docker, teu) {
            write!(faults, "\n{} / {}: {fault}\n  {}\n", scene.name, line.name, line.script)
                .expect("a string takes all");
            if docker != teu {
                write!(faults, "--- docker {docker:#?}\n--- teu {teu:#?}\n").expect("the same");
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

fn fault(line: &Line, docker: &Seen, teu: &Seen) -> Option<&'static str> {
    let output = docker.output == teu.output && docker.code == teu.code;
    match line.compare {
        Compare::All if docker != teu => Some("not the same"),
        Compare::Output if !output => Some("not the same output or code"),
        Compare::Code if docker.code != teu.code => Some("not the same exit code"),
        Compare::Differs(_) if docker == teu => Some("no longer different: say so in the table"),
        _ => None,
    }
}

fn docker_side(scene: &Scene, docker: &Docker, scratch: &Path) -> Vec<Seen> {
    let seen = perform(scene, &docker.words(), &scratch.join("docker"));
    let name = prefix(scene);
    let words = docker.words();
    let sweep = format!(
        "{words} ps -aq --filter 'name=^/{name}-[cd]' | xargs -r {words} rm -fv
         {words} volume ls -q --filter name={name} | xargs -r {words} volume rm -f
         {words} images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' --filter 'reference={name}*' | xargs -r {words} rmi -f"
    );
    run_plain(Command::new("sh").args(["-c", &sweep]).stderr(Stdio::null()));
    seen
}

fn teu_side(scene: &Scene, teu: &Teu) -> Vec<Seen> {
    let enter = teu.place().enter().join(" ");
    let words =
        format!("{enter} env -C $PWD {} --root {}", Teu::binary().display(), teu.root().display());
    perform(scene, &words, &teu.scratch().join("teu"))
}

/// Begins the names of all that a scene makes.
fn prefix(scene: &Scene) -> String {
    format!("same-{}", scene.name.replace('_', "-"))
}

fn perform(scene: &Scene, program: &str, directory: &Path) -> Vec<Seen> {
    let bin = directory.join("bin");
    let stage = directory.join("stage");
    for each in [&bin, &stage] {
        std::fs::create_dir_all(each).expect("a directory of the scene's own");
    }
    let wrapper = bin.join("docker");
    // By a process of its own: what this one has open for writing is open in all children that other scenes
    // start at this moment, and such a script cannot be executed (ETXTBSY).
    let text = format!("#!/bin/sh\nexec {program} \"$@\"\n");
    let write = "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\"";
    run_plain(Command::new("sh").args(["-c", write]).arg(&wrapper).arg(text));
    let actor = Actor { name: prefix(scene), bin, stage };
    if !scene.set_up.is_empty() {
        let seen = actor.act(scene.set_up);
        assert_eq!(seen.code, 0, "the set-up of {} with {program}: {seen:#?}", scene.name);
    }
    scene.lines.iter().map(|line| actor.act(line.script)).collect()
}

struct Actor {
    name: String,
    bin: PathBuf,
    stage: PathBuf,
}

impl Actor {
    fn act(&self, script: &str) -> Seen {
        let name = &self.name;
        let output = Command::new("timeout")
            .args(["-s", "KILL", "40", "sh", "-c", script])
            .current_dir(&self.stage)
            .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.bin.display()))
            .envs([("c", format!("{name}-c")), ("d", format!("{name}-d"))])
            .envs([("i", format!("{name}-i")), ("v", format!("{name}-v"))])
            .envs([("DOCKER_CONFIG", "/nonexistent"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")])
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let directory = self.stage.display().to_string();
        Seen {
            code: output.status.code().unwrap_or(-1),
            output: normal::output(&text(&output.stdout), &directory),
            told: normal::told(&text(&output.stderr), &directory),
        }
    }
}
