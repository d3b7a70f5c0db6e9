//! Namespaces and settings of the kernel in docker's field names: a part of `HostConfig`.

use serde_json::{Value, json};
use teu_model::{CreateRequest, IpcRequest, Sharing};

/// The fields of `HostConfig` that these are.
pub fn value(request: &CreateRequest) -> Value {
    let kernel = &request.kernel;
    let ulimits: Vec<Value> = kernel
        .ulimits
        .iter()
        .map(|limit| json!({ "Name": limit.name, "Hard": limit.hard, "Soft": limit.soft }))
        .collect();
    let mut all = json!({
        "PidMode": match &kernel.pid {
            Sharing::Own => String::new(),
            Sharing::Host => "host".to_string(),
            Sharing::Container(id) => format!("container:{id}"),
        },
        "IpcMode": match &kernel.ipc {
            IpcRequest::Private => "private".to_string(),
            IpcRequest::Shareable => "shareable".to_string(),
            IpcRequest::None => "none".to_string(),
            IpcRequest::Host => "host".to_string(),
            IpcRequest::Container(id) => format!("container:{id}"),
        },
        "UTSMode": if kernel.uts_host { "host" } else { "" },
        "UsernsMode": "",
        "ShmSize": kernel.shm_bytes.unwrap_or(64 << 20),
        "Sysctls": kernel.sysctls,
        "Ulimits": ulimits,
        "OomScoreAdj": kernel.oom_score_adj,
        "DeviceCgroupRules": kernel.device_rules,
        "Annotations": kernel.annotations,
        "TimeOffsets": kernel.time_offsets,
        "Isolation": "",
    });
    if let (Value::Object(all), Some(id)) = (&mut all, &kernel.network_of) {
        all.insert("NetworkMode".into(), format!("container:{id}").into());
    }
    all
}
