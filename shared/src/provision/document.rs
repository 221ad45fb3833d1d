//! The provisioning document: JSON, checked as a whole before anything is written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

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
        check::check(&document, text)?;
        Ok(document)
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
        for (logo, accent) in [
            ("http://cdn.acme.example/logo.svg", ""),
            ("http://localhost.evil.example/logo.svg", ""),
            ("http://localhost:80@evil.example/logo.svg", ""),
            ("https://cdn.acme.example/logo.svg; script-src *", ""),
            ("https://cdn.acme.example/a,b", ""),
            ("https://cdn.acme.example/logo.svg?v=2", ""),
            ("", "red"),
            ("", "1f3fd1"),
            ("", "#1f3fd1;"),
        ] {
            let (name, value) = if accent.is_empty() { ("logo", logo) } else { ("accent", accent) };
            let told = one(&format!(r#""settings":{{"page":{{"{name}":"{value}"}}}}"#));
            assert!(told.starts_with(&format!("enterprises[0].settings.page.{name}: must be ")), "{told}");
        }
        for (group, name) in [("page", "logoo"), ("sms", "daily_maxx")] {
            assert_eq!(
                one(&format!(r#""settings":{{"{group}":{{"{name}":""}}}}"#)),
                format!("enterprises[0].settings.{group}.{name}: is no setting")
            );
        }
        for (changed, place) in [
            (r#""issuer":"http://idp.acme.example""#, "issuer"),
            (r#""issuer":"https://idp.acme.example?tenant=1""#, "issuer"),
            (r#""client_id":"""#, "client_id"),
            (r#""redirect_uri":"/callback""#, "redirect_uri"),
            (r#""email_domains":["@acme.example"]"#, "email_domains"),
            (r#""email_domains":["Acme.example"]"#, "email_domains"),
            (r#""client_secret":"""#, "client_secret"),
        ] {
            let mut fields = vec![changed];
            for field in [
                r#""issuer":"https://idp.acme.example""#,
                r#""client_id":"usher""#,
                r#""redirect_uri":"https://admin.acme.example/callback""#,
            ] {
                if !changed.starts_with(field.split(':').next().unwrap()) {
                    fields.push(field);
                }
            }
            let told = one(&format!(r#""sso":{{{}}}"#, fields.join(",")));
            assert!(told.starts_with(&format!("enterprises[0].sso.{place}: must")), "{told}");
        }
        assert!(one(r#""colour":"red""#).starts_with("document: unknown field `colour`"));
        assert_eq!(one(r#""settings":{"sing_up":true}"#), "enterprises[0].settings.sing_up: is no setting");
        assert_eq!(
            one(r#""settings":{"mail":{"form":""}}"#),
            "enterprises[0].settings.mail.form: is no setting"
        );
    }

    #[test]
    fn problems_with_text_messages_and_domains_name_their_place() {
        let one =
            |entry: &str| problem(&format!(r#"{{"enterprises":[{{"id":"acme","name":"Acme",{entry}}}]}}"#));
        for (settings, told) in [
            (r#""settings":{"idle_seconds":59}"#, "settings.idle_seconds: must be 60 to 43200"),
            (r#""domains":["Acme.example"]"#, "domains[0]: must be a host name in lower case"),
            (r#""domains":["acme.example:9000"]"#, "domains[0]: must be a host name in lower case"),
            (r#""domains":["a.example","a.example"]"#, "domains: has a name that stands twice"),
            (r#""users":[{"username":"m","client_secret":""}]"#, "users[0].client_secret: must be 1 to 512"),
        ] {
            let problem = one(settings);
            assert!(problem.starts_with(&format!("enterprises[0].{told}")), "{problem}");
        }
        for (name, value) in [
            ("sender_id", "ACME FILMS"),
            ("sender_id", "12345"),
            ("sender_id", "TwelveLetter"),
            ("origination_number", "12025550100"),
            ("origination_number", "+1 202"),
            ("domain", "https://acme.example"),
            ("domain", "acme.example #1"),
            ("domain", ""),
        ] {
            let told = one(&format!(r#""settings":{{"sms":{{"{name}":"{value}"}}}}"#));
            assert!(told.starts_with(&format!("enterprises[0].settings.sms.{name}: must be ")), "{told}");
        }
        for (screeners, told) in [
            (r#"{"key":"a b"}"#, "[0].key: must be 1 to 64 letters, digits and -._~"),
            (r#"{"key":""}"#, "[0].key: must be 1 to 64 letters, digits and -._~"),
            (r#"{"key":"a"},{"key":"a"}"#, "[1].key: stands twice"),
        ] {
            assert_eq!(
                one(&format!(r#""screeners":[{screeners}]"#)),
                format!("enterprises[0].screeners{told}")
            );
        }
        for (sms, place) in [
            (r#""monthly_usd":-1"#, "monthly_usd"),
            (r#""price_usd":0"#, "price_usd"),
            (r#""prices_usd":{"US":11}"#, "prices_usd.US"),
            (r#""prices_usd":{"usa":1}"#, "prices_usd"),
        ] {
            let told = problem(&format!(r#"{{"enterprises":[],"sms":{{{sms}}}}}"#));
            assert!(told.starts_with(&format!("sms.{place}: must ")), "{told}");
        }
    }

    #[test]
    fn every_field_there_is_can_stand_in_a_document() {
        let document = r##"{"enterprises":[{
            "id":"acme","name":"Acme Pictures","domains":["acme.localhost"],
            "settings":{"watch_methods":["password","pin"],"refresh_seconds_min":86400,"refresh_seconds_max":2592000,
                "signup":true,"sso_only":false,"otp_countries":["US","GB","IN"],"polling_interval":10,
                "password_min_length":15,"mail":{"name":"A","from":"a@acme.example","reset_page":"https://acme.example/r"},
                "page":{"logo":"https://cdn.acme.example/logo.svg","accent":"#1f3fd1","background":"#f4f4f6"},
                "sms":{"sender_id":"ACME","origination_number":"+12025550100","domain":"watch.acme.example",
                    "daily_max":1000,"screener_daily_max":500}},
            "sso":{"issuer":"http://127.0.0.1:9100","client_id":"usher","client_secret":"s",
                "redirect_uri":"http://localhost:3000/login/sso_callback","jit":false,"email_domains":["acme.example"]},
            "api_keys":[{"id":"acme-watch","key":"usk_acme_acme-watch_0123456789abcdefghijklmnopqrstuv",
                "surface":"watch","expires_at":null,"revoked":false,"refresh_rotation":false,"qr_device_code":true}],
            "users":[{"username":"ana","email":"ana@acme.example","password":"x","roles":["viewer"],
                "surfaces":["watch","vidizmo"],"client_secret":"x","disabled":false}],
            "pins":[{"pin":"K7QX-93WD","label":"FYC 2026","expires_at":null,"disabled":false}],
            "screeners":[{"key":"scr-1","two_factor":true,"force_login":false,"link_type":true}]
        }],"sms":{"daily_max":5000,"monthly_usd":100,"price_usd":0.1,"prices_usd":{"US":0.01,"GB":0.05}}}"##;
        Document::parse(document).unwrap();
        Document::parse(r#"{"enterprises":[{"id":"acme","name":"Acme"}]}"#).unwrap();
    }

    #[test]
    fn a_problem_does_not_repeat_a_value() {
        let told = problem(
            r#"{"enterprises":[{"id":"acme","name":"Acme","users":[{"username":"ana","password":4711471147}]}]}"#,
        );
        assert!(!told.contains("4711"), "{told}");
    }
}
