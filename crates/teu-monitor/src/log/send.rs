//! Entries that go elsewhere: to systemd's journal, to a syslog. One datagram each, never waited for.
//!
//! What is not taken at once is kept, up to a limit; what is more is lost, and how much that was is told in its
//! place. `systemd.journal-export` (the native protocol), RFC 3164, RFC 5424.

use super::{Stream, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use teu_kernel::local_time::local_time;
use teu_model::{Syslog, SyslogAddress, SyslogFormat};

/// So many bytes wait at most.
const QUEUE_BYTES_MAX: usize = 1 << 20;

/// Where entries go, beside the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogSink {
    /// To the journal.
    Journald {
        /// Where it listens.
        socket: PathBuf,
        /// What stands beside each entry.
        fields: BTreeMap<String, String>,
    },
    /// To a syslog.
    Syslog {
        /// Which, and how.
        syslog: Syslog,
        /// Who says so.
        tag: String,
        /// On which host.
        hostname: String,
    },
}

/// The way there.
#[derive(Debug)]
pub(super) struct Sender {
    sink: LogSink,
    socket: Option<Socket>,
    queue: VecDeque<Vec<u8>>,
    queued_bytes: usize,
    lost: u64,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

impl Sender {
    pub fn new(sink: LogSink) -> Sender {
        Sender { sink, socket: None, queue: VecDeque::new(), queued_bytes: 0, lost: 0 }
    }

    /// One entry; `ended` is false where its line goes on in the next one.
    pub fn add(&mut self, stream: Stream, text: &[u8], ended: bool, time: Timestamp) {
        let message = self.sink.message(stream, text, ended, time);
        if self.queued_bytes + message.len() > QUEUE_BYTES_MAX {
            self.lost += 1;
            return;
        }
        if self.lost > 0 && self.queue.is_empty() {
            let told = format!("{} entries were lost", std::mem::take(&mut self.lost));
            self.push(self.sink.message(Stream::Stderr, told.as_bytes(), true, time));
        }
        self.push(message);
    }

    fn push(&mut self, message: Vec<u8>) {
        self.queued_bytes += message.len();
        self.queue.push_back(message);
    }

    /// Something waits to be taken.
    pub fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Sends what is taken now.
    pub fn flush(&mut self) {
        while let Some(message) = self.queue.front() {
            let socket = match &self.socket {
                Some(socket) => socket,
                None => match self.sink.connect() {
                    Ok(socket) => self.socket.insert(socket),
                    // Nobody listens: it may be restarted just now.
                    Err(_) => return,
                },
            };
            match socket.send(message) {
                Ok(()) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock => return,
                    _ if error.raw_os_error() == Some(teu_kernel::libc::ENOBUFS) => return,
                    _ if error.raw_os_error() == Some(teu_kernel::libc::EMSGSIZE) => self.lost += 1,
                    // It has gone, and another may listen in its place.
                    _ => {
                        self.socket = None;
                        return;
                    }
                },
            }
            let sent = self.queue.pop_front().map_or(0, |message| message.len());
            self.queued_bytes = self.queued_bytes.saturating_sub(sent);
        }
        self.queue.shrink_to(64);
    }
}

impl Socket {
    fn send(&self, message: &[u8]) -> io::Result<()> {
        match self {
            Socket::Unix(socket) => socket.send(message).map(drop),
            Socket::Udp(socket) => socket.send(message).map(drop),
        }
    }
}

impl LogSink {
    fn connect(&self) -> io::Result<Socket> {
        let path = match self {
            LogSink::Journald { socket, .. } => socket,
            LogSink::Syslog { syslog, .. } => match &syslog.address {
                SyslogAddress::Socket(path) => path,
                SyslogAddress::Udp(address) => {
                    let own: SocketAddr = match address {
                        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                    };
                    let socket = UdpSocket::bind(own)?;
                    socket.connect(address)?;
                    socket.set_nonblocking(true)?;
                    return Ok(Socket::Udp(socket));
                }
            },
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_nonblocking(true)?;
        Ok(Socket::Unix(socket))
    }

    fn message(&self, stream: Stream, text: &[u8], ended: bool, time: Timestamp) -> Vec<u8> {
        match self {
            LogSink::Journald { fields, .. } => journal_entry(fields, stream, text, ended),
            LogSink::Syslog { syslog, tag, hostname } => {
                let mut message = syslog_head(syslog, tag, hostname, stream, time).into_bytes();
                message.extend_from_slice(text);
                message
            }
        }
    }
}

/// `NAME=value` lines; a value of several lines, or of bytes that are no text, with its length.
fn journal_entry(
    fields: &BTreeMap<String, String>,
    stream: Stream,
    text: &[u8],
    ended: bool,
) -> Vec<u8> {
    let mut entry = Vec::with_capacity(text.len() + 256);
    let mut field = |name: &str, value: &[u8]| {
        entry.extend_from_slice(name.as_bytes());
        if value.iter().any(|byte| *byte < b' ' && *byte != b'\t') {
            entry.push(b'\n');
            entry.extend_from_slice(&u64::try_from(value.len()).unwrap_or(0).to_le_bytes());
        } else {
            entry.push(b'=');
        }
        entry.extend_from_slice(value);
        entry.push(b'\n');
    };
    field("MESSAGE", text);
    // LOG_INFO, LOG_ERR: syslog(3).
    field("PRIORITY", if stream == Stream::Stdout { b"6" } else { b"3" });
    if !ended {
        field("CONTAINER_PARTIAL_MESSAGE", b"true");
    }
    for (name, value) in fields {
        field(name, value.as_bytes());
    }
    entry
}

/// All that stands before the text.
fn syslog_head(
    syslog: &Syslog,
    tag: &str,
    hostname: &str,
    stream: Stream,
    time: Timestamp,
) -> String {
    let severity = if stream == Stream::Stdout { 6 } else { 3 };
    let priority = u32::from(syslog.facility) * 8 + severity;
    let pid = std::process::id();
    let whole = Timestamp::from_unix(time.unix_secs(), 0).to_string();
    match syslog.format {
        SyslogFormat::Local => format!("<{priority}>{} {tag}[{pid}]: ", stamp(time)),
        SyslogFormat::Rfc3164 => format!("<{priority}>{} {hostname} {tag}[{pid}]: ", stamp(time)),
        SyslogFormat::Rfc5424 => format!("<{priority}>1 {whole} {hostname} {tag} {pid} {tag} - "),
        SyslogFormat::Rfc5424Micro => {
            let seconds = whole.trim_end_matches('Z');
            let micros = time.nanos() / 1000;
            format!("<{priority}>1 {seconds}.{micros:06}Z {hostname} {tag} {pid} {tag} - ")
        }
    }
}

/// `Nov  7 09:05:01`, in the host's time zone.
fn stamp(time: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Some(local) = local_time(time.unix_secs()) else { return "Jan  1 00:00:00".to_string() };
    let month = MONTHS.get(usize::from(local.month)).unwrap_or(&"Jan");
    format!("{month} {:2} {:02}:{:02}:{:02}", local.day, local.hour, local.minute, local.second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_testkit::TempDir;

    fn head(format: SyslogFormat, stream: Stream) -> String {
        let address = SyslogAddress::Socket("/dev/log".into());
        let syslog = Syslog { address, facility: 3, format };
        let time = Timestamp::parse("2026-11-07T09:05:01.000042Z").unwrap();
        let head = syslog_head(&syslog, "web", "host", stream, time);
        head.replace(&std::process::id().to_string(), "PID")
    }

    #[test]
    fn heads_as_the_standards_have_them() {
        let local = head(SyslogFormat::Local, Stream::Stdout);
        let (stamp, rest) = local.split_at("<30>Nov  7 09:05:01".len());
        assert!(stamp.starts_with("<30>Nov  ") && stamp.ends_with(":05:01"), "{local}");
        assert_eq!(rest, " web[PID]: ");
        assert!(head(SyslogFormat::Rfc3164, Stream::Stderr).ends_with(" host web[PID]: "));
        let new = head(SyslogFormat::Rfc5424, Stream::Stderr);
        assert_eq!(new, "<27>1 2026-11-07T09:05:01Z host web PID web - ");
        let micro = head(SyslogFormat::Rfc5424Micro, Stream::Stdout);
        assert_eq!(micro, "<30>1 2026-11-07T09:05:01.000042Z host web PID web - ");
    }

    #[test]
    fn a_value_of_several_lines_has_its_length() {
        let fields = BTreeMap::from([("CONTAINER_NAME".to_string(), "a\nb".to_string())]);
        let entry = journal_entry(&fields, Stream::Stderr, b"hello", false);
        let wanted = b"MESSAGE=hello\nPRIORITY=3\nCONTAINER_PARTIAL_MESSAGE=true\nCONTAINER_NAME\n\x03\0\0\0\0\0\0\0a\nb\n";
        assert_eq!(entry, wanted);
    }

    #[test]
    fn what_nobody_takes_is_kept_then_lost_and_that_is_told() {
        let directory = TempDir::new("log-send");
        let path = directory.join("log");
        let syslog = Syslog {
            address: SyslogAddress::Socket(path.clone()),
            facility: 3,
            format: SyslogFormat::Local,
        };
        let hostname = "host".to_string();
        let mut sender = Sender::new(LogSink::Syslog { syslog, tag: "web".into(), hostname });
        let time = Timestamp::now();
        for _ in 0..80 {
            sender.add(Stream::Stdout, &[b'x'; 16_000], true, time);
        }
        sender.flush();
        assert!(sender.is_waiting() && sender.queued_bytes <= QUEUE_BYTES_MAX);
        let lost = sender.lost;
        assert!((10..20).contains(&lost), "{lost}");
        // It is there now.
        let listener = UnixDatagram::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut buffer = vec![0; 20_000];
        let mut received = 0;
        while sender.is_waiting() {
            sender.flush();
            while listener.recv(&mut buffer).is_ok() {
                received += 1;
            }
        }
        assert_eq!(received, 80 - lost);
        sender.add(Stream::Stdout, b"again", true, time);
        sender.flush();
        let mut next = || {
            let count = listener.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..count]).into_owned()
        };
        assert!(next().ends_with(&format!("]: {lost} entries were lost")));
        assert!(next().ends_with("]: again"));
        // Another one listens in its place.
        drop(listener);
        std::fs::remove_file(&path).unwrap();
        let listener = UnixDatagram::bind(&path).unwrap();
        sender.add(Stream::Stderr, b"third", true, time);
        sender.flush();
        sender.flush();
        let count = listener.recv(&mut buffer).unwrap();
        assert!(buffer[..count].ends_with(b"third"));
    }
}
