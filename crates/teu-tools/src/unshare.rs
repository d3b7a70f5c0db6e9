//! `teu unshare`: a program in new namespaces, with the flags of util-linux's `unshare(1)`.

use crate::{Refusal, apply, print};
use std::ffi::OsString;
use std::path::PathBuf;
use teu_kernel::clone::NewNamespaces;
use teu_kernel::mount::Propagation;
use teu_model::Signal;

pub(crate) const ABOUT: &str = "Run a program in new namespaces";

const HELP: &str = "\
Usage:  teu unshare [OPTIONS] [PROGRAM [ARG...]]

Run a program, by default a shell, in new namespaces

Example:
  teu unshare --mount sh                                # mounts made in it are seen only in it
  teu unshare --mount --ipc --pid --net --mount-proc --fork bash
  teu unshare --user --map-root-user id                 # root inside, and nobody outside

Options:
  -m, --mount                  New mount namespace
  -u, --uts                    New namespace of host and domain name
  -i, --ipc                    New IPC namespace
  -n, --net                    New network namespace
  -p, --pid                    New PID namespace: for children, so with --fork
  -U, --user                   New user namespace
  -C, --cgroup                 New cgroup namespace
  -T, --time                   New time namespace: for children, so with --fork
  -f, --fork                   Run the program as a child
      --kill-child[=SIGNAL]    When teu ends, so does the child (implies --fork; default SIGKILL)
      --mount-proc[=DIR]       Mount a new proc (implies --mount; default /proc)
  -r, --map-root-user          This user is root inside (implies --user)
  -c, --map-current-user       This user is itself inside (implies --user)
      --propagation TYPE       Of all mounts: private (default), shared, slave or unchanged
  -R, --root DIR               Change the root directory
  -w, --wd DIR                 Change the working directory
      --monotonic SECONDS      How far the monotonic clock is ahead (implies --time)
      --boottime SECONDS       How far the clock since boot is ahead (implies --time)
      --help                   Print this
";

/// Who the caller is in the new user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mapped {
    /// Number 0.
    Root,
    /// The number it has outside.
    Itself,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// New ones of these.
    pub kinds: NewNamespaces,
    /// The program is a child.
    pub fork: bool,
    /// Sent to the child when its parent ends.
    pub kill_child: Option<i32>,
    /// Where a new proc is mounted.
    pub proc: Option<PathBuf>,
    /// Needs a new user namespace.
    pub mapped: Option<Mapped>,
    /// Of all mounts; none where the parent's is kept.
    pub propagation: Option<Propagation>,
    /// The root directory.
    pub root: Option<PathBuf>,
    /// The working directory.
    pub directory: Option<PathBuf>,
    /// Seconds by which clocks are ahead, as `/proc/self/timens_offsets` names them.
    pub clocks: Vec<(&'static str, i64)>,
    /// The program and its arguments; a shell where empty.
    pub program: Vec<OsString>,
}

pub(crate) fn main(words: Vec<OsString>) -> Result<u8, Refusal> {
    match plan(words)? {
        Some(plan) => apply::apply(&plan),
        None => {
            print(HELP);
            Ok(0)
        }
    }
}

/// Takes the words apart; nothing where help was asked for.
fn plan(words: Vec<OsString>) -> Result<Option<Plan>, Refusal> {
    use lexopt::Arg::{Long, Short, Value};
    let usage = |error: lexopt::Error| Refusal::new(error.to_string());
    let mut parser = lexopt::Parser::from_args(words);
    let mut plan = Plan { propagation: Some(Propagation::Private), ..Plan::default() };
    let seconds = |plan: &mut Plan, clock, value: OsString| {
        let text = value.to_string_lossy();
        let ahead = text.parse().map_err(|_| Refusal::new(format!("not seconds: {text}")))?;
        plan.kinds |= NewNamespaces::TIME;
        plan.clocks.push((clock, ahead));
        Ok::<(), Refusal>(())
    };
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('m') | Long("mount") => plan.kinds |= NewNamespaces::MOUNT,
            Short('u') | Long("uts") => plan.kinds |= NewNamespaces::UTS,
            Short('i') | Long("ipc") => plan.kinds |= NewNamespaces::IPC,
            Short('n') | Long("net") => plan.kinds |= NewNamespaces::NETWORK,
            Short('p') | Long("pid") => plan.kinds |= NewNamespaces::PID,
            Short('U') | Long("user") => plan.kinds |= NewNamespaces::USER,
            Short('C') | Long("cgroup") => plan.kinds |= NewNamespaces::CGROUP,
            Short('T') | Long("time") => plan.kinds |= NewNamespaces::TIME,
            Short('f') | Long("fork") => plan.fork = true,
            Short('r') | Long("map-root-user") => {
                plan.kinds |= NewNamespaces::USER;
                plan.mapped = Some(Mapped::Root);
            }
            Short('c') | Long("map-current-user") => {
                plan.kinds |= NewNamespaces::USER;
                plan.mapped = Some(Mapped::Itself);
            }
            Long("mount-proc") => {
                plan.kinds |= NewNamespaces::MOUNT;
                let place = parser.optional_value().unwrap_or_else(|| "/proc".into());
                plan.proc = Some(place.into());
            }
            Long("kill-child") => {
                let text = parser.optional_value().unwrap_or_else(|| "KILL".into());
                let text = text.to_string_lossy();
                let signal =
                    Signal::parse(&text).map_err(|error| Refusal::new(error.to_string()))?;
                plan.fork = true;
                plan.kill_child = Some(signal.0);
            }
            Long("propagation") => {
                let value = parser.value().map_err(usage)?;
                plan.propagation = propagation(&value.to_string_lossy())?;
            }
            Short('R') | Long("root") => plan.root = Some(parser.value().map_err(usage)?.into()),
            Short('w') | Long("wd") => plan.directory = Some(parser.value().map_err(usage)?.into()),
            Long("monotonic") => {
                seconds(&mut plan, "monotonic", parser.value().map_err(usage)?)?;
            }
            Long("boottime") => seconds(&mut plan, "boottime", parser.value().map_err(usage)?)?,
            Long("help") | Short('h') => return Ok(None),
            // What follows is the program's.
            Value(program) => {
                plan.program.push(program);
                plan.program.extend(parser.raw_args().map_err(usage)?);
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok(Some(plan))
}

fn propagation(text: &str) -> Result<Option<Propagation>, Refusal> {
    match text {
        "private" => Ok(Some(Propagation::Private)),
        "shared" => Ok(Some(Propagation::Shared)),
        "slave" => Ok(Some(Propagation::Slave)),
        "unchanged" => Ok(None),
        other => Err(Refusal::new(format!("unsupported propagation mode: {other}"))),
    }
}

#[test]
fn words_become_a_plan() {
    let of = |line: &str| plan(line.split_whitespace().map(OsString::from).collect());
    let all = of("-muinpUCT --fork sh -c x").unwrap().unwrap();
    assert_eq!(all.kinds, NewNamespaces::all());
    assert_eq!((all.fork, all.program.len()), (true, 3));
    let implied = of("--mount-proc=/p --kill-child=TERM -r --boottime 5").unwrap().unwrap();
    let kinds = NewNamespaces::MOUNT | NewNamespaces::USER | NewNamespaces::TIME;
    assert_eq!((implied.kinds, implied.fork, implied.kill_child), (kinds, true, Some(15)));
    assert_eq!(implied.proc, Some("/p".into()));
    assert_eq!(implied.clocks, [("boottime", 5)]);
    assert_eq!(of("--propagation unchanged").unwrap().unwrap().propagation, None);
    assert_eq!(of("--help").unwrap(), None);
    for wrong in ["--nothing", "--propagation x", "--kill-child=x", "--mount=/file", "--boottime x"]
    {
        of(wrong).unwrap_err();
    }
}
