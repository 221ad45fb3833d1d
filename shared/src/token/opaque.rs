//! Opaque tokens: 184 characters `A-Z2-7`, which are base32 (RFC 4648 §6) of 115 bytes.
//!
//! The bytes say where the token's session is, so that it is found in one read, hold 32 random ones, which nobody
//! can guess, and end with a tag, by which a token that the session has had is known from one that never was:
//! `1` length of the enterprise's id, `40` that id, `16` user, `16` session, `32` random, `10` tag. What the id leaves
//! of its room is random too.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use ulid::Ulid;

use crate::api_key::is_id;
use crate::crypto;
use crate::private::Private;

/// The characters of a token.
pub const CHARS: usize = 184;

const BYTES: usize = 115;
const ID: usize = 40;
const ULID: usize = 16;
const TAG: usize = 10;

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
    /// A new token for a session of a user, with the session's tag key; `None` when an id is none of ours.
    #[must_use]
    pub fn generate(enterprise: &str, user: &str, session: &str, tag_key: &str) -> Option<Self> {
        let [Ok(user_id), Ok(session_id)] = [user, session].map(Ulid::from_string) else { return None };
        if !is_id(enterprise) {
            return None;
        }
        let mut bytes = crypto::random::<BYTES>();
        bytes[0] = u8::try_from(enterprise.len()).ok()?;
        bytes[1..=enterprise.len()].copy_from_slice(enterprise.as_bytes());
        bytes[1 + ID..][..ULID].copy_from_slice(&user_id.to_bytes());
        bytes[1 + ID + ULID..][..ULID].copy_from_slice(&session_id.to_bytes());
        let (tagged, place) = bytes.split_at_mut(BYTES - TAG);
        place.copy_from_slice(&tag(tag_key, tagged));
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

    /// Whether it is one that a session with this tag key was given, at some time.
    #[must_use]
    pub fn has_tag_of(&self, tag_key: &str) -> bool {
        let bytes = BASE32_NOPAD.decode(self.text.expose().as_bytes()).unwrap_or_default();
        let Some((tagged, given)) = bytes.split_at_checked(BYTES - TAG) else { return false };
        crypto::equal(&tag(tag_key, tagged), given)
    }

    /// SHA-256 in hex, as the table holds it.
    #[must_use]
    pub fn hash(&self) -> String {
        crypto::sha256_hex(self.text.expose().as_bytes())
    }
}

/// The first bytes of HMAC-SHA-256.
fn tag(key: &str, bytes: &[u8]) -> [u8; TAG] {
    let whole = crypto::keyed_hash(key.as_bytes(), &["opaque", &BASE32_NOPAD.encode(bytes)]);
    let whole = HEXLOWER.decode(whole.as_bytes()).expect("a hash is in hex");
    let mut tag = [0; TAG];
    tag.copy_from_slice(&whole[..TAG]);
    tag
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_says_where_its_session_is() {
        let [user, session] = [crypto::new_id(), crypto::new_id()];
        for enterprise in ["a", "acme", &"x".repeat(40)] {
            let token = OpaqueToken::generate(enterprise, &user, &session, "key").unwrap();
            assert_eq!(token.expose().len(), CHARS);
            let read = OpaqueToken::parse(token.expose()).unwrap();
            assert_eq!((&*read.enterprise, &read.user, &read.session), (enterprise, &user, &session));
            assert_eq!(read.hash(), token.hash());
            let other = OpaqueToken::generate(enterprise, &user, &session, "key").unwrap();
            assert_ne!(other.hash(), token.hash());
            assert!(read.has_tag_of("key") && other.has_tag_of("key") && !read.has_tag_of("other"));
            for index in [0, 100, 150, 183] {
                let mut text = token.expose().to_owned();
                let changed = if &text[index..=index] == "A" { "B" } else { "A" };
                text.replace_range(index..=index, changed);
                assert!(OpaqueToken::parse(&text).is_none_or(|changed| !changed.has_tag_of("key")));
            }
            assert!(!format!("{token:?}").contains(token.expose()));
        }
        assert!(OpaqueToken::generate("acme", "pin-01", &session, "key").is_none());
    }

    #[test]
    fn what_is_no_token() {
        let token = OpaqueToken::generate("acme", &crypto::new_id(), &crypto::new_id(), "key").unwrap();
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
