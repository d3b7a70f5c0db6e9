//! `teu run`: create, start, attach, wait.

use crate::converse::{Conversation, detach_keys};
use crate::create::CidFile;
use crate::exit_code::{Failure, OWN_FAULT, of_run};
use crate::flags::{
    Arguments, CREATE, CREATE_LATER, CreateFlags, Flag, Takes, Verb, run_detach, switch,
};
use crate::help::Teach;
use crate::progress::News;
use crate::{Door, Outcome, output, terminal};
use std::ffi::OsString;
use teu_engine::parts::Attach;
use teu_engine::{StartOptions, Started};
use teu_model::CreateRequest;

pub const TEACH: Teach = Teach {
    name: "run",
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    about: "Create and run a new container from an image",
    example: "teu run -it --rm debian bash                       # a shell, gone when it ends\n\
              teu run -d --name web -v /srv/www:/www:ro nginx    # in the background\n\
              teu run --rm -m 256m --cpus 0.5 python python3 -c 'print(6*7)'",
};

/// What `run` has beside `create`'s.
const OWN: &[Flag<CreateFlags>] = &[
    run_detach(),
    Flag {
        long: "sig-proxy",
        short: None,
        takes: Takes::Nothing,
        doc: "Pass signals that this command gets on to the container (default true)",
        set: |typed, value| switch(value).map(|on| typed.life.no_sig_proxy = !on),
    },
];

pub const VERB: Verb<CreateFlags> = Verb {
    teach: TEACH,
    flags: &[
        OWN, CREATE[0], CREATE[1], CREATE[2], CREATE[3], CREATE[4], CREATE[5], CREATE[6], CREATE[7],
    ],
    later: CREATE_LATER,
    arguments: Arguments::AtLeast(1),
    first_ends_flags: true,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, words)) = VERB.parse(words)? else { return Ok(0) };
    let own_fault = |failure: Failure| failure.code(OWN_FAULT);
    let (detach, keys) = (flags.process.detach, flags.process.detach_keys.clone());
    let proxy = !flags.life.no_sig_proxy;
    let streams = streams(&flags)?;
    let keys = detach_keys(keys.as_deref())?;
    let cidfile = CidFile::reserve(flags.life.cidfile.as_deref())?;
    let mut news = News::for_run(flags.life.quiet);
    let request = flags.resolve(&words).map_err(|why| own_fault(Failure::new(why)))?;
    if let Some(streams) = streams {
        terminal::check(request.process.tty, streams.stdin)?;
    }

    let engine = door.engine().map_err(own_fault)?;
    let options = StartOptions { attach: streams, terminal: terminal_of(&request) };
    let mut signals = None;
    let started = engine.run(&request, &options, &mut news, &mut |id| {
        // From here on a signal is the container's; before, it ends this command.
        if !detach {
            signals = terminal::take_signals(proxy).ok();
        }
        cidfile.write(id)
    });
    let Started { container, link, warnings } = started.map_err(of_run)?;
    for warning in warnings {
        eprintln!("WARNING: {warning}");
    }
    let Some(streams) = streams else {
        output::print(&format!("{}\n", container.id()));
        return Ok(0);
    };
    let talk = Conversation {
        engine: &engine,
        container: &container,
        streams,
        tty: request.process.tty,
        detach_keys: keys,
        signals,
        is_first: true,
    };
    talk.hold(link)
}

fn terminal_of(request: &CreateRequest) -> Option<(u16, u16)> {
    if request.process.tty { terminal::size() } else { None }
}

/// Which streams are attached: those of `-a`; else output and errors, and input with `-i`; none with `-d`.
fn streams(flags: &CreateFlags) -> Result<Option<Attach>, Failure> {
    let asked = &flags.life.attach;
    if flags.process.detach {
        if !asked.is_empty() {
            let message = "Conflicting options: -a and -d";
            return Err(Failure::new(message).code(OWN_FAULT));
        }
        return Ok(None);
    }
    let has = |name: &str| asked.iter().any(|stream| stream == name);
    Ok(Some(if asked.is_empty() {
        Attach { stdin: flags.process.interactive, stdout: true, stderr: true }
    } else {
        Attach {
            stdin: has("stdin") && flags.process.interactive,
            stdout: has("stdout"),
            stderr: has("stderr"),
        }
    }))
}

#[test]
fn which_streams() {
    let streams = |line: &str| {
        let words = line.split(' ').map(OsString::from).collect();
        let (flags, _) = VERB.parse(words).unwrap().unwrap();
        streams(&flags).map(|streams| streams.map(|a| (a.stdin, a.stdout, a.stderr))).ok()
    };
    assert_eq!(streams("x"), Some(Some((false, true, true))));
    assert_eq!(streams("-it x"), Some(Some((true, true, true))));
    assert_eq!(streams("-a STDOUT x"), Some(Some((false, true, false))));
    assert_eq!(streams("-d x"), Some(None));
    assert_eq!(streams("-d -a stdout x"), None);
}
