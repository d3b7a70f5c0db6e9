//! What each step of a container's network costs, in µs: `cargo run --release --example cost [rounds]`,
//! as root. Works in a network namespace of its own.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;
use teu_kernel::{netns, random};
use teu_model::{ContainerId, Paths, RootId};
use teu_network::{AttachOptions, Networks};

type Failure = Box<dyn std::error::Error>;

/// The times of one step.
struct Step {
    name: &'static str,
    times: Vec<f64>,
}

impl Step {
    fn new(name: &'static str) -> Step {
        Step { name, times: Vec::new() }
    }

    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = work();
        self.times.push(began.elapsed().as_secs_f64() * 1e6);
        result
    }

    fn print(&mut self) {
        self.times.sort_by(f64::total_cmp);
        let at = |part: f64| self.times[((self.times.len() - 1) as f64 * part) as usize];
        println!("{:>9.1} {:>9.1} {:>9.1}  {}", at(0.0), at(0.5), at(0.95), self.name);
    }
}

fn main() -> Result<(), Failure> {
    let rounds = std::env::args().nth(1).map_or(Ok(200), |text| text.parse::<usize>())?;
    netns::unshare()?;
    let home = netns::current()?;
    let run = std::path::PathBuf::from(format!("/dev/shm/teu-cost-{}", std::process::id()));
    let paths = Paths {
        root: run.join("root"),
        run: run.join("run"),
        config: run.join("config"),
        id: RootId::of(&run),
    };
    let result = measure(&Networks::new(&paths), &home, rounds);
    std::fs::remove_dir_all(&run)?;
    result
}

fn measure(networks: &Networks, home: &std::os::fd::OwnedFd, rounds: usize) -> Result<(), Failure> {
    let mut first = Step::new("ensure_default: the first time");
    first.time(|| networks.ensure_default())?;
    let names = [
        "namespace: unshare",
        "ensure_default: all there",
        "lease",
        "attach",
        "first connection",
        "release",
        "all but the namespace and the connection",
    ];
    let mut steps = names.map(Step::new);
    let [unshare, ensure, lease, attach, connect, release, all] = &mut steps;
    // Namespaces stay open: their end, in the background, holds the kernel's network lock for long.
    let mut kept = Vec::new();
    for _ in 0..rounds {
        unshare.time(netns::unshare)?;
        let inside = netns::current()?;
        netns::enter(home.as_fd())?;
        let sandbox = ContainerId::from_random(random::random()?);
        let network = ensure.time(|| networks.ensure_default())?;
        let address = lease.time(|| networks.lease(&network, &sandbox))?;
        let options = AttachOptions::default();
        attach.time(|| networks.attach(&network, &address, inside.as_fd(), &options))?;
        let inner = netns::visit(home.as_fd(), inside.as_fd(), || {
            TcpListener::bind((address.address, 80))
        })??;
        connect.time(|| {
            let mut stream = TcpStream::connect((address.address, 80))?;
            drop(inner.accept()?);
            stream.read_to_end(&mut Vec::new())
        })?;
        release.time(|| networks.release(&sandbox))?;
        let last = |step: &Step| step.times.last().copied().unwrap_or_default();
        all.times.push(last(ensure) + last(lease) + last(attach) + last(release));
        kept.push((inside, inner));
    }
    println!("  minimum    median      95 %  µs, {rounds} rounds");
    first.print();
    for step in &mut steps {
        step.print();
    }
    Ok(())
}
