//! `exec`: one more process in a running container.

use crate::bundle::{self, Surroundings};
use crate::create::random;
use crate::tell::event_of;
use crate::{Container, Engine, EngineError, why};
use std::os::fd::AsFd;
use std::path::Path;
use teu_model::{Process, ProcessRequest, Verb};
use teu_monitor::{Attach, ExecAbout, ExecRequest, FdUse, Link, MonitorError, Stdio};
use teu_runtime::user::{self, Ids};
use teu_runtime::{ExecPlan, ProcessPlan};

/// How an exec is asked for.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    /// The streams that the caller will move; none for a detached one.
    pub attach: Option<Attach>,
    /// The size of the caller's terminal: columns, rows.
    pub terminal: Option<(u16, u16)>,
    /// With all rights.
    pub privileged: bool,
}

/// An exec that runs.
#[derive(Debug)]
pub struct Executing {
    /// Its id.
    pub id: String,
    /// The container that it runs in.
    pub container: Container,
    /// The conversation with the monitor, attached to it if that was asked.
    pub link: Link,
}

impl Engine {
    /// Runs `asked.args` in the container that `given` names.
    pub fn exec(
        &self,
        given: &str,
        asked: &ProcessRequest,
        options: &ExecOptions,
    ) -> Result<Executing, EngineError> {
        let container = self.running(given, Verb::Exec, "exec")?;
        let mut link = self.link_for(&container, "exec")?;
        let (process, ids) = self.exec_process(&container, asked, options)?;
        let id = teu_model::ContainerId::from_random(random()?).to_string();
        let command = asked.args.join(" ");
        self.tell_of(&container, &format!("exec_create: {command}"), &[("execID", &id)]);
        let group = self.cgroup_of(&container)?;
        let request = ExecRequest {
            id: id.clone(),
            plan: ExecPlan {
                id: container.id().to_string(),
                namespaces: bundle::own_namespaces(&container.record.request),
                process: process.clone(),
            },
            stdio: Stdio { stdin: asked.stdin, stdin_once: asked.stdin },
            attach: options.attach,
            about: ExecAbout {
                args: asked.args.clone(),
                user: asked.user.clone().unwrap_or_else(|| container.record.process.user.clone()),
                tty: asked.tty,
                stdin: asked.stdin,
                attached: options.attach.is_some(),
                privileged: options.privileged,
            },
            event: Some((self.events_file(), event_of(&container, "").with("execID", id.as_str()))),
        };
        let v2 = group.v2_dir_fd()?;
        let fds: Vec<_> = v2.iter().map(|v2| (FdUse::CgroupV2, v2.as_fd())).collect();
        match link.exec(request, &fds) {
            Ok(_pid) => {
                self.tell_of(&container, &format!("exec_start: {command}"), &[("execID", &id)]);
                Ok(Executing { id, container, link })
            }
            Err(MonitorError::Start(error)) => {
                let root = self.root_of(&container)?;
                Err(why::cannot_exec(&process, &ids, root.as_fd(), &error))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn exec_process(
        &self,
        container: &Container,
        asked: &ProcessRequest,
        options: &ExecOptions,
    ) -> Result<(ProcessPlan, Ids), EngineError> {
        let first = &container.record.process;
        let root = self.root_of(container)?;
        let user = asked.user.clone().unwrap_or_else(|| first.user.clone());
        let groups = if asked.groups.is_empty() { &first.groups } else { &asked.groups };
        let ids = user::resolve(root.as_fd(), &user, groups).map_err(|error| {
            EngineError::CannotStart {
                message: error.to_string(),
                remedy: error.hint().map(str::to_string),
                exit_code: 126,
            }
        })?;
        let wanted = Process {
            args: asked.args.clone(),
            entrypoint_len: 0,
            env: crate::process::environment(&first.env, &asked.env, asked.tty),
            cwd: asked.cwd.clone().unwrap_or_else(|| first.cwd.clone()),
            user,
            groups: groups.clone(),
            tty: asked.tty,
            stdin: asked.stdin,
        };
        crate::validate::process(&wanted)?;
        let mut security = container.record.request.security.clone();
        security.privileged |= options.privileged;
        let group = self.cgroup_of(container)?;
        let around = Surroundings {
            init: Path::new("/"),
            mounts: &[],
            hostname: &self.hostname(container)?,
            ids: &ids,
            kernel: &container.record.request.kernel,
            resources: container.resources(),
            cgroup: &group.path(),
            terminal: options.terminal.filter(|_| asked.tty),
        };
        let process = bundle::process(&wanted, &security, &around)?;
        let filter = bundle::seccomp_profile(&security)?;
        let plan = ProcessPlan::new(&process, filter.as_ref(), self.join_of(&group)?).map_err(
            |error| {
                let hint = error.hint().map(str::to_string);
                EngineError::Step { attempt: "plan the exec".into(), source: error.into(), hint }
            },
        )?;
        Ok((plan, ids))
    }

    /// The container's `/` as its first process sees it.
    pub(crate) fn root_of(
        &self,
        container: &Container,
    ) -> Result<std::os::fd::OwnedFd, EngineError> {
        let pid = container.state.running.as_ref().map_or(0, |running| running.pid);
        teu_kernel::mount::open_path(Path::new(&format!("/proc/{pid}/root"))).map_err(|source| {
            EngineError::step(format!("enter the root of {}", container.id().short()), source)
        })
    }
}
