//! `top`: the processes of a container, read from /proc; in the columns and words of `ps`.
//!
//! Docker runs the host's `ps` with the options given and keeps the container's lines. Here the usual
//! options are understood: `-ef`, `aux`, and lists of columns after `-o`.

use crate::{Engine, EngineError};
use std::collections::HashMap;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};
use teu_model::Verb;

/// A table of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processes {
    /// The heads of the columns.
    pub titles: Vec<String>,
    /// A row for each process.
    pub rows: Vec<Vec<String>>,
}

/// `ps -ef` and `ps aux`, as lists for `-o`.
const FULL: &str = "user=UID,pid,ppid,c,stime,tname=TTY,time,cmd";
const USER: &str =
    "user,pid,%cpu,%mem,vsz,rss,tname=TTY,stat,start=START,bsdtime=TIME,args=COMMAND";

/// USER_HZ: the kernel counts CPU time for /proc in hundredths of a second on every machine.
const TICKS: u64 = 100;
const PAGE_KIB: u64 = 4;

impl Engine {
    /// The processes of the container that `given` names, as `ps` with `options` lists them.
    pub fn top(&self, given: &str, options: &[String]) -> Result<Processes, EngineError> {
        let columns = columns(options)?;
        let container = self.running(given, Verb::Kill, "top")?;
        let machine = Machine::look();
        let pids = self.cgroup_of(&container)?.procs()?;
        // One that ended meanwhile is left out.
        let rows = pids.into_iter().filter_map(|pid| {
            let process = Process::read(pid)?;
            Some(columns.iter().map(|column| process.show(column.name, &machine)).collect())
        });
        let rows = rows.collect();
        self.tell_of(&container, "top", &[]);
        Ok(Processes { titles: columns.into_iter().map(|column| column.head).collect(), rows })
    }
}

struct Column {
    name: &'static str,
    head: String,
}

/// Names for `-o`: each with the name it is shown by, and its head.
const COLUMNS: &[(&[&str], &str)] = &[
    (&["pid"], "PID"),
    (&["ppid"], "PPID"),
    (&["user", "euser", "uname"], "USER"),
    (&["uid", "euid"], "UID"),
    (&["gid", "egid"], "GID"),
    (&["group", "egroup"], "GROUP"),
    (&["comm", "ucmd", "ucomm"], "COMMAND"),
    (&["args", "command"], "COMMAND"),
    (&["cmd"], "CMD"),
    (&["c"], "C"),
    (&["%cpu", "pcpu"], "%CPU"),
    (&["%mem", "pmem"], "%MEM"),
    (&["vsz", "vsize"], "VSZ"),
    (&["rss", "rssize", "rsz"], "RSS"),
    (&["tname", "tty", "tt"], "TT"),
    (&["stat"], "STAT"),
    (&["s", "state"], "S"),
    (&["stime"], "STIME"),
    (&["start", "start_time"], "STARTED"),
    (&["time", "cputime"], "TIME"),
    (&["bsdtime"], "TIME"),
    (&["etime"], "ELAPSED"),
    (&["etimes"], "ELAPSED"),
    (&["ni", "nice"], "NI"),
    (&["pri"], "PRI"),
    (&["nlwp", "thcount"], "NLWP"),
    (&["pgid", "pgrp"], "PGID"),
    (&["sid", "sess"], "SID"),
    (&["psr"], "PSR"),
    (&["wchan"], "WCHAN"),
    (&["cgroup"], "CGROUP"),
];

fn columns(options: &[String]) -> Result<Vec<Column>, EngineError> {
    let options: Vec<&str> =
        options.iter().map(String::as_str).filter(|option| !option.is_empty()).collect();
    let mut list: Option<String> = None;
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let bare = option.trim_start_matches('-');
        let (letters, value) = match bare.split_once('o') {
            // `-o list`, `-eo list`, `-olist`, `o list`.
            Some((before, after)) if !option.starts_with("--") => (before, Some(after)),
            _ => (bare, None),
        };
        let known = |set: &str| letters.chars().all(|letter| set.contains(letter));
        let chosen = match value {
            Some(after) if known("eAaxf") => match after {
                "" => rest
                    .next()
                    .map(ToString::to_string)
                    .ok_or_else(|| refused("error: list of columns must follow -o"))?,
                joined => joined.to_string(),
            },
            Some(_) => return Err(refused(&format!("error: unsupported option \"{option}\""))),
            None if matches!(letters, "e" | "A" | "ax") => {
                list.get_or_insert_with(|| "pid,tname=TTY,time,comm=CMD".to_string());
                continue;
            }
            None if letters.contains('f') && known("efAF") => FULL.to_string(),
            None if letters.contains('u') && known("auxw") => USER.to_string(),
            None => {
                return Err(refused(&format!(
                    "error: unsupported option \"{option}\": there are -ef, aux and -o with a list"
                )));
            }
        };
        list = Some(chosen);
    }
    let list = list.unwrap_or_else(|| FULL.to_string());
    let columns: Vec<Column> = list.split([',', ' ']).map(column).collect::<Result<_, _>>()?;
    if !columns.iter().any(|column| column.head == "PID") {
        return Err(EngineError::bad("Couldn't find PID field in ps output"));
    }
    Ok(columns)
}

fn column(text: &str) -> Result<Column, EngineError> {
    let (name, head) = text.split_once('=').map_or((text, None), |(n, h)| (n, Some(h)));
    let known = COLUMNS.iter().find(|(names, _)| names.contains(&name));
    let (names, usual) = known.ok_or_else(|| {
        refused(&format!("error: unknown user-defined format specifier \"{name}\""))
    })?;
    Ok(Column { name: names[0], head: head.unwrap_or(usual).to_string() })
}

fn refused(why: &str) -> EngineError {
    EngineError::bad(format!("Error running ps: {why}"))
}

/// What rows have in common.
struct Machine {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
    booted_s: u64,
    up_ticks: u64,
    now_s: u64,
    memory_kib: u64,
}

impl Machine {
    fn look() -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, word: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(word).map(str::to_string));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        let uptime = read("/proc/uptime");
        let uptime: f64 = uptime.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a machine's time since boot"
        )]
        let up_ticks = (uptime * TICKS as f64) as u64;
        Machine {
            users: ids(&read("/etc/passwd")),
            groups: ids(&read("/etc/group")),
            booted_s: after(&read("/proc/stat"), "btime"),
            up_ticks,
            now_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs()),
            memory_kib: after(&read("/proc/meminfo"), "MemTotal:").max(1),
        }
    }
}

/// Names by number: the first and third field of passwd(5) and group(5).
fn ids(text: &str) -> HashMap<u32, String> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_string();
        Some((fields.nth(1)?.parse().ok()?, name))
    };
    // The first line with a number counts.
    text.lines().rev().filter_map(entry).collect()
}

/// One process: proc_pid_stat(5), proc_pid_status(5), proc_pid_cmdline(5).
struct Process {
    pid: u32,
    comm: String,
    stat: Vec<String>,
    status: String,
    cmdline: String,
}

impl Process {
    fn read(pid: u32) -> Option<Process> {
        let file = |name: &str| fs::read(format!("/proc/{pid}/{name}")).ok();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let stat = text(file("stat")?);
        // The name in parentheses may hold any letter.
        let (head, rest) = stat.rsplit_once(')')?;
        let comm = head.split_once('(')?.1.to_string();
        let cmdline = text(file("cmdline")?);
        let cmdline = cmdline.trim_end_matches('\0').replace('\0', " ");
        Some(Process {
            pid,
            stat: rest.split_whitespace().map(str::to_string).collect(),
            status: text(file("status")?),
            cmdline: if cmdline.is_empty() { format!("[{comm}]") } else { printable(&cmdline) },
            comm: printable(&comm),
        })
    }

    /// A field by its number in proc_pid_stat(5), which begins with the state as number 3.
    fn field(&self, number: usize) -> &str {
        self.stat.get(number - 3).map_or("", String::as_str)
    }

    fn number(&self, number: usize) -> u64 {
        self.field(number).parse().unwrap_or(0)
    }

    /// The effective id of a line of status: real, effective, saved, file system.
    fn id(&self, line: &str) -> u32 {
        let found = self.status.lines().find_map(|one| one.strip_prefix(line));
        found.and_then(|ids| ids.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    }

    fn show(&self, column: &str, machine: &Machine) -> String {
        let named = |names: &HashMap<u32, String>, id: u32| {
            names.get(&id).cloned().unwrap_or_else(|| id.to_string())
        };
        let cpu_ticks = self.number(14) + self.number(15);
        let age_ticks = machine.up_ticks.saturating_sub(self.number(22)).max(1);
        let per_mille = |part: u64, whole: u64| part * 1000 / whole;
        let seconds = cpu_ticks / TICKS;
        let rss_kib = self.number(24) * PAGE_KIB;
        let began_s = machine.booted_s + self.number(22) / TICKS;
        match column {
            "pid" => self.pid.to_string(),
            "ppid" => self.field(4).to_string(),
            "user" => named(&machine.users, self.id("Uid:")),
            "uid" => self.id("Uid:").to_string(),
            "gid" => self.id("Gid:").to_string(),
            "group" => named(&machine.groups, self.id("Gid:")),
            "comm" => self.comm.clone(),
            "args" | "cmd" => self.cmdline.clone(),
            "c" => (per_mille(cpu_ticks, age_ticks) / 10).min(99).to_string(),
            "%cpu" => tenths(per_mille(cpu_ticks, age_ticks)),
            "%mem" => tenths(per_mille(rss_kib, machine.memory_kib)),
            "vsz" => (self.number(23) / 1024).to_string(),
            "rss" => rss_kib.to_string(),
            "tname" => terminal(self.number(7)),
            "stat" => self.state(),
            "s" => self.field(3).to_string(),
            "stime" | "start" => when(began_s, machine.now_s),
            "time" => clock(seconds),
            "bsdtime" => format!("{}:{:02}", seconds / 60, seconds % 60),
            "etime" => elapsed(age_ticks / TICKS),
            "etimes" => (age_ticks / TICKS).to_string(),
            "ni" => self.field(19).to_string(),
            // ps turns the kernel's number round, so that more is better.
            "pri" => (39 - self.field(18).parse::<i64>().unwrap_or(20)).to_string(),
            "nlwp" => self.field(20).to_string(),
            "pgid" => self.field(5).to_string(),
            "sid" => self.field(6).to_string(),
            "psr" => self.field(39).to_string(),
            "wchan" => self.line("wchan").filter(|text| text != "0").unwrap_or("-".into()),
            "cgroup" => self.line("cgroup").unwrap_or("-".into()),
            _ => "-".to_string(),
        }
    }

    fn line(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(format!("/proc/{}/{name}", self.pid)).ok()?;
        Some(text.trim_end().replace('\n', ",")).filter(|text| !text.is_empty())
    }

    /// `Ss+`: the state, and the letters of ps(1) beside it.
    fn state(&self) -> String {
        let mut text = self.field(3).to_string();
        let nice: i64 = self.field(19).parse().unwrap_or(0);
        let own = self.pid.to_string();
        let letters = [
            ('<', nice < 0),
            ('N', nice > 0),
            ('s', self.field(6) == own),
            ('l', self.number(20) > 1),
            ('+', self.field(8) == self.field(5)),
        ];
        text.extend(letters.iter().filter(|(_, is)| *is).map(|(letter, _)| *letter));
        text
    }
}

/// What a container's process calls itself never reaches a terminal as a command to it.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

fn tenths(per_mille: u64) -> String {
    format!("{}.{}", per_mille / 10, per_mille % 10)
}

fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `[[dd-]hh:]mm:ss`
fn elapsed(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let rest = format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => rest,
        (0, _) => format!("{hours:02}:{rest}"),
        _ => format!("{days}-{hours:02}:{rest}"),
    }
}

/// `14:05` today, `Nov21` before; in UTC, as all of teu's times.
fn when(began_s: u64, now_s: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // 2026-11-21T14:05:00Z
    let text = teu_model::Timestamp(began_s.saturating_mul(1_000_000_000)).to_string();
    if now_s.saturating_sub(began_s) < 86_400 {
        return text.get(11..16).unwrap_or("?").to_string();
    }
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    format!("{}{}", MONTHS[month.clamp(1, 12) - 1], text.get(8..10).unwrap_or(""))
}

/// A controlling terminal by its number: new_encode_dev of the kernel; 136 to 143 are pseudo-terminals.
fn terminal(number: u64) -> String {
    let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xfff00);
    match major {
        0 => "?".to_string(),
        4 if minor < 64 => format!("tty{minor}"),
        4 => format!("ttyS{}", minor - 64),
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        _ => format!("{major},{minor}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(options: &[&str]) -> String {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        match columns(&options) {
            Ok(columns) => {
                columns.into_iter().map(|column| column.head).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn options_of_ps() {
        let full = "UID PID PPID C STIME TTY TIME CMD";
        let user = "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND";
        for (options, expected) in [
            (&[][..], full),
            (&["-ef"], full),
            (&["-e", "-f"], full),
            (&["aux"], user),
            (&["-aux"], user),
            (&["-e"], "PID TTY TIME CMD"),
            (&["-o", "pid,comm"], "PID COMMAND"),
            (&["-eo", "pid,args"], "PID COMMAND"),
            (&["-e", "-o", "pid,cmd"], "PID CMD"),
            (&["-opid,user=WHO"], "PID WHO"),
            (&["-o", "comm"], "Couldn't find PID field in ps output"),
        ] {
            assert_eq!(heads(options), expected, "{options:?}");
        }
        assert!(heads(&["-o", "pid,nonsense"]).contains("unknown user-defined format"));
        assert!(heads(&["--forest"]).contains("unsupported option"));
        assert!(heads(&["-o"]).contains("must follow"));
    }

    #[test]
    fn moments_and_terminals() {
        assert_eq!(
            (clock(3661), elapsed(59), elapsed(90_061)),
            ("01:01:01".into(), "00:59".into(), "1-01:01:01".into())
        );
        assert_eq!(
            (terminal(0), terminal(136 << 8 | 3), terminal(4 << 8 | 1)),
            ("?".into(), "pts/3".into(), "tty1".into())
        );
        assert_eq!(when(1_795_273_500, 1_795_273_600), "15:05");
        assert_eq!(when(1_795_273_500, 1_795_973_600), "Nov21");
    }
}
