//! One request and its answer. Redirects are followed by hand: that is where passwords leak.

use crate::config::RegistryConfig;
use crate::error::RegistryError;
use crate::resolver::{ResolveError, Resolver};
use crate::tls::{self, TlsConnector};
use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use teu_model::{Digest, Reference};
use ureq::http::{HeaderMap, Request, Uri};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, Body, Proxy};

const REDIRECTS_MAX: u32 = 10;
/// Of an error's body no more than this is read.
const ERROR_BODY_MAX: u64 = 64 << 10;
/// A connection that stays silent this long is dead.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Where plain http may follow, a server that does not understand TLS is not waited for as long.
const CONNECT_INSECURE_MAX: Duration = Duration::from_secs(5);

/// What to send.
#[derive(Debug)]
pub(crate) struct Ask {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// Only ever sent to the scheme, host and port of `url`.
    pub authorization: Option<String>,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn new(method: &'static str, url: &str) -> Ask {
        Ask {
            method,
            url: url.to_string(),
            headers: Vec::new(),
            authorization: None,
            body: Vec::new(),
        }
    }
}

/// What came back, after redirects.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was asked for first: the name a user knows.
    pub url: String,
    pub status: u16,
    /// All `WWW-Authenticate` headers.
    pub challenges: Vec<String>,
    headers: HeaderMap,
    body: Body,
}

/// The connections, one agent per scheme and host: each has its own trust.
#[derive(Debug)]
pub(crate) struct Http {
    config: Arc<RegistryConfig>,
    agents: Mutex<HashMap<String, Agent>>,
}

impl Http {
    pub fn new(config: Arc<RegistryConfig>) -> Http {
        Http { config, agents: Mutex::default() }
    }

    /// Sends, follows redirects, and returns whatever status comes then.
    pub fn send(&self, ask: &Ask) -> Result<Answer, RegistryError> {
        let first = uri_of(&ask.url)?;
        let mut here = first.clone();
        for _ in 0..=REDIRECTS_MAX {
            let keeps_password = same_origin(&first, &here);
            let response = self.send_once(ask, &here, keeps_password)?;
            let status = response.status().as_u16();
            let location = response.headers().get("location");
            let (true, Some(location)) = (matches!(status, 301 | 302 | 303 | 307 | 308), location)
            else {
                return Ok(Answer::new(ask, response));
            };
            let location = location.to_str().unwrap_or_default();
            let there = follow(&here, location)
                .filter(|_| ask.body.is_empty())
                .ok_or_else(|| bad(ask, format!("it redirects to `{location}`")))?;
            here = there;
        }
        Err(bad(ask, format!("more than {REDIRECTS_MAX} redirects")))
    }

    fn send_once(
        &self,
        ask: &Ask,
        uri: &Uri,
        keeps_password: bool,
    ) -> Result<ureq::http::Response<Body>, RegistryError> {
        let mut request = Request::builder().method(ask.method).uri(uri);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = ask.authorization.as_ref().filter(|_| keeps_password) {
            request = request.header("authorization", authorization);
        }
        let agent = self.agent(uri)?;
        let broken = |_| bad(ask, "a header of the request holds a control character".to_string());
        let sent = if ask.body.is_empty() {
            agent.run(request.body(()).map_err(broken)?)
        } else {
            agent.run(request.body(ask.body.as_slice()).map_err(broken)?)
        };
        sent.map_err(|error| transport_error(&ask.url, uri, error))
    }

    fn agent(&self, uri: &Uri) -> Result<Agent, RegistryError> {
        let https = uri.scheme_str() == Some("https");
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let key = format!("{https} {authority}");
        let known = |agents: &HashMap<String, Agent>| agents.get(&key).cloned();
        if let Some(agent) = known(&self.agents.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(agent);
        }
        let agent = self.new_agent(https, authority)?;
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        // Two threads may have made one each: the first stays, so that its connections are shared.
        Ok(agents.entry(key).or_insert(agent).clone())
    }

    fn new_agent(&self, https: bool, authority: &str) -> Result<Agent, RegistryError> {
        let proxy = self.config.proxy(https, authority).map(|proxy| {
            Proxy::new(proxy).map_err(|_| RegistryError::Configuration {
                path: proxy.into(),
                reason: "a proxy is written http://HOST:PORT".to_string(),
            })
        });
        let insecure = https && self.config.is_insecure(authority);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy.transpose()?)
            .user_agent(self.config.user_agent.as_str())
            .accept("*/*")
            .timeout_connect(Some(if insecure { CONNECT_INSECURE_MAX } else { CONNECT_MAX }))
            .timeout_recv_response(Some(SILENCE_MAX))
            .timeout_per_read(Some(SILENCE_MAX))
            .timeout_per_write(Some(SILENCE_MAX))
            .max_idle_connections_per_host(8)
            .build();
        let connector = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default());
        Ok(if https {
            let tls = TlsConnector(tls::client_config(&self.config, authority)?);
            Agent::with_parts(config, connector.chain(tls), Resolver::of_system())
        } else {
            Agent::with_parts(config, connector, Resolver::of_system())
        })
    }
}

impl Answer {
    fn new(ask: &Ask, response: ureq::http::Response<Body>) -> Answer {
        let status = response.status().as_u16();
        let (parts, body) = response.into_parts();
        let challenges = parts.headers.get_all("www-authenticate").iter();
        let challenges = challenges.filter_map(|value| value.to_str().ok()).map(String::from);
        Answer {
            url: ask.url.clone(),
            status,
            challenges: challenges.collect(),
            headers: parts.headers,
            body,
        }
    }

    /// A header's value, if it is plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Content-Length`, where there is one.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The whole body, if it is not larger than `limit`.
    pub fn body_up_to(&mut self, limit: u64, what: &str) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        let read = self.body.as_reader().take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|source| RegistryError::Interrupted {
            what: what.to_string(),
            times: 1,
            at: bytes.len() as u64,
            source,
        })?;
        if bytes.len() as u64 > limit {
            return Err(RegistryError::TooLarge { what: what.to_string(), limit });
        }
        Ok(bytes)
    }

    /// The body, as it comes.
    pub fn into_reader(self) -> impl Read + Send + 'static {
        self.body.into_with_config().limit(u64::MAX).reader()
    }

    /// Itself where the status is good, else what the registry says, in docker's words.
    pub fn checked(mut self, reference: &Reference) -> Result<Answer, RegistryError> {
        if matches!(self.status, 200 | 206) {
            return Ok(self);
        }
        let (code, detail) = self.own_words();
        let url = self.url.clone();
        let repository = reference.familiar_name();
        let blob = url.rsplit_once("/blobs/").and_then(|(_, digest)| Digest::parse(digest).ok());
        Err(match (self.status, code.as_str(), blob) {
            (401 | 403, _, _) | (_, "DENIED", _) => RegistryError::Denied { repository, detail },
            (404, "NAME_UNKNOWN", _) => RegistryError::RepositoryUnknown { repository, detail },
            (404, _, Some(digest)) => {
                RegistryError::BlobUnknown { reference: reference.familiar(), digest, detail }
            }
            (404, _, None) => {
                let detail = if code.is_empty() { "manifest unknown".to_string() } else { detail };
                RegistryError::ManifestUnknown { reference: reference.familiar(), detail }
            }
            (429, _, _) => RegistryError::TooManyRequests { url, detail },
            _ => self.status_error(&detail),
        })
    }

    /// For a status that nothing else explains.
    pub fn unexpected(&mut self) -> RegistryError {
        let (_, detail) = self.own_words();
        self.status_error(&detail)
    }

    fn status_error(&self, detail: &str) -> RegistryError {
        let separator = if detail.is_empty() { "" } else { ": " };
        RegistryError::Status {
            url: self.url.clone(),
            status: self.status,
            detail: format!("{separator}{detail}"),
        }
    }

    /// The first error of the body as code and text, as docker prints it: `manifest unknown: …`.
    fn own_words(&mut self) -> (String, String) {
        let body = self.body_up_to(ERROR_BODY_MAX, "an error").unwrap_or_default();
        error_words(&body)
    }
}

pub(crate) fn error_words(body: &[u8]) -> (String, String) {
    #[derive(serde::Deserialize)]
    struct Errors {
        errors: Vec<Told>,
    }
    #[derive(serde::Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Told {
        code: String,
        message: String,
    }
    let told = serde_json::from_slice::<Errors>(body).ok();
    let Some(told) = told.and_then(|told| told.errors.into_iter().next()) else {
        return (String::new(), String::new());
    };
    let printable = |text: &str, most: usize| -> String {
        text.chars().filter(|c| !c.is_control()).take(most).collect()
    };
    let code = printable(&told.code, 60);
    let words = code.to_ascii_lowercase().replace('_', " ");
    (code, format!("{words}: {}", printable(&told.message, 300)))
}

fn bad(ask: &Ask, reason: String) -> RegistryError {
    RegistryError::BadAnswer { url: ask.url.clone(), reason }
}

/// An http or https URL with a host and without a password.
pub(crate) fn uri_of(text: &str) -> Result<Uri, RegistryError> {
    let bad = || RegistryError::BadAnswer {
        url: text.chars().take(300).collect(),
        reason: "it is not a plain http or https address".to_string(),
    };
    let uri: Uri = text.parse().map_err(|_| bad())?;
    let spoken = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri
        .authority()
        .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    if spoken && host { Ok(uri) } else { Err(bad()) }
}

fn same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| {
        uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })
    };
    one.scheme() == other.scheme()
        && one.host().map(str::to_ascii_lowercase) == other.host().map(str::to_ascii_lowercase)
        && port(one) == port(other)
}

/// Where `location` leads from `here`; nowhere if it is no web address or leaves https.
pub(crate) fn follow(here: &Uri, location: &str) -> Option<Uri> {
    let scheme = here.scheme_str()?;
    let authority = here.authority()?;
    let location = location.split('#').next().unwrap_or_default();
    let there = if location.contains("://") {
        location.to_string()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.is_empty() {
        return None;
    } else {
        let directory = here.path().rsplit_once('/').map_or("", |(directory, _)| directory);
        format!("{scheme}://{authority}{directory}/{location}")
    };
    let there = uri_of(&there).ok()?;
    let leaves_https = scheme == "https" && there.scheme_str() != Some("https");
    (!leaves_https).then_some(there)
}

/// What the layers below say, told apart.
fn transport_error(url: &str, uri: &Uri, error: ureq::Error) -> RegistryError {
    let url = url.to_string();
    let authority = uri.authority().map_or_else(String::new, ToString::to_string);
    let source = match error {
        ureq::Error::Other(other) => match other.downcast::<ResolveError>() {
            Ok(source) => {
                let host = uri.host().unwrap_or_default().to_string();
                return RegistryError::Resolve { url, host, source: *source };
            }
            Err(other) => io::Error::other(other),
        },
        ureq::Error::Timeout(timeout) => {
            io::Error::new(io::ErrorKind::TimedOut, format!("timeout: {timeout}"))
        }
        other => other.into_io(),
    };
    match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            let reason = certificate_words(why, uri);
            RegistryError::Certificate { url, authority, reason }
        }
        Some(rustls::Error::InvalidMessage(_)) => RegistryError::NotTls { url, authority },
        _ => RegistryError::Connect { what: connect_words(&source), url, source },
    }
}

fn connect_words(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_string(),
        io::ErrorKind::TimedOut => "no answer in time".to_string(),
        io::ErrorKind::UnexpectedEof => "EOF".to_string(),
        io::ErrorKind::NetworkUnreachable => "network is unreachable".to_string(),
        io::ErrorKind::HostUnreachable => "no route to host".to_string(),
        _ => "the connection failed".to_string(),
    }
}

/// Go's words, which people search for.
fn certificate_words(why: &rustls::CertificateError, uri: &Uri) -> String {
    use rustls::CertificateError as Why;
    match why {
        // A bad signature: an authority of that name is trusted, but it has another key.
        Why::UnknownIssuer | Why::BadSignature => {
            "certificate signed by unknown authority".to_string()
        }
        Why::Expired
        | Why::ExpiredContext { .. }
        | Why::NotValidYet
        | Why::NotValidYetContext { .. } => {
            "certificate has expired or is not yet valid".to_string()
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            format!("certificate is not valid for {}", uri.host().unwrap_or_default())
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(here: &str, location: &str, expected: Option<&str>) {
        let there = follow(&here.parse().unwrap(), location).map(|uri| uri.to_string());
        assert_eq!(there.as_deref(), expected, "{location}");
    }

    #[test]
    fn redirects() {
        let here = "https://a.example/v2/x/blobs/1";
        check(here, "https://cdn.example/y?z=1", Some("https://cdn.example/y?z=1"));
        check(here, "/y#z", Some("https://a.example/y"));
        check(here, "2", Some("https://a.example/v2/x/blobs/2"));
        check(here, "//b.example/y", Some("https://b.example/y"));
        check("http://a.example/", "https://b.example/", Some("https://b.example/"));
        for nowhere in [
            "http://a.example/",
            "ftp://a/",
            "file:///etc/passwd",
            "https://me:pw@b/",
            "",
            "https://",
        ] {
            check(here, nowhere, None);
        }
    }

    #[test]
    fn origins() {
        let same =
            |one: &str, other: &str| same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("https://a/x", "https://A:443/y"));
        assert!(!same("https://a/x", "http://a/x"));
        assert!(!same("https://a/x", "https://a:8443/x"));
        assert!(!same("https://a/x", "https://a.b/x"));
    }

    #[test]
    fn words_of_errors() {
        let words = |body: &str| error_words(body.as_bytes()).1;
        assert_eq!(
            words(r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#),
            "manifest unknown: manifest unknown"
        );
        assert_eq!(words(r#"{"errors":[{"code":"X","message":"a\u001b[2Jb"}]}"#), "x: a[2Jb");
        for nonsense in ["", "{}", "[]", r#"{"errors":[]}"#, r#"{"errors":[{"code":1}]}"#, "<html>"]
        {
            assert_eq!(words(nonsense), "", "{nonsense}");
        }
    }
}
