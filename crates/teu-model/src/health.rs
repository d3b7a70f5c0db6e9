//! Health checks: what is asked of a container while it runs, and what came of it.

use crate::{Signal, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// As asked by flags; what is none is the image's, else docker's default.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthRequest {
    /// None at all, whatever the image says.
    pub none: bool,
    /// How.
    pub probe: Option<Probe>,
    /// Between two.
    pub interval_ms: Option<u64>,
    /// For one.
    pub timeout_ms: Option<u64>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<u32>,
    /// In which failures do not count.
    pub start_period_ms: Option<u64>,
    /// Between two in that period.
    pub start_interval_ms: Option<u64>,
    /// What is done with an unhealthy one.
    pub on_failure: OnUnhealthy,
}

impl HealthRequest {
    /// Nothing was asked for: as it is in records that say nothing of it.
    pub fn is_default(&self) -> bool {
        *self == HealthRequest::default()
    }
}

/// How a container's health is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// A program in it ends with 0.
    Command(Vec<String>),
    /// A connection to this port is taken.
    Tcp(u16),
    /// A request is answered with 2xx or 3xx.
    Http {
        /// Where it listens, in its own network.
        port: u16,
        /// `/` and more.
        path: String,
    },
}

/// What is done with a container that has become unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnhealthy {
    /// Nothing.
    #[default]
    None,
    /// It is killed; its restart policy decides what follows.
    Kill,
    /// It is killed and started again.
    Restart,
    /// It is stopped, and stays so.
    Stop,
}

/// A check with nothing left to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// How.
    pub probe: Probe,
    /// Between two.
    pub interval_ms: u64,
    /// For one.
    pub timeout_ms: u64,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
    /// In which failures do not count.
    pub start_period_ms: u64,
    /// Between two in that period.
    pub start_interval_ms: u64,
    /// What is done with an unhealthy one.
    pub on_failure: OnUnhealthy,
    /// What an unhealthy one is stopped with.
    pub stop_signal: Signal,
}

/// Where a container's health stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "docker's words, and each says all")]
pub enum HealthStatus {
    #[default]
    Starting,
    Healthy,
    Unhealthy,
}

impl HealthStatus {
    /// docker's word.
    pub fn word(self) -> &'static str {
        match self {
            HealthStatus::Starting => "starting",
            HealthStatus::Healthy => "healthy",
            HealthStatus::Unhealthy => "unhealthy",
        }
    }
}

/// How many results are kept.
const RESULTS_MAX: usize = 5;

/// What came of the checks: `health.json`.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// Of this file's format.
    pub version: u32,
    /// Where it stands.
    pub status: HealthStatus,
    /// Failures in a row.
    pub streak: u32,
    /// The last results, the newest last.
    pub log: VecDeque<HealthResult>,
}

/// One result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthResult {
    /// When it was begun.
    pub start: Timestamp,
    /// When it was over.
    pub end: Timestamp,
    /// 0 for well; −1 where it took too long or could not be made.
    pub code: i32,
    /// What it wrote, cut.
    pub output: String,
}

impl Health {
    /// Before the first check.
    pub fn starting() -> Health {
        Health { version: 1, ..Health::default() }
    }

    /// Takes one result into account; `counts` is false for failures of the start period. True when the status
    /// is another one now.
    pub fn add(&mut self, result: HealthResult, retries: u32, counts: bool) -> bool {
        let before = self.status;
        if result.code == 0 {
            self.streak = 0;
            self.status = HealthStatus::Healthy;
        } else if counts || self.status != HealthStatus::Starting {
            self.streak = self.streak.saturating_add(1);
            if self.streak >= retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        self.log.push_back(result);
        if self.log.len() > RESULTS_MAX {
            self.log.pop_front();
        }
        self.status != before
    }
}

#[test]
fn results_make_a_status() {
    let result =
        |code| HealthResult { start: Timestamp(1), end: Timestamp(2), code, output: String::new() };
    let mut health = Health::starting();
    assert!(!health.add(result(1), 2, false), "in the start period nothing counts");
    assert!(!health.add(result(1), 2, true));
    assert!(health.add(result(1), 2, true));
    assert_eq!((health.status, health.streak), (HealthStatus::Unhealthy, 2));
    assert!(health.add(result(0), 2, true));
    assert_eq!((health.status, health.streak, health.log.len()), (HealthStatus::Healthy, 0, 4));
    for _ in 0..9 {
        health.add(result(0), 2, true);
    }
    assert_eq!(health.log.len(), 5);
}
