//! JSON that others have written.

use serde::Deserialize;

/// Reads an object. Of a list, a reader that is derived would take the values by their order: what others have not
/// called by its name, they have not said.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<T> {
    let is_object = text.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "error")]
        _error: String,
    }

    #[test]
    fn only_an_object_is_read() {
        let is_read = |text: &str| object::<Answer>(text.as_bytes()).is_some();
        assert!(is_read(r#"{"error":"invalid_grant","error_description":"it is spent"}"#));
        assert!(is_read(" \r\n\t{ \"error\" : \"invalid_grant\" } \n"));
        for text in [r#"["invalid_grant"]"#, r#" ["invalid_grant"]"#, r#"{"error":7}"#, "{}", "null", "", "{"]
        {
            assert!(!is_read(text), "{text}");
        }
    }
}
