//! Restart policies: whether a container that ended starts again, and how soon. Pure.
//!
//! docker's rules: the first restart comes after 100 ms, each next one after twice as long, at most a
//! minute; a container that ran for ten seconds begins anew.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When a container that ended starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// When its exit code was not 0.
    OnFailure {
        /// So many times at most; 0 means without limit.
        retries_max: u32,
    },
    /// Whatever it ended with, and after a reboot even if somebody had stopped it.
    Always,
    /// Whatever it ended with, unless somebody stopped it.
    UnlessStopped,
}

/// As asked by `--restart`, `--restart-delay`, `--restart-delay-max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RestartRequest {
    /// When.
    pub policy: RestartPolicy,
    /// How long the first restart waits; none means 100 ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How long any restart waits at most; none means a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_max_ms: Option<u64>,
}

/// A container that ran so long is well: its next restart waits as the first one does.
const RAN_WELL: Duration = Duration::from_secs(10);
const DELAY_MS: u64 = 100;
const DELAY_MAX_MS: u64 = 60_000;

impl RestartRequest {
    /// Nothing was asked for: as it is in records that say nothing of it.
    pub fn is_default(&self) -> bool {
        *self == RestartRequest::default()
    }

    /// Whether it starts again after it ended with `code`, having been restarted `restarts` times.
    pub fn again_after(&self, code: u8, restarts: u32) -> bool {
        match self.policy {
            RestartPolicy::No => false,
            RestartPolicy::OnFailure { retries_max } => {
                code != 0 && (retries_max == 0 || restarts < retries_max)
            }
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
        }
    }

    /// Whether it starts after a reboot. One that was never started does not.
    pub fn at_boot(&self, stopped_by_user: bool) -> bool {
        match self.policy {
            RestartPolicy::No | RestartPolicy::OnFailure { .. } => false,
            RestartPolicy::Always => true,
            RestartPolicy::UnlessStopped => !stopped_by_user,
        }
    }

    /// How long the next restart waits, after the `last` one did and the container ran for so long.
    pub fn delay(&self, last: Option<Duration>, ran: Duration) -> Duration {
        let first = Duration::from_millis(self.delay_ms.unwrap_or(DELAY_MS));
        let most = Duration::from_millis(self.delay_max_ms.unwrap_or(DELAY_MAX_MS));
        match last {
            Some(last) if ran < RAN_WELL => last.saturating_mul(2).max(first).min(most),
            _ => first.min(most),
        }
    }
}

impl RestartPolicy {
    /// docker's name of it.
    pub fn name(self) -> &'static str {
        match self {
            RestartPolicy::No => "no",
            RestartPolicy::OnFailure { .. } => "on-failure",
            RestartPolicy::Always => "always",
            RestartPolicy::UnlessStopped => "unless-stopped",
        }
    }

    /// From `on-failure:3`, with docker's words for what is wrong.
    pub fn parse(text: &str) -> Result<RestartPolicy, String> {
        let (name, count) = match text.split_once(':') {
            Some((_, count)) if count.contains(':') => {
                return Err("invalid restart policy format".into());
            }
            Some((name, count)) => {
                let count: i64 = count
                    .parse()
                    .map_err(|_| "maximum retry count must be an integer".to_string())?;
                (name, count)
            }
            None => (text, 0),
        };
        let policy = match name {
            "" | "no" => RestartPolicy::No,
            "always" => RestartPolicy::Always,
            "unless-stopped" => RestartPolicy::UnlessStopped,
            "on-failure" => {
                let retries_max = u32::try_from(count)
                    .map_err(|_| "maximum retry count cannot be negative".to_string())?;
                return Ok(RestartPolicy::OnFailure { retries_max });
            }
            other => return Err(format!("invalid restart policy '{other}'")),
        };
        if count != 0 {
            return Err(format!("maximum retry count cannot be used with restart policy '{name}'"));
        }
        Ok(policy)
    }
}

#[test]
fn policies() {
    let again = |text: &str, code, restarts| {
        let policy = RestartPolicy::parse(text).unwrap();
        RestartRequest { policy, ..RestartRequest::default() }.again_after(code, restarts)
    };
    assert!(!again("no", 1, 0) && !again("on-failure", 0, 0) && again("on-failure", 1, 1000));
    assert!(again("on-failure:3", 1, 2) && !again("on-failure:3", 1, 3));
    assert!(again("always", 0, 9) && again("unless-stopped", 0, 9));
    for (bad, why) in [
        ("sometimes", "invalid restart policy 'sometimes'"),
        ("on-failure:x", "must be an integer"),
        ("on-failure:-1", "cannot be negative"),
        ("always:3", "cannot be used with restart policy 'always'"),
        ("a:b:c", "invalid restart policy format"),
    ] {
        assert!(RestartPolicy::parse(bad).unwrap_err().contains(why), "{bad}");
    }
}

#[test]
fn delays_double_up_to_a_minute_and_begin_anew() {
    let request = RestartRequest { policy: RestartPolicy::Always, ..RestartRequest::default() };
    let mut last = None;
    let mut waited = Vec::new();
    for _ in 0..12 {
        last = Some(request.delay(last, Duration::from_secs(1)));
        waited.push(last.unwrap_or_default().as_millis());
    }
    assert_eq!(waited, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60_000, 60_000]);
    assert_eq!(request.delay(last, Duration::from_secs(10)).as_millis(), 100);
    let own = RestartRequest { delay_ms: Some(5), delay_max_ms: Some(12), ..request };
    assert_eq!(own.delay(Some(Duration::from_millis(10)), Duration::ZERO).as_millis(), 12);
    let none = RestartRequest { delay_ms: Some(0), ..request };
    assert_eq!(none.delay(Some(Duration::ZERO), Duration::ZERO).as_millis(), 0);
}
