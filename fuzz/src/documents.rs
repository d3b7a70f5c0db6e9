//! Documents: JSON, TOML and single words.

use crate::{seen, text};
use std::path::PathBuf;
use teu_engine::Config;
use teu_model::{Digest, Reference};
use teu_monitor::log::Entry;
use teu_oci::image::{Document, ImageConfig};
use teu_oci::runtime::Spec;
use teu_registry::foreign;
use teu_runtime::capability::CapSet;
use teu_runtime::seccomp::{Abi, Circumstances, Program, read_profile};
use teu_runtime::{CgroupJoin, Plan, PlanFacts};

/// A manifest or an index, of a registry or an archive.
pub fn manifest(bytes: &[u8]) {
    for served_as in [None, Some("application/vnd.oci.image.index.v1+json")] {
        if let Ok(document) = Document::parse(bytes, served_as) {
            seen(format!("{document:?}"));
        }
    }
}

/// An image's configuration.
pub fn image_config(bytes: &[u8]) {
    if let Ok(config) = ImageConfig::parse(bytes) {
        seen(format!("{config:?}"));
    }
}

/// A name of an image, and a digest. What is understood is said again in the same words.
pub fn reference(bytes: &[u8]) {
    let text = text(bytes);
    seen(Digest::parse(&text));
    if let Ok(reference) = Reference::parse(&text) {
        let said = reference.to_string();
        let again = Reference::parse(&said);
        assert!(again.is_ok_and(|again| again.to_string() == said), "`{said}` is no reference");
    }
}

/// `config.json` of a bundle, as far as a plan.
pub fn runtime_config(bytes: &[u8]) {
    let Ok(spec) = serde_json::from_slice::<Spec>(bytes) else { return };
    let facts = PlanFacts {
        id: "fuzz".into(),
        bundle: PathBuf::from("/bundle"),
        root_by_descriptor: true,
        cgroups: Vec::new(),
        cgroup: CgroupJoin::default(),
        joined_by_descriptor: Vec::new(),
        init: false,
    };
    if let Ok(plan) = Plan::new(&spec, facts) {
        seen(serde_json::to_vec(&plan).map(|text| text.len()));
    }
}

/// A seccomp profile in docker's format, as far as its program.
pub fn seccomp_profile(bytes: &[u8]) {
    let now = Circumstances { caps: CapSet::default(), abi: Abi::X86_64, kernel: (6, 1) };
    if let Ok(profile) = read_profile(bytes, now)
        && let Ok(program) = Program::new(&profile)
    {
        let again = Program::from_bytes(&program.to_bytes());
        assert!(again.is_some_and(|again| again == program), "a program does not come back");
    }
}

/// docker's `config.json` with its logins.
pub fn docker_config(bytes: &[u8]) {
    seen(foreign::docker_config(bytes));
}

/// teu's configuration.
pub fn config_toml(bytes: &[u8]) {
    seen(Config::parse(&text(bytes)).map_err(|error| error.to_string()));
}

/// A line of a json-file log.
pub fn log_entry(bytes: &[u8]) {
    seen(Entry::parse(bytes));
}
