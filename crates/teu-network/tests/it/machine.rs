//! A machine of our own for a test: a network namespace with a state root, and further namespaces
//! that stand for containers and for other machines. All of it goes when the test ends.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::time::Duration;
use teu_kernel::{netns, random};
use teu_model::{ContainerId, Paths, RootId};
use teu_network::{AttachOptions, Endpoint, Lease, Network, Networks};
use teu_testkit::TempDir;

/// Runs `test` as root of an empty machine, in a thread of its own.
pub fn on_a_machine(test: impl FnOnce(&Machine) + Send + 'static) {
    let thread = std::thread::spawn(|| {
        netns::unshare().unwrap();
        run("ip", "link set lo up");
        test(&Machine::new());
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The machine that the calling thread is on.
pub struct Machine {
    pub paths: Paths,
    pub networks: Networks,
    pub home: OwnedFd,
    _directory: TempDir,
}

impl Machine {
    fn new() -> Machine {
        let directory = TempDir::new("network");
        let paths = Paths {
            root: directory.join("root"),
            run: directory.join("run"),
            config: directory.join("config"),
            id: RootId::of(&directory),
        };
        let networks = Networks::new(&paths);
        Machine { paths, networks, home: netns::current().unwrap(), _directory: directory }
    }

    /// Another state root on the same machine.
    pub fn another_root(&self) -> Machine {
        Machine::new()
    }

    /// A container on the default network.
    pub fn container(&self) -> Container {
        let network = self.networks.ensure_default().unwrap();
        let id = new_id();
        let lease = self.networks.lease(&network, &id).unwrap();
        self.container_with(&network, lease)
    }

    pub fn container_with(&self, network: &Network, lease: Lease) -> Container {
        let netns = self.new_namespace();
        let options = AttachOptions::default();
        let endpoint = self.networks.attach(network, &lease, netns.as_fd(), &options).unwrap();
        Container { netns, lease, endpoint }
    }

    /// An empty namespace; the calling thread stays where it is.
    pub fn new_namespace(&self) -> OwnedFd {
        netns::unshare().unwrap();
        let made = netns::current().unwrap();
        netns::enter(self.home.as_fd()).unwrap();
        made
    }

    /// Runs `work` with the calling thread in that namespace.
    pub fn inside<T>(&self, netns: &OwnedFd, work: impl FnOnce() -> T) -> T {
        netns::visit(self.home.as_fd(), netns.as_fd(), work).unwrap()
    }

    /// A machine outside, 203.0.113.2, that knows no way to any container: this machine is
    /// 203.0.113.1 to it.
    pub fn outside(&self) -> OwnedFd {
        let outside = self.new_namespace();
        run("ip", "link add up0 type veth peer name down0");
        self.move_link("down0", &outside);
        run("ip", "addr add 203.0.113.1/24 dev up0");
        run("ip", "link set up0 up");
        self.inside(&outside, || {
            run("ip", "link set lo up");
            run("ip", "addr add 203.0.113.2/24 dev down0");
            run("ip", "link set down0 up");
        });
        outside
    }

    fn move_link(&self, name: &str, into: &OwnedFd) {
        // `ip link set netns` wants a process: one that sleeps there for a moment.
        let mut sleeper = self.inside(into, || Command::new("sleep").arg("60").spawn().unwrap());
        run("ip", &format!("link set {name} netns {}", sleeper.id()));
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }
}

/// A namespace with its cable.
pub struct Container {
    pub netns: OwnedFd,
    pub lease: Lease,
    pub endpoint: Endpoint,
}

pub fn new_id() -> ContainerId {
    ContainerId::from_random(random::random().unwrap())
}

/// What a program prints, in the calling thread's namespace; it must succeed.
#[track_caller]
pub fn run(program: &str, arguments: &str) -> String {
    let (text, ok) = try_run(program, arguments);
    assert!(ok, "{program} {arguments}: {text}");
    text
}

pub fn try_run(program: &str, arguments: &str) -> (String, bool) {
    let output = Command::new(program).args(arguments.split(' ')).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.success())
}

/// Loads rules as `nft -f` reads them.
#[track_caller]
pub fn nft(rules: &str) {
    let mut child =
        Command::new("nft").args(["-f", "-"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "nft refuses {rules}");
}

/// A server in the calling thread's namespace that tells each caller the address it came from.
pub fn serve(address: Ipv4Addr) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, from)) = listener.accept() {
            stream.write_all(from.ip().to_string().as_bytes()).unwrap_or(());
        }
    });
    at
}

/// What that server says, asked from the calling thread's namespace.
pub fn ask(server: SocketAddr) -> Result<String, std::io::Error> {
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(3))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
