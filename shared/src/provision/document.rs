//! The provisioning document: JSON, checked as a whole before anything is written.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api_key::{PresentedKey, is_id};
use crate::body::Invalid;
use crate::identity::{self, canonical};
use crate::password;
use crate::pin;
use crate::private::Private;
use crate::store::api_key::ApiKey;
use crate::store::enterprise::{Enterprise, MailSettings, Settings, Sso};

/// The whole document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The tenants, each with what is theirs.
    pub enterprises: Vec<EnterpriseEntry>,
}

/// One tenant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnterpriseEntry {
    /// `[a-z0-9-]{1,40}`.
    pub id: String,
    name: String,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    settings: Settings,
    sso: Option<SsoEntry>,
    /// Its API keys.
    #[serde(default)]
    pub api_keys: Vec<ApiKeyEntry>,
    /// Its people.
    #[serde(default)]
    pub users: Vec<UserEntry>,
    /// Its PINs.
    #[serde(default)]
    pub pins: Vec<PinEntry>,
    /// Its screeners. Checked, and kept for the functions that will read them.
    #[serde(default)]
    pub screeners: Vec<ScreenerEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SsoEntry {
    issuer: String,
    client_id: String,
    /// Not stored in the table.
    #[expect(dead_code, reason = "belongs in Secrets Manager, with the functions that read it")]
    client_secret: Option<Private>,
    redirect_uri: String,
    #[serde(default)]
    jit: bool,
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
    surface: String,
    expires_at: Option<i64>,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    refresh_rotation: bool,
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
#[expect(dead_code, reason = "part of the document; no function reads screeners yet")]
pub struct ScreenerEntry {
    key: String,
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
            sso: self.sso.as_ref().map(|sso| Sso {
                issuer: sso.issuer.clone(),
                client_id: sso.client_id.clone(),
                redirect_uri: sso.redirect_uri.clone(),
                jit: sso.jit,
            }),
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
            refresh_rotation: self.refresh_rotation,
        }
    }
}

impl Document {
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
        let document: Self = serde_json::from_str(text).map_err(|error| {
            // A message of serde names fields and types; one about a value may quote it.
            let message = error.to_string();
            let told = ["missing field", "unknown field", "duplicate field"]
                .iter()
                .any(|start| message.starts_with(start));
            let what = if told {
                message
            } else {
                format!("not valid at line {} column {}", error.line(), error.column())
            };
            Invalid::new("document", what)
        })?;
        check_settings_names(text)?;
        let mut ids = HashSet::new();
        for (index, enterprise) in document.enterprises.iter().enumerate() {
            let place = format!("enterprises[{index}]");
            enterprise.check(&place)?;
            require(ids.insert(&enterprise.id), &format!("{place}.id"), "stands twice")?;
        }
        Ok(document)
    }
}

/// Refuses settings that nobody knows. Stored settings are read more leniently: during a deployment
/// older functions meet newer ones.
fn check_settings_names(text: &str) -> Result<(), Invalid> {
    let all = MailSettings {
        name: Some(String::new()),
        from: Some(String::new()),
        reset_page: Some(String::new()),
    };
    let known = json!(Settings { mail: all, ..Settings::default() });
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    for (index, enterprise) in document["enterprises"].as_array().into_iter().flatten().enumerate() {
        let place = format!("enterprises[{index}].settings");
        check_names(&enterprise["settings"], &known, &place)?;
        check_names(&enterprise["settings"]["mail"], &known["mail"], &format!("{place}.mail"))?;
    }
    Ok(())
}

fn check_names(given: &Value, known: &Value, place: &str) -> Result<(), Invalid> {
    let mut names = given.as_object().into_iter().flat_map(|fields| fields.keys());
    match names.find(|name| known.get(name).is_none()) {
        Some(name) => Err(Invalid::new(format!("{place}.{name}"), "is no setting")),
        None => Ok(()),
    }
}

fn require(holds: bool, field: &str, rule: &str) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::new(field, rule)) }
}

fn require_known(given: &[String], known: &[&str], field: &str) -> Result<(), Invalid> {
    let all_known = given.iter().all(|value| known.contains(&value.as_str()));
    require(all_known, field, &format!("must be of {}", known.join(", ")))
}

impl EnterpriseEntry {
    fn check(&self, place: &str) -> Result<(), Invalid> {
        require(is_id(&self.id), &format!("{place}.id"), "must be 1 to 40 of a-z, 0-9 and -")?;
        require(!self.name.trim().is_empty(), &format!("{place}.name"), "must not be empty")?;
        check_settings(&self.settings, &format!("{place}.settings"))?;
        for (index, key) in self.api_keys.iter().enumerate() {
            key.check(&self.id, &format!("{place}.api_keys[{index}]"))?;
        }
        let mut names = HashSet::new();
        for (index, user) in self.users.iter().enumerate() {
            let place = format!("{place}.users[{index}]");
            user.check(&place)?;
            let mut own = vec![canonical(user.username.expose())];
            own.extend(user.email.as_ref().map(|email| canonical(email.expose())));
            own.dedup();
            for name in own {
                require(names.insert(name), &place, "has a name that stands twice")?;
            }
        }
        for (index, entry) in self.pins.iter().enumerate() {
            let length = pin::canonical(entry.pin.expose()).chars().count();
            let place = format!("{place}.pins[{index}].pin");
            require((4..=pin::MAX_CHARS).contains(&length), &place, "must be 4 to 64 letters and digits")?;
        }
        Ok(())
    }
}

fn check_settings(settings: &Settings, place: &str) -> Result<(), Invalid> {
    let field = |name: &str| format!("{place}.{name}");
    require_known(&settings.watch_methods, &["password", "pin"], &field("watch_methods"))?;
    require(settings.refresh_seconds_min >= 60, &field("refresh_seconds_min"), "must be at least 60")?;
    require(
        settings.refresh_seconds_max >= settings.refresh_seconds_min,
        &field("refresh_seconds_max"),
        "must be at least refresh_seconds_min",
    )?;
    require(
        settings.refresh_seconds_max <= 366 * 24 * 60 * 60,
        &field("refresh_seconds_max"),
        "must be at most 366 days",
    )?;
    require((1..=60).contains(&settings.polling_interval), &field("polling_interval"), "must be 1 to 60")?;
    require(
        (password::MIN_CHARS..=64).contains(&settings.password_min_length),
        &field("password_min_length"),
        "must be 8 to 64",
    )?;
    let is_country = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    require(
        settings.otp_countries.iter().all(is_country),
        &field("otp_countries"),
        "must be two-letter codes of ISO 3166-1",
    )?;
    if let Some(from) = &settings.mail.from {
        identity::check_email(&field("mail.from"), from)?;
    }
    let is_page = |page: &String| {
        (page.starts_with("https://")
            || page.starts_with("http://localhost")
            || page.starts_with("http://127.0.0.1"))
            && !page.ends_with('/')
    };
    require(
        settings.mail.reset_page.as_ref().is_none_or(is_page),
        &field("mail.reset_page"),
        "must be an https URL without a trailing slash",
    )
}

impl ApiKeyEntry {
    fn check(&self, enterprise: &str, place: &str) -> Result<(), Invalid> {
        require(is_id(&self.id), &format!("{place}.id"), "must be 1 to 40 of a-z, 0-9 and -")?;
        require(
            ["watch", "admin"].contains(&self.surface.as_str()),
            &format!("{place}.surface"),
            "must be watch or admin",
        )?;
        if let Some(key) = &self.key {
            let is_ours = PresentedKey::parse(key.expose())
                .is_some_and(|key| key.enterprise == enterprise && key.id == self.id);
            require(
                is_ours,
                &format!("{place}.key"),
                "must be usk_<enterprise>_<id>_<secret>, the secret at least 32 letters and digits",
            )?;
        }
        Ok(())
    }
}

impl UserEntry {
    fn check(&self, place: &str) -> Result<(), Invalid> {
        let field = |name: &str| format!("{place}.{name}");
        // A user name that is an e-mail address is what other systems export.
        if self.email.as_ref() != Some(&self.username) {
            identity::check_username(&field("username"), self.username.expose())?;
        }
        if let Some(email) = &self.email {
            identity::check_email(&field("email"), email.expose())?;
        }
        require_known(&self.roles, &["viewer", "admin", "owner"], &field("roles"))?;
        require_known(&self.surfaces, &["watch", "admin", "vidizmo"], &field("surfaces"))?;
        let one = self.password.is_none() || self.password_hash.is_none();
        require(one, &field("password_hash"), "must not stand beside password")?;
        if let Some(hash) = &self.password_hash {
            require(
                password::is_supported(hash),
                &field("password_hash"),
                "must be Argon2, bcrypt, PBKDF2 or scrypt",
            )?;
        }
        if let Some(password) = &self.password {
            let length = password.expose().chars().count();
            require(
                (1..=password::MAX_CHARS).contains(&length),
                &field("password"),
                "must be 1 to 512 characters",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> String {
        Document::parse(json).unwrap_err().to_string()
    }

    #[test]
    fn problems_name_their_place() {
        assert_eq!(problem("{}"), "document: missing field `enterprises` at line 1 column 2");
        let one =
            |entry: &str| problem(&format!(r#"{{"enterprises":[{{"id":"acme","name":"Acme",{entry}}}]}}"#));
        assert_eq!(
            one(r#""users":[{"username":"a b"}]"#),
            "enterprises[0].users[0].username: must not contain white space, invisible characters or @"
        );
        assert!(
            one(r#""users":[{"username":"ana"},{"username":"ANA"}]"#)
                .ends_with("users[1]: has a name that stands twice")
        );
        assert!(
            one(r#""api_keys":[{"id":"k","key":"usk_orbit_k_0"}]"#)
                .starts_with("enterprises[0].api_keys[0].key")
        );
        assert!(
            one(r#""settings":{"polling_interval":0}"#)
                .starts_with("enterprises[0].settings.polling_interval")
        );
        assert!(one(r#""colour":"red""#).starts_with("document: unknown field `colour`"));
        assert_eq!(one(r#""settings":{"sing_up":true}"#), "enterprises[0].settings.sing_up: is no setting");
        assert_eq!(
            one(r#""settings":{"mail":{"form":""}}"#),
            "enterprises[0].settings.mail.form: is no setting"
        );
    }

    #[test]
    fn a_problem_does_not_repeat_a_value() {
        let told = problem(
            r#"{"enterprises":[{"id":"acme","name":"Acme","users":[{"username":"ana","password":4711471147}]}]}"#,
        );
        assert!(!told.contains("4711"), "{told}");
    }
}
