//! Against the real thing: plain, with TLS of a private authority, with a password, with both.

use std::io::Read;
use teu_model::{Digest, Reference};
use teu_registry::{Client, RegistryConfig, RegistryError};
use teu_testkit::{Registry, RegistryOptions};

const TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

fn digest_of(bytes: &[u8]) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    Digest::from_sha256(hash)
}

/// A manifest and one layer, as `app:1`.
fn fill(registry: &Registry) -> (Vec<u8>, Vec<u8>) {
    let layer: Vec<u8> = (0..3_000_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    let (config, hex) = (b"{}", digest_of(&layer).hex());
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{TYPE}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:{hex}","size":{}}}]}}"#,
        digest_of(config),
        layer.len()
    );
    registry.put_blob("app", &digest_of(config).hex(), config);
    registry.put_blob("app", &hex, &layer);
    registry.put_manifest("app", "1", &digest_of(manifest.as_bytes()).hex(), manifest.as_bytes());
    (manifest.into_bytes(), layer)
}

fn config() -> RegistryConfig {
    RegistryConfig { ca_dirs: Vec::new(), ..RegistryConfig::default() }
}

#[track_caller]
fn pull(registry: &Registry, config: RegistryConfig) -> Result<(), RegistryError> {
    let (manifest, layer) = fill(registry);
    let client = Client::new(config);
    let image = Reference::parse(&format!("{}/app:1", registry.address())).unwrap();
    let head = client.head(&image)?.expect("docker-registry names digests");
    let fetched = client.manifest(&image)?;
    assert_eq!((&fetched.bytes, fetched.media_type.as_str()), (&manifest, TYPE));
    assert_eq!((head.digest, head.size), (fetched.digest, Some(manifest.len() as u64)));
    assert_eq!(client.small_blob(&image, &digest_of(b"{}"), 2)?, b"{}");
    // Four at once, as a pull does.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut bytes = Vec::new();
                let blob = client.blob(&image, &digest_of(&layer), layer.len() as u64);
                blob.unwrap().read_to_end(&mut bytes).unwrap();
                assert!(bytes == layer);
            });
        }
    });
    let absent = Reference { tag: Some("2".into()), ..image.clone() };
    let error = client.manifest(&absent).unwrap_err();
    assert!(matches!(error, RegistryError::ManifestUnknown { .. }), "{error}");
    let error = client.blob(&image, &digest_of(b"absent"), 6).unwrap_err();
    assert!(matches!(error, RegistryError::BlobUnknown { .. }), "{error}");
    Ok(())
}

#[test]
fn plain_http_on_loopback() {
    if !Registry::have() {
        return;
    }
    let registry = Registry::start(RegistryOptions::default());
    pull(&registry, config()).unwrap();
}

#[test]
fn a_password_over_plain_http() {
    if !Registry::have() {
        return;
    }
    let registry = Registry::start(RegistryOptions { password: true, ..Default::default() });
    pull(&registry, RegistryConfig { docker_config: Some(registry.docker_config()), ..config() })
        .unwrap();
    let error = pull(&registry, config()).unwrap_err();
    assert!(error.to_string().ends_with("no basic auth credentials"), "{error}");
}

#[test]
fn a_private_authority_and_a_password() {
    if !Registry::have() {
        return;
    }
    let registry =
        Registry::start(RegistryOptions { tls: true, password: true, ..Default::default() });
    let trusting = RegistryConfig {
        docker_config: Some(registry.docker_config()),
        ca_dirs: vec![registry.ca_dir()],
        ..config()
    };
    pull(&registry, trusting.clone()).unwrap();
    // The same registry with another one's authority in its place.
    let other = Registry::start(RegistryOptions { tls: true, ..Default::default() });
    let stolen = other.ca_dir().join(registry.address());
    std::fs::rename(other.ca_dir().join(other.address()), stolen).unwrap();
    let distrusting = RegistryConfig { ca_dirs: vec![other.ca_dir()], ..trusting };
    let error = pull(&registry, distrusting).unwrap_err();
    assert!(error.to_string().ends_with("certificate signed by unknown authority"), "{error}");
    assert!(error.hint().unwrap().contains("/ca.crt"));
}

/// docker's guide makes a self-signed certificate that is an authority too.
#[test]
fn a_self_signed_certificate_in_its_place() {
    if !Registry::have() {
        return;
    }
    let registry =
        Registry::start(RegistryOptions { tls: true, self_signed: true, ..Default::default() });
    let trusting = RegistryConfig { ca_dirs: vec![registry.ca_dir()], ..config() };
    pull(&registry, trusting).unwrap();
}
