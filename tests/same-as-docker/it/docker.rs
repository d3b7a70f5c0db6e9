//! One dockerd for all scenes: mounts, processes, a network and a data root of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, RwLock};
use teu_testkit::teu::{run_plain, shell, until};
use teu_testkit::{Need, have, images};

/// The command line that belongs to the daemon; another may lie before it in PATH.
pub(crate) const PROGRAM: &str = "/usr/bin/docker";

/// Whoever looks at everything the daemon has writes, the others read.
pub(crate) static SHARED: RwLock<()> = RwLock::new(());

/// Ends with the end of its standard input, and everything in it with it: it is PID 1 there.
const INSIDE: &str = r#"
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir "$0/data" && mount -t tmpfs tmpfs "$0/data" && ip link set lo up || exit 1
dockerd --data-root "$0/data" --exec-root /run/docker --pidfile /run/docker.pid -H "unix://$0/docker.sock" \
    --storage-driver overlay2 --cgroup-parent "$1" --bip 172.31.97.1/24 </dev/null >"$0/log" 2>&1 &
read -r _
"#;

/// What the namespaces' end does not take away.
const OUTSIDE: &str = r#"
unshare --mount --net --pid --fork --mount-proc sh -c "$0" "$1" "$2"
rm -rf "$1"
find /sys/fs/cgroup -mindepth 2 -depth -type d -path "*$2*" -exec rmdir {} + 2>/dev/null
"#;

pub(crate) struct Docker {
    directory: PathBuf,
    /// Both images as `docker save` writes them.
    pub archive: PathBuf,
    _daemon: Mutex<Child>,
    _life: ChildStdin,
}

/// The daemon; the first who asks starts it.
pub(crate) fn docker() -> &'static Docker {
    static DOCKER: OnceLock<Docker> = OnceLock::new();
    DOCKER.get_or_init(start)
}

/// Whether these tests can run here.
pub(crate) fn is_there() -> bool {
    have(Need::Root) && have(Need::Program("dockerd"))
}

impl Docker {
    /// `docker` with the address of the daemon.
    pub fn words(&self) -> String {
        format!("{PROGRAM} -H unix://{}/docker.sock", self.directory.display())
    }
}

fn start() -> Docker {
    let directory = PathBuf::from(format!("/var/tmp/teu-test-docker-{}", std::process::id()));
    std::fs::create_dir(&directory).expect("a directory below /var/tmp");
    let group = format!("/teu-test-docker-{}", std::process::id());
    let mut daemon = Command::new("sh")
        .args(["-c", OUTSIDE, INSIDE])
        .args([directory.as_os_str(), group.as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let life = daemon.stdin.take().expect("a piped standard input");
    let archive = directory.join("images.tar");
    let docker = Docker { directory, archive, _daemon: Mutex::new(daemon), _life: life };
    let version = format!("{} version", docker.words());
    until("dockerd answers", || answers(&version).then_some(()));
    docker.make_images(&images::busybox().tar);
    docker
}

fn answers(line: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", line]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Docker {
    /// `box`: busybox; `rich`: the same with everything that an image can say.
    fn make_images(&self, tar: &Path) {
        let docker = self.words();
        run_plain(Command::new("sh").arg("-ec").arg(format!(
            "{docker} import -c 'CMD [\"sh\"]' {tar} box >/dev/null
             {docker} import -c 'ENTRYPOINT [\"echo\",\"entry\"]' -c 'CMD [\"default\",\"words\"]' \
                -c 'ENV COLOUR=green' -c 'WORKDIR /var/www' -c 'LABEL maker=me kind=rich' -c 'USER user' \
                -c 'EXPOSE 80/tcp' -m 'all of it' {tar} rich:1.0 >/dev/null",
            tar = tar.display()
        )));
        shell(&format!("{docker} save -o {} box rich:1.0", self.archive.display()));
    }
}
