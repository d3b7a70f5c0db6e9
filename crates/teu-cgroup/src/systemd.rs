//! Under systemd on v2 all groups have one owner, and teu asks it for a part of the tree: one transient
//! scope for each state root, delegated whole.
//!
//! ```text
//! /system.slice/teu-ab12.scope/            made by the first start
//!                        ├─ monitors/      keeps the scope alive
//!                        └─ <container>/
//! ```
//! systemd collects the scope when the last process has left it.

use crate::dbus::{self, Answer, Call, Value, Writer};
use crate::{CgroupError, Group, Layout, MONITORS, Mode, file};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};
use teu_model::RootId;
use teu_oci::runtime::LinuxResources;

/// systemd's own socket: open to root, and there before any bus is.
const PRIVATE: &str = "/run/systemd/private";
const BUS: &str = "/run/dbus/system_bus_socket";
/// A scope takes milliseconds; a machine that boots may take longer.
const LIMIT: Duration = Duration::from_secs(20);

/// The delegated scope of a state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    unit: String,
}

impl Layout {
    /// Whether groups must lie in a scope of systemd: on v2, where it runs. On v1 and beside v1 it leaves
    /// the controllers' hierarchies alone.
    pub fn needs_scope(&self) -> bool {
        self.mode() == Mode::V2 && Path::new("/run/systemd/system").exists()
    }

    /// Where the containers of the state root `root` lie, if nobody asked for another place.
    pub fn default_parent(&self, root: &RootId) -> String {
        if self.needs_scope() { Scope::of(root).parent() } else { format!("/teu-{root}") }
    }
}

impl Scope {
    /// The scope of `root`, whether it is there or not.
    pub fn of(root: &RootId) -> Scope {
        Scope { unit: format!("teu-{root}.scope") }
    }

    /// Its group, the parent of all containers.
    pub fn parent(&self) -> String {
        format!("/system.slice/{}", self.unit)
    }

    /// Moves the process `monitor` into the leaf for monitors, and has systemd make the scope around it
    /// if there is none.
    pub fn ensure(&self, layout: &Layout, monitor: u32) -> Result<(), CgroupError> {
        let monitors = layout.plan(&self.parent(), MONITORS)?;
        let end = Instant::now() + LIMIT;
        let mut pause = Duration::from_millis(1);
        loop {
            // A scope whose last process is leaving goes while we look at it.
            if self.is_alive(layout) && enter(&monitors, monitor).is_ok() && self.is_alive(layout) {
                return Ok(());
            }
            match self.start(monitor)? {
                Answer::Done => {
                    self.wait_for(monitor, end)?;
                    return enter(&monitors, monitor);
                }
                Answer::Error { name, .. }
                    if name.ends_with(".UnitExists") && Instant::now() < end => {}
                Answer::Error { name, message } => {
                    let message = format!("{message} ({name})");
                    return Err(CgroupError::ScopeRefused { scope: self.unit.clone(), message });
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    fn is_alive(&self, layout: &Layout) -> bool {
        let dir = layout.v2().map(|v2| v2.mount_point.join(self.parent().trim_start_matches('/')));
        let events = dir.and_then(|dir| file::read_raw(&dir.join("cgroup.events")).ok());
        events.is_some_and(|events| file::keyed(&events, "populated") == Some(1))
    }

    /// `StartTransientUnit`.
    fn start(&self, pid: u32) -> Result<Answer, CgroupError> {
        let (socket, is_bus) = match UnixStream::connect(PRIVATE) {
            Ok(stream) => (Ok((stream, PRIVATE)), false),
            Err(_) => (UnixStream::connect(BUS).map(|stream| (stream, BUS)), true),
        };
        let failed = |verb, socket: &str, source| CgroupError::Systemd {
            verb,
            socket: socket.into(),
            source,
        };
        let (mut stream, socket) = socket.map_err(|source| failed("connect", BUS, source))?;
        converse(&mut stream, is_bus, &self.request(pid))
            .map_err(|source| failed("ask for a scope", socket, source))
    }

    fn request(&self, pid: u32) -> Vec<u8> {
        let call = Call {
            destination: "org.freedesktop.systemd1",
            path: "/org/freedesktop/systemd1",
            interface: "org.freedesktop.systemd1.Manager",
            member: "StartTransientUnit",
            signature: "ssa(sv)a(sa(sv))",
        };
        let mut body = Writer::default();
        body.text(&self.unit);
        body.text("fail");
        body.properties(&[
            ("Description", Value::Text("containers of teu")),
            ("Slice", Value::Text("system.slice")),
            ("Delegate", Value::Bool(true)),
            // Containers end when they are told to, not before other services at shutdown.
            ("DefaultDependencies", Value::Bool(false)),
            ("CollectMode", Value::Text("inactive-or-failed")),
            // The limit for all containers together is none; each has its own.
            ("TasksMax", Value::U64(u64::MAX)),
            ("PIDs", Value::Numbers(&[pid])),
        ]);
        body.no_structures();
        dbus::call(REQUEST, &call, &body)
    }

    /// The answer comes when the job is queued; the process is in the scope when it is done.
    fn wait_for(&self, pid: u32, end: Instant) -> Result<(), CgroupError> {
        let place = format!("0::{}", self.parent());
        let mut pause = Duration::from_micros(200);
        loop {
            let text = file::read(Path::new(&format!("/proc/{pid}/cgroup")))?;
            if text.lines().any(|line| line == place) {
                return Ok(());
            }
            if Instant::now() >= end {
                let message = format!("process {pid} was not put into it in {LIMIT:?}");
                return Err(CgroupError::ScopeRefused { scope: self.unit.clone(), message });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

const HELLO: u32 = 1;
const REQUEST: u32 = 2;

/// A bus wants to be greeted first; systemd itself does not.
fn converse(stream: &mut UnixStream, is_bus: bool, request: &[u8]) -> io::Result<Answer> {
    use std::io::Write;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    dbus::authenticate(stream, std::fs::metadata("/proc/self")?.uid())?;
    if is_bus {
        let hello = Call {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            member: "Hello",
            signature: "",
        };
        stream.write_all(&dbus::call(HELLO, &hello, &Writer::default()))?;
        if let Answer::Error { name, message } = dbus::answer(stream, HELLO)? {
            return Ok(Answer::Error { name, message });
        }
    }
    stream.write_all(request)?;
    dbus::answer(stream, REQUEST)
}

/// Into the leaf, which is made where it is missing.
fn enter(monitors: &Group, pid: u32) -> Result<(), CgroupError> {
    if !monitors.exists() {
        match monitors.create_leaf() {
            Err(CgroupError::Exists { .. }) | Ok(()) => {}
            Err(error) => return Err(error),
        }
    }
    monitors.join_pid(pid)
}

impl Group {
    /// Makes the directories and hands nothing down: while a process lies in the scope itself, v2 would
    /// refuse that.
    fn create_leaf(&self) -> Result<(), CgroupError> {
        match self.layout.v2().map(|v2| std::fs::create_dir(self.dir_in(v2))) {
            Some(Err(error)) if error.kind() != io::ErrorKind::AlreadyExists => {
                let path = self.v2_dir().unwrap_or_default();
                Err(CgroupError::Create { path, source: error })
            }
            Some(_) => Ok(()),
            None => self.create(&LinuxResources::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_its_roots_name() {
        let root = RootId::of(Path::new("/var/lib/teu"));
        let scope = Scope::of(&root);
        assert_eq!(scope.parent(), format!("/system.slice/teu-{root}.scope"));
        let request = scope.request(4242);
        let has = |text: &[u8]| request.windows(text.len()).any(|window| window == text);
        assert!(
            has(b"StartTransientUnit\0") && has(b"ssa(sv)a(sa(sv))\0") && has(b"PIDs\0\x02au\0")
        );
        assert!(has(&4242u32.to_le_bytes()));
    }

    #[test]
    fn the_request_is_what_another_implementation_sends() {
        // The body as Python's jeepney writes it for the same values.
        let expect = "\
0b0000007465752d782e73636f706500040000006661696c00000000f00000000b00000044657363\
72697074696f6e000173000011000000636f6e7461696e657273206f66207465750000000000000005000000\
536c696365000173000000000c00000073797374656d2e736c696365000000000000000008000000\
44656c65676174650001620001000000000000001300000044656661756c74446570656e64656e63\
6965730001620000000000000b000000436f6c6c6563744d6f646500017300001200000069\
6e6163746976652d6f722d6661696c6564000000000000080000005461736b734d617800017400ffffff\
ffffffffff0400000050494473000261750000000004000000921000000000000000000000";
        let request = Scope { unit: "teu-x.scope".to_string() }.request(4242);
        let body = &request[request.len() - 280..];
        let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expect);
    }
}
