//! A second reading of what a provider publishes: where it is (`OpenID` Connect Discovery 1.0 §3) and its keys
//! (RFC 7517). Where the answer hangs on how a library reads what no provider sends, it is left open.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::keys::{Key, keys};
use super::wire::Sent;

/// The fields of a JSON object that somebody knows who knows these and no others. `None` where it is no object, or has
/// one of them twice.
#[must_use]
pub fn fields(text: &[u8], known: &[&str]) -> Option<Map<String, Value>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let fields = Known(known).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(fields)
}

struct Known<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Known<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Known<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if !self.0.contains(&name.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else if fields.insert(name, map.next_value()?).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(fields)
    }
}

/// A field that may be absent or null, as `read` has it. `None` where it is another one.
pub fn optional<'a, T>(
    value: Option<&'a Value>,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Option<Option<T>> {
    match value.filter(|value| !value.is_null()) {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

/// A list of texts.
#[must_use]
pub fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// What a discovery document says.
#[derive(Debug)]
pub struct Discovery {
    /// Where browsers go.
    pub authorization: String,
    /// Where codes are exchanged.
    pub token: String,
    /// Where the keys are.
    pub jwks: String,
    /// Whether our secret goes into a header; `None` where the provider takes it in no way that we know.
    pub takes_header: Option<bool>,
    /// Whether all of it is good; `None`: perhaps.
    pub is_good: Option<bool>,
}

/// Reads one. `None` where it is none of this issuer.
#[must_use]
pub fn discovery(sent: &Sent, issuer: &str) -> Option<Discovery> {
    const METHODS: &str = "token_endpoint_auth_methods_supported";
    const KNOWN: [&str; 5] = ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", METHODS];
    if sent.status != 200 {
        return None;
    }
    let fields = fields(&sent.body, &KNOWN)?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let methods = optional(fields.get(METHODS), texts)?;
    let takes = |method: &str| methods.as_ref().is_none_or(|methods| methods.contains(&method));
    let takes_header =
        if takes("client_secret_basic") { Some(true) } else { takes("client_secret_post").then_some(false) };
    if text("issuer")? != issuer {
        return None;
    }
    let urls = [text("authorization_endpoint")?, text("token_endpoint")?, text("jwks_uri")?];
    let verdicts = urls.map(|url| is_allowed(url, issuer));
    let is_good = if verdicts.contains(&Some(false)) {
        Some(false)
    } else {
        verdicts.iter().all(Option::is_some).then_some(true)
    };
    let [authorization, token, jwks] = urls.map(ToOwned::to_owned);
    Some(Discovery { authorization, token, jwks, takes_header, is_good })
}

/// Scheme, host with port, and the rest of a URL, as it is asked for: a fragment is not sent.
#[must_use]
pub fn split(url: &str) -> Option<(String, &str, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    Some((scheme.to_ascii_lowercase(), authority, format!("{slash}{path}")))
}

/// Whether a provider may name a URL: by https any host, and by http this machine, where the provider is on it.
#[must_use]
pub fn is_allowed(url: &str, issuer: &str) -> Option<bool> {
    let is_local = |authority: &str| {
        let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
        let has_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let host = if has_port { &authority[..authority.len() - port.len() - 1] } else { authority };
        ["localhost", "127.0.0.1", "[::1]"]
            .contains(&host.trim_end_matches(':').to_ascii_lowercase().as_str())
    };
    let local_issuer = split(issuer).is_some_and(|(scheme, host, _)| scheme == "http" && is_local(host));
    let Some((scheme, authority, path)) = split(url) else { return Some(false) };
    let is_safe = scheme == "https" || (scheme == "http" && local_issuer && is_local(authority));
    if !is_safe || authority.is_empty() || authority.contains('@') {
        return Some(false);
    }
    // What there is no doubt about: a lower-case name, a port of four digits, and a path without anything unusual.
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let is_plain = (url.starts_with("https:") || url.starts_with("http:"))
        && host.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
        && (1..=4).contains(&port.len())
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.-_~?=&".contains(&byte));
    is_plain.then_some(true)
}

/// The published keys; `None` where there are none in the answer.
#[must_use]
pub fn published(sent: &Sent) -> Option<Vec<Value>> {
    let mut fields = (sent.status == 200).then(|| fields(&sent.body, &["keys"]))??;
    if let Some(Value::Array(keys)) = fields.remove("keys") { Some(keys) } else { None }
}

/// What a token's `kid` finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No key, or more than one where the token names none.
    Nothing,
    /// One of ours, whole.
    Known(Key),
    /// One that nothing here is signed by.
    Other,
    /// It hangs on how a library reads a key that is none.
    Open,
}

/// Finds the key for a token's `kid` and algorithm.
#[must_use]
pub fn find(published: &[Value], kid: Option<&str>, algorithm: &str) -> Found {
    let mut suitable = Vec::new();
    for jwk in published {
        match suits(jwk, algorithm) {
            Some(false) => {}
            verdict => suitable.push((jwk, verdict)),
        }
    }
    let found = match kid {
        Some(kid) => suitable.into_iter().find(|(jwk, _)| jwk["kid"] == kid),
        None if suitable.iter().any(|(_, verdict)| verdict.is_none()) => return Found::Open,
        None if suitable.len() > 1 => None,
        None => suitable.pop(),
    };
    match found {
        None => Found::Nothing,
        Some((_, None)) => Found::Open,
        Some((jwk, _)) => match keys().of(jwk) {
            Some(key) if keys().is_whole(key, jwk) => Found::Known(key),
            // A modulus of ours beside another exponent, which may be the same number.
            Some(_) => Found::Open,
            None => Found::Other,
        },
    }
}

/// Whether a JWK is for signatures of an algorithm.
fn suits(jwk: &Value, algorithm: &str) -> Option<bool> {
    let Some(object) = jwk.as_object() else { return Some(false) };
    let text = |name: &str| optional(object.get(name), Value::as_str);
    let is_text = |name: &str| object.get(name).is_some_and(Value::is_string);
    let (is_of_its_kind, has_members) = match algorithm {
        "RS256" | "PS256" => (jwk["kty"] == "RSA", is_text("n") && is_text("e")),
        "ES256" => (jwk["kty"] == "EC" && jwk["crv"] == "P-256", is_text("x") && is_text("y")),
        "EdDSA" => (jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519", is_text("x")),
        _ => return Some(false),
    };
    // Not a text: some libraries read `{"EC":null}` as one of a list.
    if !is_text("kty") || object.get("crv").is_some_and(|curve| !curve.is_string()) {
        return None;
    }
    if !is_of_its_kind || !has_members {
        return Some(false);
    }
    // A key of another form than RFC 7517 has it may be none at all.
    let names = ["use", "alg", "kid", "x5u", "x5t", "x5t#S256"];
    let [Some(usage), Some(own), Some(_), Some(_), Some(_), Some(_)] = names.map(text) else { return None };
    let uses = optional(object.get("key_ops"), texts)?;
    optional(object.get("x5c"), texts)?;
    let is_for_signatures =
        usage.is_none_or(|usage| usage == "sig") && uses.is_none_or(|uses| uses.contains(&"verify"));
    Some(is_for_signatures && own.is_none_or(|own| own == algorithm))
}
