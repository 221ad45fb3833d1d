//! The provisioning document: JSON, checked as a whole before anything is written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::check;
use crate::body::Invalid;
use crate::private::Private;
use crate::store::api_key::ApiKey;
use crate::store::enterprise::{Enterprise, Settings, Sso};
use crate::store::screener::Screener;
use crate::store::sms_ceiling::{DOLLAR, SmsCeiling};

/// The whole document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The tenants, each with what is theirs.
    pub enterprises: Vec<EnterpriseEntry>,
    /// What text messages may cost all of them together; left as it is when absent.
    pub(super) sms: Option<SmsEntry>,
}

/// The deployment's limits on text messages; what is absent has its default. Money is in dollars.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SmsEntry {
    pub(super) daily_max: Option<u32>,
    pub(super) monthly_usd: Option<f64>,
    pub(super) price_usd: Option<f64>,
    #[serde(default)]
    pub(super) prices_usd: BTreeMap<String, f64>,
}

/// One tenant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnterpriseEntry {
    /// `[a-z0-9-]{1,40}`.
    pub id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) domains: Vec<String>,
    #[serde(default)]
    pub(super) settings: Settings,
    pub(super) sso: Option<SsoEntry>,
    /// Its API keys.
    #[serde(default)]
    pub api_keys: Vec<ApiKeyEntry>,
    /// Its people.
    #[serde(default)]
    pub users: Vec<UserEntry>,
    /// Its PINs.
    #[serde(default)]
    pub pins: Vec<PinEntry>,
    /// Its screeners.
    #[serde(default)]
    pub screeners: Vec<ScreenerEntry>,
}

/// A tenant's `OpenID` provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SsoEntry {
    pub(super) issuer: String,
    pub(super) client_id: String,
    /// Kept in a secret of its own, and not in the table.
    pub(super) client_secret: Option<Private>,
    pub(super) redirect_uri: String,
    #[serde(default)]
    pub(super) jit: bool,
    #[serde(default)]
    pub(super) email_domains: Vec<String>,
}

/// An API key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyEntry {
    /// `[a-z0-9-]{1,40}`.
    pub id: String,
    /// The whole key; made up when there is none yet.
    pub key: Option<Private>,
    #[serde(default = "watch")]
    pub(super) surface: String,
    expires_at: Option<i64>,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    refresh_rotation: bool,
    #[serde(default)]
    qr_device_code: bool,
}

/// A person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserEntry {
    /// The user name.
    pub username: Private,
    /// The e-mail address.
    pub email: Option<Private>,
    /// The password in the clear, or
    pub password: Option<Private>,
    /// its hash, as another system exported it: Argon2, bcrypt, or PBKDF2 or scrypt in PHC form.
    pub password_hash: Option<String>,
    /// `viewer`, `admin`, `owner`.
    #[serde(default = "viewer")]
    pub roles: Vec<String>,
    /// `watch`, `admin`, `vidizmo`.
    #[serde(default = "only_watch")]
    pub surfaces: Vec<String>,
    /// A machine's credential on the VIDIZMO surface.
    pub client_secret: Option<Private>,
    /// Whether the person may not sign in.
    #[serde(default)]
    pub disabled: bool,
}

/// A PIN.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinEntry {
    /// As it is given to its holder; case, spaces and dashes do not count.
    pub pin: Private,
    /// What the operator calls it.
    #[serde(default)]
    pub label: String,
    /// Epoch seconds from which on it is refused.
    pub expires_at: Option<i64>,
    /// Whether it is refused.
    #[serde(default)]
    pub disabled: bool,
}

/// A screener.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenerEntry {
    /// Letters, digits and `-._~`, at most 64.
    pub key: String,
    #[serde(default)]
    two_factor: bool,
    #[serde(default)]
    force_login: bool,
    #[serde(default)]
    link_type: bool,
}

fn watch() -> String {
    "watch".to_owned()
}

fn only_watch() -> Vec<String> {
    vec![watch()]
}

fn viewer() -> Vec<String> {
    vec!["viewer".to_owned()]
}

impl EnterpriseEntry {
    /// As the table holds it.
    #[must_use]
    pub fn enterprise(&self) -> Enterprise {
        Enterprise {
            id: self.id.clone(),
            name: self.name.clone(),
            domains: self.domains.clone(),
            settings: self.settings.clone(),
            sso: self.sso.as_ref().map(SsoEntry::wanted),
        }
    }
}

impl SsoEntry {
    /// As the table holds it.
    pub(super) fn wanted(&self) -> Sso {
        Sso {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            jit: self.jit,
            email_domains: self.email_domains.clone(),
        }
    }
}

impl ApiKeyEntry {
    /// As the table holds it.
    #[must_use]
    pub fn api_key(&self, hash: String) -> ApiKey {
        ApiKey {
            id: self.id.clone(),
            hash,
            surface: self.surface.clone(),
            not_after: self.expires_at,
            revoked: self.revoked,
            hotlisted: Vec::new(),
            refresh_rotation: self.refresh_rotation,
            qr_device_code: self.qr_device_code,
        }
    }
}

impl ScreenerEntry {
    /// As the table holds it.
    #[must_use]
    pub fn screener(&self) -> Screener {
        Screener {
            key: self.key.clone(),
            two_factor: self.two_factor,
            force_login: self.force_login,
            link_type: self.link_type,
        }
    }
}

impl SmsEntry {
    /// As the table holds it.
    pub(super) fn ceiling(&self) -> SmsCeiling {
        let default = SmsCeiling::default();
        let money = |dollars: Option<f64>, default| dollars.map_or(default, millionths);
        SmsCeiling {
            daily_max: self.daily_max.unwrap_or(default.daily_max),
            monthly: money(self.monthly_usd, default.monthly),
            price: money(self.price_usd, default.price),
            prices: self
                .prices_usd
                .iter()
                .map(|(country, dollars)| (country.clone(), millionths(*dollars)))
                .collect(),
        }
    }
}

/// Dollars in millionths, as near as those come.
#[expect(clippy::cast_possible_truncation, reason = "the document's check has bounded it")]
fn millionths(dollars: f64) -> i64 {
    #[expect(clippy::cast_precision_loss, reason = "a million is exact")]
    let millionths = (dollars * DOLLAR as f64).round();
    millionths as i64
}

/// What is wrong with a text that is no document. A message of serde names fields and types; one about a value may
/// quote it, and is replaced by its place.
fn invalid(error: &serde_json::Error) -> Invalid {
    let message = error.to_string();
    let names_fields =
        ["missing field", "unknown field", "duplicate field"].iter().any(|start| message.starts_with(start));
    let what = if names_fields {
        message
    } else {
        format!("not valid at line {} column {}", error.line(), error.column())
    };
    Invalid::new("document", what)
}

impl Document {
    /// The first API key of the Watch surface that is not revoked and that the document has in full.
    #[must_use]
    pub fn watch_key(&self) -> Option<&Private> {
        let mut keys = self.enterprises.iter().flat_map(|enterprise| &enterprise.api_keys);
        keys.find_map(|entry| entry.key.as_ref().filter(|_| entry.surface == "watch" && !entry.revoked))
    }

    /// Whether an enterprise has single sign-on, whose client secret is kept in a secret of its own.
    #[must_use]
    pub fn has_sso(&self) -> bool {
        self.enterprises.iter().any(|enterprise| enterprise.sso.is_some())
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// A text that names the file and what is wrong.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        Self::parse(&text).map_err(|invalid| format!("{}: {invalid}", file.display()))
    }

    /// Reads and checks a document.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place, as `enterprises[0].users[1].email`. Values
    /// are not repeated: they can be secrets.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        // Twice, since the second reading passes over a setting that nobody knows, whatever it holds. One that the
        // first cannot read is told here, and does not hide the others from the check of their names.
        let values: Value = serde_json::from_str(text).map_err(|error| invalid(&error))?;
        let document: Self = serde_json::from_str(text).map_err(|error| invalid(&error))?;
        check::check(&document, &values)?;
        Ok(document)
    }
}

#[cfg(test)]
mod tests;
