//! `teu info`: what this machine and this state root have.

use crate::flags::{Arguments, Flag, Takes, Verb};
use crate::help::Teach;
use crate::version::shown;
use crate::{Door, Outcome, output};
use serde_json::json;
use std::ffi::OsString;
use teu_engine::Info;
use teu_model::human_size_binary;

pub const TEACH: Teach = Teach {
    name: "info",
    usage: "[OPTIONS]",
    about: "Display system-wide information",
    example: "teu info\n\
              teu info --format '{{.CgroupVersion}}'",
};

/// As typed.
#[derive(Debug, Default)]
pub struct InfoFlags {
    format: String,
}

const FLAGS: &[Flag<InfoFlags>] = &[Flag {
    long: "format",
    short: Some('f'),
    takes: Takes::Value("string"),
    doc: "json, or a template: {{.Driver}}",
    set: |typed, value| {
        typed.format = value.to_string();
        Ok(())
    },
}];

const VERB: Verb<InfoFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let info = door.engine()?.info()?;
    let data = json!({
        "Containers": info.containers,
        "ContainersRunning": info.running,
        "ContainersPaused": info.paused,
        "ContainersStopped": info.containers - info.running - info.paused,
        "Images": info.images,
        "Driver": info.storage_driver,
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": match info.cgroup_mode.as_str() { "v2" => "2", _ => "1" },
        "CgroupMode": info.cgroup_mode,
        "KernelVersion": info.kernel,
        "OSType": "linux",
        "Architecture": info.architecture,
        "NCPU": info.cpus,
        "MemTotal": info.memory_bytes,
        "Name": info.hostname,
        "DockerRootDir": info.root,
        "ServerVersion": env!("CARGO_PKG_VERSION"),
        "Warnings": info.notes,
    });
    output::print(&shown(&flags.format, &data, || told(&info))?);
    Ok(0)
}

fn told(info: &Info) -> String {
    let controllers: Vec<String> =
        info.controllers.iter().map(|(name, version)| format!("{name} ({version})")).collect();
    let mut text = format!(
        "Containers: {}\n Running: {}\n Paused: {}\n Stopped: {}\nImages: {}\n\
         Version: {}\nStorage Driver: {}\nCgroup Mode: {}\n Controllers: {}\n\
         Kernel Version: {}\nOSType: linux\nArchitecture: {}\nCPUs: {}\nTotal Memory: {}\n\
         Name: {}\nState Root: {}\n",
        info.containers,
        info.running,
        info.paused,
        info.containers - info.running - info.paused,
        info.images,
        env!("CARGO_PKG_VERSION"),
        info.storage_driver.as_deref().unwrap_or("not chosen before the first start"),
        info.cgroup_mode,
        controllers.join(" "),
        info.kernel,
        info.architecture,
        info.cpus,
        human_size_binary(info.memory_bytes),
        info.hostname,
        info.root,
    );
    for note in &info.notes {
        text += &format!("NOTE: {note}\n");
    }
    text
}
