//! The client: what outlives a request, and asking with a password once the registry wants one.

use crate::auth::{self, Challenge};
use crate::config::RegistryConfig;
use crate::endpoint::Endpoint;
use crate::error::RegistryError;
use crate::http::{Answer, Ask, Http};
use crate::token::{Credential, Tokens};
use crate::{credentials, endpoint};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use teu_model::Reference;

/// Asks registries. Cloning shares connections, tokens and what was learned about each registry.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Arc<RegistryConfig>,
    http: Http,
    tokens: Tokens,
    /// Registry → the base that answered.
    answered: Mutex<HashMap<String, Endpoint>>,
}

/// What is wanted from one repository, whatever the base.
pub(crate) struct Wanted<'a> {
    pub method: &'static str,
    /// Below `/v2/<repository>/`.
    pub path: &'a str,
    pub accept: &'a str,
    /// The first byte, where an earlier answer broke off.
    pub from: Option<u64>,
}

impl Client {
    /// Asks nobody yet and reads no file.
    pub fn new(config: RegistryConfig) -> Client {
        let config = Arc::new(config);
        let shared = Shared {
            http: Http::new(config.clone()),
            config,
            tokens: Tokens::default(),
            answered: Mutex::default(),
        };
        Client { shared: Arc::new(shared) }
    }

    /// Asks each base in turn until one answers. Only a registry's own answer is final; whatever
    /// keeps a mirror from answering leads to the next base.
    pub(crate) fn ask(
        &self,
        reference: &Reference,
        wanted: &Wanted<'_>,
    ) -> Result<Answer, RegistryError> {
        let answered = |shared: &Shared| -> Option<Endpoint> {
            let known = shared.answered.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&reference.registry).cloned()
        };
        let bases = match answered(&self.shared) {
            // What has answered once is asked alone, unless it is a mirror, which may lack a thing.
            Some(endpoint) if !endpoint.mirror => vec![endpoint],
            _ => endpoint::bases(&self.shared.config, &reference.registry)?,
        };
        let mut last = None;
        for endpoint in bases {
            match self.ask_base(&endpoint, reference, wanted) {
                Ok(answer) => {
                    let mut known =
                        self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner);
                    known.insert(reference.registry.clone(), endpoint);
                    return Ok(answer);
                }
                Err(error) if endpoint.mirror || error.is_connection() => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        // `bases` always ends with the registry itself.
        Err(last.expect("a registry has at least one base"))
    }

    /// One base, with patience.
    fn ask_base(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        wanted: &Wanted<'_>,
    ) -> Result<Answer, RegistryError> {
        let mut waits = [200, 500, 1500].map(Duration::from_millis).into_iter();
        loop {
            match self.ask_authorized(endpoint, reference, wanted) {
                Err(error) if error.is_transient() && !endpoint.mirror => match waits.next() {
                    Some(wait) => std::thread::sleep(wait),
                    None => return Err(error),
                },
                done => return done,
            }
        }
    }

    /// Once without or with the credential at hand, and once more when the registry asks for one.
    fn ask_authorized(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        wanted: &Wanted<'_>,
    ) -> Result<Answer, RegistryError> {
        let scope = auth::pull_scope(&reference.repository);
        let key = (endpoint.base.clone(), scope.clone());
        let known = self.shared.tokens.get(&key);
        let answer = self.send(endpoint, reference, wanted, known.as_ref())?;
        if answer.status != 401 {
            return answer.checked(reference);
        }
        let challenges = auth::parse_challenges(&answer.challenges);
        let credential = self.answer_challenge(endpoint, &answer.url, &challenges, &scope)?;
        self.shared.tokens.put(key, credential.clone());
        self.send(endpoint, reference, wanted, Some(&credential))?.checked(reference)
    }

    fn answer_challenge(
        &self,
        endpoint: &Endpoint,
        url: &str,
        challenges: &[Challenge],
        scope: &str,
    ) -> Result<Credential, RegistryError> {
        let login = credentials::find(&self.shared.config, &endpoint.login_name)?;
        for challenge in challenges {
            match challenge {
                Challenge::Bearer { .. } => {
                    return self.shared.tokens.fetch(
                        &self.shared.http,
                        url,
                        challenge,
                        scope,
                        login.as_ref(),
                    );
                }
                Challenge::Basic => {
                    if let Some(credential) = login.as_ref().and_then(Credential::basic) {
                        return Ok(credential);
                    }
                }
            }
        }
        let detail = if challenges.is_empty() {
            "unauthorized, and the registry does not say how to log in"
        } else {
            "no basic auth credentials"
        };
        Err(RegistryError::Unauthorized { url: url.to_string(), detail: detail.to_string() })
    }

    fn send(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        wanted: &Wanted<'_>,
        credential: Option<&Credential>,
    ) -> Result<Answer, RegistryError> {
        let url = format!("{}/v2/{}/{}", endpoint.base, reference.repository, wanted.path);
        let mut ask = Ask::new(wanted.method, &url);
        if !wanted.accept.is_empty() {
            ask.headers.push(("accept", wanted.accept.to_string()));
        }
        if let Some(from) = wanted.from {
            ask.headers.push(("range", format!("bytes={from}-")));
        }
        ask.authorization = credential.map(|credential| credential.header().to_string());
        self.shared.http.send(&ask)
    }
}
