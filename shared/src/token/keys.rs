//! The signing keys: an ES256 set in Secrets Manager, its public half in the table. The key-rotation
//! function makes and changes it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use aws_sdk_secretsmanager::Client;
use data_encoding::BASE64;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::{Deserialize, Serialize};

use super::es256::{SigningKey, VerifyingKey};
use crate::cache::Cached;
use crate::config::Environment;
use crate::failure::Failure;
use crate::secrets;
use crate::store::Store;
use crate::store::session::LONGEST_SESSION;

/// Seconds for which a key is still published after it has stopped signing: the longest session there can
/// be, and a day for functions that had not heard of the change yet.
pub const PUBLISHED_AFTER: i64 = LONGEST_SESSION + 24 * 60 * 60;

/// The secret's JSON: the keys, and which of them signs. One that waits is published long before it does,
/// so that everybody who verifies has it by then; one that is retired is public only.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct KeySecret {
    /// The `kid` of the key that signs; absent in a secret that has no keys yet.
    #[serde(default)]
    signing: String,
    keys: Vec<StoredKey>,
    /// The secret's version that this set was made from, and alone may take the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct StoredKey {
    kid: String,
    /// PKCS #8, base64; gone once the key is retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pkcs8: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired: Option<Retired>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Retired {
    /// Epoch seconds at which it stopped signing.
    at: i64,
    public: Jwk,
}

/// What a key of the set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It signs.
    Signing,
    /// It signs after the next rotation.
    Waiting,
    /// It signed, until so many epoch seconds.
    Retired(i64),
}

impl KeySecret {
    /// Reads the secret's text.
    ///
    /// # Errors
    /// [`Failure::Internal`] when it has another form.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|_| malformed("it is not the JSON of a key set"))
    }

    /// The secret's text.
    ///
    /// # Panics
    /// Never: strings serialise.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings serialise")
    }

    /// Whether it has no keys, as the template makes it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The `kid`s, and what each is for.
    pub fn roles(&self) -> impl Iterator<Item = (&str, Role)> {
        self.keys.iter().map(|key| (key.kid.as_str(), self.role(key)))
    }

    fn role(&self, key: &StoredKey) -> Role {
        match &key.retired {
            Some(retired) => Role::Retired(retired.at),
            None if key.kid == self.signing => Role::Signing,
            None => Role::Waiting,
        }
    }

    /// Whether it may take the place of the version called `current`.
    #[must_use]
    pub fn may_replace(&self, current: Option<&str>) -> bool {
        self.replaces.as_deref() == current
    }

    /// The set after a rotation at `now` (epoch seconds), for the place of the version called `current`:
    /// the key that waited signs, a new one waits, the one that signed is retired, and those are left out
    /// whose last token has expired. Of an empty set: a key that signs and one that waits.
    ///
    /// # Errors
    /// [`Failure::Internal`] when no key can be made, or one of the set is damaged.
    pub fn rotated(&self, current: Option<&str>, now: i64) -> Result<Self, Failure> {
        let mut keys = Vec::new();
        let mut signing = None;
        for key in &self.keys {
            match self.role(key) {
                Role::Retired(at) if at + PUBLISHED_AFTER <= now => {}
                Role::Retired(_) => keys.push(key.clone()),
                Role::Signing => {
                    let retired = Some(Retired { at: now, public: key.public()? });
                    keys.push(StoredKey { kid: key.kid.clone(), pkcs8: None, retired });
                }
                Role::Waiting => {
                    signing = Some(key.kid.clone());
                    keys.push(key.clone());
                }
            }
        }
        let signing = if let Some(waited) = signing {
            waited
        } else {
            let first = StoredKey::generate()?;
            let kid = first.kid.clone();
            keys.push(first);
            kid
        };
        keys.push(StoredKey::generate()?);
        Ok(Self { signing, keys, replaces: current.map(ToOwned::to_owned) })
    }

    /// The public half, as it is published.
    ///
    /// # Errors
    /// [`Failure::Internal`] when a key is damaged.
    pub fn public(&self) -> Result<JwkSet, Failure> {
        Ok(JwkSet { keys: self.keys.iter().map(StoredKey::public).collect::<Result<_, _>>()? })
    }
}

impl StoredKey {
    /// A new key. Its `kid` is its thumbprint (RFC 7638).
    fn generate() -> Result<Self, Failure> {
        let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(|_| malformed("no key could be made"))?;
        let jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_der(pkcs8.as_ref()), Algorithm::ES256)
            .map_err(|_| malformed("no key could be made"))?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| malformed("no thumbprint"))?;
        Ok(Self { kid, pkcs8: Some(BASE64.encode(pkcs8.as_ref())), retired: None })
    }

    fn pkcs8(&self) -> Result<Vec<u8>, Failure> {
        let pkcs8 = self.pkcs8.as_ref().ok_or_else(|| malformed("a retired key is to sign"))?;
        BASE64.decode(pkcs8.as_bytes()).map_err(|_| malformed("a key is damaged"))
    }

    fn public(&self) -> Result<Jwk, Failure> {
        if let Some(retired) = &self.retired {
            return Ok(retired.public.clone());
        }
        let mut jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_der(&self.pkcs8()?), Algorithm::ES256)
            .map_err(|_| malformed("a key is damaged"))?;
        jwk.common.key_id = Some(self.kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_algorithm = Some(KeyAlgorithm::ES256);
        Ok(jwk)
    }
}

fn malformed(what: &str) -> Failure {
    Failure::Internal(format!("signing keys: {what}"))
}

/// The keys, ready for use.
pub struct KeySet {
    /// The public keys as they are published.
    pub jwks: JwkSet,
    verifying: HashMap<String, VerifyingKey>,
    signing: Option<SigningKey>,
}

impl KeySet {
    fn public(jwks: JwkSet) -> Result<Self, Failure> {
        let verifying = jwks.keys.iter().map(|jwk| {
            let kid = jwk.common.key_id.clone().ok_or_else(|| malformed("a key has no kid"))?;
            Ok((kid, VerifyingKey::from_jwk(jwk)?))
        });
        let verifying = verifying.collect::<Result<_, Failure>>()?;
        Ok(Self { jwks, verifying, signing: None })
    }

    /// The keys of a secret.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the set is damaged or its signing key is not in it.
    pub fn private(secret: &KeySecret) -> Result<Self, Failure> {
        let signing = secret.keys.iter().find(|key| secret.role(key) == Role::Signing);
        let signing = signing.ok_or_else(|| malformed("the signing key is not in the set"))?;
        let mut set = Self::public(secret.public()?)?;
        set.signing = Some(SigningKey::from_pkcs8(&signing.kid, &signing.pkcs8()?)?);
        Ok(set)
    }

    /// The key that signs; `None` in functions that only verify.
    #[must_use]
    pub fn signing(&self) -> Option<&SigningKey> {
        self.signing.as_ref()
    }

    /// The public key that is called `kid`.
    #[must_use]
    pub fn verifying(&self, kid: &str) -> Option<&VerifyingKey> {
        self.verifying.get(kid)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeySet of {}", self.verifying.len())
    }
}

/// The private keys out of the secret, for a function that signs; fetched now and kept fresh.
///
/// # Errors
/// When the secret cannot be read or is damaged.
pub async fn private(environment: &Environment) -> Result<Arc<Cached<KeySet>>, Failure> {
    let client = Client::new(&environment.aws);
    let id = environment.keys_secret.clone();
    Cached::new(move || {
        let (client, id) = (client.clone(), id.clone());
        Box::pin(async move { KeySet::private(&KeySecret::parse(&secrets::read(&client, &id).await?)?) })
    })
    .await
}

/// The public keys out of the table, for a function that only verifies; fetched now and kept fresh.
///
/// # Errors
/// When the table cannot be read, or no keys are published.
pub async fn public(store: &Store) -> Result<Arc<Cached<KeySet>>, Failure> {
    let store = store.clone();
    Cached::new(move || {
        let store = store.clone();
        Box::pin(async move {
            let published = store.published_keys().await?;
            KeySet::public(published.ok_or_else(|| malformed("none are published"))?)
        })
    })
    .await
}

/// Publishes the public half of a set that is going to sign.
///
/// # Errors
/// When the table does not answer or a key is damaged; and when it has keys of which the set has none,
/// since then they belong to another secret.
pub async fn publish(store: &Store, set: &KeySecret) -> Result<(), Failure> {
    let wanted = set.public()?;
    match store.published_keys().await? {
        Some(published) if published == wanted => Ok(()),
        Some(published) if !wanted.keys.iter().any(|key| published.keys.contains(key)) => {
            Err(malformed("those in the secret are not those of this table; is it the right secret?"))
        }
        _ => Ok(store.publish_keys(&wanted).await?),
    }
}

/// Requires that all of a set is published, and that a signature by its signing key is good by what is.
///
/// # Errors
/// [`Failure::Internal`] when it is not so, or the table does not answer.
pub async fn require_published(store: &Store, set: &KeySecret) -> Result<(), Failure> {
    let published = store.published_keys().await?.ok_or_else(|| malformed("none are published"))?;
    if !set.public()?.keys.iter().all(|key| published.keys.contains(key)) {
        return Err(malformed("they are not published"));
    }
    let (private, public) = (KeySet::private(set)?, KeySet::public(published)?);
    let key = private.signing().ok_or_else(|| malformed("none signs"))?;
    let verifying = public.verifying(key.kid()).ok_or_else(|| malformed("they are not published"))?;
    let message = b"usher key rotation";
    let signature = key.sign(message)?;
    if verifying.is_good(message, &signature) { Ok(()) } else { Err(malformed("a signature is not good")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first() -> KeySecret {
        KeySecret::parse(r#"{"keys":[]}"#).unwrap().rotated(None, 1000).unwrap()
    }

    fn kids(set: &KeySecret) -> Vec<(String, Role)> {
        set.roles().map(|(kid, role)| (kid.to_owned(), role)).collect()
    }

    #[test]
    fn a_new_set_signs_and_publishes_no_private_part() {
        let secret = first();
        let set = KeySet::private(&KeySecret::parse(&secret.to_text()).unwrap()).unwrap();
        let kid = set.signing().unwrap().kid();
        assert!(set.verifying(kid).is_some());
        let jwk = &serde_json::to_value(&set.jwks).unwrap()["keys"][0];
        assert_eq!(jwk["kid"], kid);
        assert_eq!(
            (&jwk["kty"], &jwk["crv"], &jwk["use"], &jwk["alg"]),
            (&"EC".into(), &"P-256".into(), &"sig".into(), &"ES256".into())
        );
        assert!(jwk.get("d").is_none());
    }

    #[test]
    fn the_key_that_waited_signs_and_the_one_that_signed_is_kept_in_public() {
        let before = first();
        let after = before.rotated(Some("first"), 2000).unwrap();
        let (old, new) = (kids(&before), kids(&after));
        assert_eq!([old[0].1, old[1].1], [Role::Signing, Role::Waiting]);
        assert_eq!(new[0], (old[0].0.clone(), Role::Retired(2000)));
        assert_eq!(new[1], (old[1].0.clone(), Role::Signing));
        assert_eq!(new[2].1, Role::Waiting);
        assert!(after.keys[0].pkcs8.is_none(), "what no longer signs has no private half");
        assert!(before.public().unwrap().keys.iter().all(|key| after.public().unwrap().keys.contains(key)));
    }

    #[test]
    fn a_key_is_published_until_its_last_token_has_expired() {
        let set = first().rotated(Some("first"), 2000).unwrap();
        let retired = kids(&set)[0].0.clone();
        let has =
            |now| kids(&set.rotated(Some("second"), now).unwrap()).iter().any(|(kid, _)| *kid == retired);
        assert!(has(2000 + PUBLISHED_AFTER - 1));
        assert!(!has(2000 + PUBLISHED_AFTER));
    }

    #[test]
    fn a_set_without_a_waiting_key_makes_the_one_that_signs() {
        let mut set = first();
        set.keys.pop();
        let rotated = set.rotated(Some("first"), 2000).unwrap();
        assert_eq!(
            kids(&rotated).into_iter().map(|(_, role)| role).collect::<Vec<_>>(),
            [Role::Retired(2000), Role::Signing, Role::Waiting]
        );
    }

    #[test]
    fn damaged_sets_are_refused() {
        assert!(KeySecret::parse("{}").is_err());
        let foreign = KeySecret { signing: "other".into(), ..first() };
        assert!(KeySet::private(&foreign).is_err());
        assert!(KeySet::private(&KeySecret::parse(r#"{"keys":[]}"#).unwrap()).is_err());
    }
}
