//! `teu update`: other limits.

use crate::exit_code::{Failure, for_each};
use crate::flags::{
    Arguments, Flag, HasResources, KERNEL_MEMORY, ResourceFlags, Takes, Verb, update_resources,
};
use crate::help::Teach;
use crate::{Door, Outcome, output};
use std::ffi::OsString;
use teu_model::{ResourceRequest, RestartPolicy};

pub const TEACH: Teach = Teach {
    name: "update",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Update configuration of one or more containers",
    example: "teu update --cpus 0.5 -m 256m --memory-swap 512m web\n\
              teu update --cgroup-parent /batch web    # its processes move there",
};

/// As typed.
#[derive(Debug, Default)]
pub struct UpdateFlags {
    resources: ResourceFlags,
    restart: Option<RestartPolicy>,
}

impl HasResources for UpdateFlags {
    fn resources(&mut self) -> &mut ResourceFlags {
        &mut self.resources
    }
}

const RESOURCES: [Flag<UpdateFlags>; 15] = update_resources();

const OWN: &[Flag<UpdateFlags>] = &[Flag {
    long: "restart",
    short: None,
    takes: Takes::Value("string"),
    doc: "Restart policy to apply when a container exits",
    set: |typed, value| RestartPolicy::parse(value).map(|policy| typed.restart = Some(policy)),
}];

const VERB: Verb<UpdateFlags> = Verb {
    teach: TEACH,
    flags: &[&RESOURCES, OWN],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let asked = words.iter().any(|word| word.to_string_lossy().starts_with('-'));
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    if !asked {
        return Err(Failure::new("You must provide one or more flags when using this command."));
    }
    if flags.resources.kernel_memory {
        eprintln!("WARNING: {KERNEL_MEMORY}");
    }
    let restart = flags.restart;
    let change: ResourceRequest = flags.resources.resolve().map_err(Failure::new)?;
    let engine = door.engine()?;
    let mut warnings = Vec::new();
    let outcome = for_each(&names, true, |name| {
        warnings.extend(engine.update(name, &change, restart)?);
        Ok(())
    });
    if !warnings.is_empty() {
        output::print(&(warnings.join("\n") + "\n"));
    }
    outcome
}
