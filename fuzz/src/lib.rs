//! One function for each parser that reads bytes of others. A target passes when it comes back:
//! whether the bytes were understood is not the question.
//!
//! `fuzz_targets/` gives each to libFuzzer, `smoke.rs` throws mutations of `corpus/` at all of them
//! with plain `cargo test`. `README.md` says how both are run.

mod documents;
mod files;
mod layers;
#[cfg(test)]
mod smoke;
mod wires;

pub use documents::{
    config_toml, docker_config, image_config, log_entry, manifest, reference, runtime_config,
    seccomp_profile,
};
pub use files::{archive, mountinfo, passwd, program, resolv_conf};
pub use layers::{layer_index, tar};
pub use wires::{challenges, dbus, dns, monitor_frame, netlink};

/// What a target is.
pub type Target = fn(&[u8]);

/// All targets; each has its file in `fuzz_targets/` and its directory in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("archive", archive),
    ("challenges", challenges),
    ("config_toml", config_toml),
    ("dbus", dbus),
    ("dns", dns),
    ("docker_config", docker_config),
    ("image_config", image_config),
    ("layer_index", layer_index),
    ("log_entry", log_entry),
    ("manifest", manifest),
    ("monitor_frame", monitor_frame),
    ("mountinfo", mountinfo),
    ("netlink", netlink),
    ("passwd", passwd),
    ("program", program),
    ("reference", reference),
    ("resolv_conf", resolv_conf),
    ("runtime_config", runtime_config),
    ("seccomp_profile", seccomp_profile),
    ("tar", tar),
];

/// Text of strangers is rarely UTF-8 throughout; what reads it gets it as its caller would.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The result of a parser: only that there is one matters.
fn seen<T>(result: T) {
    std::hint::black_box(result);
}
