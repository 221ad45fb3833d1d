//! Events of API Gateway, made of those in `events/`.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::NOW;

/// What is in one call; all else is as in the function's event in `events/`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Call<'a> {
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// The parameter of the path, as the login code of `/qr/{login_code}`.
    pub parameter: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// A cookie.
    pub cookie: Option<&'a str>,
    /// How many seconds after [`NOW`] it comes.
    pub later: i64,
}

/// The event of a function.
pub(crate) fn read(function: &str) -> Value {
    let file = format!("{}/../events/{function}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut event: Value = serde_json::from_str(&text).expect("an event is JSON");
    event["requestContext"]["timeEpoch"] = json!(NOW * 1000);
    event["requestContext"]["domainName"] = json!("acme.localhost");
    event
}

impl Call<'_> {
    pub(crate) fn event(&self, template: &Value) -> Value {
        let mut event = template.clone();
        event["requestContext"]["timeEpoch"] = json!((NOW + self.later) * 1000);
        let fields = event.as_object_mut().expect("an event is an object");
        fields.insert("cookies".to_owned(), json!(self.cookie.as_slice()));
        for value in fields.get_mut("pathParameters").and_then(Value::as_object_mut).into_iter().flatten() {
            *value.1 = json!(self.parameter.unwrap_or_default());
        }
        // Bytes that are no text come in base64, and so does every form.
        match std::str::from_utf8(self.body) {
            Ok(text) if fields.get("isBase64Encoded") != Some(&json!(true)) => {
                fields.insert("body".to_owned(), json!(text));
            }
            _ => {
                fields.insert("body".to_owned(), json!(BASE64.encode(self.body)));
                fields.insert("isBase64Encoded".to_owned(), json!(true));
            }
        }
        let headers = fields.get_mut("headers").and_then(Value::as_object_mut).expect("it has headers");
        match self.authorization {
            Some(text) => headers.insert("authorization".to_owned(), json!(text)),
            None => headers.remove("authorization"),
        };
        event
    }
}
