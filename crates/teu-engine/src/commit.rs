//! `commit`: what a container changed becomes a layer, and that an image.
//!
//! ```text
//!  config checked → processes stopped (--pause) → upper read into a layer → they go on → layer and image kept
//! ```
//! They stand still only while the upper is read. A command that is killed meanwhile leaves its action
//! unfinished, and whoever comes next lets them go on (repair.rs).

use crate::action::Action;
use crate::changes::{ChangeKind, Changes};
use crate::observe::now;
use crate::records::Container;
use crate::{Engine, EngineError, files};
use std::os::fd::AsFd;
use std::path::PathBuf;
use teu_archive::{ArchiveError, Data, Packer, Sink};
use teu_cgroup::{Freezer, Group};
use teu_image::{CommitOptions, Compression, Image, SealedLayer};
use teu_model::{ContainerId, MountRequest, Reference, Timestamp};
use teu_oci::image::ContainerConfig;
use teu_tar::{Entry, Kind, Time, Writer};

/// How a commit is asked for.
#[derive(Clone, Debug, Default)]
pub struct CommitRequest {
    /// The image's name.
    pub reference: Option<Reference>,
    /// By whom.
    pub author: Option<String>,
    /// A word about it.
    pub message: Option<String>,
    /// Dockerfile instructions.
    pub changes: Vec<String>,
    /// The processes stand still meanwhile.
    pub pause: bool,
    /// The image is of this moment, and no file of it younger (`SOURCE_DATE_EPOCH`): then equal content gives
    /// an equal image, whenever it is made.
    pub epoch: Option<Timestamp>,
}

impl Engine {
    /// Makes an image of the container that `given` names.
    pub fn commit(&self, given: &str, request: &CommitRequest) -> Result<Image, EngineError> {
        let container = self.find(given)?;
        // Also keeps the image's layers from collection: the container's record does from now on.
        let parent = self.store.find(&container.record.image.to_string(), None)?.image;
        let config = config_of(&container, &parent.config.config);
        let options = CommitOptions {
            reference: request.reference.clone(),
            author: request.author.clone(),
            message: request.message.clone(),
            changes: request.changes.clone(),
            created_by: config.cmd.join(" "),
            config,
            created: request.epoch.unwrap_or_else(now),
        };
        options.changed_config()?;
        // What a commit left that was killed.
        self.store.clean_ingest()?;
        let action = Action::begin(self, container.id())?;
        let layer = self.layer_of(&container, request);
        action.done()?;
        let image = self.store.commit(&parent, layer?, &options)?;
        let name = request.reference.as_ref().map_or(String::new(), Reference::familiar);
        self.tell_of(
            &container,
            "commit",
            &[("comment", request.message.as_deref().unwrap_or_default()), ("imageRef", &name)],
        );
        Ok(image)
    }

    /// The upper as a layer; none where nothing was changed.
    fn layer_of(
        &self,
        container: &Container,
        request: &CommitRequest,
    ) -> Result<Option<SealedLayer>, EngineError> {
        let standstill = if request.pause && container.state.running.is_some() {
            let mark = mark_of(self, container.id());
            Standstill::begin(self.cgroup_of(container)?, mark)?
        } else {
            None
        };
        let changes = self.changes(container)?;
        if changes.list.is_empty() {
            return Ok(None);
        }
        let writer = self.store.layer_writer(Compression::None, None, None)?;
        let mut tar = Clamped { tar: Writer::new(writer), epoch: request.epoch };
        pack(&changes, &mut tar)?;
        drop(standstill);
        let writer = tar.tar.finish().map_err(|source| ArchiveError::Write { source })?;
        Ok(Some(writer.seal()?))
    }
}

/// The changes as a layer has them: whiteouts for what is deleted.
fn pack(changes: &Changes, tar: &mut Clamped<impl std::io::Write>) -> Result<(), EngineError> {
    let Some(upper) = &changes.upper else { return Ok(()) };
    let mut packer = Packer::new(upper.as_fd(), tar);
    for change in &changes.list {
        match change.kind {
            // The directory above says it already.
            ChangeKind::Deleted if change.is_hidden => {}
            ChangeKind::Deleted => packer.mark(&change.path, Kind::Whiteout)?,
            ChangeKind::Added | ChangeKind::Changed => packer.one(&change.path, &change.path)?,
        }
        if change.is_opaque {
            packer.mark(&change.path, Kind::Opaque)?;
        }
    }
    Ok(())
}

/// A tar in which nothing is younger than a moment.
struct Clamped<W: std::io::Write> {
    tar: Writer<W>,
    epoch: Option<Timestamp>,
}

impl<W: std::io::Write> Sink for Clamped<W> {
    fn put(&mut self, entry: &Entry, data: Data<'_>) -> Result<(), ArchiveError> {
        let Some(Timestamp(nanoseconds)) = self.epoch else { return self.tar.put(entry, data) };
        let seconds = i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX);
        let latest = Time { seconds, nanoseconds: 0 };
        let entry = Entry { mtime: entry.mtime.min(latest), ..entry.clone() };
        self.tar.put(&entry, data)
    }
}

/// Says that a commit has stopped the processes, and nobody else: below /run, as the processes.
fn mark_of(engine: &Engine, id: &ContainerId) -> PathBuf {
    engine.paths.container_run(id).join("standstill")
}

/// Under the container's action: lets those go on whom a commit that broke off has stopped.
pub(crate) fn repair(engine: &Engine, container: &Container) -> Result<(), EngineError> {
    let mark = mark_of(engine, container.id());
    if mark.exists() {
        let group = engine.cgroup_of(container)?;
        if group.exists() {
            group.thaw()?;
        }
        files::remove_file(&mark)?;
    }
    Ok(())
}

/// The container's processes stand still as long as this lives.
struct Standstill(Group, PathBuf);

impl Standstill {
    /// None where they do already: who stopped them will let them go on.
    fn begin(group: Group, mark: PathBuf) -> Result<Option<Standstill>, EngineError> {
        if group.state()? != Freezer::Thawed {
            return Ok(None);
        }
        files::touch(&mark)?;
        // Whatever happens from here on, this gives back.
        let standstill = Standstill(group, mark);
        standstill.0.freeze()?;
        Ok(Some(standstill))
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        // Ended meanwhile, and its group gone: nobody is left to go on.
        self.0.thaw().unwrap_or(());
        files::remove_file(&self.1).unwrap_or(());
    }
}

/// What a container of the image does unless told otherwise: what this one does.
fn config_of(container: &Container, image: &ContainerConfig) -> ContainerConfig {
    let request = &container.record.request;
    let process = &request.process;
    let (entrypoint, inherited) = match &process.entrypoint {
        Some(entrypoint) => (entrypoint.clone(), Vec::new()),
        None => (image.entrypoint.clone(), image.cmd.clone()),
    };
    let mut env = image.env.clone();
    for variable in process.env.iter().filter(|variable| variable.contains('=')) {
        let name = variable.split('=').next();
        match env.iter_mut().find(|known| known.split('=').next() == name) {
            Some(known) => known.clone_from(variable),
            None => env.push(variable.clone()),
        }
    }
    let mut volumes = image.volumes.clone();
    volumes.extend(request.mounts.iter().filter_map(anonymous_target));
    ContainerConfig {
        exposed_ports: container.record.exposed.clone(),
        user: process.user.clone().unwrap_or_else(|| image.user.clone()),
        env,
        entrypoint,
        cmd: if process.args.is_empty() { inherited } else { process.args.clone() },
        volumes,
        working_dir: process.cwd.clone().unwrap_or_else(|| image.working_dir.clone()),
        labels: container.record.labels.clone(),
        stop_signal: request
            .stop_signal
            .map_or_else(|| image.stop_signal.clone(), |signal| signal.to_string()),
        stop_timeout: request.stop_timeout_s.or(image.stop_timeout),
        // They were for a build on top of the parent.
        on_build: Vec::new(),
        ..image.clone()
    }
}

/// `-v /path` asks for a volume as an image does.
fn anonymous_target(mount: &MountRequest) -> Option<String> {
    match mount {
        MountRequest::Volume { name: None, target, .. } => Some(target.clone()),
        _ => None,
    }
}
