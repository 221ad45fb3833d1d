//! Text that must never reach a log: secrets and personal data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password, token, code, e-mail address or name. It has no `Display`, its `Debug` says
/// nothing, and reading it takes a call to [`Private::expose`] that a reviewer can search for.
/// It serialises as the plain string, for the table and for the reply to its owner.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::Private;

    #[test]
    fn cannot_be_printed() {
        let secret = Private::from("correct horse");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[private] Some([private])");
    }
}
