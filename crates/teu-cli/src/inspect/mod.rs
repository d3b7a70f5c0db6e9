//! `teu inspect`: all that is known of a container or an image, in docker's field names.

mod container;
mod exec;
mod image;
mod kernel;
mod resources;

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::template::Template;
use crate::{Door, Outcome, output, template};
use serde_json::Value;
use std::ffi::OsString;
use teu_engine::{Engine, Inspected};

pub const TEACH: Teach = Teach {
    name: "inspect",
    usage: "[OPTIONS] NAME|ID [NAME|ID...]",
    about: "Return low-level information on containers and images",
    example: "teu inspect web\n\
              teu inspect -f '{{.NetworkSettings.IPAddress}}' web\n\
              teu inspect --type exec -f '{{.ExitCode}}' 4f1c0a    # how an exec went; teu events tells its id",
};

/// As typed.
#[derive(Debug, Default)]
pub struct InspectFlags {
    format: String,
    kind: String,
    size: bool,
}

const FLAGS: &[Flag<InspectFlags>] = &[
    Flag {
        long: "size",
        short: Some('s'),
        takes: Takes::Nothing,
        doc: "Display total file sizes if the type is container",
        set: |typed, value| switch(value).map(|on| typed.size = on),
    },
    Flag {
        long: "format",
        short: Some('f'),
        takes: Takes::Value("string"),
        doc: "json, or a template: {{.State.Pid}}",
        set: |typed, value| {
            typed.format = value.to_string();
            Ok(())
        },
    },
    Flag {
        long: "type",
        short: None,
        takes: Takes::Value("string"),
        doc: "Only inspect objects of the given type (container, image, exec)",
        set: |typed, value| match value {
            "" | "container" | "image" | "exec" => {
                typed.kind = value.to_string();
                Ok(())
            }
            _ => Err("there are containers, images and execs".to_string()),
        },
    },
];

const VERB: Verb<InspectFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let template = match flags.format.as_str() {
        "" | "json" => None,
        text => Some(Template::parse(text).map_err(template::mistake)?),
    };
    let engine = door.engine()?;
    let (mut found, mut failed) = (Vec::new(), None);
    for name in &names {
        match look(&engine, name, &flags) {
            Ok(value) => found.push(value),
            Err(failure) => failed = Some(failure.tell()),
        }
    }
    match template {
        Some(template) => {
            for value in &found {
                output::print(&(template.render(value).map_err(template::mistake_shown)? + "\n"));
            }
        }
        None => {
            let list = Value::Array(found);
            let text = if flags.format == "json" { list.to_string() } else { format!("{list:#}") };
            output::print(&(text + "\n"));
        }
    }
    failed.map_or(Ok(0), |code| Err(Failure::told(code)))
}

fn look(engine: &Engine, name: &str, flags: &InspectFlags) -> Result<Value, Failure> {
    let found = match flags.kind.as_str() {
        "exec" => return Ok(exec::value(&engine.inspect_exec(name)?)),
        "container" => Inspected::Container(Box::new(engine.inspect_container(name)?)),
        "image" => Inspected::Image(Box::new(engine.find_image(name)?)),
        _ => engine.inspect(name)?,
    };
    match found {
        Inspected::Container(one) => {
            let mut value = container::value(&one);
            if flags.size {
                let (own, whole) = engine.size_of(&one.container);
                value["SizeRw"] = own.into();
                value["SizeRootFs"] = whole.into();
            }
            Ok(value)
        }
        Inspected::Image(found) => {
            let listed = engine.images()?.into_iter().find(|image| image.id == found.image.id);
            Ok(image::value(&found, listed.as_ref()))
        }
    }
}

/// Go's zero moment, which docker prints for "never".
const NEVER: &str = "0001-01-01T00:00:00Z";
