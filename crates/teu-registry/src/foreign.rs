//! What reads the bytes of others, each alone, for `fuzz/`. Not part of the interface.
#![allow(missing_docs, reason = "the names say it, and nobody else calls them")]

use crate::resolver::{files, message};
use crate::{auth, credentials, http, token};

pub fn challenges(headers: &[String]) -> usize {
    auth::parse_challenges(headers).len()
}

pub fn token_answer(body: &[u8]) -> bool {
    serde_json::from_slice::<token::TokenAnswer>(body).is_ok()
}

pub fn error_answer(body: &[u8]) -> String {
    http::error_words(body).1
}

/// Where the answer of `here` leads.
pub fn redirect(here: &str, location: &str) -> Option<String> {
    let here = http::uri_of(here).ok()?;
    http::follow(&here, location).map(|there| there.to_string())
}

/// How many logins docker's `config.json` has, each one read.
pub fn docker_config(text: &[u8]) -> usize {
    let Ok(config) = serde_json::from_slice::<credentials::DockerConfig>(text) else { return 0 };
    let logins = config.auths.iter().filter(|(server, entry)| {
        let for_hub = credentials::same_server(server, "docker.io");
        matches!(credentials::login_of(entry), Ok(Some(_))) || for_hub
    });
    logins.count()
}

pub fn dns_answer(bytes: &[u8], id: u16, name: &str) -> usize {
    let answer = message::answer(bytes, id, name, message::Kind::A);
    answer.map_or(0, |answer| answer.addresses.len())
}

pub fn resolv_conf(text: &str) -> usize {
    files::ResolvConf::parse(text).candidates("a.b", false).len()
}

pub fn hosts(text: &str) -> usize {
    files::addresses_in_hosts(text, "reg").len()
}
