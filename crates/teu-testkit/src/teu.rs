//! The real program, on a state root of its own that goes, with all it made, when the test ends.

use crate::images;
use crate::{Machine, Need, TempDir, have};
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// No single command of a test takes longer.
const COMMAND_MAX: &str = "120";

/// What a finished command left.
#[derive(Clone)]
pub struct Done {
    /// The words after `teu`.
    pub words: Vec<String>,
    /// Its exit code; 128 and the signal's number where a signal ended it.
    pub code: i32,
    /// What it wrote, without the last line end.
    pub stdout: String,
    /// What it told, without the last line end.
    pub stderr: String,
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "`teu {}` ended with {}", self.words.join(" "), self.code)?;
        writeln!(f, "--- stdout\n{}", cut(&self.stdout))?;
        write!(f, "--- stderr\n{}", cut(&self.stderr))
    }
}

fn cut(text: &str) -> String {
    const SHOWN: usize = 4000;
    text.chars().take(SHOWN).collect()
}

/// teu with `--root` below /var/tmp.
#[derive(Debug)]
pub struct Teu {
    root: PathBuf,
    /// A process whose network and mount namespaces teu runs in.
    place: Option<Place>,
    scratch: TempDir,
}

impl Teu {
    /// With an empty state root.
    pub fn new(name: &str) -> Teu {
        assert!(have(Need::Root), "these tests make containers: run them as root");
        let scratch = TempDir::new(name);
        let root = scratch.join("root");
        fs::create_dir(&root).expect("a directory in our own");
        Teu { root, place: None, scratch }
    }

    /// With the image `busybox`.
    pub fn with_busybox(name: &str) -> Teu {
        let teu = Teu::new(name);
        images::busybox().give(&teu.root);
        teu
    }

    /// With the image `debian`: a whole one, with servers.
    pub fn with_debian(name: &str) -> Teu {
        let teu = Teu::new(name);
        images::debian().give(&teu.root);
        teu
    }

    /// Runs in network and mount namespaces of their own from now on.
    #[must_use]
    pub fn elsewhere(mut self) -> Teu {
        self.place = Some(Place::new());
        self
    }

    /// Runs in a mount namespace of its own from now on, in which /etc may be changed.
    #[must_use]
    pub fn with_own_etc(mut self) -> Teu {
        let place = Place::with_own_mounts();
        let at = self.scratch.display();
        place.shell(&format!(
            "mkdir {at}/etc-upper {at}/etc-work
             mount -t overlay -o lowerdir=/etc,upperdir={at}/etc-upper,workdir={at}/etc-work etc /etc"
        ));
        self.place = Some(place);
        self
    }

    /// The namespaces it runs in.
    pub fn place(&self) -> &Place {
        self.place.as_ref().expect("the test gave it a place")
    }

    /// The program under test: `TEU_BIN`, else built with the tests' own profile.
    pub fn binary() -> &'static Path {
        static BINARY: OnceLock<PathBuf> = OnceLock::new();
        BINARY.get_or_init(|| match std::env::var_os("TEU_BIN") {
            Some(path) => PathBuf::from(path),
            None => build(),
        })
    }

    /// The state root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A directory for the test's own files.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// What must not survive a reboot: where teu keeps it for this root.
    pub fn run_dir(&self) -> PathBuf {
        run_dir_of(&self.root)
    }

    /// Four digits that stand for this root in all names that are global to the machine.
    pub fn id(&self) -> String {
        id_of(&self.root)
    }

    /// `teu --root ROOT words…`, not yet run. It is ended after two minutes.
    pub fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--foreground", "-k", "5", COMMAND_MAX]);
        if let Some(place) = &self.place {
            command.args(place.enter());
        }
        command.arg(Self::binary()).arg("--root").arg(&self.root).args(words);
        command
            .env("DOCKER_CONFIG", "/nonexistent")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TEU_ROOT")
            .stdin(Stdio::null());
        command
    }

    /// Runs `teu` with the words of `line`, taken apart as a shell does with quotes.
    pub fn run(&self, line: &str) -> Done {
        self.run_words(&words(line))
    }

    /// The same with words that need no taking apart.
    pub fn run_words<S: AsRef<str>>(&self, given: &[S]) -> Done {
        let words: Vec<String> = given.iter().map(|word| word.as_ref().to_string()).collect();
        finish(&mut self.command(&words), &words)
    }

    /// Runs it; it must succeed. What it wrote.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        let done = self.run(line);
        assert_eq!(done.code, 0, "{done:?}");
        done.stdout
    }

    /// Runs it; it must end with `code`. What it told.
    #[track_caller]
    pub fn fails(&self, code: i32, line: &str) -> String {
        let done = self.run(line);
        assert_eq!(done.code, code, "{done:?}");
        done.stderr
    }

    /// Host's pid of the first process of `container`.
    #[track_caller]
    pub fn pid(&self, container: &str) -> u32 {
        let text = self.ok(&format!("inspect -f '{{{{.State.Pid}}}}' {container}"));
        text.parse().unwrap_or_else(|_| panic!("not a pid: {text}"))
    }

    /// The container's address on the bridge.
    #[track_caller]
    pub fn address(&self, container: &str) -> String {
        self.ok(&format!("inspect -f '{{{{.NetworkSettings.IPAddress}}}}' {container}"))
    }

    /// The container's directory below one cgroup v1 hierarchy, or below the only one of v2.
    #[track_caller]
    pub fn cgroup(&self, container: &str, controller: &str) -> PathBuf {
        let id = self.ok(&format!("inspect -f '{{{{.Id}}}}' {container}"));
        // Groups of other tests come and go meanwhile, of which `find` complains.
        let found = shell(&format!("find /sys/fs/cgroup -type d -name {id} 2>/dev/null || true"));
        let paths: Vec<&str> = found.lines().collect();
        let chosen = paths.iter().find(|path| {
            path.split('/').any(|part| part.split(',').any(|word| word == controller))
        });
        let only =
            || paths.iter().find(|_| Path::new("/sys/fs/cgroup/cgroup.controllers").exists());
        let chosen = chosen.or_else(only);
        PathBuf::from(chosen.unwrap_or_else(|| panic!("no group of {controller} in {paths:?}")))
    }

    /// Whatever teu keeps of containers of this root: files, mounts, groups, interfaces, processes.
    pub fn left(&self) -> Vec<String> {
        let machine = Machine::snapshot();
        let (link, group) = (format!("link: t{}", self.id()), format!("/teu-{}", self.id()));
        let mut left: Vec<String> =
            machine.about(&[&link, &group]).into_iter().map(String::from).collect();
        let files = [self.root.join("containers"), self.run_dir().join("containers")];
        left.extend(files.iter().flat_map(|directory| names_in(directory)));
        left
    }
}

impl Drop for Teu {
    fn drop(&mut self) {
        let done = self.run("system reset --force");
        if done.code != 0 {
            eprintln!("a test's state root is not clean: {done:?}");
            assert!(std::thread::panicking(), "{done:?}");
        }
        if self.place.is_none()
            && let Err(error) = fs::remove_dir(self.run_dir())
            && error.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!("{}: {error}", self.run_dir().display());
        }
    }
}

/// Waits until `question` has an answer, for at most half a minute.
#[track_caller]
pub fn until<T>(what: &str, mut question: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs another program; it must succeed. What it wrote.
#[track_caller]
pub fn run_plain(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{told}", output.status);
    String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_string()
}

/// Runs a shell's words; they must succeed. What they wrote.
#[track_caller]
pub fn shell(script: &str) -> String {
    run_plain(Command::new("sh").args(["-ec", script]).stdin(Stdio::null()))
}

/// Waits for `command`'s end.
pub fn finish(command: &mut Command, words: &[String]) -> Done {
    use std::os::unix::process::ExitStatusExt;
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\n').to_string();
    let status = output.status;
    let code = status.code().or_else(|| status.signal().map(|number| 128 + number));
    Done {
        words: words.to_vec(),
        code: code.unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// Words as a shell takes them apart: blanks, single and double quotes; nothing else is special.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ' | '\n' | '\t') => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    assert!(quote.is_none(), "an open quote in: {line}");
    words.extend(word);
    words
}

/// Where teu keeps what must not survive a reboot, for this root.
pub(crate) fn run_dir_of(root: &Path) -> PathBuf {
    PathBuf::from(format!("/run/teu-{}", id_of(root)))
}

/// FNV-1a of the path, folded: written down here once more, because it must never change.
fn id_of(root: &Path) -> String {
    let bytes = root.as_os_str().as_encoded_bytes();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let folded = (hash ^ (hash >> 16) ^ (hash >> 32) ^ (hash >> 48)) & 0xffff;
    format!("{folded:04x}")
}

fn names_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path().display().to_string()).collect()
}

/// Network and mount namespaces of their own, held by a process that ends with its owner.
#[derive(Debug)]
pub struct Place {
    holder: std::process::Child,
    /// As nsenter calls them.
    namespaces: &'static [&'static str],
}

impl Place {
    /// New ones, with loopback up.
    pub fn new() -> Place {
        Place::of(&["--net", "--mount"])
    }

    /// A mount namespace only; the network is the host's.
    pub fn with_own_mounts() -> Place {
        Place::of(&["--mount"])
    }

    fn of(namespaces: &'static [&'static str]) -> Place {
        // The holder ends when its standard input does; the pipe's other end is ours.
        let script = "mount --make-rprivate / && ip link set lo up && echo ready && read -r _";
        let mut holder = Command::new("unshare")
            .args(namespaces)
            .args(["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, of util-linux");
        let mut ready = [0; 6];
        let stdout = holder.stdout.as_mut().expect("a piped standard output");
        std::io::Read::read_exact(stdout, &mut ready).expect("the namespaces are made");
        Place { holder, namespaces }
    }

    /// The process that holds them.
    pub fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// The words that run a command there.
    pub fn enter(&self) -> Vec<String> {
        let pid = self.pid().to_string();
        let words = ["nsenter", "-t", &pid].into_iter().chain(self.namespaces.iter().copied());
        words.chain(["--"]).map(String::from).collect()
    }

    /// Runs a shell's words there; they must succeed. What they wrote.
    #[track_caller]
    pub fn shell(&self, script: &str) -> String {
        let enter = self.enter();
        let mut command = Command::new(&enter[0]);
        run_plain(command.args(&enter[1..]).args(["sh", "-ec", script]).stdin(Stdio::null()))
    }
}

impl Default for Place {
    fn default() -> Place {
        Place::new()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        if let Err(error) = self.holder.wait() {
            eprintln!("a holder of namespaces could not be waited for: {error}");
        }
    }
}

/// Builds the program into the target directory that the test itself was built into.
fn build() -> PathBuf {
    let me = std::env::current_exe().expect("a test knows its own file");
    // target/PROFILE/deps/test
    let profile = me.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
    // target/TRIPLE/PROFILE, where the target is named.
    let above = profile.parent().expect("a profile lies in the target directory");
    let triple = above.file_name().is_some_and(|name| name.to_string_lossy().contains("-linux-"));
    let target = if triple { above.parent().unwrap_or(above) } else { above };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "teu", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = cargo.current_dir(here).status().expect("cargo");
    assert!(status.success(), "{cargo:?}: {status}");
    profile.join("teu")
}

#[test]
fn taking_apart() {
    assert_eq!(words("run  -e A='b c' x \"\" 'd\"e'"), ["run", "-e", "A=b c", "x", "", "d\"e"]);
}
