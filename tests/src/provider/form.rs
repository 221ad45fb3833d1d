//! What clients send, read as strictly as the specifications allow; and JSON that is different in parts.

use std::collections::HashMap;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use data_encoding::BASE64;
use serde_json::Value;

/// How the client authenticated, its id and its secret; `None` when in no way, or in two (RFC 6749 §2.3).
pub(super) fn credentials(
    headers: &HeaderMap,
    fields: &HashMap<String, String>,
) -> Option<(&'static str, String, String)> {
    match (headers.get(AUTHORIZATION), fields.get("client_secret")) {
        (Some(header), None) => {
            let pair = BASE64.decode(header.to_str().ok()?.strip_prefix("Basic ")?.as_bytes()).ok()?;
            let pair = String::from_utf8(pair).ok()?;
            let (id, secret) = pair.split_once(':')?;
            Some(("client_secret_basic", decoded(id)?, decoded(secret)?))
        }
        (None, Some(secret)) => {
            Some(("client_secret_post", fields.get("client_id")?.clone(), secret.clone()))
        }
        _ => None,
    }
}

/// Form-decodes one value; `None` when it was not encoded.
fn decoded(text: &str) -> Option<String> {
    let is_encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._+%".contains(&byte);
    text.bytes().all(is_encoded).then(|| form(format!("value={text}").as_bytes())?.remove("value")).flatten()
}

/// The fields of a form; `None` when one is there twice (RFC 6749 §3.1 and §3.2).
pub(super) fn form(text: &[u8]) -> Option<HashMap<String, String>> {
    let mut fields = HashMap::new();
    for (name, value) in form_urlencoded::parse(text).into_owned() {
        if fields.insert(name, value).is_some() {
            return None;
        }
    }
    Some(fields)
}

/// Puts `changes` over an object; null takes a field out.
pub(super) fn merge(object: &mut Value, changes: &Value) {
    let fields = object.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
}
