//! Tokens: fetched where the registry says, kept until they expire.
//!
//! Source: the distribution project's token and oauth2 specifications. A request with a password is
//! a GET with basic authentication; one with an identity token is a POST.

use crate::auth::{Challenge, percent_encoded};
use crate::credentials::Login;
use crate::error::RegistryError;
use crate::http::{Ask, Http, uri_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest answer of a token server that is read.
const TOKEN_ANSWER_MAX: u64 = 1 << 20;

/// A value of `Authorization`, and until when it holds.
#[derive(Clone)]
pub(crate) struct Credential {
    header: String,
    until: Option<Instant>,
}

impl Credential {
    /// Name and password; none where the login is a token for a token server.
    pub fn basic(login: &Login) -> Option<Credential> {
        match login {
            Login::Password { user, password } => Some(Credential {
                header: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
                until: None,
            }),
            Login::IdentityToken(_) | Login::RegistryToken(_) => None,
        }
    }

    /// As it stands in the request.
    pub fn header(&self) -> &str {
        &self.header
    }
}

/// Secrets do not belong in a log.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

/// Base and scope → what was good there.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    known: Mutex<HashMap<(String, String), Credential>>,
}

#[derive(serde::Deserialize)]
pub(crate) struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Tokens {
    /// What is known and still holds.
    pub fn get(&self, key: &(String, String)) -> Option<Credential> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let credential = known.get(key)?;
        let holds = credential.until.is_none_or(|until| Instant::now() < until);
        holds.then(|| credential.clone())
    }

    /// Remembers.
    pub fn put(&self, key: (String, String), credential: Credential) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, credential);
    }

    /// Fetches a token for `scope` from the server that `challenge` names. `asked` is the URL whose
    /// answer was the challenge: a registry reached by https cannot lead a password into the clear.
    pub fn fetch(
        &self,
        http: &Http,
        asked: &str,
        challenge: &Challenge,
        scope: &str,
        login: Option<&Login>,
    ) -> Result<Credential, RegistryError> {
        if let Some(Login::RegistryToken(token)) = login {
            return Ok(Credential { header: format!("Bearer {token}"), until: None });
        }
        let Challenge::Bearer { realm, service, scope: offered } = challenge else {
            let reason = "a token is fetched only where the registry speaks of one".to_string();
            return Err(RegistryError::BadAnswer { url: asked.to_string(), reason });
        };
        let realm_scheme = uri_of(realm)?.scheme_str().unwrap_or_default().to_string();
        if asked.starts_with("https:") && realm_scheme != "https" {
            let reason = format!("the token server `{realm}` does not speak https");
            return Err(RegistryError::BadAnswer { url: asked.to_string(), reason });
        }
        // Behind a mirror's prefix the registry knows the repository's name better than we do; it
        // cannot widen what is asked beyond pulling.
        let scope = match offered {
            Some(offered) if is_pull_of_one(offered) => offered,
            _ => scope,
        };
        let request = token_request(realm, service.as_deref(), scope, login);
        let mut answer = http.send(&request)?;
        match answer.status {
            200 => {}
            400 | 401 | 403 => {
                let detail = match login {
                    Some(_) => "unauthorized: incorrect username or password",
                    None => "unauthorized: authentication required",
                };
                let detail = detail.to_string();
                return Err(RegistryError::Unauthorized { url: realm.clone(), detail });
            }
            _ => return Err(answer.unexpected()),
        }
        let body = answer.body_up_to(TOKEN_ANSWER_MAX, "the token server's answer")?;
        let bad = |reason: &str| RegistryError::BadAnswer {
            url: realm.clone(),
            reason: reason.to_string(),
        };
        let answer: TokenAnswer =
            serde_json::from_slice(&body).map_err(|_| bad("no token in JSON"))?;
        let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| bad("the token is missing"))?;
        // 60 seconds unless told, says the specification; used a little less than that.
        let seconds = answer.expires_in.unwrap_or(60).clamp(60, 3600);
        let until = Instant::now() + Duration::from_secs(seconds - 10);
        Ok(Credential { header: format!("Bearer {token}"), until: Some(until) })
    }
}

fn is_pull_of_one(scope: &str) -> bool {
    scope.starts_with("repository:") && scope.ends_with(":pull") && !scope.contains(' ')
}

fn token_request(realm: &str, service: Option<&str>, scope: &str, login: Option<&Login>) -> Ask {
    let mut fields = vec![("scope", scope), ("client_id", "teu")];
    fields.extend(service.map(|service| ("service", service)));
    match login {
        Some(Login::IdentityToken(token)) => {
            fields.extend([("grant_type", "refresh_token"), ("refresh_token", token)]);
            let mut ask = Ask::new("POST", realm);
            ask.headers.push(("content-type", "application/x-www-form-urlencoded".to_string()));
            ask.body = encoded(&fields).into_bytes();
            ask
        }
        Some(Login::Password { user, .. }) => {
            fields.push(("account", user));
            let mut ask = Ask::new("GET", &with_query(realm, &encoded(&fields)));
            ask.authorization =
                login.and_then(Credential::basic).map(|credential| credential.header);
            ask
        }
        Some(Login::RegistryToken(_)) | None => {
            Ask::new("GET", &with_query(realm, &encoded(&fields)))
        }
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        fields.iter().map(|(key, value)| format!("{key}={}", percent_encoded(value))).collect();
    pairs.join("&")
}

fn with_query(url: &str, query: &str) -> String {
    format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_for_tokens() {
        let plain = token_request("https://a/token", Some("reg"), "repository:x:pull", None);
        assert_eq!(
            plain.url,
            "https://a/token?scope=repository%3Ax%3Apull&client_id=teu&service=reg"
        );
        assert_eq!(plain.authorization, None);
        let login = Login::Password { user: "me".into(), password: "secret".into() };
        let named = token_request("https://a/t?x=1", None, "s", Some(&login));
        assert_eq!(named.url, "https://a/t?x=1&scope=s&client_id=teu&account=me");
        assert_eq!(named.authorization.as_deref(), Some("Basic bWU6c2VjcmV0"));
        let refresh =
            token_request("https://a", None, "s", Some(&Login::IdentityToken("t".into())));
        assert_eq!((refresh.method, refresh.authorization), ("POST", None));
        assert!(String::from_utf8(refresh.body).unwrap().ends_with("refresh_token=t"));
    }

    #[test]
    fn scopes_a_registry_may_choose() {
        assert!(is_pull_of_one("repository:proxy/library/x:pull"));
        for wide in
            ["repository:x:pull,push", "registry:catalog:*", "repository:x:pull repository:y:pull"]
        {
            assert!(!is_pull_of_one(wide), "{wide}");
        }
    }
}
