//! Access, refresh and playback tokens: JSON Web Tokens signed with ES256.

pub mod es256;
pub mod issue;
pub mod keys;
pub mod opaque;
pub mod verify;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::audit::Notes;
use crate::store::Key;
use crate::store::session::Live;

/// Seconds that an access token lives.
pub const ACCESS_LIFETIME: i64 = 15 * 60;

/// The longest token that is read, in characters; ours have about 600.
pub const MAX_CHARS: usize = 4096;

/// The `alg` of every token.
const ALGORITHM: &str = "ES256";
/// The `typ` of an access token (RFC 9068 §2.1).
pub const ACCESS_TYPE: &str = "at+jwt";
/// The `typ` of a refresh token.
pub const REFRESH_TYPE: &str = "rt+jwt";

/// The `typ` of a playback token.
pub const PLAYBACK_TYPE: &str = "playback+jwt";
/// The `aud` of a playback token: whoever streams.
pub const PLAYBACK_AUDIENCE: &str = "playback";
/// Seconds that a playback token lives.
pub const PLAYBACK_LIFETIME: i64 = 5 * 60;

/// The header of a token (RFC 7515 §4.1). One that says more is not ours: it may bring a key, or ask to be
/// understood.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// What an access token says (RFC 9068 §2.2). Times are epoch seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The deployment's public URL.
    pub iss: String,
    /// The user's id.
    pub sub: String,
    /// The surface: `watch` or `admin`.
    pub aud: String,
    /// When it stops working.
    pub exp: i64,
    /// When it begins to work; absent from ours, which work at once.
    #[serde(default, skip_serializing)]
    pub nbf: i64,
    /// When it was made.
    pub iat: i64,
    /// Its own id.
    pub jti: String,
    /// The API key's id.
    pub client_id: String,
    /// The user's roles, separated by spaces.
    pub scope: String,
    /// The session's id.
    pub sid: String,
    /// The enterprise.
    pub ent: String,
    /// How the person signed in (RFC 8176).
    pub amr: Vec<String>,
}

impl AccessClaims {
    /// The keys of the items that say whether the token's session lives, as [`Live::parse`] reads them.
    #[must_use]
    pub fn live_keys(&self) -> [Key; 3] {
        Live::keys(&self.ent, &self.sub, &self.sid, &self.client_id)
    }
}

/// What a refresh token says. Times are epoch seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshClaims {
    /// The deployment's public URL.
    pub iss: String,
    /// The user's id.
    pub sub: String,
    /// The surface: `watch` or `admin`.
    pub aud: String,
    /// When it stops working: with the session.
    pub exp: i64,
    /// As [`AccessClaims::nbf`].
    #[serde(default, skip_serializing)]
    pub nbf: i64,
    /// When it was made.
    pub iat: i64,
    /// Its own id; the session knows which one works.
    pub jti: String,
    /// The API key's id.
    pub client_id: String,
    /// The session's id.
    pub sid: String,
    /// The enterprise.
    pub ent: String,
}

/// What a playback token says: who may play which screener. Times are epoch seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaybackClaims {
    /// The deployment's public URL.
    pub iss: String,
    /// The user's id; `link` for whoever has the link to the screener.
    pub sub: String,
    /// [`PLAYBACK_AUDIENCE`].
    pub aud: &'static str,
    /// When it stops working.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// Its own id.
    pub jti: String,
    /// The API key's id.
    pub client_id: String,
    /// The user's session's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The enterprise.
    pub ent: String,
    /// The screener's key.
    pub screener: String,
    /// How the person signed in, and `sms` (RFC 8176).
    pub amr: Vec<String>,
}

/// What decides whether a token is taken: the claims that both kinds have.
pub(crate) struct Common<'a> {
    pub iss: &'a str,
    pub aud: &'a str,
    pub nbf: i64,
    pub exp: i64,
}

/// What a token of ours that comes back says.
pub(crate) trait Claims: DeserializeOwned {
    fn common(&self) -> Common<'_>;
}

impl Claims for AccessClaims {
    fn common(&self) -> Common<'_> {
        Common { iss: &self.iss, aud: &self.aud, nbf: self.nbf, exp: self.exp }
    }
}

impl Claims for RefreshClaims {
    fn common(&self) -> Common<'_> {
        Common { iss: &self.iss, aud: &self.aud, nbf: self.nbf, exp: self.exp }
    }
}

impl AccessClaims {
    /// Notes whose token it is.
    pub fn note(&self, notes: &Notes) {
        notes.add(|about| {
            about.enterprise = Some(self.ent.clone());
            about.api_key = Some(self.client_id.clone());
            about.user = Some(self.sub.clone());
            about.session = Some(self.sid.clone());
        });
    }
}
