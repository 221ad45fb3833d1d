//! What must not be in a log.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use shared::token::opaque::CHARS as OPAQUE;

/// Notes every value of a field that must not be logged.
pub(crate) fn remember(secrets: &Mutex<Vec<String>>, value: &Value) {
    const PRIVATE: [&str; 26] = [
        "password",
        "new_password",
        "pin",
        "token",
        "refresh_token",
        "playback_token",
        "reset_code",
        "email",
        "key",
        "password_hash",
        "login_code",
        "udid",
        "device_code",
        "csrf",
        "client_secret",
        "clientSecret",
        "emailAddress",
        "state",
        "nonce",
        "code",
        "code_verifier",
        "id_token",
        "access_token",
        "cookie",
        "pepper",
        "pkcs8",
    ];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let keep = |text: String| {
                    secrets.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                };
                match value.as_str() {
                    // A screener's key is what it is called.
                    None if name == "screeners" => {}
                    // Six digits alone stand in every other timestamp.
                    Some(text) if name == "otp" => {
                        for form in [format!("\"{text}\""), format!("#{text}"), format!("{text} is your")] {
                            keep(form);
                        }
                    }
                    None if name == "phone" && value.as_u64() > Some(999_999) => keep(value.to_string()),
                    Some(text) if PRIVATE.contains(&name.as_str()) && text.len() > 5 => {
                        keep(text.to_owned());
                    }
                    _ => remember(secrets, value),
                }
            }
        }
        // An opaque token is the whole of an answer.
        Value::String(text) if text.len() == OPAQUE => {
            secrets.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| remember(secrets, item)),
        _ => {}
    }
}
