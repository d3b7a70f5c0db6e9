//! What teu can do: one file per verb, and the only place where the parts meet.
//!
//! A door (command line, HTTP) translates its words into a request of `teu-model`, calls one verb of
//! [`Engine`], and translates the answer back. Nothing here prints, reads the environment or exits.
//!
//! ```text
//!  run = create ─► start ─► (the door attaches and waits) ─► release
//!         │          │
//!         │          └ root mounted, address leased, cgroup made, monitor ► first process
//!         └ image found or pulled, record written
//! ```
//! Two things hold all verbs together: a container's record on disk (`records.rs`), and the right to act on it,
//! which is also the word that something is unfinished (`action.rs`). What is true now is asked of the
//! machine, not only of the record (`observe.rs`).

mod action;
mod adopt;
mod attach;
mod boot;
mod bundle;
mod cdi;
mod changes;
mod commit;
mod config;
mod copy;
mod create;
mod devices;
mod df;
mod diff;
mod disk_use;
mod ended;
mod error;
mod events;
mod exec;
mod execs;
mod export;
mod files;
mod fsck;
mod health;
mod hello;
mod images;
mod info;
mod init_layer;
mod inspect;
mod join;
mod kernel_word;
mod list;
mod logs;
mod mounts;
mod observe;
mod order;
mod patience;
mod pause;
mod process;
mod progress;
mod prune;
mod pull;
mod records;
mod release;
mod remove;
mod rename;
mod repair;
mod reset;
mod restart;
mod run;
mod scratch;
mod start;
mod stats;
mod stop;
mod tell;
mod tell_why;
mod top;
mod update;
mod validate;
mod view;
mod volumes;
mod why;

pub use boot::Booted;
pub use bundle::{MASKED, READ_ONLY};
pub use changes::{Change, ChangeKind};
pub use commit::CommitRequest;
pub use config::{Config, RegistrySection};
pub use copy::CopyOptions;
pub use df::{DiskUse, ImageUse};
pub use error::EngineError;
pub use events::{EventReader, Next};
pub use exec::{ExecOptions, Executing};
pub use execs::InspectedExec;
pub use fsck::{Finding, FsckOptions};
pub use hello::BUILTIN;
pub use info::Info;
pub use inspect::{Inspected, InspectedContainer};
pub use list::Listed;
pub use observe::{Truth, translate as exit_of};
pub use patience::Waiting;
pub use progress::{LayerStage, Progress, PullEvent, Silent};
pub use prune::Pruned;
pub use records::Container;
pub use start::{StartOptions, Started};
pub use stats::Usage;
pub use tell_why::Why;
pub use top::Processes;

pub use volumes::ListedVolume;

/// What doors need of the parts, under one roof.
pub mod parts {
    pub use teu_image::{Found, Image, ImageError, ImportOptions, ListedImage, Loaded, Removed};
    pub use teu_monitor::log::{
        Entry, LogOptions, LogReader, Stream, Tail, Timestamp as LogTimestamp,
    };
    pub use teu_monitor::{
        Attach, BadDetachKeys, DetachKeys, Exit, Exited, Link, MonitorError, Pump, PumpEnd, Target,
    };
    pub use teu_oci::image::ImageConfig;
    pub use teu_volume::{NewVolume, Volume, VolumeError};
}

use std::path::PathBuf;
use std::sync::OnceLock;
use teu_cgroup::{Group, Layout, MONITORS, Scope};
use teu_image::Store;
use teu_model::{ContainerId, Paths};
use teu_network::Networks;
use teu_oci::runtime::LinuxResources;
use teu_snapshot::Snapshots;
use teu_volume::Volumes;

/// What the door knows of its user's surroundings: nothing below a door reads the environment.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// docker's `config.json`, for credentials.
    pub docker_config: Option<PathBuf>,
    /// `HTTP_PROXY`.
    pub http_proxy: Option<String>,
    /// `HTTPS_PROXY`.
    pub https_proxy: Option<String>,
    /// `NO_PROXY`, taken apart.
    pub no_proxy: Vec<String>,
}

/// One state root, open.
#[derive(Debug)]
pub struct Engine {
    pub(crate) paths: Paths,
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) snapshots: Snapshots,
    pub(crate) volumes: Volumes,
    pub(crate) networks: Networks,
    pub(crate) outside: Outside,
    layout: OnceLock<Layout>,
}

impl Engine {
    /// Opens the state root, makes what is missing of it, and finishes what others left undone.
    pub fn open(paths: Paths, outside: Outside) -> Result<Engine, EngineError> {
        let engine = Engine::open_as_it_is(paths, outside)?;
        action::finish_what_others_left(&engine)?;
        Ok(engine)
    }

    /// Opens the state root and finishes nothing: `fsck` wants to see what there is.
    pub fn open_as_it_is(paths: Paths, outside: Outside) -> Result<Engine, EngineError> {
        let config = Config::load(&paths.config)?;
        let store = Store::open(&paths)?;
        let engine = Engine {
            snapshots: Snapshots::new(&paths),
            volumes: Volumes::new(&paths),
            networks: Networks::new(&paths),
            layout: OnceLock::new(),
            config,
            store,
            outside,
            paths,
        };
        engine.make_directories()?;
        Ok(engine)
    }

    /// Where this state root lies.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    fn make_directories(&self) -> Result<(), EngineError> {
        // One look tells whether this boot's directories are there; the last made stands for all.
        let run_last = self.paths.run.join("pending");
        if !run_last.is_dir() {
            for directory in ["containers", "sandboxes", "ended", "pending"] {
                files::make_directory(&self.paths.run.join(directory))?;
            }
        }
        let root_last = self.paths.root.join("trash");
        if !(root_last.is_dir() && self.paths.root.join("names/containers").is_dir()) {
            for directory in
                ["containers", "names/containers", "events", "ingest", "scratch", "trash"]
            {
                files::make_directory(&self.paths.root.join(directory))?;
            }
        }
        self.make_scratch()
    }

    /// What cgroups this machine has; asked once.
    pub(crate) fn layout(&self) -> Result<&Layout, EngineError> {
        if let Some(layout) = self.layout.get() {
            return Ok(layout);
        }
        let layout = Layout::discover()?;
        Ok(self.layout.get_or_init(|| layout))
    }

    /// A container's group: below the parent that was asked for, else below the one of this root.
    pub(crate) fn cgroup_of(&self, container: &Container) -> Result<Group, EngineError> {
        self.cgroup_below(container.resources().cgroup_parent.as_deref(), container.id())
    }

    pub(crate) fn cgroup_below(
        &self,
        parent: Option<&str>,
        id: &ContainerId,
    ) -> Result<Group, EngineError> {
        let layout = self.layout()?;
        let parent = match parent {
            Some(asked) => update::group_path(asked),
            None => layout.default_parent(&self.paths.id),
        };
        Ok(layout.plan(&parent, id.as_str())?)
    }

    /// The groups that all containers of this root share: the scope, where systemd rules, and the
    /// monitors' leaf. Made by the first start.
    pub(crate) fn make_groups(&self, monitor_pid: u32) -> Result<(), EngineError> {
        let layout = self.layout()?;
        if layout.needs_scope() {
            return Ok(Scope::of(&self.paths.id).ensure(layout, monitor_pid)?);
        }
        let monitors = self.monitors_group()?;
        if monitors.exists() {
            return Ok(());
        }
        match monitors.create(&LinuxResources::default()) {
            // Another first start was faster.
            Err(_) if monitors.exists() => Ok(()),
            other => Ok(other?),
        }
    }

    /// The group of the monitors, beside the containers.
    pub(crate) fn monitors_group(&self) -> Result<Group, EngineError> {
        let layout = self.layout()?;
        Ok(layout.plan(&layout.default_parent(&self.paths.id), MONITORS)?)
    }
}
