//! An exec in docker's field names: those of `GET /exec/{id}/json`.

use serde_json::{Value, json};
use teu_engine::InspectedExec;

/// The whole object.
pub fn value(one: &InspectedExec) -> Value {
    let (state, about) = (&one.state, &one.state.about);
    let exit = state.exit.as_ref();
    json!({
        "ID": state.id,
        "Running": exit.is_none(),
        "ExitCode": exit.map(|exit| exit.code),
        "ProcessConfig": {
            "entrypoint": about.args.first(),
            "arguments": about.args.get(1..).unwrap_or_default(),
            "privileged": about.privileged,
            "tty": about.tty,
            "user": about.user,
        },
        "OpenStdin": about.stdin,
        "OpenStdout": about.attached,
        "OpenStderr": about.attached,
        "CanRemove": exit.is_some(),
        "ContainerID": one.container.id().as_str(),
        "Pid": if exit.is_some() { 0 } else { state.pid },
    })
}
