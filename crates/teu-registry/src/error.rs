//! What can go wrong between this machine and a registry, in docker's words where docker has some.

use crate::resolver::ResolveError;
use std::io;
use std::path::PathBuf;
use teu_model::Digest;

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The repository is there, the tag or digest is not.
    #[error("manifest for {reference} not found: {detail}")]
    ManifestUnknown {
        /// As the user writes it.
        reference: String,
        /// The registry's own words.
        detail: String,
    },
    /// No such repository.
    #[error("repository {repository} not found: {detail}")]
    RepositoryUnknown {
        /// As the user writes it.
        repository: String,
        /// The registry's own words.
        detail: String,
    },
    /// A manifest names a blob that its registry does not have.
    #[error("{reference}: the registry does not have {digest}: {detail}")]
    BlobUnknown {
        /// The image.
        reference: String,
        /// What is missing.
        digest: Digest,
        /// The registry's own words.
        detail: String,
    },
    /// The registry knows who asks, or does not care, and refuses.
    #[error(
        "pull access denied for {repository}, repository does not exist or may require 'docker login': {detail}"
    )]
    Denied {
        /// As the user writes it.
        repository: String,
        /// The registry's own words.
        detail: String,
    },
    /// The registry wants to know who asks.
    #[error("Get \"{url}\": {detail}")]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// `no basic auth credentials`, or the registry's own words.
        detail: String,
    },
    /// Too many requests, and waiting did not help.
    #[error("{url}: toomanyrequests: {detail}")]
    TooManyRequests {
        /// What was asked for.
        url: String,
        /// The registry's own words.
        detail: String,
    },
    /// The host's name has no address.
    #[error("Get \"{url}\": the name `{host}` could not be looked up")]
    Resolve {
        /// What was asked for.
        url: String,
        /// The name.
        host: String,
        /// Why not.
        source: ResolveError,
    },
    /// Nobody answers at the address, or the answer broke off before it began.
    #[error("Get \"{url}\": {what}")]
    Connect {
        /// What was asked for.
        url: String,
        /// Which part failed: `connection refused`, `timeout: …`.
        what: String,
        /// The kernel's or the protocol's reason.
        source: io::Error,
    },
    /// The server's certificate is not to be trusted.
    #[error("Get \"{url}\": tls: failed to verify certificate: x509: {reason}")]
    Certificate {
        /// What was asked for.
        url: String,
        /// The host and port whose certificate it is.
        authority: String,
        /// Why not.
        reason: String,
    },
    /// https was asked for and plain http came back.
    #[error("Get \"{url}\": http: server gave HTTP response to HTTPS client")]
    NotTls {
        /// What was asked for.
        url: String,
        /// The host and port.
        authority: String,
    },
    /// Another status than expected.
    #[error("Get \"{url}\": received unexpected HTTP status: {status}{detail}")]
    Status {
        /// What was asked for.
        url: String,
        /// The number.
        status: u16,
        /// The registry's own words, with a separator, or nothing.
        detail: String,
    },
    /// More bytes than promised, or than is held in memory.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What was fetched.
        what: String,
        /// The cap.
        limit: u64,
    },
    /// The content is not what its name says.
    #[error("{what}: the content's digest is {got}, not {expected}")]
    DigestMismatch {
        /// What was fetched.
        what: String,
        /// The digest it was asked for by.
        expected: Digest,
        /// The digest of what came.
        got: Digest,
    },
    /// The blob has another size than its descriptor says.
    #[error("{what}: the registry has {got} bytes, not {expected}")]
    SizeMismatch {
        /// What was fetched.
        what: String,
        /// What the manifest says.
        expected: u64,
        /// What the registry says.
        got: u64,
    },
    /// An answer that breaks the protocol.
    #[error("Get \"{url}\": the answer cannot be used: {reason}")]
    BadAnswer {
        /// What was asked for.
        url: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// The connection broke again and again.
    #[error("{what}: the connection broke {times} times, last after {at} bytes")]
    Interrupted {
        /// What was fetched.
        what: String,
        /// How often it was taken up again.
        times: u32,
        /// How far it came.
        at: u64,
        /// The last failure.
        source: io::Error,
    },
    /// A file with passwords, certificates or settings cannot be used.
    #[error("`{path}` cannot be used: {reason}")]
    Configuration {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A credential helper failed.
    #[error("credential helper `{program}`: {reason}")]
    CredentialHelper {
        /// `docker-credential-…`.
        program: String,
        /// Its own words, or why it could not be run.
        reason: String,
    },
}

impl RegistryError {
    /// One piece of advice, where there is one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            RegistryError::ManifestUnknown { .. } => "check the tag's spelling".to_string(),
            RegistryError::Denied { .. } | RegistryError::Unauthorized { .. } => {
                "check the name's spelling; a private repository needs an entry in docker's config.json (`docker login`)"
                    .to_string()
            }
            RegistryError::TooManyRequests { .. } => {
                "wait, log in, or configure a mirror".to_string()
            }
            RegistryError::Resolve { .. } => {
                "check the spelling, and /etc/resolv.conf".to_string()
            }
            RegistryError::Connect { .. } => {
                "check that the registry runs and that this machine reaches it".to_string()
            }
            RegistryError::Certificate { authority, .. } => format!(
                "if a private authority signed it, put its certificate at /etc/docker/certs.d/{authority}/ca.crt"
            ),
            RegistryError::NotTls { authority, .. } => format!(
                "to speak plain http with it, add \"{authority}\" to `insecure` under [registry] in config.toml"
            ),
            _ => return None,
        })
    }

    /// Nobody there, or not in this language: another base may do.
    pub(crate) fn is_connection(&self) -> bool {
        matches!(
            self,
            RegistryError::Connect { .. }
                | RegistryError::NotTls { .. }
                | RegistryError::Certificate { .. }
        )
    }

    /// The same request may succeed in a moment.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            RegistryError::Connect { source, .. } => {
                source.kind() != io::ErrorKind::ConnectionRefused
            }
            RegistryError::Status { status, .. } => matches!(status, 408 | 500 | 502 | 503 | 504),
            RegistryError::TooManyRequests { .. } | RegistryError::Interrupted { .. } => true,
            _ => false,
        }
    }
}
