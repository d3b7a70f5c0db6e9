//! Fetching from registries: what the OCI distribution specification and docker's token
//! specification ask of a client that pulls.
//!
//! ```text
//! Client ── manifest, head, small_blob, blob ──► pull.rs      one verb each
//!   │ which bases to ask, in which order          endpoint.rs  mirrors, https before http
//!   │ 401 → token or password → once more         auth.rs (the words) · token.rs (the asking)
//!   │ whose password                              credentials.rs
//!   │ one request, redirects by hand              http.rs · tls.rs · resolver/
//!   └ a body that outlives its connection         blob.rs
//! ```
//!
//! A registry is a stranger. What always holds:
//! - Every byte is checked: manifests and small blobs here, layers by whoever reads them (a [`Blob`]
//!   gives exactly the promised number of bytes or an error).
//! - Everything held in memory has a cap; nothing is decompressed here.
//! - `Authorization` goes to the host it was made for and is dropped at a redirect to another
//!   scheme, host or port; from https no redirect and no token request leads to plain http. Addresses
//!   that a manifest itself brings (`urls` of foreign layers) are never asked (CVE-2020-15157).
//!   Plain http is spoken with loopback and with registries the configuration names.
//!
//! Nothing here touches the disk except to read configuration, certificates and passwords. Plain
//! blocking code; a [`Client`] is cheap to clone and serves many threads.

mod auth;
mod blob;
mod client;
mod config;
mod credentials;
mod endpoint;
mod error;
#[doc(hidden)]
pub mod foreign;
mod http;
mod pull;
mod resolver;
mod tls;
mod token;

pub use blob::Blob;
pub use client::Client;
pub use config::RegistryConfig;
pub use error::RegistryError;
pub use pull::{Fetched, Head, MANIFEST_SIZE_MAX};
pub use resolver::ResolveError;
