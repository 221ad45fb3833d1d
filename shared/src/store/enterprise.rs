//! Enterprises: the tenants. Settings that nobody set have the defaults below.

use serde::{Deserialize, Serialize};

use super::Key;
use crate::identity::is_email;
use crate::limits;

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enterprise {
    /// `[a-z0-9-]{1,40}`; part of every key of everything that the enterprise has.
    pub id: String,
    /// What people read in e-mails and on pages.
    pub name: String,
    /// Host names that belong to the enterprise.
    #[serde(default)]
    pub domains: Vec<String>,
    /// How it signs people in.
    #[serde(default)]
    pub settings: Settings,
    /// Its single sign-on, kept as the provisioning document has it, less the client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sso: Option<Sso>,
}

/// How an enterprise signs people in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Which `type`s the Watch login takes: `password`, `pin`.
    pub watch_methods: Vec<String>,
    /// Seconds that a refresh token lives.
    pub refresh_seconds_min: i64,
    /// Seconds that it lives with `persist` or `extended_expiry`.
    pub refresh_seconds_max: i64,
    /// Whether people may sign up by themselves.
    pub signup: bool,
    /// Whether admins may sign in through their identity provider only.
    pub sso_only: bool,
    /// Countries (ISO 3166-1 alpha-2) to which codes may be sent by SMS.
    pub otp_countries: Vec<String>,
    /// Seconds that a TV waits between two polls.
    pub polling_interval: i64,
    /// Seconds without a use after which a token of the VIDIZMO surface is over.
    pub idle_seconds: i64,
    /// Wrong passwords within five minutes, of everybody together.
    pub wrong_passwords_max: u32,
    /// Wrong PINs likewise.
    pub wrong_pins_max: u32,
    /// The shortest password, in characters.
    pub password_min_length: usize,
    /// How e-mails look.
    pub mail: MailSettings,
    /// How pages look.
    pub page: PageSettings,
    /// How text messages are sent, and how many.
    pub sms: SmsSettings,
}

/// How an enterprise's e-mails look. What is absent is the deployment's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailSettings {
    /// The brand that e-mails and pages show; the enterprise's name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The sender's address, verified in SES; `USHER_MAIL_FROM` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The page that reset links open, without a trailing slash; `<public URL>/reset` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_page: Option<String>,
}

/// How an enterprise's pages look. What is absent is Usher's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageSettings {
    /// The logo's URL: the one picture that a page's policy allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// The buttons' colour, as `#1f3fd1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent: Option<String>,
    /// The colour around the card, as `#f4f4f6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
}

/// An enterprise's text messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SmsSettings {
    /// What phones show as the sender, in countries that allow it: up to 11 letters and digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<String>,
    /// The number of one's own that messages come from, in E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origination_number: Option<String>,
    /// The host on whose pages phones fill in a code; the first of the enterprise's when absent, and the public
    /// URL's when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Messages a day.
    pub daily_max: u32,
    /// Messages a day for one screener.
    pub screener_daily_max: u32,
}

impl Default for SmsSettings {
    fn default() -> Self {
        Self {
            sender_id: None,
            origination_number: None,
            domain: None,
            daily_max: limits::SMS_ENTERPRISE.max(),
            screener_daily_max: limits::SMS_SCREENER.max(),
        }
    }
}

/// An enterprise's `OpenID` provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sso {
    /// The provider's issuer URL.
    pub issuer: String,
    /// Usher's client id there.
    pub client_id: String,
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
    /// Whether a first sign-in creates the admin (just-in-time provisioning).
    #[serde(default)]
    pub jit: bool,
    /// The domains of e-mail addresses for which it does, in lower case.
    #[serde(default)]
    pub email_domains: Vec<String>,
}

impl Sso {
    /// Whether somebody with this e-mail address, whom nobody has entered, becomes an admin.
    #[must_use]
    pub fn provisions(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
        self.jit && is_email(email) && domain.is_some_and(|domain| self.email_domains.contains(&domain))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            watch_methods: vec!["password".into(), "pin".into()],
            refresh_seconds_min: 24 * 60 * 60,
            refresh_seconds_max: 30 * 24 * 60 * 60,
            signup: true,
            sso_only: false,
            otp_countries: Vec::new(),
            polling_interval: 10,
            idle_seconds: 20 * 60,
            wrong_passwords_max: limits::LOGIN_ENTERPRISE.max(),
            wrong_pins_max: limits::PIN_ENTERPRISE.max(),
            password_min_length: crate::password::MIN_CHARS,
            mail: MailSettings::default(),
            page: PageSettings::default(),
            sms: SmsSettings::default(),
        }
    }
}

impl Settings {
    /// Whether the Watch login takes `method`.
    #[must_use]
    pub fn has_watch_method(&self, method: &str) -> bool {
        self.watch_methods.iter().any(|enabled| enabled == method)
    }

    /// Seconds that a new session lives.
    #[must_use]
    pub fn refresh_seconds(&self, extended: bool) -> i64 {
        if extended { self.refresh_seconds_max } else { self.refresh_seconds_min }
    }
}

impl Enterprise {
    /// One that is not there, by what stands in the place of its id.
    #[must_use]
    pub fn nobodys(id: &str) -> Self {
        let (name, domains) = (String::new(), Vec::new());
        Self { id: id.to_owned(), name, domains, settings: Settings::default(), sso: None }
    }

    /// The item's key, of which there are copies.
    #[must_use]
    pub fn first(id: &str) -> Key {
        Key::new(format!("ENT#{id}"), "ENT")
    }

    /// The key of any copy.
    #[must_use]
    pub fn key(id: &str) -> Key {
        Self::first(id).any_copy()
    }

    /// The name that people see.
    #[must_use]
    pub fn brand(&self) -> &str {
        self.settings.mail.name.as_deref().unwrap_or(&self.name)
    }
}
