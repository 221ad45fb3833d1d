//! What the log says of each call, once and under names that stay: docs/audit.md lists them.
//!
//! Ids only. Who is named by an id is in the table; what a person typed is nowhere.

use std::sync::{Mutex, PoisonError};

/// What a call turned out to be about, as far as it got. An id that a client sent is noted before it has
/// been proven: the outcome tells whether it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// How the call ended, where that is not what its HTTP status says.
    pub outcome: Option<Outcome>,
    /// The caller's address.
    pub source: Option<String>,
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
    /// Why it was refused, where the outcome leaves that open.
    pub reason: Option<&'static str>,
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
    /// About a call from an address.
    #[must_use]
    pub fn of(source: &str) -> Self {
        Self(Mutex::new(About { source: Some(source.to_owned()), ..About::default() }))
    }

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

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Pending => "pending",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::Limited => "limited",
            Self::Error => "error",
        }
    }
}

/// One line about one call.
#[derive(Clone, Copy, Debug)]
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
        let Line { event, outcome, function, request_id, status_code, http, milliseconds, cause } = *self;
        let outcome = about.outcome.unwrap_or(outcome).name();
        let About {
            source,
            enterprise,
            api_key,
            user,
            session,
            detail,
            reason,
            object,
            object_id,
            ended,
            ..
        } = about;
        // The level is part of what a tracing macro makes, so it cannot be an argument.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "usher", event, outcome, function, request_id, source, status_code, http,
                    milliseconds, enterprise, api_key, user, session, detail, reason, object, object_id,
                    ended, cause, "call"
                )
            };
        }
        if cause.is_some() { line!(error) } else { line!(info) }
    }
}
