//! What the log says of each call, once and under names that stay: docs/audit.md lists them.
//!
//! Ids only. Who is named by an id is in the table; what a person typed is nowhere.

use std::sync::{Mutex, PoisonError};

/// What a call turned out to be about, as far as it got. An id that a client sent is noted before it has
/// been proven: the outcome tells whether it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The enterprise.
    pub enterprise: Option<String>,
    /// The API key's id.
    pub api_key: Option<String>,
    /// The id of whoever acts.
    pub user: Option<String>,
    /// The session by which they act, or that they opened.
    pub session: Option<String>,
    /// More of what happened, as `password` or `approved`.
    pub detail: Option<&'static str>,
    /// What was acted upon, where that is somebody or something else, as `user`.
    pub object: Option<&'static str>,
    /// Its id.
    pub object_id: Option<String>,
    /// How many that ended.
    pub ended: Option<u64>,
}

/// Gathers [`About`] while a call is handled.
#[derive(Debug, Default)]
pub struct Notes(Mutex<About>);

impl Notes {
    /// Adds what has become known.
    pub fn add(&self, note: impl FnOnce(&mut About)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is known so far.
    #[must_use]
    pub fn about(&self) -> About {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How a call ended, in a word that stays.
#[must_use]
pub fn outcome(http: u16) -> &'static str {
    match http {
        202 => "pending",
        200..=399 => "success",
        400 => "invalid",
        429 => "limited",
        401..=499 => "denied",
        _ => "error",
    }
}

/// One line about one call.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// What happened, as `sign_in`.
    pub event: &'static str,
    /// See [`outcome`].
    pub outcome: &'static str,
    /// The function's name.
    pub function: &'static str,
    /// The id that the client has in `X-Request-Id`.
    pub request_id: &'a str,
    /// The caller's address, where there is one.
    pub source: Option<&'a str>,
    /// The API's status code, where there is one.
    pub status_code: Option<&'a str>,
    /// The HTTP status, where there is one.
    pub http: Option<u16>,
    /// How long it took.
    pub milliseconds: u64,
    /// Why it is our fault, where it is.
    pub cause: Option<&'a str>,
}

impl Line<'_> {
    /// Writes the line.
    pub fn write(&self, about: &About) {
        let Line { event, outcome, function, request_id, source, status_code, http, milliseconds, cause } =
            *self;
        let About { enterprise, api_key, user, session, detail, object, object_id, ended } = about;
        // The level is part of what a tracing macro makes, so it cannot be an argument.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "usher", event, outcome, function, request_id, source, status_code, http,
                    milliseconds, enterprise, api_key, user, session, detail, object, object_id, ended, cause, "call"
                )
            };
        }
        if cause.is_some() { line!(error) } else { line!(info) }
    }
}
