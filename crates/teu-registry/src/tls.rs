//! Whom to trust, and TLS itself as a layer below HTTP.
//!
//! Trusted are the system's store and, for one host, what lies in `<ca dir>/<host[:port]>/` as docker
//! reads it: `*.crt` are authorities, `NAME.cert` with `NAME.key` is shown to the server.
//!
//! One difference to plain webpki: a self-signed certificate that is marked as an authority and lies
//! in the host's directory byte for byte is good for the names in it. docker's own guide tells people
//! to make such certificates, and Go accepts them.

use crate::config::{RegistryConfig, host_of};
use crate::error::RegistryError;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

/// A directory with more certificates than this is a mistake.
const FILES_PER_HOST_MAX: usize = 100;

/// Whether the user keeps an authority for `authority`.
pub(crate) fn has_own_authority(config: &RegistryConfig, authority: &str) -> bool {
    !host_files(config, authority, "crt").is_empty()
}

/// What a connection to `authority` trusts and shows.
pub(crate) fn client_config(
    config: &RegistryConfig,
    authority: &str,
) -> Result<Arc<ClientConfig>, RegistryError> {
    let provider = Arc::new(ring::default_provider());
    let own = read_certificates(&host_files(config, authority, "crt"))?;
    let verifier: Arc<dyn ServerCertVerifier> = if own.is_empty() && config.is_insecure(authority) {
        Arc::new(Unverified { provider: provider.clone() })
    } else {
        let mut roots = system_roots(config)?;
        roots.add_parsable_certificates(own.iter().cloned());
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|_| RegistryError::Configuration {
                path: config.system_roots.first().cloned().unwrap_or_default(),
                reason: "no trusted certificate was found; the package is `ca-certificates`"
                    .to_string(),
            })?;
        Arc::new(Verified { webpki, own })
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        // The provider's own cipher suites serve both versions.
        .expect("ring speaks TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let shown = match host_files(config, authority, "cert").first() {
        None => builder.with_no_client_auth(),
        Some(chain) => {
            let key = chain.with_extension("key");
            let unusable = |path: &Path, reason: String| RegistryError::Configuration {
                path: path.to_path_buf(),
                reason,
            };
            let private = PrivateKeyDer::from_pem_file(&key)
                .map_err(|error| unusable(&key, error.to_string()))?;
            builder
                .with_client_auth_cert(read_certificates(std::slice::from_ref(chain))?, private)
                .map_err(|error| unusable(chain, error.to_string()))?
        }
    };
    Ok(Arc::new(shown))
}

/// The files of one kind that the user keeps for a host, in order.
fn host_files(config: &RegistryConfig, authority: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = config
        .ca_dirs
        .iter()
        // A directory that is not there holds nothing.
        .filter_map(|directory| std::fs::read_dir(directory.join(authority)).ok())
        .flat_map(|entries| entries.flatten().take(FILES_PER_HOST_MAX))
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn read_certificates(files: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let mut certificates = Vec::new();
    for path in files {
        let bad = |reason: String| RegistryError::Configuration { path: path.clone(), reason };
        let found: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?.collect();
        let found = found.map_err(|error| bad(error.to_string()))?;
        if found.is_empty() {
            return Err(bad("it holds no certificate in PEM form".to_string()));
        }
        certificates.extend(found);
    }
    Ok(certificates)
}

fn system_roots(config: &RegistryConfig) -> Result<RootCertStore, RegistryError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = config.system_roots.iter().find(|path| path.exists()) {
        roots.add_parsable_certificates(read_certificates(std::slice::from_ref(path))?);
    }
    Ok(roots)
}

#[derive(Debug)]
struct Verified {
    webpki: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verified {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.webpki.verify_server_cert(shown, between, name, ocsp, now) {
            // webpki's word for an authority in the place of a server.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_)))
                if self.own.iter().any(|own| own == shown) =>
            {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// For loopback and the registries that the user listed as insecure.
#[derive(Debug)]
struct Unverified {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _shown: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Wraps a connection in TLS where the URI says https.
#[derive(Debug)]
pub(crate) struct TlsConnector(pub Arc<ClientConfig>);

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.authority().map_or("", |authority| authority.as_str());
        let name = ServerName::try_from(host_of(host).to_string())
            .map_err(|_| ureq::Error::Tls("the host's name cannot stand in a certificate"))?;
        let mut connection =
            ClientConnection::new(self.0.clone(), name).map_err(std::io::Error::other)?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(TlsTransport { buffers, stream: StreamOwned::new(connection, socket) })))
    }
}

/// An established TLS connection.
pub(crate) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl std::fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
