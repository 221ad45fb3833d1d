//! The signing keys: an ES256 set in Secrets Manager, its public half in the table.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use aws_sdk_secretsmanager::Client;
use data_encoding::BASE64;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};

use crate::cache::Cached;
use crate::config::Environment;
use crate::failure::Failure;
use crate::secrets;
use crate::store::Store;

/// The secret's JSON: the keys, and which of them signs.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeySecret {
    /// The `kid` of the key that signs.
    signing: String,
    keys: Vec<PrivateKey>,
}

#[derive(Clone, Serialize, Deserialize)]
struct PrivateKey {
    kid: String,
    /// PKCS #8, base64.
    pkcs8: String,
}

impl KeySecret {
    /// A set of one new key. Its `kid` is the key's thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`Failure::Internal`] when no key can be made.
    pub fn generate() -> Result<Self, Failure> {
        let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(|_| malformed("no key could be made"))?;
        let jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_der(pkcs8.as_ref()), Algorithm::ES256)
            .map_err(|_| malformed("no key could be made"))?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| malformed("no thumbprint"))?;
        let key = PrivateKey { kid: kid.clone(), pkcs8: BASE64.encode(pkcs8.as_ref()) };
        Ok(Self { signing: kid, keys: vec![key] })
    }

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

    /// The public half, as it is published.
    ///
    /// # Errors
    /// [`Failure::Internal`] when a key is damaged.
    pub fn public(&self) -> Result<JwkSet, Failure> {
        let keys = self.keys.iter().map(|key| {
            let mut jwk = Jwk::from_encoding_key(&key.encoding_key()?, Algorithm::ES256)
                .map_err(|_| malformed("a key is damaged"))?;
            jwk.common.key_id = Some(key.kid.clone());
            jwk.common.public_key_use = Some(PublicKeyUse::Signature);
            jwk.common.key_algorithm = Some(KeyAlgorithm::ES256);
            Ok(jwk)
        });
        Ok(JwkSet { keys: keys.collect::<Result<_, Failure>>()? })
    }
}

impl PrivateKey {
    fn encoding_key(&self) -> Result<EncodingKey, Failure> {
        let pkcs8 = BASE64.decode(self.pkcs8.as_bytes()).map_err(|_| malformed("a key is damaged"))?;
        Ok(EncodingKey::from_ec_der(&pkcs8))
    }
}

fn malformed(what: &str) -> Failure {
    Failure::Internal(format!("signing keys: {what}"))
}

/// The keys, ready for use.
pub struct KeySet {
    /// The public keys as they are published.
    pub jwks: JwkSet,
    verifying: HashMap<String, DecodingKey>,
    signing: Option<(String, EncodingKey)>,
}

impl KeySet {
    fn public(jwks: JwkSet) -> Result<Self, Failure> {
        let verifying = jwks.keys.iter().map(|jwk| {
            let kid = jwk.common.key_id.clone().ok_or_else(|| malformed("a key has no kid"))?;
            let key = DecodingKey::from_jwk(jwk).map_err(|_| malformed("a key is damaged"))?;
            Ok((kid, key))
        });
        let verifying = verifying.collect::<Result<_, Failure>>()?;
        Ok(Self { jwks, verifying, signing: None })
    }

    /// The keys of a secret.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the set is damaged or its signing key is not in it.
    pub fn private(secret: &KeySecret) -> Result<Self, Failure> {
        let signing = secret.keys.iter().find(|key| key.kid == secret.signing);
        let signing = signing.ok_or_else(|| malformed("the signing key is not in the set"))?;
        let mut set = Self::public(secret.public()?)?;
        set.signing = Some((signing.kid.clone(), signing.encoding_key()?));
        Ok(set)
    }

    /// The key that signs and its `kid`; `None` in functions that only verify.
    #[must_use]
    pub fn signing(&self) -> Option<(&str, &EncodingKey)> {
        self.signing.as_ref().map(|(kid, key)| (kid.as_str(), key))
    }

    /// The public key that is called `kid`.
    #[must_use]
    pub fn verifying(&self, kid: &str) -> Option<&DecodingKey> {
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

/// Makes the first key set where there is none, and publishes its public half. `true` when a set
/// was made. Safe to run twice, and at once with itself.
///
/// # Errors
/// When Secrets Manager or the table does not answer, or the secret is damaged.
pub async fn ensure(store: &Store, client: &Client, secret: &str) -> Result<bool, Failure> {
    let (text, created) = secrets::ensure(client, secret, KeySecret::generate()?.to_text()).await?;
    let wanted = KeySecret::parse(&text)?.public()?;
    match store.published_keys().await? {
        Some(published) if published == wanted => {}
        Some(published) if !have_a_key_in_common(&published, &wanted) => {
            return Err(malformed(
                "those in the secret are not those of this table; is it the right secret?",
            ));
        }
        _ => store.publish_keys(&wanted).await?,
    }
    Ok(created)
}

fn have_a_key_in_common(left: &JwkSet, right: &JwkSet) -> bool {
    left.keys.iter().any(|key| right.keys.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_set_signs_and_publishes_no_private_part() {
        let secret = KeySecret::generate().unwrap();
        let set = KeySet::private(&KeySecret::parse(&secret.to_text()).unwrap()).unwrap();
        let (kid, _) = set.signing().unwrap();
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
    fn damaged_sets_are_refused() {
        assert!(KeySecret::parse("{}").is_err());
        let foreign = KeySecret { signing: "other".into(), ..KeySecret::generate().unwrap() };
        assert!(KeySet::private(&foreign).is_err());
    }
}
