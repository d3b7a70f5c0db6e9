//! Namespaces that are shared, and settings of the kernel.

use super::{CreateFlags, Flag, Takes, integer, size, switch};
use teu_model::{CreateRequest, IpcRequest, KernelRequest, NetworkRequest, Sharing, Ulimit};

/// As typed; each definition checks its own form.
#[derive(Clone, Debug, Default)]
pub struct KernelFlags {
    meant: KernelRequest,
    /// `--storage-opt`.
    storage: Vec<String>,
}

/// Their definitions.
pub const KERNEL: &[Flag<CreateFlags>] = &[
    Flag {
        long: "pid",
        short: None,
        takes: Takes::Value("string"),
        doc: "PID namespace to use (host, container:NAME)",
        set: |typed, value| {
            typed.kernel.meant.pid = match (value, value.strip_prefix("container:")) {
                ("" | "private", _) => Sharing::Own,
                ("host", _) => Sharing::Host,
                (_, Some(name)) if !name.is_empty() => Sharing::Container(name.to_string()),
                _ => return Err("--pid: invalid PID mode".to_string()),
            };
            Ok(())
        },
    },
    Flag {
        long: "ipc",
        short: None,
        takes: Takes::Value("string"),
        doc: "IPC mode to use (none, private, shareable, host, container:NAME)",
        set: |typed, value| {
            typed.kernel.meant.ipc = match (value, value.strip_prefix("container:")) {
                ("" | "private", _) => IpcRequest::Private,
                ("none", _) => IpcRequest::None,
                ("shareable", _) => IpcRequest::Shareable,
                ("host", _) => IpcRequest::Host,
                (_, Some(name)) if !name.is_empty() => IpcRequest::Container(name.to_string()),
                _ => return Err(format!("invalid IPC mode: {value}")),
            };
            Ok(())
        },
    },
    Flag {
        long: "uts",
        short: None,
        takes: Takes::Value("string"),
        doc: "UTS namespace to use (host)",
        set: |typed, value| {
            typed.kernel.meant.uts_host = match value {
                "" => false,
                "host" => true,
                _ => return Err("--uts: invalid UTS mode".to_string()),
            };
            Ok(())
        },
    },
    Flag {
        long: "userns",
        short: None,
        takes: Takes::Value("string"),
        doc: "User namespace to use (host)",
        set: |_, value| match value {
            // What it is already.
            "" | "host" => Ok(()),
            _ => Err("--userns: invalid USER mode".to_string()),
        },
    },
    Flag {
        long: "shm-size",
        short: None,
        takes: Takes::Value("bytes"),
        doc: "Size of /dev/shm (64m is usual)",
        set: |typed, value| {
            typed.kernel.meant.shm_bytes = Some(size(value)?).filter(|bytes| *bytes > 0);
            Ok(())
        },
    },
    Flag {
        long: "sysctl",
        short: None,
        takes: Takes::Value("map"),
        doc: "Set a kernel setting of the container's namespaces: net.core.somaxconn=256",
        set: |typed, value| {
            let (name, text) = value
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| format!("sysctl '{value}' is not allowed"))?;
            typed.kernel.meant.sysctls.insert(name.to_string(), text.to_string());
            Ok(())
        },
    },
    Flag {
        long: "ulimit",
        short: None,
        takes: Takes::Value("ulimit"),
        doc: "Limit of each process: nofile=1024:2048",
        set: |typed, value| {
            let limit = Ulimit::parse(value)?;
            let all = &mut typed.kernel.meant.ulimits;
            all.retain(|other| other.name != limit.name);
            all.push(limit);
            Ok(())
        },
    },
    Flag {
        long: "oom-score-adj",
        short: None,
        takes: Takes::Value("int"),
        doc: "How readily it is killed when memory is short (-1000 to 1000)",
        set: |typed, value| {
            let score = i32::try_from(integer(value)?).map_err(|_| "it is too large")?;
            typed.kernel.meant.oom_score_adj = score;
            Ok(())
        },
    },
    Flag {
        long: "device-cgroup-rule",
        short: None,
        takes: Takes::Value("list"),
        doc: "Add a rule to the cgroup allowed devices list: c 42:* rmw",
        set: |typed, value| {
            typed.kernel.meant.device_rules.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "gpus",
        short: None,
        takes: Takes::Value("gpu-request"),
        doc: "GPU devices to add ('all' to pass all GPUs), as CDI names them: nvidia.com/gpu",
        set: |typed, value| {
            typed.kernel.meant.cdi_devices.extend(gpus(value)?);
            Ok(())
        },
    },
    Flag {
        long: "time-offset",
        short: None,
        takes: Takes::Value("clock=offset"),
        doc: "Set a clock ahead, in a time namespace: boottime=+7d, monotonic=90s",
        set: |typed, value| {
            let (clock, seconds) = offset(value)
                .ok_or("it must be monotonic= or boottime= and a number with s, m, h or d")?;
            typed.kernel.meant.time_offsets.insert(clock, seconds);
            Ok(())
        },
    },
    Flag {
        long: "annotation",
        short: None,
        takes: Takes::Value("map"),
        doc: "Add an annotation to the container's configuration",
        set: |typed, value| {
            let (name, text) = value.split_once('=').unwrap_or((value, ""));
            if name.is_empty() {
                return Err("invalid argument for annotation: an empty key".to_string());
            }
            typed.kernel.meant.annotations.insert(name.to_string(), text.to_string());
            Ok(())
        },
    },
    Flag {
        long: "mac-address",
        short: None,
        takes: Takes::Value("string"),
        doc: "Container MAC address: 92:d0:c6:0a:29:33",
        set: |typed, value| {
            let good = value.len() == 17
                && value.split(':').count() == 6
                && value
                    .split(':')
                    .all(|part| part.len() == 2 && part.bytes().all(|c| c.is_ascii_hexdigit()));
            if !good {
                return Err(format!("{value} is not a valid mac address"));
            }
            typed.kernel.meant.mac = Some(value.to_ascii_lowercase());
            Ok(())
        },
    },
    Flag {
        long: "ip",
        short: None,
        takes: Takes::Value("ip"),
        doc: "IPv4 address, on networks of one's own",
        set: |_, value| Err(no_address(value)),
    },
    Flag {
        long: "ip6",
        short: None,
        takes: Takes::Value("ip"),
        doc: "IPv6 address, on networks of one's own",
        set: |_, value| Err(no_address(value)),
    },
    Flag {
        long: "runtime",
        short: None,
        takes: Takes::Value("string"),
        doc: "Runtime to use for this container (teu)",
        set: |_, value| match value {
            "" | "teu" => Ok(()),
            other => Err(format!("unknown or invalid runtime name: {other}")),
        },
    },
    Flag {
        long: "isolation",
        short: None,
        takes: Takes::Value("string"),
        doc: "Container isolation technology (default)",
        set: |_, value| match value {
            "" | "default" => Ok(()),
            other => Err(format!("invalid isolation '{other}' on linux")),
        },
    },
    Flag {
        long: "disable-content-trust",
        short: None,
        takes: Takes::Nothing,
        doc: "Skip image verification (it is skipped already)",
        set: |_, value| match switch(value)? {
            true => Ok(()),
            false => Err("content trust is not there yet".to_string()),
        },
    },
    Flag {
        long: "storage-opt",
        short: None,
        takes: Takes::Value("list"),
        doc: "Storage driver options: size= (not there yet)",
        set: |typed, value| {
            typed.kernel.storage.push(value.to_string());
            Ok(())
        },
    },
];

impl KernelFlags {
    /// Into the request.
    pub fn resolve(self, request: &mut CreateRequest) -> Result<(), String> {
        if let Some(option) = self.storage.first() {
            return Err(match option.split_once('=') {
                Some(("size", _)) => "--storage-opt is supported only for overlay over xfs with 'pquota' mount option, and not there yet".to_string(),
                Some((name, _)) => format!("unknown storage option: {name}"),
                None => format!("invalid storage option: {option}"),
            });
        }
        // Flags of other groups have left theirs already.
        let (network_of, cdi) =
            (request.kernel.network_of.take(), std::mem::take(&mut request.kernel.cdi_devices));
        request.kernel = self.meant;
        request.kernel.cdi_devices.extend(cdi);
        if network_of.is_some() {
            request.network = NetworkRequest::Joined;
        }
        request.kernel.network_of = network_of;
        Ok(())
    }
}

fn no_address(_value: &str) -> String {
    "user specified IP address is supported on user defined networks only".to_string()
}

/// `all`, a count, or `device=0,1`: names of CDI devices.
fn gpus(text: &str) -> Result<Vec<String>, String> {
    let named = |name: &str| format!("nvidia.com/gpu={name}");
    if text == "all" {
        return Ok(vec![named("all")]);
    }
    if let Ok(count) = text.parse::<u32>() {
        return Ok((0..count.min(1024)).map(|number| named(&number.to_string())).collect());
    }
    match text.trim_matches('"').split_once('=') {
        Some(("device", list)) => Ok(list.split(',').map(named).collect()),
        _ => Err("it must be all, a number, or device=…".to_string()),
    }
}

/// A device by its CDI name: `vendor.com/class=name`.
pub fn is_cdi_name(text: &str) -> bool {
    text.split_once('=').is_some_and(|(kind, name)| {
        !kind.starts_with('/')
            && !name.is_empty()
            && kind.split_once('/').is_some_and(|(vendor, class)| {
                !vendor.is_empty() && !class.is_empty() && !class.contains('/')
            })
    })
}

/// `boottime=+7d`: the clock, and seconds.
fn offset(text: &str) -> Option<(String, i64)> {
    let (clock, value) = text.split_once('=')?;
    if !matches!(clock, "monotonic" | "boottime") {
        return None;
    }
    let (sign, digits) = match value.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, value.strip_prefix('+').unwrap_or(value)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let seconds = match &digits[end..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let count = digits[..end].parse::<i64>().ok()?;
    Some((clock.to_string(), count.checked_mul(seconds)?.checked_mul(sign)?))
}

#[test]
fn clocks_and_names() {
    let check = |text: &str, expected: Option<(&str, i64)>| {
        assert_eq!(offset(text), expected.map(|(clock, s)| (clock.to_string(), s)), "{text}");
    };
    check("boottime=+7d", Some(("boottime", 604_800)));
    check("monotonic=90", Some(("monotonic", 90)));
    check("monotonic=-2h", Some(("monotonic", -7200)));
    for bad in
        ["realtime=1", "boottime", "boottime=x", "boottime=1w", "boottime=99999999999999999d"]
    {
        check(bad, None);
    }
    assert!(is_cdi_name("vendor.com/class=name"));
    for not in ["/dev/a=b", "/dev/fuse", "a=b", "vendor.com/class="] {
        assert!(!is_cdi_name(not), "{not}");
    }
    assert_eq!(gpus("2").unwrap(), ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]);
}
