//! What is asked and what the image says, put together: the process that will run. Pure.

use crate::EngineError;
use std::collections::BTreeMap;
use teu_model::{CreateRequest, Process, Signal};
use teu_oci::image::ImageConfig;

/// docker's PATH for an image that sets none.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The first process of a container made from an image with `config`.
pub(crate) fn complete(
    request: &CreateRequest,
    config: &ImageConfig,
) -> Result<Process, EngineError> {
    let asked = &request.process;
    let image = config.config.clone();
    // An entrypoint that is given drops the image's command, not only its entrypoint.
    let (entrypoint, command) = match &asked.entrypoint {
        Some(entrypoint) => (entrypoint.clone(), Vec::new()),
        None => (image.entrypoint.clone(), image.cmd.clone()),
    };
    let command = if asked.args.is_empty() { command } else { asked.args.clone() };
    let entrypoint_len = entrypoint.len();
    let args: Vec<String> = entrypoint.into_iter().chain(command).collect();
    if args.is_empty() {
        return Err(EngineError::BadRequest {
            message: "no command specified".into(),
            hint: Some("the image names no command: write one behind it, or use --entrypoint"),
        });
    }
    let cwd = asked.cwd.clone().unwrap_or(image.working_dir);
    let cwd = if cwd.is_empty() { "/".into() } else { cwd };
    if !cwd.starts_with('/') {
        return Err(EngineError::bad(format!(
            "the working directory '{cwd}' is invalid, it needs to be an absolute path"
        )));
    }
    Ok(Process {
        args,
        entrypoint_len,
        env: environment(&image.env, &asked.env, asked.tty),
        cwd,
        user: asked.user.clone().unwrap_or(image.user),
        groups: asked.groups.clone(),
        tty: asked.tty,
        stdin: asked.stdin,
    })
}

/// The image's variables, the asked ones over them; each name once, in the order of first mention.
pub(crate) fn environment(image: &[String], asked: &[String], tty: bool) -> Vec<String> {
    let term = tty.then_some("TERM=xterm".to_string());
    let mut order: Vec<String> = Vec::new();
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for variable in std::iter::once(DEFAULT_PATH.to_string())
        .chain(term)
        .chain(image.iter().chain(asked).cloned())
    {
        // A variable without `=` would take the monitor's value: it is nobody's, so it is dropped.
        let Some((name, _)) = variable.split_once('=') else { continue };
        if !values.contains_key(name) {
            order.push(name.to_string());
        }
        values.insert(name.to_string(), variable);
    }
    order.iter().filter_map(|name| values.remove(name)).collect()
}

/// The image's labels, the request's over them.
pub(crate) fn labels(request: &CreateRequest, config: &ImageConfig) -> BTreeMap<String, String> {
    let mut labels = config.config.labels.clone();
    labels.extend(request.labels.clone());
    labels
}

/// What `stop` sends first: as asked, else as the image says, else SIGTERM.
pub(crate) fn stop_signal(
    request: &CreateRequest,
    config: &ImageConfig,
) -> Result<Signal, EngineError> {
    match (request.stop_signal, config.config.stop_signal.as_str()) {
        (Some(signal), _) => Ok(signal),
        (None, "") => Ok(Signal::TERM),
        (None, text) => Signal::parse(text).map_err(|error| EngineError::bad(error.to_string())),
    }
}

#[test]
fn each_variable_stands_once() {
    let env = environment(
        &["PATH=/x".into(), "A=1".into()],
        &["A=2".into(), "HOST".into(), "B=".into()],
        true,
    );
    assert_eq!(env, ["PATH=/x", "TERM=xterm", "A=2", "B="]);
}
