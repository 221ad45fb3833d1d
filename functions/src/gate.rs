//! What lets a person try to sign in: an API key, a host name, or a caller that has been looked at.

use shared::api_key::PresentedKey;
use shared::failure::{Failure, Surface};
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::{Attributes, Key, parse};

/// What lets a person try.
pub(crate) enum Gate<'a> {
    /// An API key that has not been looked at yet.
    Key(&'a PresentedKey),
    /// The enterprise that the call's host name belongs to, by its id.
    Host(&'a str),
    /// An enterprise, for a caller that has been looked at.
    Passed(&'a Enterprise),
}

impl Gate<'_> {
    pub(crate) fn enterprise(&self) -> &str {
        match self {
            Self::Key(key) => &key.enterprise,
            Self::Host(enterprise) => enterprise,
            Self::Passed(enterprise) => &enterprise.id,
        }
    }

    /// What has to be read for the gate itself.
    pub(crate) fn keys(&self) -> Vec<Key> {
        match self {
            Self::Key(key) => {
                vec![ApiKey::key(&key.enterprise, &key.id), Enterprise::key(&key.enterprise)]
            }
            Self::Host(enterprise) => vec![Enterprise::key(enterprise)],
            Self::Passed(_) => Vec::new(),
        }
    }

    /// Checks the key and its surface by the items that [`Gate::keys`] gave, and gives the enterprise.
    pub(crate) fn pass(
        &self,
        items: impl IntoIterator<Item = Option<Attributes>>,
        surface: Surface,
        now: i64,
    ) -> Result<Enterprise, Failure> {
        let mut items = items.into_iter();
        let mut next = || items.next().flatten();
        match self {
            Self::Key(key) => Ok(key.admit([next(), next()], surface, now)?.1),
            // One that is not there has nobody, and finds that out as any other does.
            Self::Host(id) => Ok(parse(next())?.unwrap_or_else(|| Enterprise::nobodys(id))),
            Self::Passed(enterprise) => Ok((*enterprise).clone()),
        }
    }
}
