//! Opaque tokens: 184 characters `A-Z2-7`, which are base32 (RFC 4648 §6) of 115 bytes.
//!
//! The bytes say where the token's session is, so that it is found in one read, and hold 42 random ones, which
//! nobody can guess: `1` length of the enterprise's id, `40` that id, `16` user, `16` session, `42` random. What
//! the id leaves of its room is random too.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use ulid::Ulid;

use crate::api_key::is_id;
use crate::crypto;
use crate::private::Private;

/// The characters of a token.
pub const CHARS: usize = 184;

const BYTES: usize = 115;
const ID: usize = 40;
const ULID: usize = 16;

/// A token, and where its session is.
pub struct OpaqueToken {
    /// The enterprise.
    pub enterprise: String,
    /// The user's id.
    pub user: String,
    /// The session's id: a ULID.
    pub session: String,
    text: Private,
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "OpaqueToken of {}", self.session)
    }
}

impl OpaqueToken {
    /// A new token for a session of a user; `None` when an id is none of ours.
    #[must_use]
    pub fn generate(enterprise: &str, user: &str, session: &str) -> Option<Self> {
        let mut bytes = crypto::random::<BYTES>();
        let ulids = [user, session].map(Ulid::from_string);
        let [Ok(user_id), Ok(session_id)] = ulids else { return None };
        if !is_id(enterprise) {
            return None;
        }
        bytes[0] = u8::try_from(enterprise.len()).ok()?;
        bytes[1..=enterprise.len()].copy_from_slice(enterprise.as_bytes());
        bytes[1 + ID..][..ULID].copy_from_slice(&user_id.to_bytes());
        bytes[1 + ID + ULID..][..ULID].copy_from_slice(&session_id.to_bytes());
        Some(Self {
            enterprise: enterprise.to_owned(),
            user: user.to_owned(),
            session: session.to_owned(),
            text: BASE32_NOPAD.encode(&bytes).into(),
        })
    }

    /// Reads a token that a client sent; `None` for what cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != CHARS {
            return None;
        }
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).ok()?;
        let enterprise = bytes[1..=ID].get(..usize::from(bytes[0]))?;
        let enterprise = std::str::from_utf8(enterprise).ok().filter(|id| is_id(id))?;
        let ulid =
            |at: usize| bytes[at..][..ULID].try_into().ok().map(|bytes| Ulid::from_bytes(bytes).to_string());
        Some(Self {
            enterprise: enterprise.to_owned(),
            user: ulid(1 + ID)?,
            session: ulid(1 + ID + ULID)?,
            text: text.into(),
        })
    }

    /// What a client is given.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// SHA-256 in hex, as the table holds it.
    #[must_use]
    pub fn hash(&self) -> String {
        crypto::sha256_hex(self.text.expose().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_says_where_its_session_is() {
        let [user, session] = [crypto::new_id(), crypto::new_id()];
        for enterprise in ["a", "acme", &"x".repeat(40)] {
            let token = OpaqueToken::generate(enterprise, &user, &session).unwrap();
            assert_eq!(token.expose().len(), CHARS);
            let read = OpaqueToken::parse(token.expose()).unwrap();
            assert_eq!((&*read.enterprise, &read.user, &read.session), (enterprise, &user, &session));
            assert_eq!(read.hash(), token.hash());
            assert_ne!(OpaqueToken::generate(enterprise, &user, &session).unwrap().hash(), token.hash());
            assert!(!format!("{token:?}").contains(token.expose()));
        }
        assert!(OpaqueToken::generate("acme", "pin-01", &session).is_none());
    }

    #[test]
    fn what_is_no_token() {
        let token = OpaqueToken::generate("acme", &crypto::new_id(), &crypto::new_id()).unwrap();
        let text = token.expose();
        for other in
            ["", "A", &text[1..], &format!("{text}A"), &text.to_lowercase(), &text.replace(|_| true, "1")]
        {
            assert!(OpaqueToken::parse(other).is_none(), "{other}");
        }
        assert!(OpaqueToken::parse(&"7".repeat(CHARS)).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[A-Z2-7]{184}|.{0,200}") {
            let _ = OpaqueToken::parse(&text);
        }
    }
}
