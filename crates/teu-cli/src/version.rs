//! `teu version` and `teu --version`.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb};
use crate::help::Teach;
use crate::template::Template;
use crate::{Door, Outcome, output, template};
use serde_json::{Value, json};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "version",
    usage: "[OPTIONS]",
    about: "Show the teu version information",
    example: "teu version --format '{{.Client.Version}}'",
};

/// As typed.
#[derive(Debug, Default)]
pub struct VersionFlags {
    format: String,
}

const FLAGS: &[Flag<VersionFlags>] = &[Flag {
    long: "format",
    short: Some('f'),
    takes: Takes::Value("string"),
    doc: "json, or a template: {{.Client.Version}}",
    set: |typed, value| {
        typed.format = value.to_string();
        Ok(())
    },
}];

const VERB: Verb<VersionFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `teu --version`.
pub fn one_line() -> String {
    format!("teu version {VERSION}\n")
}

pub fn main(_door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim();
    let architecture = teu_model::Platform::here().architecture;
    // Client and server are one program here; scripts ask for either.
    let one = json!({
        "Version": VERSION, "Os": "linux", "Arch": architecture, "KernelVersion": kernel,
    });
    let data = json!({ "Client": one, "Server": one });
    output::print(&shown(&flags.format, &data, || {
        format!(
            "teu (client and engine in one program, no daemon)\n \
             Version:           {VERSION}\n \
             OS/Arch:           linux/{architecture}\n \
             Kernel Version:    {kernel}\n"
        )
    })?);
    Ok(0)
}

/// In the form that `--format` asks for, else as the verb writes it.
pub fn shown(format: &str, data: &Value, own: impl FnOnce() -> String) -> Result<String, Failure> {
    match format {
        "" => Ok(own()),
        "json" => Ok(format!("{data}\n")),
        template => {
            let text = Template::parse(template).and_then(|template| template.render(data));
            Ok(text.map_err(template::mistake)? + "\n")
        }
    }
}
