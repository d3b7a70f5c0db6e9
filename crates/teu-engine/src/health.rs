//! Health checks: what the flags and the image ask for, put together; and what the monitor found.

use crate::bundle::{self, Surroundings};
use crate::records::Container;
use crate::tell::event_of;
use crate::{Engine, EngineError, files};
use teu_model::{ContainerId, CreateRequest, Health, HealthCheck, Probe, Process, Signal};
use teu_monitor::HealthPlan;
use teu_oci::image::ImageConfig;
use teu_runtime::{ExecPlan, ProcessPlan};

/// The check of a container made so; none where neither the flags nor the image ask for one.
pub(crate) fn complete(
    request: &CreateRequest,
    config: &ImageConfig,
    stop_signal: Signal,
) -> Result<Option<HealthCheck>, EngineError> {
    let asked = &request.health;
    if asked.none {
        return Ok(None);
    }
    let image = config.config.healthcheck.clone().unwrap_or_default();
    let Some(probe) = asked.probe.clone().or_else(|| of_image(&image.test)) else {
        return Ok(None);
    };
    let ms = |asked: Option<u64>, image: i64, default: u64| {
        let image = u64::try_from(image / 1_000_000).ok().filter(|ms| *ms > 0);
        asked.filter(|ms| *ms > 0).or(image).unwrap_or(default)
    };
    let retries = asked.retries.filter(|count| *count > 0);
    let retries = retries.or(u32::try_from(image.retries).ok().filter(|count| *count > 0));
    Ok(Some(HealthCheck {
        probe,
        interval_ms: ms(asked.interval_ms, image.interval, 30_000),
        timeout_ms: ms(asked.timeout_ms, image.timeout, 30_000),
        retries: retries.unwrap_or(3),
        start_period_ms: ms(asked.start_period_ms, image.start_period, 0),
        start_interval_ms: ms(asked.start_interval_ms, image.start_interval, 5_000),
        on_failure: asked.on_failure,
        stop_signal,
    }))
}

/// `CMD-SHELL line`, `CMD program argument…`, `NONE`.
fn of_image(test: &[String]) -> Option<Probe> {
    let (kind, rest) = test.split_first()?;
    match kind.as_str() {
        "CMD" if !rest.is_empty() => Some(Probe::Command(rest.to_vec())),
        "CMD-SHELL" if !rest.is_empty() => Some(Probe::Command(
            ["/bin/sh", "-c"].into_iter().map(String::from).chain(rest.to_vec()).collect(),
        )),
        _ => None,
    }
}

impl Engine {
    /// What the monitor is told of it.
    pub(crate) fn health_plan(
        &self,
        container: &Container,
        around: &Surroundings<'_>,
    ) -> Result<Option<HealthPlan>, EngineError> {
        let record = &container.record;
        let Some(check) = record.health.clone() else { return Ok(None) };
        let plan = match &check.probe {
            Probe::Command(args) => {
                let wanted = Process {
                    args: args.clone(),
                    entrypoint_len: 0,
                    tty: false,
                    stdin: false,
                    ..record.process.clone()
                };
                let security = &record.request.security;
                let process = bundle::process(&wanted, security, around)?;
                let filter = bundle::seccomp_profile(security)?;
                let join = self.join_of(&self.cgroup_of(container)?)?;
                let process = ProcessPlan::new(&process, filter.as_ref(), join)
                    .map_err(|error| EngineError::step("plan the health check", error))?;
                Some(ExecPlan {
                    id: container.id().to_string(),
                    namespaces: bundle::own_namespaces(&container.record.request),
                    process,
                })
            }
            Probe::Tcp(_) | Probe::Http { .. } => None,
        };
        let event = Some((self.events_file(), event_of(container, "")));
        Ok(Some(HealthPlan { check, exec: plan, event }))
    }

    /// What the monitor found so far; for one that has ended, what it found last.
    pub fn health(&self, container: &Container) -> Option<Health> {
        container.record.health.as_ref()?;
        if container.state.status.is_alive() {
            return self.health_file(container.id());
        }
        container.state.health.clone()
    }

    pub(crate) fn health_file(&self, id: &ContainerId) -> Option<Health> {
        // Nothing yet, or of a newer teu: then nothing is known.
        files::read(&self.paths.container_run(id).join("health.json")).ok().flatten()
    }
}
