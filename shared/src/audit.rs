//! What the log says of each call, once and under names that stay: docs/audit.md lists them.
//!
//! Ids only. Who is named by an id is in the table; what a person typed is nowhere.

use std::mem;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::log::{self, Fields, Level};

/// What a call turned out to be about, as far as it got. An id that a client sent is noted before it has
/// been proven: the outcome tells whether it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// How the call ended, where that is not what its HTTP status says.
    #[serde(skip)]
    pub outcome: Option<Outcome>,
    /// The caller's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The enterprise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise: Option<String>,
    /// The API key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The id of whoever acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The session by which they act, or that they opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// More of what happened, as `password` or `approved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// Why it was refused, where the outcome leaves that open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What was acted upon, where that is somebody or something else, as `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<&'static str>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// How many that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

/// Gathers [`About`] while a call is handled.
#[derive(Debug, Default)]
pub struct Notes(Mutex<About>);

impl Notes {
    /// About a call from an address.
    #[must_use]
    pub fn of(source: &str) -> Self {
        Self(Mutex::new(About { source: Some(source.to_owned()), ..About::default() }))
    }

    /// Adds what has become known.
    pub fn add(&self, note: impl FnOnce(&mut About)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is known at the end.
    #[must_use]
    pub fn take(&self) -> About {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// There is nothing to give yet.
    Pending,
    /// It could not be read.
    Invalid,
    /// It was not allowed.
    Denied,
    /// It was one too many.
    Limited,
    /// It was our fault.
    Error,
}

impl Outcome {
    /// What an HTTP status says.
    #[must_use]
    pub fn of(http: u16) -> Self {
        match http {
            202 => Self::Pending,
            200..=399 => Self::Success,
            400 => Self::Invalid,
            429 => Self::Limited,
            401..=499 => Self::Denied,
            _ => Self::Error,
        }
    }
}

/// One line about one call.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Line<'a> {
    /// What happened, as `sign_in`.
    pub event: &'static str,
    /// How it ended, unless [`About`] knows better.
    pub outcome: Outcome,
    /// The function's name.
    pub function: &'static str,
    /// The id that the client has in `X-Request-Id`.
    pub request_id: &'a str,
    /// The API's status code, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<&'a str>,
    /// The HTTP status, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<u16>,
    /// How long it took.
    pub milliseconds: u64,
    /// Why it is our fault, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'a str>,
    /// What it was about.
    #[serde(flatten)]
    pub about: &'a About,
}

impl Fields for Line<'_> {}

impl Line<'_> {
    /// Writes the line.
    pub fn write(mut self) {
        self.outcome = self.about.outcome.unwrap_or(self.outcome);
        let level = if self.cause.is_some() { Level::Error } else { Level::Info };
        log::write(level, "call", &self);
    }
}
