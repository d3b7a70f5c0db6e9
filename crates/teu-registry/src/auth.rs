//! The words of authentication: `WWW-Authenticate` and scopes. Pure.
//!
//! Sources: RFC 9110 section 11.6.1; the distribution project's token specification.

/// What a registry wants before it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A name and a password with every request.
    Basic,
    /// A token, to be fetched at `realm`.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// The scope of a pull from `repository`.
pub(crate) fn pull_scope(repository: &str) -> String {
    format!("repository:{repository}:pull")
}

/// The challenges of all `WWW-Authenticate` headers that this client can meet, in order. What it
/// does not understand is passed over.
pub(crate) fn parse_challenges(headers: &[String]) -> Vec<Challenge> {
    headers.iter().flat_map(|header| parse_header(header)).collect()
}

fn parse_header(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header.trim();
    while !rest.is_empty() {
        let word_end = rest.find([' ', '=', ',']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        let after = after.trim_start();
        if let Some(value) = after.strip_prefix('=') {
            let (value, left) = parameter_value(value.trim_start());
            if let Some((_, parameters)) = challenges.last_mut() {
                parameters.push((word.to_ascii_lowercase(), value));
            }
            rest = left;
        } else {
            if !word.is_empty() {
                challenges.push((word.to_ascii_lowercase(), Vec::new()));
            }
            rest = after;
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    challenges
        .into_iter()
        .filter_map(|(scheme, parameters)| understood(&scheme, parameters))
        .collect()
}

/// A token or a quoted string, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_string(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

fn understood(scheme: &str, parameters: Vec<(String, String)>) -> Option<Challenge> {
    let find =
        |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: find("realm")?,
            service: find("service"),
            scope: find("scope"),
        }),
        _ => None,
    }
}

/// `text` as the value of a query or form field.
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(encoded, "%{byte:02X}").unwrap_or(());
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.into(),
            service: service.map(String::from),
            scope: scope.map(String::from),
        }
    }

    #[track_caller]
    fn check(header: &str, expected: &[Challenge]) {
        assert_eq!(parse_challenges(&[header.to_string()]), expected, "{header}");
    }

    #[test]
    fn challenges() {
        check("Basic realm=\"a, b\"", &[Challenge::Basic]);
        check(
            r#"Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push""#,
            &[bearer("https://auth.example/token", Some("reg"), Some("repository:a/b:pull,push"))],
        );
        check("bearer realm=x , service = y", &[bearer("x", Some("y"), None)]);
        check(
            r#"Negotiate, Bearer realm="a\"b", Basic realm="c""#,
            &[bearer("a\"b", None, None), Challenge::Basic],
        );
        check("Bearer service=\"no realm\"", &[]);
        for nonsense in
            ["", ",", "=", "\"", "Bearer realm=\"open", "= = =", "Bearer ,,, =x", "é=\"é"]
        {
            parse_challenges(&[nonsense.to_string()]);
        }
    }

    #[test]
    fn encoding() {
        assert_eq!(percent_encoded("repository:a/b:pull"), "repository%3Aa%2Fb%3Apull");
    }
}
