//! Stores, layers and archives for tests.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]

use ring::digest::{SHA256, digest};
use std::io::Write;
use std::path::PathBuf;
use teu_image::{ImageError, ImageUser, Store};
use teu_model::{DiffId, Digest, Paths};
use teu_testkit::TempDir;

pub struct Root {
    pub directory: TempDir,
    pub store: Store,
}

pub fn root(name: &str) -> Root {
    let directory = TempDir::new(name);
    let store = Store::open(&Paths::of_root(&directory.join("root"))).unwrap();
    Root { directory, store }
}

impl Root {
    pub fn path(&self, below: &str) -> PathBuf {
        self.directory.join("root").join(below)
    }

    pub fn count(&self, below: &str) -> usize {
        std::fs::read_dir(self.path(below)).map_or(0, Iterator::count)
    }

    /// Nothing unfinished lies about.
    #[track_caller]
    pub fn assert_tidy(&self) {
        for place in ["ingest", "trash/images", "leases"] {
            assert_eq!(self.count(place), 0, "{place} is not empty");
        }
    }
}

pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_sha256(digest(&SHA256, bytes).as_ref().try_into().unwrap())
}

pub fn diff(bytes: &[u8]) -> DiffId {
    DiffId(sha256(bytes))
}

pub fn nobody() -> Vec<ImageUser> {
    Vec::new()
}

pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = teu_tar::Writer::new(Vec::new());
    for (name, contents) in files {
        writer.file(name, 0o644, contents).unwrap();
    }
    writer.finish().unwrap()
}

/// A layer that no other seed gives, of about `size` bytes that do not compress to nothing.
pub fn layer(seed: u32, size: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let noise: Vec<u8> = (0..size)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            (state >> 60) as u8
        })
        .collect();
    tar(&[("etc/seed", seed.to_string().as_bytes()), ("noise", &noise)])
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// A config of these layers.
pub fn config(layers: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<String> = layers.iter().map(|layer| format!("\"{}\"", diff(layer))).collect();
    let architecture = teu_model::Platform::here().architecture;
    format!(
        r#"{{"architecture":"{architecture}","os":"linux","config":{{"Cmd":["sh"]}},
           "created":"2024-01-01T00:00:00Z","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        ids.join(",")
    )
    .into_bytes()
}

/// As `docker save` writes it.
pub fn docker_archive(layers: &[&[u8]], tags: &str) -> Vec<u8> {
    let config = config(layers);
    let id = format!("{}.json", sha256(&config).hex());
    let names: Vec<String> = (0..layers.len()).map(|n| format!("l{n}/layer.tar")).collect();
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let manifest =
        format!(r#"[{{"Config":"{id}","RepoTags":{tags},"Layers":[{}]}}]"#, quoted.join(","));
    let mut files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(layers.iter().copied()).collect();
    files.push((&id, &config));
    files.push(("manifest.json", manifest.as_bytes()));
    tar(&files)
}

pub fn blob_name(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", sha256(bytes).hex())
}

pub fn descriptor(kind: &str, bytes: &[u8], more: &str) -> String {
    let (digest, size) = (sha256(bytes), bytes.len());
    format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size}{more}}}"#)
}

pub fn manifest(config: &[u8], blobs: &[&[u8]]) -> Vec<u8> {
    let layers: Vec<String> = blobs
        .iter()
        .map(|blob| descriptor("application/vnd.oci.image.layer.v1.tar+gzip", blob, ""))
        .collect();
    let config = descriptor("application/vnd.oci.image.config.v1+json", config, "");
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{}]}}"#, layers.join(","))
        .into_bytes()
}

pub fn index(entries: &[String]) -> Vec<u8> {
    format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(",")).into_bytes()
}

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// As `skopeo copy … oci-archive:` writes it.
pub fn oci_archive(index: &[u8], blobs: &[&[u8]]) -> Vec<u8> {
    let names: Vec<String> = blobs.iter().map(|blob| blob_name(blob)).collect();
    let mut files: Vec<(&str, &[u8])> =
        vec![("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#), ("index.json", index)];
    files.extend(names.iter().map(String::as_str).zip(blobs.iter().copied()));
    tar(&files)
}

pub fn told(error: &ImageError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}
