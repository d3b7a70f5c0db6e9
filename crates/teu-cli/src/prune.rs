//! `teu container prune`, `image prune`, `system prune`: what nobody uses goes.

use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, moment, output, volume};
use std::ffi::OsString;
use std::time::SystemTime;
use teu_engine::parts::{ListedImage, Removed};
use teu_engine::{Container, Engine};
use teu_model::{Timestamp, human_size};

pub const CONTAINERS: Teach = Teach {
    name: "container prune",
    usage: "[OPTIONS]",
    about: "Remove all stopped containers",
    example: "teu container prune --filter until=24h",
};
pub const IMAGES: Teach = Teach {
    name: "image prune",
    usage: "[OPTIONS]",
    about: "Remove unused images",
    example: "teu image prune -a --dry-run",
};
pub const SYSTEM: Teach = Teach {
    name: "system prune",
    usage: "[OPTIONS]",
    about: "Remove unused data",
    example: "teu system prune -a --dry-run",
};

/// As typed.
#[derive(Debug, Default)]
pub struct PruneFlags {
    all: bool,
    force: bool,
    volumes: bool,
    dry: bool,
    filters: Filters,
}

const COMMON: &[Flag<PruneFlags>] = &[
    Flag {
        long: "force",
        short: Some('f'),
        takes: Takes::Nothing,
        doc: "Do not prompt for confirmation",
        set: |typed, value| switch(value).map(|on| typed.force = on),
    },
    Flag {
        long: "filter",
        short: None,
        takes: Takes::Value("filter"),
        doc: "Only those with until=MOMENT, label=NAME[=VALUE], label!=NAME[=VALUE]",
        set: |typed, value| typed.filters.add(value),
    },
    Flag {
        long: "dry-run",
        short: None,
        takes: Takes::Nothing,
        doc: "Only tell what would be removed",
        set: |typed, value| switch(value).map(|on| typed.dry = on),
    },
];
const ALL: &[Flag<PruneFlags>] = &[Flag {
    long: "all",
    short: Some('a'),
    takes: Takes::Nothing,
    doc: "Remove all unused images, not just dangling ones",
    set: |typed, value| switch(value).map(|on| typed.all = on),
}];
const VOLUMES: &[Flag<PruneFlags>] = &[Flag {
    long: "volumes",
    short: None,
    takes: Takes::Nothing,
    doc: "Prune anonymous volumes",
    set: |typed, value| switch(value).map(|on| typed.volumes = on),
}];

const fn verb(teach: Teach, flags: &'static [&'static [Flag<PruneFlags>]]) -> Verb<PruneFlags> {
    Verb { teach, flags, later: "", arguments: Arguments::Exactly(0), first_ends_flags: false }
}

pub const CONTAINERS_VERB: Verb<PruneFlags> = verb(CONTAINERS, &[COMMON]);
pub const IMAGES_VERB: Verb<PruneFlags> = verb(IMAGES, &[COMMON, ALL]);
pub const SYSTEM_VERB: Verb<PruneFlags> = verb(SYSTEM, &[COMMON, ALL, VOLUMES]);

pub fn containers(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = CONTAINERS_VERB.parse(words)? else { return Ok(0) };
    let wanted = Wanted::look_up(&flags, &["until", "label", "label!"])?;
    ask(&flags, "This will remove all stopped containers.", "container")?;
    let bytes = prune_containers(&door.engine()?, &wanted, flags.dry)?;
    total(bytes, flags.dry);
    Ok(0)
}

pub fn images(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = IMAGES_VERB.parse(words)? else { return Ok(0) };
    let wanted = Wanted::look_up(&flags, &["until", "label", "label!", "dangling"])?;
    // Docker's old way to say -a.
    let all = flags.all || flags.filters.switch("dangling")? == Some(false);
    let warning = if all {
        "This will remove all images without at least one container associated to them."
    } else {
        "This will remove all dangling images."
    };
    ask(&flags, warning, "image")?;
    let bytes = prune_images(&door.engine()?, all, &wanted, flags.dry)?;
    total(bytes, flags.dry);
    Ok(0)
}

pub fn system(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = SYSTEM_VERB.parse(words)? else { return Ok(0) };
    let wanted = Wanted::look_up(&flags, &["until", "label", "label!"])?;
    if flags.volumes && flags.filters.has("until") {
        return Err(Failure::new("the \"until\" filter is not supported with \"--volumes\""));
    }
    let mut warning =
        "This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n"
            .to_string();
    if flags.volumes {
        warning += "  - all anonymous volumes not used by at least one container\n";
    }
    warning += if flags.all {
        "  - all images without at least one container associated to them\n  - all build cache\n"
    } else {
        "  - all dangling images\n  - unused build cache\n"
    };
    let filters = flags.filters.shown();
    if !filters.is_empty() {
        warning += "\n  Items to be pruned will be filtered with:\n";
        filters.iter().for_each(|filter| warning += &format!("  - {filter}\n"));
    }
    ask(&flags, &warning, "system")?;
    let engine = door.engine()?;
    let mut bytes = prune_containers(&engine, &wanted, flags.dry)?;
    if flags.volumes {
        let filters: Result<Vec<_>, _> =
            flags.filters.shown().iter().map(|text| volume::list::Filter::parse(text)).collect();
        let freed = volume::prune::prune_volumes(&engine, false, &filters?, flags.dry)?;
        bytes = bytes.saturating_add(freed);
    }
    bytes = bytes.saturating_add(prune_images(&engine, flags.all, &wanted, flags.dry)?);
    total(bytes, flags.dry);
    Ok(0)
}

fn ask(flags: &PruneFlags, warning: &str, what: &str) -> Result<(), Failure> {
    if flags.force || flags.dry { Ok(()) } else { agreed(warning, what) }
}

/// Docker's question. No answer is no, and that is an end without success, as in docker 28.
pub fn agreed(warning: &str, what: &str) -> Result<(), Failure> {
    output::print(&format!("WARNING! {warning}\nAre you sure you want to continue? [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map_err(|error| Failure::new("cannot read the answer").because(error))?;
    if answer.trim().eq_ignore_ascii_case("y") {
        return Ok(());
    }
    // The question's line has no end of its own where nobody typed one.
    output::print("\n");
    Err(Failure::new(format!("{what} prune has been cancelled")))
}

fn prune_containers(engine: &Engine, wanted: &Wanted<'_>, dry: bool) -> Result<u64, Failure> {
    let pruned = engine.prune_containers(&|one| wanted.container(one), dry)?;
    list("Containers", dry, &pruned.gone.iter().map(ToString::to_string).collect::<Vec<_>>());
    Ok(pruned.bytes)
}

fn prune_images(
    engine: &Engine,
    all: bool,
    wanted: &Wanted<'_>,
    dry: bool,
) -> Result<u64, Failure> {
    let pruned = engine.prune_images(all, &|one| wanted.image(one), dry)?;
    let line = |removed: &Removed| match removed {
        Removed::Untagged(name) => format!("untagged: {}", name.familiar()),
        Removed::Deleted(digest) => format!("deleted: {digest}"),
    };
    list("Images", dry, &pruned.gone.iter().map(line).collect::<Vec<_>>());
    Ok(pruned.bytes)
}

/// What went.
pub fn list(what: &str, dry: bool, lines: &[String]) {
    if !lines.is_empty() {
        let head = if dry { "Would delete" } else { "Deleted" };
        output::print(&format!("{head} {what}:\n{}\n\n", lines.join("\n")));
    }
}

/// The last line.
pub fn total(bytes: u64, dry: bool) {
    let head = if dry { "Space that would be reclaimed" } else { "Total reclaimed space" };
    output::print(&format!("{head}: {}\n", human_size(bytes)));
}

struct Wanted<'f> {
    filters: &'f Filters,
    until: Option<Timestamp>,
}

impl<'f> Wanted<'f> {
    fn look_up(flags: &'f PruneFlags, known: &[&str]) -> Result<Wanted<'f>, Failure> {
        flags.filters.check(known)?;
        let now = Timestamp::from(SystemTime::now());
        let moments: Vec<&str> = flags.filters.values("until").collect();
        let until = match moments[..] {
            [] => None,
            [one] => Some(moment::parse(one, now).map_err(Failure::new)?),
            _ => return Err(Failure::new("more than one until filter specified")),
        };
        Ok(Wanted { filters: &flags.filters, until })
    }

    fn container(&self, one: &Container) -> bool {
        self.until.is_none_or(|until| one.record.created_at < until)
            && self.filters.labels(&one.record.labels)
    }

    fn image(&self, one: &ListedImage) -> bool {
        self.until.is_none_or(|until| one.created.unwrap_or_default() < until)
            && self.filters.labels(&one.image.config.config.labels)
    }
}
