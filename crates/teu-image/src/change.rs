//! `--change`: the Dockerfile instructions that alter a config and need no container.

use crate::error::ImageError;
use teu_oci::image::{ContainerConfig, Healthcheck};

/// Applies one instruction.
pub(crate) fn apply(line: &str, config: &mut ContainerConfig) -> Result<(), ImageError> {
    let bad = |why: String| ImageError::Change { line: line.chars().take(200).collect(), why };
    let trimmed = line.trim();
    let (word, rest) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
    let (word, rest) = (word.to_ascii_uppercase(), rest.trim());
    if word.is_empty() {
        return Ok(());
    }
    if rest.is_empty() {
        return Err(bad(format!("{word} requires at least one argument")));
    }
    if rest.contains('\0') {
        return Err(bad(format!("{word} holds a zero byte")));
    }
    match word.as_str() {
        "CMD" => config.cmd = command(rest, config),
        "ENTRYPOINT" => config.entrypoint = command(rest, config),
        "ENV" => {
            for (name, value) in pairs(rest).map_err(bad)? {
                config.env.retain(|known| known.split('=').next() != Some(&name));
                config.env.push(format!("{name}={value}"));
            }
        }
        "LABEL" => config.labels.extend(pairs(rest).map_err(bad)?),
        "EXPOSE" => {
            for port in words(rest).map_err(bad)? {
                config.exposed_ports.extend(ports(&port).map_err(bad)?);
            }
        }
        "VOLUME" => {
            let paths = json(rest).map_or_else(|| words(rest).map_err(bad), Ok)?;
            if paths.iter().any(|path| path.trim().is_empty()) {
                return Err(bad("VOLUME specified can not be an empty string".into()));
            }
            config.volumes.extend(paths);
        }
        "USER" => config.user = one(&word, rest).map_err(bad)?,
        "STOPSIGNAL" => config.stop_signal = one(&word, rest).map_err(bad)?,
        "WORKDIR" => {
            let path = one(&word, rest).map_err(bad)?;
            config.working_dir = if path.starts_with('/') {
                path
            } else {
                format!("{}/{path}", config.working_dir.trim_end_matches('/'))
            };
        }
        "ONBUILD" => config.on_build.push(rest.to_string()),
        "SHELL" => {
            config.shell = json(rest)
                .ok_or_else(|| bad("SHELL requires the arguments to be in JSON form".into()))?;
        }
        "HEALTHCHECK" => config.healthcheck = Some(healthcheck(rest).map_err(bad)?),
        _ => {
            let word = word.to_ascii_lowercase();
            return Err(bad(format!("{word} is not a valid change command")));
        }
    }
    Ok(())
}

/// `["a", "b"]`, or a line for the shell.
fn command(rest: &str, config: &ContainerConfig) -> Vec<String> {
    json(rest).unwrap_or_else(|| {
        let shell = if config.shell.is_empty() {
            vec!["/bin/sh".to_string(), "-c".to_string()]
        } else {
            config.shell.clone()
        };
        shell.into_iter().chain([rest.to_string()]).collect()
    })
}

fn json(rest: &str) -> Option<Vec<String>> {
    rest.starts_with('[').then(|| serde_json::from_str(rest).ok()).flatten()
}

fn one(word: &str, rest: &str) -> Result<String, String> {
    match words(rest)?.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(format!("{word} requires exactly one argument")),
    }
}

/// `a=b c="d e"`, or the old `a b c`: one name and the rest of the line.
fn pairs(rest: &str) -> Result<Vec<(String, String)>, String> {
    let words = words(rest)?;
    if !words.first().is_some_and(|first| first.contains('=')) {
        let (name, value) = rest.split_once(char::is_whitespace).ok_or("a value is missing")?;
        return Ok(vec![(name.to_string(), value.trim_start().to_string())]);
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err(format!("`{word}` must be of the form: name=value")),
    };
    words.iter().map(pair).collect()
}

/// `80`, `80/udp`, `80-82/tcp`.
fn ports(text: &str) -> Result<Vec<String>, String> {
    let bad = || format!("invalid containerPort: {text}");
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u16>().ok().filter(|&port| port > 0).ok_or_else(bad);
    let (first, last) = (number(first)?, number(last)?);
    let protocol = protocol.to_ascii_lowercase();
    if first > last || !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(bad());
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

/// Words as a shell cuts them: blanks separate, quotes and backslashes keep.
fn words(rest: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => {
                let next = chars.next().ok_or("a backslash ends the line")?;
                let word = word.get_or_insert_default();
                if quote.is_some() && !"\"\\$".contains(next) {
                    word.push('\\');
                }
                word.push(next);
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

/// `[--interval=30s …] CMD …`, or `NONE`.
fn healthcheck(rest: &str) -> Result<Healthcheck, String> {
    let mut check = Healthcheck::default();
    let mut rest = rest;
    while let Some(flag) = rest.strip_prefix("--") {
        let (flag, after) = flag.split_once(char::is_whitespace).ok_or("a command is missing")?;
        let (name, value) = flag.split_once('=').ok_or(format!("--{flag} requires a value"))?;
        let time = || duration(value).ok_or(format!("invalid duration: {value}"));
        match name {
            "interval" => check.interval = time()?,
            "timeout" => check.timeout = time()?,
            "start-period" => check.start_period = time()?,
            "start-interval" => check.start_interval = time()?,
            "retries" => {
                let count = value.parse::<u32>().map_err(|_| format!("--retries: {value}"))?;
                check.retries = i64::from(count);
            }
            _ => return Err(format!("Unknown flag: {name}")),
        }
        rest = after.trim_start();
    }
    let (kind, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    check.test = match (kind.to_ascii_uppercase().as_str(), command.trim()) {
        ("NONE", "") => vec!["NONE".into()],
        ("CMD", command) if !command.is_empty() => match json(command) {
            Some(words) => std::iter::once("CMD".to_string()).chain(words).collect(),
            None => vec!["CMD-SHELL".into(), command.into()],
        },
        _ => return Err("HEALTHCHECK wants NONE, or CMD and a command".into()),
    };
    Ok(check)
}

/// Go's durations: `1h30m`, `1.5s`, `100ms`, in nanoseconds.
fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 6] =
        [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
    let mut left = text;
    let mut sum = 0.0;
    while !left.is_empty() {
        let digits = left.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = left.split_at(digits);
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(letters);
        sum += number.parse::<f64>().ok()? * UNITS.iter().find(|(name, _)| *name == unit)?.1;
        left = rest;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked in the same line")]
    (!text.is_empty() && sum < 9e18).then_some(sum as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &str) {
        let mut config = ContainerConfig::default();
        let result = lines.iter().try_for_each(|line| apply(line, &mut config));
        let got = match result {
            Ok(()) => serde_json::to_string(&config).unwrap(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected, "{lines:?}");
    }

    #[test]
    fn changes() {
        check(&[r#"CMD ["bash", "-l"]"#], r#"{"Cmd":["bash","-l"]}"#);
        check(&["cmd echo hi"], r#"{"Cmd":["/bin/sh","-c","echo hi"]}"#);
        check(&["ENV A=b C=\"d e\" F=g\\ h"], r#"{"Env":["A=b","C=d e","F=g h"]}"#);
        check(&["ENV A b c", "ENV A=d"], r#"{"Env":["A=d"]}"#);
        check(
            &["EXPOSE 80 90-91/udp"],
            r#"{"ExposedPorts":{"80/tcp":{},"90/udp":{},"91/udp":{}}}"#,
        );
        check(&["VOLUME /a /b", r#"VOLUME ["/c"]"#], r#"{"Volumes":{"/a":{},"/b":{},"/c":{}}}"#);
        check(&["WORKDIR /a", "WORKDIR b", "USER 1:2"], r#"{"User":"1:2","WorkingDir":"/a/b"}"#);
        check(
            &["HEALTHCHECK --interval=1m30s --retries=3 CMD curl x"],
            r#"{"Healthcheck":{"Test":["CMD-SHELL","curl x"],"Interval":90000000000,"Retries":3}}"#,
        );
        check(&["LABEL a=b 'c d'=e"], r#"{"Labels":{"a":"b","c d":"e"}}"#);
        check(&["FROM x"], "FROM x: from is not a valid change command");
    }

    #[test]
    fn changes_that_are_none() {
        for bad in [
            "CMD",
            "ENV A",
            "ENV =b",
            "ENV A=b c",
            "ENV A=\"b",
            "ENV A=b\\",
            "EXPOSE 0",
            "EXPOSE 70000",
            "EXPOSE 2-1",
            "EXPOSE 1/icmp",
            "USER a b",
            "WORKDIR a b",
            "SHELL sh",
            "HEALTHCHECK",
            "HEALTHCHECK CMD",
            "HEALTHCHECK NONE x",
            "HEALTHCHECK --x=1 CMD a",
            "HEALTHCHECK --interval=1x CMD a",
            "HEALTHCHECK --interval=1s",
            "VOLUME [\"\"]",
            "RUN ls",
            "COPY a b",
            "X\0Y z",
            "USER a\0b",
        ] {
            assert!(apply(bad, &mut ContainerConfig::default()).is_err(), "{bad}");
        }
    }
}
