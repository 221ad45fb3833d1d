//! Every way in which a call can fail, and the one table from causes to status codes.

use std::fmt;

use serde_json::json;

use crate::body::Invalid;
use crate::page;
use crate::reply::Reply;
use crate::store;

/// The family of endpoints that a call came through. It decides the status code's letter and the
/// shape of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// `/v2/watch/…`, and whatever has no surface of its own.
    Watch,
    /// `/v1/admin/…`.
    Admin,
    /// `/api/v1/user/…`, as VIDIZMO answers it: errors have names, and the tenant is the host's.
    Vidizmo,
    /// Pages: what a person reads, instead of a status code.
    Page,
}

impl Surface {
    /// The name that API keys, users and the `aud` claim use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Admin => "admin",
            Self::Vidizmo => "vidizmo",
            Self::Page => "page",
        }
    }

    /// The status code that a client reads: this surface's letter and four digits.
    #[must_use]
    pub fn status_code(self, digits: &str) -> String {
        let letter = match self {
            Self::Watch | Self::Vidizmo | Self::Page => 'W',
            Self::Admin => 'A',
        };
        format!("{letter}{digits}")
    }
}

/// Why a call is refused. Handlers return one; nothing but [`Failure::reply`] knows the codes.
#[derive(Debug)]
pub enum Failure {
    /// `Authorization` is missing or cannot be parsed.
    NoAuthorization,
    /// The API key does not exist, is revoked or has expired.
    ApiKey,
    /// User, password, PIN or code are wrong, in whichever way.
    Credentials,
    /// An access or refresh token does not work (any more).
    Token,
    /// A token was ours, and is over: nobody used it for too long, or its session was ended.
    TokenOver,
    /// Authenticated, but not allowed; the text says what.
    NotAllowed(&'static str),
    /// The body, or a field of it.
    Invalid(Invalid),
    /// Too many calls; the limit is free again in so many seconds.
    RateLimited {
        /// Whole seconds, at least 1.
        retry_after: i64,
    },
    /// `device` is not in the list, or `udid` is not the device that asked for the code.
    Device(Invalid),
    /// The login code has not been answered yet; no refusal.
    Pending,
    /// Our fault, or a dependency's. The text is for the log and never for the client; it
    /// holds no secret and no personal data.
    Internal(String),
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl fmt::Display for Failure {
    /// For an operator's eyes: tells the cause of an internal failure too.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal(cause) => out.write_str(cause),
            other => out.write_str(&other.row(Surface::Watch).2),
        }
    }
}

impl Failure {
    /// The table of docs/api.md: digits, HTTP status and what the client is told.
    fn row(&self, surface: Surface) -> (&'static str, u16, String) {
        let (digits, http, detail) = match self {
            Self::NoAuthorization => ("2000", 401, "Authorization missing or not parseable"),
            Self::ApiKey => ("2001", 401, "Invalid API key"),
            Self::Credentials if surface == Surface::Admin => ("2002", 401, "Access Denied"),
            Self::Credentials => ("2002", 401, "Invalid credentials"),
            Self::Token | Self::TokenOver => ("2003", 401, "Invalid or expired token"),
            Self::NotAllowed(what) => ("2101", 403, *what),
            Self::Invalid(invalid) => return ("4900", 400, invalid.to_string()),
            Self::Device(invalid) => return ("4901", 400, invalid.to_string()),
            Self::Pending => ("3000", 202, "Waiting for approval"),
            Self::RateLimited { .. } => ("5001", 429, "Rate limited"),
            Self::Internal(_) => ("5000", 500, "Server error"),
        };
        (digits, http, detail.to_owned())
    }

    /// The HTTP status.
    #[must_use]
    pub fn http(&self) -> u16 {
        self.row(Surface::Watch).1
    }

    /// The name that VIDIZMO's clients know, and its HTTP status.
    fn exception(&self) -> (&'static str, u16) {
        match self {
            Self::Credentials => ("InvalidCredentialsException", 400),
            Self::TokenOver => ("ExpiredAccessTokenException", 400),
            Self::NoAuthorization | Self::ApiKey | Self::Token => ("InvalidAccessTokenException", 400),
            Self::Invalid(_) | Self::Device(_) | Self::Pending => ("InvalidRequestException", 400),
            Self::NotAllowed(_) => ("UnauthorizedAccessException", 403),
            Self::RateLimited { .. } => ("TooManyRequestsException", 429),
            Self::Internal(_) => ("InternalServerException", 500),
        }
    }

    /// The answer that the client of `surface` gets to the request called `request_id`.
    #[must_use]
    pub fn reply(&self, surface: Surface, request_id: &str) -> Reply {
        let (digits, http, detail) = self.row(surface);
        let mut reply = match surface {
            Surface::Watch => Reply::json(http, &surface.status_code(digits), json!({ "detail": detail })),
            Surface::Admin => {
                Reply::json(http, &surface.status_code(digits), json!({ "status_message": detail }))
            }
            Surface::Vidizmo => {
                let (name, http) = self.exception();
                let body = json!({ "name": name, "incidentId": request_id, "exceptionDetails": [] });
                Reply::value(http, name, &body)
            }
            Surface::Page => page::refusal(self),
        };
        let is_plain = matches!(surface, Surface::Page | Surface::Vidizmo);
        if is_plain && !matches!(self, Self::RateLimited { .. }) {
            return reply;
        }
        match self {
            // RFC 6750 §3: no error code when the request carried no authentication at all.
            Self::NoAuthorization | Self::Credentials => {
                reply = reply.header("www-authenticate", "Bearer realm=\"usher\"");
            }
            Self::ApiKey | Self::Token | Self::TokenOver => {
                let challenge = "Bearer realm=\"usher\", error=\"invalid_token\"";
                reply = reply.header("www-authenticate", challenge);
            }
            Self::RateLimited { retry_after } => {
                reply = reply.header("retry-after", &retry_after.to_string());
            }
            _ => {}
        }
        reply
    }
}
