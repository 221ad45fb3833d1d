//! ID tokens (`OpenID` Connect Core 1.0 §3.1.3.7).

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use super::Refusal;
use crate::crypto;
use crate::identity;
use crate::json;
use crate::private::Private;

/// Seconds by which a provider's clock may be ahead of ours.
const LEEWAY: i64 = 60;

/// The reason of a token whose key is not published.
pub(super) const KEY_UNKNOWN: &str = "id_token_key_unknown";
/// The reason of a token whose signature is not its key's.
pub(super) const SIGNATURE: &str = "id_token_signature";

/// The algorithms that are taken: none, and those of a shared secret, are not among them.
const ALGORITHMS: [(Algorithm, KeyAlgorithm); 4] = [
    (Algorithm::RS256, KeyAlgorithm::RS256),
    (Algorithm::PS256, KeyAlgorithm::PS256),
    (Algorithm::ES256, KeyAlgorithm::ES256),
    (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
];

/// What a token must say.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The provider's `iss`.
    pub issuer: &'a str,
    /// Ours there; the `aud`.
    pub client_id: &'a str,
    /// The one that this sign-in began with.
    pub nonce: &'a Private,
}

/// Who signed in at the provider.
#[derive(Debug)]
pub struct Person {
    /// The provider's name for them, which never changes and is never given to somebody else.
    pub subject: Private,
    /// Their e-mail address, which can do both.
    pub email: Private,
}

impl Person {
    /// Whether their address is `canonical`. One that no e-mail could reach is nobody's, so that nothing
    /// that only looks like an address is taken for it.
    #[must_use]
    pub fn has_address(&self, canonical: &str) -> bool {
        identity::is_email(self.email.expose()) && identity::canonical(self.email.expose()) == canonical
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Private,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: f64,
    iat: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    nonce: Option<Private>,
    #[serde(default)]
    email: Option<Private>,
    /// A boolean; some providers send a string.
    #[serde(default)]
    email_verified: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// A header in which `alg` is a text (RFC 7515 §4.1.1). The library would take `{"ES256":null}` for one, which is how
/// an enum can be written, too.
#[derive(Deserialize)]
struct NamesItsAlgorithm {
    #[serde(rename = "alg")]
    _alg: String,
}

/// Reads a token's header, and refuses an algorithm that is not on the list and a token of another kind.
///
/// # Errors
/// [`Refusal::Refused`].
pub fn header(token: &Private) -> Result<Header, Refusal> {
    let unreadable = || Refusal::Refused("id_token_unreadable");
    let header = decode_header(token.expose()).map_err(|_| unreadable())?;
    let text = token.expose().split('.').next().unwrap_or_default();
    let text = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| unreadable())?;
    json::object::<NamesItsAlgorithm>(&text).ok_or_else(unreadable)?;
    if !ALGORITHMS.iter().any(|(algorithm, _)| *algorithm == header.alg) || header.crit.is_some() {
        return Err(Refusal::Refused("id_token_algorithm"));
    }
    if !header.typ.as_deref().is_none_or(is_jwt) {
        return Err(Refusal::Refused("id_token_type"));
    }
    Ok(header)
}

/// Whether a `typ` says no more than that it is a JWT (RFC 7515 §4.1.9). An access token (RFC 9068) or a logout
/// token of the same provider says what it is, and is no proof of a sign-in (RFC 8725 §3.11).
fn is_jwt(typ: &str) -> bool {
    ["JWT", "application/jwt"].iter().any(|name| name.eq_ignore_ascii_case(typ))
}

/// The key that a token names, for signatures of the token's algorithm. A token without `kid` has the
/// only one that suits.
fn key_for<'a>(header: &Header, keys: &'a [Jwk]) -> Option<&'a Jwk> {
    let mut suitable = keys.iter().filter(|key| suits(key, header.alg));
    match &header.kid {
        Some(kid) => suitable.find(|key| key.common.key_id.as_ref() == Some(kid)),
        None => suitable.next().filter(|_| suitable.next().is_none()),
    }
}

fn suits(key: &Jwk, algorithm: Algorithm) -> bool {
    let common = &key.common;
    let is_for_signatures =
        common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|uses| uses.contains(&KeyOperations::Verify));
    let is_of_its_algorithm = common.key_algorithm.is_none_or(|own| ALGORITHMS.contains(&(algorithm, own)));
    let is_of_its_kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::PS256) => true,
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::ES256) => curve.curve == EllipticCurve::P256,
        (AlgorithmParameters::OctetKeyPair(pair), Algorithm::EdDSA) => pair.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    is_for_signatures && is_of_its_algorithm && is_of_its_kind
}

/// Checks signature and claims at `now`, and says who it is.
///
/// # Errors
/// [`Refusal::Refused`], with what is wrong.
pub fn verify(
    token: &Private,
    header: &Header,
    keys: &[Jwk],
    expected: &Expected<'_>,
    now: i64,
) -> Result<Person, Refusal> {
    let key = key_for(header, keys).ok_or(Refusal::Refused(KEY_UNKNOWN))?;
    let key = DecodingKey::from_jwk(key).map_err(|_| Refusal::Refused("id_token_key_damaged"))?;
    // The library checks the signature. It would judge times by the machine's clock and not by the
    // call's, so the claims are checked here.
    let mut signature_only = Validation::new(header.alg);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_nbf = false;
    signature_only.validate_aud = false;
    // Straight out of the text: a map in between would let the last of two claims of one name count, where another
    // reader may have believed the first.
    let decoded = decode::<Claims>(token.expose(), &key, &signature_only);
    let decoded = decoded.map_err(|error| match error.kind() {
        // The header has been read already, so these are the claims, under a good signature.
        ErrorKind::Json(_) => Refusal::Refused("id_token_claim_missing"),
        _ => Refusal::Refused(SIGNATURE),
    })?;
    let claims = decoded.claims;
    let audiences = match &claims.aud {
        Audience::One(audience) => std::slice::from_ref(audience),
        Audience::Many(audiences) => audiences,
    };
    let is_for_us = audiences.iter().any(|audience| audience == expected.client_id)
        && (audiences.len() == 1 || claims.azp.is_some())
        && claims.azp.as_ref().is_none_or(|party| party == expected.client_id);
    // Fractions of a second are allowed (RFC 7519 §2).
    #[expect(clippy::cast_precision_loss, reason = "epoch seconds")]
    let (now, latest) = (now as f64, (now + LEEWAY) as f64);
    let nonce = claims.nonce.as_ref().map(Private::expose).unwrap_or_default();
    if claims.iss != expected.issuer {
        return Err(Refusal::Refused("id_token_iss"));
    }
    if !is_for_us {
        return Err(Refusal::Refused("id_token_aud"));
    }
    if claims.exp.is_nan()
        || claims.exp <= now
        || claims.iat > latest
        || claims.nbf.is_some_and(|nbf| nbf > latest)
    {
        return Err(Refusal::Refused("id_token_time"));
    }
    if !crypto::equal(nonce.as_bytes(), expected.nonce.expose().as_bytes()) {
        return Err(Refusal::Refused("id_token_nonce"));
    }
    if claims.sub.expose().is_empty() || claims.sub.expose().len() > 255 {
        return Err(Refusal::Refused("id_token_sub"));
    }
    // A provider that does not say is believed; see docs/security.md.
    let is_verified = [Value::Null, Value::from(true), Value::from("true")].contains(&claims.email_verified);
    match claims.email {
        Some(email) if is_verified => Ok(Person { subject: claims.sub, email }),
        Some(_) => Err(Refusal::Refused("email_not_verified")),
        None => Err(Refusal::Refused("email_missing")),
    }
}
