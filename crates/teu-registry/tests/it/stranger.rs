//! What a registry may do to us, and does not get away with.

use crate::server::{Request, Server, reply};
use std::io::Read;
use std::time::Instant;
use teu_model::{Digest, Reference};
use teu_registry::{Client, RegistryConfig, RegistryError};
use teu_testkit::TempDir;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn digest_of(bytes: &[u8]) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    Digest::from_sha256(hash)
}

fn client() -> Client {
    Client::new(RegistryConfig { ca_dirs: Vec::new(), ..RegistryConfig::default() })
}

/// A client that knows a password for `servers`.
fn client_with_password(servers: &[&Server]) -> (Client, TempDir) {
    let directory = TempDir::new("registry-password");
    let path = directory.join("config.json");
    let entries: Vec<String> = servers
        .iter()
        .map(|server| format!(r#""{}":{{"username":"me","password":"secret"}}"#, server.address))
        .collect();
    std::fs::write(&path, format!(r#"{{"auths":{{{}}}}}"#, entries.join(","))).unwrap();
    let config = RegistryConfig {
        docker_config: Some(path),
        ca_dirs: Vec::new(),
        ..RegistryConfig::default()
    };
    (Client::new(config), directory)
}

fn image(server: &Server) -> Reference {
    Reference::parse(&format!("{}/app:1", server.address)).unwrap()
}

fn read(client: &Client, server: &Server, digest: &Digest, size: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let blob = client.blob(&image(server), digest, size).map_err(std::io::Error::other)?;
    { blob }.read_to_end(&mut bytes).map(|_| bytes)
}

#[test]
fn a_manifest_by_tag_and_by_digest() {
    let body = br#"{"schemaVersion":2}"#;
    let server = Server::start(|request| match request.path.as_str() {
        path if path.starts_with("/v2/app/manifests/") => {
            reply(200, &[("content-type", "application/vnd.OCI.image.index.v1+json; x=y")], body)
        }
        _ => reply(404, &[], b""),
    });
    let fetched = client().manifest(&image(&server)).unwrap();
    assert_eq!((fetched.media_type.as_str(), &fetched.bytes[..]), (INDEX, &body[..]));
    assert_eq!(fetched.digest, digest_of(body));
    let pinned = client().manifest_by_digest(&image(&server), &fetched.digest).unwrap();
    assert_eq!(pinned, fetched);
    let other = digest_of(b"other");
    let error = client().manifest_by_digest(&image(&server), &other).unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    let asked = &server.seen()[0];
    assert_eq!(asked.path, "/v2/app/manifests/1");
    assert!(asked.header("accept").unwrap().contains(INDEX));
    assert!(asked.header("user-agent").unwrap().starts_with("teu/"));
}

#[test]
fn a_manifest_that_contradicts_its_header_or_has_no_end() {
    let server = Server::start(|request| match request.path.as_str() {
        "/v2/app/manifests/1" => {
            let other = digest_of(b"other").to_string();
            reply(200, &[("docker-content-digest", &other)], b"{}")
        }
        _ => reply(200, &[], &vec![b' '; (4 << 20) + 1]),
    });
    let error = client().manifest(&image(&server)).unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    let big = Reference::parse(&format!("{}/app:big", server.address)).unwrap();
    let error = client().manifest(&big).unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { limit: 4_194_304, .. }), "{error}");
}

#[test]
fn head_tells_what_a_tag_means() {
    let digest = digest_of(b"x").to_string();
    let told = digest.clone();
    let server = Server::start(move |_| {
        let headers = [("docker-content-digest", told.as_str()), ("content-type", INDEX)];
        reply(200, &[headers[0], headers[1], ("content-length", "7")], b"")
    });
    let head = client().head(&image(&server)).unwrap().unwrap();
    assert_eq!((head.digest.to_string(), head.size), (digest, Some(7)));
    assert_eq!(server.seen()[0].method, "HEAD");
}

#[test]
fn errors_in_dockers_words() {
    let error = |status: u16, code: &str, message: &str| {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
        let server = Server::start(move |_| reply(status, &[], body.as_bytes()));
        let address = server.address.clone();
        let text = client().manifest(&image(&server)).unwrap_err().to_string();
        text.replace(&address, "HOST")
    };
    assert_eq!(
        error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        "manifest for HOST/app:1 not found: manifest unknown: manifest unknown"
    );
    assert_eq!(
        error(403, "DENIED", "requested access to the resource is denied"),
        "pull access denied for HOST/app, repository does not exist or may require 'docker login': \
         denied: requested access to the resource is denied"
    );
    assert_eq!(
        error(404, "NAME_UNKNOWN", "repository name not known to registry"),
        "repository HOST/app not found: name unknown: repository name not known to registry"
    );
    assert_eq!(
        error(418, "TEAPOT", "short and stout"),
        "Get \"http://HOST/v2/app/manifests/1\": received unexpected HTTP status: 418: teapot: short and stout"
    );
}

#[test]
fn nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let started = Instant::now();
    let error = client().manifest(&Reference::parse(&format!("{free}/app")).unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("connection refused"), "{error}");
    assert!(started.elapsed().as_secs() < 5 && error.hint().is_some());
}

#[test]
fn a_busy_registry_is_asked_again() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let server =
        Server::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => reply(503, &[], b""),
            1 => reply(429, &[], b""),
            _ => reply(200, &[], b"{}"),
        });
    assert_eq!(client().manifest(&image(&server)).unwrap().bytes, b"{}");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn a_blob_is_resumed_where_it_broke() {
    let content: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    for ranges in [true, false] {
        let body = content.clone();
        let server = Server::start(move |request| serve_broken(request, &body, ranges));
        let bytes = read(&client(), &server, &digest_of(&content), 200_000).unwrap();
        assert!(bytes == content, "ranges: {ranges}");
        let seen = server.seen();
        assert_eq!(seen.len(), 3, "ranges: {ranges}");
        assert_eq!(seen[2].header("range").unwrap(), "bytes=150000-");
    }
}

/// Breaks off after 70,000 and 150,000 bytes.
fn serve_broken(request: &Request, body: &[u8], ranges: bool) -> Vec<u8> {
    let from = request.header("range").map(|range| {
        range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().unwrap()
    });
    let until = match from {
        None => 70_000,
        Some(70_000) => 150_000,
        Some(_) => body.len(),
    };
    let start = if ranges { from.unwrap_or(0) } else { 0 };
    let length = (body.len() - start).to_string();
    let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
    let partial = ranges && from.is_some();
    let mut headers = vec![("content-length", length.as_str())];
    headers.extend(partial.then_some(("content-range", range.as_str())));
    reply(if partial { 206 } else { 200 }, &headers, &body[start..until])
}

#[test]
fn a_blob_that_never_goes_on_ends_in_an_error() {
    let server = Server::start(|_| reply(200, &[("content-length", "100")], b"ten bytes."));
    let started = Instant::now();
    let error = read(&client(), &server, &digest_of(b"x"), 100).unwrap_err();
    let error = error.downcast::<RegistryError>().unwrap();
    assert!(matches!(error, RegistryError::Interrupted { at: 10, .. }), "{error}");
    assert!(started.elapsed().as_secs() < 30);
}

#[test]
fn a_blob_of_another_size_is_refused() {
    let server = Server::start(|request| match request.path.rsplit(':').next() {
        Some(hex) if hex.starts_with("11") => {
            // Without a length: the surplus shows at the end.
            b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n0123456789".to_vec()
        }
        _ => reply(200, &[], b"0123456789"),
    });
    for hex in ["00", "11"] {
        let digest = Digest::from_hex(&hex.repeat(32)).unwrap();
        let error = read(&client(), &server, &digest, 9).unwrap_err().to_string();
        assert!(error.contains("10 bytes, not 9") || error.contains("larger than 9"), "{error}");
    }
}

#[test]
fn a_small_blob_is_verified() {
    let server = Server::start(|_| reply(200, &[], b"{}"));
    let image = image(&server);
    assert_eq!(client().small_blob(&image, &digest_of(b"{}"), 2).unwrap(), b"{}");
    let error = client().small_blob(&image, &digest_of(b"[]"), 2).unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    let error = client().small_blob(&image, &digest_of(b"[]"), u64::MAX).unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
}

/// CVE-2020-15157 and its kin: a password stays with the host it belongs to.
#[test]
fn a_redirect_takes_no_password_along() {
    let elsewhere = Server::start(|_| reply(200, &[], b"layer"));
    let target = format!("http://{}/layer", elsewhere.address);
    let server = Server::start(move |request| match request.header("authorization") {
        None => reply(401, &[("www-authenticate", "Basic realm=\"x\"")], b""),
        Some("Basic bWU6c2VjcmV0") => reply(307, &[("location", &target)], b""),
        Some(_) => reply(403, &[], b""),
    });
    let (client, _directory) = client_with_password(&[&server, &elsewhere]);
    assert_eq!(read(&client, &server, &digest_of(b"layer"), 5).unwrap(), b"layer");
    let seen = elsewhere.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), None);
}

#[test]
fn redirects_end() {
    let server = Server::start(|request| reply(302, &[("location", &request.path)], b""));
    let error = client().manifest(&image(&server)).unwrap_err().to_string();
    assert!(error.contains("more than 10 redirects"), "{error}");
}

#[test]
fn a_token_is_fetched_once_and_used() {
    let tokens = Server::start(|_| reply(200, &[], br#"{"token":"T","expires_in":300}"#));
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"reg\"", tokens.address);
    let server = Server::start(move |request| match request.header("authorization") {
        Some("Bearer T") => reply(200, &[], b"{}"),
        _ => reply(401, &[("www-authenticate", &challenge)], b"{}"),
    });
    let (client, _directory) = client_with_password(&[&server]);
    for _ in 0..2 {
        assert_eq!(client.manifest(&image(&server)).unwrap().bytes, b"{}");
    }
    let asked = tokens.seen();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].path.contains("service=reg") && asked[0].path.contains("account=me"));
    assert!(asked[0].path.contains("scope=repository%3Aapp%3Apull"), "{}", asked[0].path);
    assert_eq!(asked[0].header("authorization"), Some("Basic bWU6c2VjcmV0"));
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn without_a_password_the_registry_is_told_so() {
    let server = Server::start(|_| reply(401, &[("www-authenticate", "Basic realm=\"x\"")], b""));
    let error = client().manifest(&image(&server)).unwrap_err();
    assert!(error.to_string().ends_with("no basic auth credentials"), "{error}");
    assert!(error.hint().unwrap().contains("docker login"));
}

#[test]
fn a_wrong_password_is_told_as_such() {
    let tokens = Server::start(|_| reply(401, &[], b""));
    let challenge = format!("Bearer realm=\"http://{}/token\"", tokens.address);
    let server = Server::start(move |_| reply(401, &[("www-authenticate", &challenge)], b""));
    let (client, _directory) = client_with_password(&[&server]);
    let error = client.manifest(&image(&server)).unwrap_err().to_string();
    assert!(error.ends_with("unauthorized: incorrect username or password"), "{error}");
}

#[test]
fn a_token_server_that_talks_nonsense() {
    for body in ["", "{}", "[]", r#"{"token":""}"#, r#"{"token":1}"#, r#"{"token":"a\r\nb"}"#] {
        let tokens = Server::start(move |_| reply(200, &[], body.as_bytes()));
        let challenge = format!("Bearer realm=\"http://{}/token\"", tokens.address);
        let server = Server::start(move |_| reply(401, &[("www-authenticate", &challenge)], b""));
        let error = client().manifest(&image(&server)).unwrap_err();
        assert!(matches!(error, RegistryError::BadAnswer { .. }), "{body}: {error}");
    }
    for realm in ["", "ftp://x", "/token", "http://me:pw@x/", "http://"] {
        let challenge = format!("Bearer realm=\"{realm}\"");
        let server = Server::start(move |_| reply(401, &[("www-authenticate", &challenge)], b""));
        let error = client().manifest(&image(&server)).unwrap_err();
        assert!(matches!(error, RegistryError::BadAnswer { .. }), "{realm}: {error}");
    }
}

#[test]
fn a_mirror_comes_first_and_its_lack_is_no_harm() {
    let mirror = Server::start(|request| match request.path.as_str() {
        "/v2/app/manifests/1" => reply(200, &[], b"{\"from\":\"mirror\"}"),
        _ => reply(404, &[], b""),
    });
    let server = Server::start(|_| reply(200, &[], b"{\"from\":\"origin\"}"));
    let config = RegistryConfig {
        mirrors: [(server.address.clone(), vec![format!("http://{}", mirror.address)])].into(),
        ca_dirs: Vec::new(),
        ..RegistryConfig::default()
    };
    let client = Client::new(config);
    let text = |tag: &str| {
        let reference = Reference::parse(&format!("{}/app:{tag}", server.address)).unwrap();
        String::from_utf8(client.manifest(&reference).unwrap().bytes).unwrap()
    };
    assert_eq!(text("1"), "{\"from\":\"mirror\"}");
    assert_eq!(text("2"), "{\"from\":\"origin\"}");
}

#[test]
fn answers_that_break_http() {
    let long = format!("HTTP/1.1 200 X\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let broken = [
        "",
        "\r\n\r\n",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 999999 X\r\n\r\n",
        "HTTP/1.1 200 X\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 X\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 302 X\r\nlocation: \u{7f}\r\n\r\n",
        &long,
    ]
    .map(String::from);
    // Some are asked again and again: all at once, then.
    std::thread::scope(|scope| {
        for answer in broken {
            scope.spawn(move || {
                let shown: String = answer.chars().take(60).collect();
                let server = Server::start(move |_| answer.clone().into_bytes());
                let got = client().small_blob(&image(&server), &digest_of(b"x"), 1);
                assert!(got.is_err(), "{shown:?}");
            });
        }
    });
}
