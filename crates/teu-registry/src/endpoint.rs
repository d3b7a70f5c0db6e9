//! Which bases to ask for a registry's repositories, in which order. Pure.

use crate::config::RegistryConfig;
use crate::error::RegistryError;
use std::path::PathBuf;

/// A place that serves `/v2/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `https://host[:port]`, without a slash at the end.
    pub base: String,
    /// Under which name docker's config.json keeps its password.
    pub login_name: String,
    /// Its failures are not the last word.
    pub mirror: bool,
}

/// The mirrors, then the registry itself: by https, and where that is allowed by plain http.
pub(crate) fn bases(
    config: &RegistryConfig,
    registry: &str,
) -> Result<Vec<Endpoint>, RegistryError> {
    let mut bases = Vec::new();
    for mirror in config.mirrors.get(registry).into_iter().flatten() {
        bases.push(mirror_base(config, mirror)?);
    }
    let own = |scheme: &str, host: &str| Endpoint {
        base: format!("{scheme}://{host}"),
        login_name: registry.to_string(),
        mirror: false,
    };
    let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
    bases.push(own("https", host));
    // A configured authority says that this host speaks https: then nothing else will do.
    if config.is_insecure(host) && !crate::tls::has_own_authority(config, host) {
        bases.push(own("http", host));
    }
    Ok(bases)
}

fn mirror_base(config: &RegistryConfig, mirror: &str) -> Result<Endpoint, RegistryError> {
    let bad = |reason: &str| RegistryError::Configuration {
        path: PathBuf::from(mirror),
        reason: format!("a mirror is written https://HOST[:PORT]: {reason}"),
    };
    let base = mirror.trim_end_matches('/');
    let (scheme, rest) = base.split_once("://").ok_or_else(|| bad("the scheme is missing"))?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return Err(bad("the host is missing, or a password stands before it"));
    }
    match scheme {
        "https" => {}
        "http" if config.is_insecure(authority) => {}
        "http" => return Err(bad("plain http needs the host in `insecure`")),
        _ => return Err(bad("only http and https are spoken")),
    }
    Ok(Endpoint { base: base.to_string(), login_name: authority.to_string(), mirror: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(registry: &str, expected: &[&str]) {
        let config = RegistryConfig {
            insecure: vec!["lab.example".into()],
            mirrors: [
                ("docker.io", "https://mirror.example/"),
                ("bad.example", "http://mirror.example"),
                ("worse.example", "mirror.example"),
            ]
            .map(|(registry, base)| (registry.to_string(), vec![base.to_string()]))
            .into(),
            ca_dirs: Vec::new(),
            ..RegistryConfig::default()
        };
        let got = bases(&config, registry)
            .map(|bases| bases.into_iter().map(|base| base.base).collect::<Vec<_>>())
            .unwrap_or_else(|_| vec!["error".to_string()]);
        assert_eq!(got, expected);
    }

    #[test]
    fn bases_in_order() {
        check("docker.io", &["https://mirror.example", "https://registry-1.docker.io"]);
        check("quay.io", &["https://quay.io"]);
        check("localhost:5000", &["https://localhost:5000", "http://localhost:5000"]);
        check("lab.example", &["https://lab.example", "http://lab.example"]);
        check("bad.example", &["error"]);
        check("worse.example", &["error"]);
    }
}
