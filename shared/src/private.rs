//! Text that must never reach a log: secrets and personal data.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A password, token, code, e-mail address or name. It has no `Display`, its `Debug` says
/// nothing, and reading it takes a call to [`Private::expose`] that a reviewer can search for.
/// It does not serialise either: a field that goes into the table, or to its owner, says so with [`exposed`].
///
/// ```compile_fail,E0277
/// serde_json::to_string(&shared::private::Private::from("popcorn"));
/// ```
///
/// ```compile_fail,E0277
/// println!("{}", shared::private::Private::from("popcorn"));
/// ```
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Private(String);

impl Private {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Private {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Private {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[private]")
    }
}

/// Serialises the text itself: `#[serde(serialize_with = "exposed")]`.
///
/// # Errors
/// What the serializer fails with.
pub fn exposed<S: Serializer>(text: &Private, serializer: S) -> Result<S::Ok, S::Error> {
    text.0.serialize(serializer)
}

/// The same of a text that may be absent.
///
/// # Errors
/// What the serializer fails with.
pub fn exposed_if_any<S: Serializer>(text: &Option<Private>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref().map(Private::expose).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Private;
    use crate::login_code::LoginCode;
    use crate::store::identity::Identity;
    use crate::store::pairing::Pairing;

    #[test]
    fn cannot_be_printed() {
        let secret = Private::from("correct horse");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[private] Some([private])");
    }

    #[test]
    fn what_holds_a_secret_does_not_print_it() {
        let code = LoginCode::generate();
        assert!(!format!("{:?}", Pairing::key(Some(&code))).contains(code.as_str()));
        let person = json!({
            "user": "u", "username": "ana", "epoch": 1, "roles": [], "surfaces": [],
            "password_hash": "$argon2id$1", "provisioned_hash": "$argon2id$2", "client_secret_hash": "$argon2id$3",
        });
        let person: Identity = serde_json::from_value(person).unwrap();
        assert!(!format!("{person:?}").contains("argon2id"));
    }
}
