//! API keys as clients send them: `usk_<enterprise>_<key id>_<secret>`.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use crate::crypto;
use crate::failure::{Failure, Surface};
use crate::private::Private;
use crate::store::api_key::ApiKey;
use crate::store::enterprise::Enterprise;
use crate::store::{Attributes, Store, parse};

/// The longest thing that is read in a key's place, in bytes.
const MAX_BYTES: usize = 4 * 1024;

/// A key that a client sent: well-formed, and not yet compared with anything.
#[derive(Debug)]
pub struct PresentedKey {
    /// The enterprise that the key names.
    pub enterprise: String,
    /// The key's id within it.
    pub id: String,
    whole: Private,
}

/// Whether `id` can name an enterprise or a key: `[a-z0-9-]{1,40}`.
#[must_use]
pub fn is_id(id: &str) -> bool {
    (1..=40).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl PresentedKey {
    /// Reads a key. `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (enterprise, rest) = text.strip_prefix("usk_")?.split_once('_')?;
        let (id, secret) = rest.split_once('_')?;
        let well_formed = is_id(enterprise)
            && is_id(id)
            && secret.len() >= 32
            && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        well_formed.then(|| Self { enterprise: enterprise.to_owned(), id: id.to_owned(), whole: text.into() })
    }

    /// Reads the `Authorization` header of an endpoint that an API key gates.
    ///
    /// # Errors
    /// [`Failure::NoAuthorization`] when it is missing, is not `Bearer <something>` or is over
    /// 4 KiB; [`Failure::ApiKey`] when the something cannot be a key.
    pub fn from_header(authorization: Option<&str>) -> Result<Self, Failure> {
        let mut words = authorization.unwrap_or_default().split_ascii_whitespace();
        let (Some(scheme), Some(credential), None) = (words.next(), words.next(), words.next()) else {
            return Err(Failure::NoAuthorization);
        };
        if !scheme.eq_ignore_ascii_case("bearer") || credential.len() > MAX_BYTES {
            return Err(Failure::NoAuthorization);
        }
        Self::parse(credential).ok_or(Failure::ApiKey)
    }

    /// SHA-256 of the whole key in hex, as the table holds it.
    #[must_use]
    pub fn hash(&self) -> String {
        crypto::sha256_hex(self.whole.expose().as_bytes())
    }

    /// Holds the key against the stored one and gives that back.
    ///
    /// # Errors
    /// [`Failure::ApiKey`] when there is none, the secret differs, or it is revoked or expired;
    /// [`Failure::NotAllowed`] when it is another surface's.
    pub fn authorize(&self, stored: Option<ApiKey>, surface: Surface, now: i64) -> Result<ApiKey, Failure> {
        let stored = stored.ok_or(Failure::ApiKey)?;
        if !crypto::equal(self.hash().as_bytes(), stored.hash.as_bytes()) || !stored.is_live(now) {
            return Err(Failure::ApiKey);
        }
        if stored.surface != surface.name() {
            return Err(Failure::NotAllowed("API key is for another surface"));
        }
        Ok(stored)
    }

    /// The same, with the items of key and enterprise: first the key, whatever there is of the enterprise.
    ///
    /// # Errors
    /// As [`PresentedKey::authorize`], and [`Failure::ApiKey`] when there is no such enterprise.
    pub fn admit(
        &self,
        [key, enterprise]: [Option<Attributes>; 2],
        surface: Surface,
        now: i64,
    ) -> Result<(ApiKey, Enterprise), Failure> {
        let key = self.authorize(parse(key)?, surface, now)?;
        Ok((key, parse(enterprise)?.ok_or(Failure::ApiKey)?))
    }

    /// Gives back what was parsed from a request, or refuses the call: for the key, if it does not
    /// work, and else for what could not be parsed. Only a caller with a key learns what is wrong.
    ///
    /// # Errors
    /// As [`PresentedKey::check`], then `parsed`'s.
    pub async fn gate<T>(
        &self,
        parsed: Result<T, impl Into<Failure>>,
        store: &Store,
        surface: Surface,
        now: i64,
    ) -> Result<T, Failure> {
        match parsed {
            Ok(request) => Ok(request),
            Err(refusal) => {
                self.check(store, surface, now).await?;
                Err(refusal.into())
            }
        }
    }

    /// Reads the stored key and nothing else, and holds this one against it.
    ///
    /// # Errors
    /// As [`PresentedKey::authorize`], and [`Failure::Internal`] when the table does not answer.
    pub async fn check(&self, store: &Store, surface: Surface, now: i64) -> Result<ApiKey, Failure> {
        let [stored] = store.read([&ApiKey::key(&self.enterprise, &self.id)]).await?;
        self.authorize(parse(stored)?, surface, now)
    }
}

/// The keys that this warm function has seen to be real: those with which a call may be counted
/// before the table has confirmed the key. It opens nothing: whether a key works is read each time.
#[derive(Debug, Default)]
pub struct SeenKeys(RwLock<HashSet<String>>);

impl SeenKeys {
    /// Whether `key` was real when it was last seen.
    #[must_use]
    pub fn contains(&self, key: &PresentedKey) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&key.hash())
    }

    /// Forgets a key that was refused.
    pub fn remove(&self, key: &PresentedKey) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&key.hash());
    }

    /// Notes a key that has been authorized.
    pub fn insert(&self, key: &PresentedKey) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key.hash());
    }
}

/// A new key for `id` of `enterprise`: the form above with 40 random characters (about 238 bits).
#[must_use]
pub fn generate(enterprise: &str, id: &str) -> Private {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    Private::from(format!("usk_{enterprise}_{id}_{}", crypto::random_text(ALPHABET, 40)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(header: &str) -> Result<PresentedKey, Failure> {
        PresentedKey::from_header(Some(header))
    }

    #[test]
    fn a_key_names_its_enterprise_and_itself() {
        let text = generate("acme", "acme-watch");
        let key = read(&format!("Bearer {}", text.expose())).unwrap();
        assert_eq!((key.enterprise.as_str(), key.id.as_str()), ("acme", "acme-watch"));
        assert!(!format!("{key:?}").contains(text.expose()));
    }

    #[test]
    fn what_is_no_header_and_what_is_no_key() {
        assert!(matches!(PresentedKey::from_header(None), Err(Failure::NoAuthorization)));
        for header in ["", "Bearer", "Bearer ", "Basic abc", "usk_a_b_c", "Bearer a b"] {
            assert!(matches!(read(header), Err(Failure::NoAuthorization)), "{header}");
        }
        let short = format!("Bearer usk_a_b_{}", "x".repeat(31));
        let upper = format!("Bearer usk_A_b_{}", "x".repeat(32));
        let under = format!("Bearer usk_a_b_{}_", "x".repeat(32));
        for header in ["Bearer x", "bearer eyJ.a.b", &short, &upper, &under] {
            assert!(matches!(read(header), Err(Failure::ApiKey)), "{header}");
        }
        let long = |length| format!("Bearer {}", "x".repeat(length));
        assert!(matches!(read(&long(MAX_BYTES)), Err(Failure::ApiKey)));
        assert!(matches!(read(&long(MAX_BYTES + 1)), Err(Failure::NoAuthorization)));
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(header in ".{0,200}") {
            let _ = read(&header);
        }

        #[test]
        fn a_well_formed_key_is_read(e in "[a-z0-9-]{1,40}", i in "[a-z0-9-]{1,40}", s in "[A-Za-z0-9]{32,64}") {
            let key = PresentedKey::parse(&format!("usk_{e}_{i}_{s}")).unwrap();
            prop_assert_eq!((key.enterprise, key.id), (e, i));
        }
    }
}
