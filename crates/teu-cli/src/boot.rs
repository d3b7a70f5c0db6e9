//! `teu boot`: what should run after the machine started, started.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "boot",
    usage: "[OPTIONS]",
    about: "Start the containers that should run after a reboot",
    example: "teu boot\n\
              teu boot --systemd-unit >/etc/systemd/system/teu-boot.service    # then: systemctl enable teu-boot",
};

/// As typed.
#[derive(Debug, Default)]
pub struct BootFlags {
    unit: bool,
}

const FLAGS: &[Flag<BootFlags>] = &[Flag {
    long: "systemd-unit",
    short: None,
    takes: Takes::Nothing,
    doc: "Print a unit for systemd that does this at each start of the machine",
    set: |typed, value| switch(value).map(|on| typed.unit = on),
}];

const VERB: Verb<BootFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let engine = door.engine()?;
    if flags.unit {
        let program = std::env::current_exe()
            .map_err(|error| Failure::new("cannot tell where this program lies").because(error))?;
        output::print(&unit(
            &program.display().to_string(),
            &engine.paths().root.display().to_string(),
        ));
        return Ok(0);
    }
    let mut status = 0;
    for booted in engine.boot()? {
        match booted.result {
            Ok(()) => output::print(&format!("{}\n", booted.name)),
            Err(error) => {
                let why = Failure::from(error);
                status = Failure::new(format!("{} does not start", booted.name)).tell();
                why.tell();
            }
        }
    }
    Ok(status)
}

/// As it lies in the repository.
const UNIT: &str = include_str!("../../../dist/systemd/teu-boot.service");

fn unit(program: &str, root: &str) -> String {
    UNIT.replace("/usr/local/bin/teu boot", &format!("{program} --root {root} boot"))
}

#[test]
fn the_unit_names_program_and_root() {
    let unit = unit("/opt/teu", "/srv/teu");
    assert!(unit.contains("\nExecStart=/opt/teu --root /srv/teu boot\n"), "{unit}");
}
