//! Whose name and password: docker's `config.json` and the credential helpers it names.
//!
//! Source: docker's cli, `config/configfile` and the credential helpers' protocol (`get`: the server
//! on standard input, JSON on standard output). Read when a registry asks, never before.

use crate::config::RegistryConfig;
use crate::error::RegistryError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Larger configuration files are refused.
const CONFIG_SIZE_MAX: u64 = 4 << 20;
/// Under this name docker keeps the password of docker.io.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What a user can show to a registry.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// Name and password.
    Password { user: String, password: String },
    /// Good for the token server, in place of a password.
    IdentityToken(String),
    /// Good for the registry itself.
    RegistryToken(String),
}

/// Secrets do not belong in a log.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct DockerConfig {
    pub auths: HashMap<String, AuthEntry>,
    #[serde(rename = "credHelpers")]
    cred_helpers: HashMap<String, String>,
    #[serde(rename = "credsStore")]
    creds_store: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct AuthEntry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

#[derive(serde::Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// The login for `registry` (`docker.io`, `host[:port]`); none where the user has not logged in.
pub(crate) fn find(
    config: &RegistryConfig,
    registry: &str,
) -> Result<Option<Login>, RegistryError> {
    let Some(path) = &config.docker_config else { return Ok(None) };
    let Some(docker) = load(path)? else { return Ok(None) };
    let helper = docker
        .cred_helpers
        .iter()
        .find(|(server, _)| same_server(server, registry))
        .map(|(_, helper)| helper)
        .or(docker.creds_store.as_ref());
    if let Some(helper) = helper.filter(|helper| !helper.is_empty())
        && let Some(login) = ask_helper(helper, registry)?
    {
        return Ok(Some(login));
    }
    let entry = docker.auths.iter().find(|(server, _)| same_server(server, registry));
    entry.map_or(Ok(None), |(server, entry)| {
        login_of(entry).map_err(|reason| RegistryError::Configuration {
            path: path.clone(),
            reason: format!("auths[\"{server}\"]: {reason}"),
        })
    })
}

fn load(path: &Path) -> Result<Option<DockerConfig>, RegistryError> {
    let bad = |reason: String| RegistryError::Configuration { path: path.to_path_buf(), reason };
    let file = match fs_err::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| bad(error.to_string()))?,
    };
    let mut text = Vec::new();
    let mut limited = file.take(CONFIG_SIZE_MAX + 1);
    limited.read_to_end(&mut text).map_err(|error| bad(error.to_string()))?;
    if text.len() as u64 > CONFIG_SIZE_MAX {
        return Err(bad("it is larger than 4 MiB".to_string()));
    }
    serde_json::from_slice(&text).map(Some).map_err(|error| bad(error.to_string()))
}

/// Old entries are URLs, new ones host and port.
pub(crate) fn same_server(entry: &str, registry: &str) -> bool {
    let bare = |name: &str| -> String {
        let name = name.trim_start_matches("https://").trim_start_matches("http://");
        let host = name.split('/').next().unwrap_or_default();
        match host {
            "index.docker.io" | "registry-1.docker.io" => "docker.io".to_string(),
            host => host.to_string(),
        }
    };
    bare(entry) == bare(registry)
}

pub(crate) fn login_of(entry: &AuthEntry) -> Result<Option<Login>, String> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(token) = filled(&entry.registrytoken) {
        return Ok(Some(Login::RegistryToken(token)));
    }
    if let Some(token) = filled(&entry.identitytoken) {
        return Ok(Some(Login::IdentityToken(token)));
    }
    let Some(auth) = filled(&entry.auth) else {
        let pair = filled(&entry.username).zip(filled(&entry.password));
        return Ok(pair.map(|(user, password)| Login::Password { user, password }));
    };
    let decoded = STANDARD.decode(auth.trim()).map_err(|_| "`auth` is not base64")?;
    let decoded = String::from_utf8(decoded).map_err(|_| "`auth` is not UTF-8")?;
    let (user, password) = decoded.split_once(':').ok_or("`auth` is not NAME:PASSWORD")?;
    Ok(Some(Login::Password {
        user: user.to_string(),
        password: password.trim_end_matches('\0').to_string(),
    }))
}

/// Runs `docker-credential-<helper> get`.
fn ask_helper(helper: &str, registry: &str) -> Result<Option<Login>, RegistryError> {
    let program = format!("docker-credential-{helper}");
    let failed =
        |reason: String| RegistryError::CredentialHelper { program: program.clone(), reason };
    if !helper.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c)) {
        return Err(failed("a helper's name is letters, digits, `-`, `_`, `.`".to_string()));
    }
    let server = if registry == "docker.io" { DOCKER_HUB } else { registry };
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input still answers, and what it says decides.
        stdin.write_all(server.as_bytes()).unwrap_or(());
    }
    let mut output = Vec::new();
    let read = match child.stdout.take() {
        Some(stdout) => stdout.take(CONFIG_SIZE_MAX).read_to_end(&mut output).map(drop),
        None => Ok(()),
    };
    let status = child.wait().and_then(|status| read.map(|()| status));
    let status = status.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let text = String::from_utf8_lossy(&output).trim().to_string();
        let absent = text.contains("credentials not found");
        return if absent { Ok(None) } else { Err(failed(format!("{status}: {text}"))) };
    }
    let answer: HelperAnswer =
        serde_json::from_slice(&output).map_err(|_| failed("no JSON came back".to_string()))?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Login::IdentityToken(answer.secret),
        _ => Login::Password { user: answer.username, password: answer.secret },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(user: &str, password: &str) -> Option<Login> {
        Some(Login::Password { user: user.into(), password: password.into() })
    }

    #[track_caller]
    fn check(config: &str, registry: &str, expected: Result<Option<Login>, &str>) {
        let directory = teu_testkit::TempDir::new("registry-login");
        let path = directory.join("config.json");
        std::fs::write(&path, config).unwrap();
        let found =
            find(&RegistryConfig { docker_config: Some(path), ..Default::default() }, registry);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert!(found == expected, "{config}"),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (found, _) => panic!("{config}: {found:?}"),
        }
    }

    #[test]
    fn logins() {
        let auths = |server: &str, entry: &str| format!(r#"{{"auths":{{"{server}":{entry}}}}}"#);
        let me = r#"{"auth":"bWU6c2U6Y3JldA=="}"#;
        check("{}", "quay.io", Ok(None));
        check(&auths("quay.io", me), "quay.io", Ok(password("me", "se:cret")));
        check(&auths("quay.io", me), "docker.io", Ok(None));
        check(
            &auths("https://index.docker.io/v1/", me),
            "docker.io",
            Ok(password("me", "se:cret")),
        );
        check(&auths("http://h:5000/v2/", me), "h:5000", Ok(password("me", "se:cret")));
        check(&auths("h", r#"{"username":"a","password":"b"}"#), "h", Ok(password("a", "b")));
        check(
            &auths("h", r#"{"auth":"bWU6","identitytoken":"t"}"#),
            "h",
            Ok(Some(Login::IdentityToken("t".into()))),
        );
        check(&auths("h", "{}"), "h", Ok(None));
        check(&auths("h", r#"{"auth":"%%"}"#), "h", Err("not base64"));
        check(&auths("h", r#"{"auth":"bWU="}"#), "h", Err("NAME:PASSWORD"));
        check("{", "h", Err("config.json"));
        check(r#"{"auths":[]}"#, "h", Err("config.json"));
        check(r#"{"credsStore":"../../bin/sh"}"#, "h", Err("a helper's name"));
        check(r#"{"credsStore":"no-such-helper-here"}"#, "h", Err("No such file"));
    }

    #[test]
    fn no_file_means_no_login() {
        let config =
            RegistryConfig { docker_config: Some("/no/such".into()), ..Default::default() };
        assert_eq!(find(&config, "h").unwrap(), None);
    }
}
