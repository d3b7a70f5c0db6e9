//! An image in docker's field names.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use teu_engine::parts::{Found, ListedImage};
use teu_model::Reference;

/// The whole object. `listed`: the image in the list of all, with its names and its size.
pub fn value(found: &Found, listed: Option<&ListedImage>) -> Value {
    let (image, config) = (&found.image, &found.image.config);
    let names = |names: Option<&Vec<Reference>>| {
        names
            .map(|names| names.iter().map(Reference::familiar).collect::<Vec<_>>())
            .unwrap_or_default()
    };
    let settings = &config.config;
    let or_null = |list: &[String]| if list.is_empty() { Value::Null } else { list.into() };
    json!({
        "Id": image.id.to_string(),
        "RepoTags": names(listed.map(|image| &image.tags)),
        "RepoDigests": names(listed.map(|image| &image.digests)),
        "Parent": "",
        "Comment": config.comment.clone().unwrap_or_default(),
        "Created": config.created,
        "Author": config.author.clone().unwrap_or_default(),
        "Architecture": config.architecture,
        "Variant": config.variant.clone().unwrap_or_default(),
        "Os": config.os,
        "Size": listed.map_or(0, |image| image.size),
        "Config": {
            "User": settings.user,
            "ExposedPorts": set(&settings.exposed_ports),
            "Env": or_null(&settings.env),
            "Entrypoint": or_null(&settings.entrypoint),
            "Cmd": or_null(&settings.cmd),
            "Volumes": set(&settings.volumes),
            "WorkingDir": settings.working_dir,
            "Labels": settings.labels,
            "StopSignal": settings.stop_signal,
            "OnBuild": or_null(&settings.on_build),
            "Shell": or_null(&settings.shell),
        },
        "RootFS": {
            "Type": "layers",
            "Layers": image.layers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
        "Descriptor": {
            "mediaType": found.target.media_type,
            "digest": found.target.digest.to_string(),
            "size": found.target.size,
        },
    })
}

/// Go writes a set as an object whose values are empty objects.
fn set(names: &BTreeSet<String>) -> Value {
    if names.is_empty() {
        return Value::Null;
    }
    let names: Map<String, Value> = names.iter().map(|name| (name.clone(), json!({}))).collect();
    names.into()
}
