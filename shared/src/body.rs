//! A strict reading of JSON request bodies, with errors that name the field and never echo a value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::private::Private;

/// The largest body that is read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// What is wrong with a body: the field at fault and the rule it breaks. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field's path, as `credentials.username`, or `body`.
    pub field: String,
    /// The rule, as `missing` or `must be a string`.
    pub rule: String,
}

impl Invalid {
    /// `field` breaks `rule`.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.field, self.rule)
    }
}

/// Whether a text may be what a field of at most `max` characters holds, of a JSON body, a page's form or a
/// provisioning document.
///
/// # Errors
/// The rule that it breaks: it is empty, has a NUL in it, or is too long.
pub fn check_text(text: &str, max: usize) -> Result<(), String> {
    if text.is_empty() {
        Err("must not be empty".to_owned())
    } else if text.contains('\0') {
        Err("must not contain NUL".to_owned())
    } else if text.chars().count() > max {
        Err(format!("must be at most {max} characters"))
    } else {
        Ok(())
    }
}

/// A JSON object out of a request. Fields that nobody asks for are ignored; `null` counts as
/// absent for an optional field.
pub struct Object {
    /// Where this object lies in the body, with a trailing dot; empty for the body itself.
    path: String,
    fields: Map<String, Value>,
}

impl fmt::Debug for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Object")
    }
}

impl Object {
    /// Reads a whole body.
    ///
    /// # Errors
    /// Over [`MAX_BYTES`], not UTF-8, not JSON, nested too deep, a key twice in one object (at any
    /// depth), or not an object.
    pub fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() > MAX_BYTES {
            return Err(Invalid::new("body", "must be at most 16 KiB"));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Invalid::new("body", "missing"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Invalid::new("body", "must be UTF-8"))?;
        match serde_json::from_str(text) {
            Ok(Strict(Value::Object(fields))) => Ok(Self { path: String::new(), fields }),
            Ok(_) => Err(Invalid::new("body", "must be a JSON object")),
            // serde_json's text may quote the input; its category and place do not.
            Err(error) if error.is_data() => {
                Err(Invalid::new("body", "must not have a key twice in one object"))
            }
            Err(error) => Err(Invalid::new(
                "body",
                format!("not valid JSON at line {} column {}", error.line(), error.column()),
            )),
        }
    }

    fn invalid(&self, field: &str, rule: impl Into<String>) -> Invalid {
        Invalid::new(format!("{}{field}", self.path), rule)
    }

    fn required(&self, field: &str) -> Result<&Value, Invalid> {
        self.fields.get(field).ok_or_else(|| self.invalid(field, "missing"))
    }

    fn optional(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    fn text_of(&self, field: &str, value: &Value, max: usize) -> Result<String, Invalid> {
        let Value::String(text) = value else {
            return Err(self.invalid(field, "must be a string"));
        };
        check_text(text, max).map_err(|rule| self.invalid(field, rule))?;
        Ok(text.clone())
    }

    /// Whether a field is there and not `null`.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.optional(field).is_some()
    }

    /// A string that must be there, whatever it says.
    ///
    /// # Errors
    /// Missing, or not a string.
    pub fn any_text(&self, field: &str) -> Result<String, Invalid> {
        match self.required(field)? {
            Value::String(text) => Ok(text.clone()),
            _ => Err(self.invalid(field, "must be a string")),
        }
    }

    /// A string of 1 to `max` characters that must be there.
    ///
    /// # Errors
    /// Missing, not a string, empty, too long, or with a NUL in it.
    pub fn text(&self, field: &str, max: usize) -> Result<String, Invalid> {
        self.text_of(field, self.required(field)?, max)
    }

    /// As [`Object::text`], for a secret or personal data.
    ///
    /// # Errors
    /// As [`Object::text`].
    pub fn private(&self, field: &str, max: usize) -> Result<Private, Invalid> {
        self.text(field, max).map(Private::from)
    }

    /// As [`Object::private`], for a field that may be absent.
    ///
    /// # Errors
    /// Present, but not a string, empty, too long, or with a NUL in it.
    pub fn optional_private(&self, field: &str, max: usize) -> Result<Option<Private>, Invalid> {
        self.optional(field).map(|value| self.text_of(field, value, max).map(Private::from)).transpose()
    }

    /// A whole number of 1 to `max` that must be there.
    ///
    /// # Errors
    /// Missing, not a JSON number without a fraction or an exponent, or out of range.
    pub fn positive(&self, field: &str, max: u64) -> Result<u64, Invalid> {
        let value = self.required(field)?;
        if !value.is_number() {
            return Err(self.invalid(field, "must be a whole number"));
        }
        // What is negative, has a fraction or does not fit into 64 bits is none of these.
        let number = value.as_u64().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| self.invalid(field, format!("must be a whole number of 1 to {max}")))
    }

    /// A boolean that is `false` when absent.
    ///
    /// # Errors
    /// Present, but neither `true` nor `false`.
    pub fn flag(&self, field: &str) -> Result<bool, Invalid> {
        self.flag_or(field, false)
    }

    /// A boolean that is `default` when absent.
    ///
    /// # Errors
    /// As [`Object::flag`].
    pub fn flag_or(&self, field: &str, default: bool) -> Result<bool, Invalid> {
        match self.optional(field) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.invalid(field, "must be true or false")),
        }
    }

    /// Whether a field that must be there says that something is so: `true`, or a text about it. `false`, `""`
    /// and `null` say that it is not.
    ///
    /// # Errors
    /// Missing, or neither a boolean nor a string.
    pub fn flag_or_text(&self, field: &str) -> Result<bool, Invalid> {
        match self.required(field)? {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) => Ok(!text.is_empty()),
            Value::Null => Ok(false),
            _ => Err(self.invalid(field, "must be true, false or a string")),
        }
    }

    /// An object that must be there.
    ///
    /// # Errors
    /// Missing, or not an object.
    pub fn object(&self, field: &str) -> Result<Object, Invalid> {
        match self.required(field)? {
            Value::Object(fields) => {
                Ok(Self { path: format!("{}{field}.", self.path), fields: fields.clone() })
            }
            _ => Err(self.invalid(field, "must be an object")),
        }
    }
}

/// A JSON value in which no object has a key twice: RFC 8259 §4 leaves that case to each parser,
/// and what two parsers read differently is a way around one of them.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((key, Strict(value))) = map.next_entry::<String, Strict>()? {
            if fields.insert(key, value).is_some() {
                return Err(A::Error::custom("a key twice"));
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(body: &[u8]) -> String {
        Object::parse(body).unwrap_err().to_string()
    }

    #[test]
    fn whole_bodies_that_are_refused() {
        assert_eq!(rule(b""), "body: missing");
        assert_eq!(rule(b"[]"), "body: must be a JSON object");
        assert_eq!(rule(b"\"x\""), "body: must be a JSON object");
        assert_eq!(rule(b"{"), "body: not valid JSON at line 1 column 1");
        assert_eq!(rule(b"{\"a\":\"\xff\"}"), "body: must be UTF-8");
        assert!(rule(br#"{"a":"\ud800"}"#).starts_with("body: not valid JSON"));
        assert_eq!(rule(br#"{"a":1,"a":2}"#), "body: must not have a key twice in one object");
        assert_eq!(rule(br#"{"z":{"a":1,"a":2}}"#), "body: must not have a key twice in one object");
        assert_eq!(rule(&vec![b' '; MAX_BYTES + 1]), "body: must be at most 16 KiB");
        let deep = [b"{\"a\":".repeat(200), b"1".to_vec(), b"}".repeat(200)].concat();
        assert!(rule(&deep).starts_with("body: not valid JSON"));
    }

    #[test]
    fn fields_that_are_refused_are_named() {
        let body = Object::parse(br#"{"n":1,"e":"","z":"a\u0000b","o":{"s":7},"f":"False"}"#).unwrap();
        let text = |field| body.text(field, 3).unwrap_err().to_string();
        assert_eq!(text("x"), "x: missing");
        assert_eq!(text("n"), "n: must be a string");
        assert_eq!(text("e"), "e: must not be empty");
        assert_eq!(text("z"), "z: must not contain NUL");
        assert_eq!(body.flag("f").unwrap_err().to_string(), "f: must be true or false");
        assert_eq!(body.object("n").unwrap_err().to_string(), "n: must be an object");
        let inner = body.object("o").unwrap();
        assert_eq!(inner.text("s", 3).unwrap_err().to_string(), "o.s: must be a string");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Object::parse(&bytes);
        }

        #[test]
        fn a_refusal_never_echoes_the_value(secret in "[a-z]{12,20}") {
            let body = format!(r#"{{"persist":"{secret}","credentials":"{secret}","password":["{secret}"]}}"#);
            let body = Object::parse(body.as_bytes()).unwrap();
            for error in [
                body.flag("persist").unwrap_err(),
                body.object("credentials").unwrap_err(),
                body.text("password", 64).unwrap_err(),
            ] {
                prop_assert!(!error.to_string().contains(&secret));
            }
        }
    }
}
