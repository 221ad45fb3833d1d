//! What must hold of a provisioning document, each with the place that breaks it.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::document::{ApiKeyEntry, Document, EnterpriseEntry, SmsEntry, SsoEntry, UserEntry};
use crate::api_key::{PresentedKey, is_id};
use crate::body::{Invalid, check_text};
use crate::identity;
use crate::oidc;
use crate::page;
use crate::password;
use crate::pin;
use crate::sms;
use crate::store::enterprise::{MailSettings, PageSettings, Settings, SmsSettings};
use crate::store::screener::is_key;
use crate::store::session::LONGEST_SESSION;

/// Checks a whole document, of which `values` is the JSON.
pub(super) fn check(document: &Document, values: &Value) -> Result<(), Invalid> {
    check_settings_names(values)?;
    if let Some(sms) = &document.sms {
        sms.check()?;
    }
    let (mut ids, mut domains) = (HashSet::new(), HashSet::new());
    for (index, enterprise) in document.enterprises.iter().enumerate() {
        let place = format!("enterprises[{index}]");
        enterprise.check(&place)?;
        require(ids.insert(&enterprise.id), &format!("{place}.id"), "stands twice")?;
        for domain in &enterprise.domains {
            require(domains.insert(domain), &format!("{place}.domains"), "has a name that stands twice")?;
        }
    }
    Ok(())
}

/// Refuses settings that nobody knows. Stored settings are read more leniently: during a deployment
/// older functions meet newer ones.
fn check_settings_names(values: &Value) -> Result<(), Invalid> {
    let some = || Some(String::new());
    let mail = MailSettings { name: some(), from: some(), reset_page: some() };
    let page = PageSettings { logo: some(), accent: some(), background: some() };
    let sms = SmsSettings {
        sender_id: some(),
        origination_number: some(),
        domain: some(),
        ..SmsSettings::default()
    };
    let known = json!(Settings { mail, page, sms, ..Settings::default() });
    for (index, enterprise) in values["enterprises"].as_array().into_iter().flatten().enumerate() {
        let place = format!("enterprises[{index}].settings");
        check_names(&enterprise["settings"], &known, &place)?;
        for group in ["mail", "page", "sms"] {
            check_names(&enterprise["settings"][group], &known[group], &format!("{place}.{group}"))?;
        }
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
        for (index, domain) in self.domains.iter().enumerate() {
            let rule = "must be a host name in lower case, as watch.acme.example";
            require(sms::is_host(domain), &format!("{place}.domains[{index}]"), rule)?;
        }
        if let Some(sso) = &self.sso {
            sso.check(&format!("{place}.sso"))?;
        }
        let mut ids = HashSet::new();
        for (index, key) in self.api_keys.iter().enumerate() {
            let place = format!("{place}.api_keys[{index}]");
            key.check(&self.id, &place)?;
            require(ids.insert(&key.id), &format!("{place}.id"), "stands twice")?;
        }
        let mut names = HashSet::new();
        for (index, user) in self.users.iter().enumerate() {
            let place = format!("{place}.users[{index}]");
            user.check(&place)?;
            for name in identity::names(&user.username, user.email.as_ref()) {
                require(names.insert(name), &place, "has a name that stands twice")?;
            }
        }
        let mut pins = HashSet::new();
        for (index, entry) in self.pins.iter().enumerate() {
            let canonical = pin::canonical(entry.pin.expose());
            let is_pin = (4..=pin::MAX_CHARS).contains(&canonical.chars().count());
            let place = format!("{place}.pins[{index}].pin");
            require(is_pin, &place, "must be 4 to 64 letters and digits")?;
            require(pins.insert(canonical), &place, "stands twice")?;
        }
        let mut keys = HashSet::new();
        for (index, screener) in self.screeners.iter().enumerate() {
            let place = format!("{place}.screeners[{index}].key");
            require(is_key(&screener.key), &place, "must be 1 to 64 letters, digits and -._~")?;
            require(keys.insert(&screener.key), &place, "stands twice")?;
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
        settings.refresh_seconds_max <= LONGEST_SESSION,
        &field("refresh_seconds_max"),
        "must be at most 366 days",
    )?;
    require(
        (60..=12 * 60 * 60).contains(&settings.idle_seconds),
        &field("idle_seconds"),
        "must be 60 to 43200",
    )?;
    require(
        (10..=10_000_000).contains(&settings.wrong_passwords_max),
        &field("wrong_passwords_max"),
        "must be 10 to 10000000",
    )?;
    require(
        (10..=10_000_000).contains(&settings.wrong_pins_max),
        &field("wrong_pins_max"),
        "must be 10 to 10000000",
    )?;
    // A TV that asks again after a lost answer must come within `pairing::HAND_OUT_GRACE`.
    require((1..=25).contains(&settings.polling_interval), &field("polling_interval"), "must be 1 to 25")?;
    require(
        (password::MIN_CHARS..=64).contains(&settings.password_min_length),
        &field("password_min_length"),
        "must be 8 to 64",
    )?;
    check_sms(&settings.sms, &field("sms"))?;
    require(
        settings.otp_countries.iter().all(|code| is_country(code)),
        &field("otp_countries"),
        "must be two-letter codes of ISO 3166-1",
    )?;
    if let Some(from) = &settings.mail.from {
        identity::check_email(&field("mail.from"), from)?;
    }
    let is_page = |page: &String| oidc::is_web(page) && !page.ends_with('/');
    require(
        settings.mail.reset_page.as_ref().is_none_or(is_page),
        &field("mail.reset_page"),
        "must be an https URL without a trailing slash",
    )?;
    // It goes into a header, where `;` and `,` would end it, and a policy has no queries.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/%@+".contains(c);
    require(
        settings.page.logo.as_ref().is_none_or(|logo| oidc::is_web(logo) && logo.chars().all(is_plain)),
        &field("page.logo"),
        "must be an https URL of letters, digits and -._~:/%@+",
    )?;
    for (name, colour) in [("accent", &settings.page.accent), ("background", &settings.page.background)] {
        let is_colour = |colour: &String| colour.strip_prefix('#').and_then(page::Colour::read).is_some();
        let rule = "must be a colour as #1f3fd1";
        require(colour.as_ref().is_none_or(is_colour), &field(&format!("page.{name}")), rule)?;
    }
    Ok(())
}

fn check_sms(settings: &SmsSettings, place: &str) -> Result<(), Invalid> {
    let field = |name: &str| format!("{place}.{name}");
    let is_sender = |id: &String| {
        (1..=11).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && id.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let rule = "must be 1 to 11 letters and digits, and not digits alone";
    require(settings.sender_id.as_ref().is_none_or(is_sender), &field("sender_id"), rule)?;
    let is_number = |number: &String| {
        let digits = number.strip_prefix('+').unwrap_or_default();
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let rule = "must be a number as +12025550100";
    require(settings.origination_number.as_ref().is_none_or(is_number), &field("origination_number"), rule)?;
    let rule = "must be a host name in lower case, as watch.acme.example";
    require(settings.domain.as_ref().is_none_or(|domain| sms::is_host(domain)), &field("domain"), rule)
}

/// Whether `code` has the form of ISO 3166-1 alpha-2.
fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

impl SmsEntry {
    fn check(&self) -> Result<(), Invalid> {
        let is_price = |dollars: &f64| (0.000_1..=10.0).contains(dollars);
        let monthly = self.monthly_usd.is_none_or(|dollars| (0.0..=1_000_000.0).contains(&dollars));
        require(monthly, "sms.monthly_usd", "must be 0 to 1000000")?;
        require(self.price_usd.as_ref().is_none_or(is_price), "sms.price_usd", "must be 0.0001 to 10")?;
        for (country, dollars) in &self.prices_usd {
            require(is_country(country), "sms.prices_usd", "must have two-letter codes of ISO 3166-1")?;
            require(is_price(dollars), &format!("sms.prices_usd.{country}"), "must be 0.0001 to 10")?;
        }
        Ok(())
    }
}

impl SsoEntry {
    fn check(&self, place: &str) -> Result<(), Invalid> {
        let field = |name: &str| format!("{place}.{name}");
        let rule = "must be an https URL without a query";
        require(oidc::is_issuer(&self.issuer), &field("issuer"), rule)?;
        require(!self.client_id.is_empty(), &field("client_id"), "must not be empty")?;
        let is_empty = self.client_secret.as_ref().is_some_and(|secret| secret.expose().is_empty());
        require(!is_empty, &field("client_secret"), "must not be empty")?;
        let is_place = oidc::is_web(&self.redirect_uri) && !self.redirect_uri.contains('#');
        require(is_place, &field("redirect_uri"), "must be an https URL without a fragment")?;
        let is_domain = |domain: &String| {
            identity::is_email(&format!("x@{domain}"))
                && !domain.bytes().any(|byte| byte.is_ascii_uppercase())
        };
        let rule = "must be domain names in lower case, as acme.example";
        require(self.email_domains.iter().all(is_domain), &field("email_domains"), rule)
    }
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
        for (name, secret) in [("client_secret", &self.client_secret), ("password", &self.password)] {
            if let Some(secret) = secret {
                check_text(secret.expose(), password::MAX_CHARS)
                    .map_err(|rule| Invalid::new(field(name), rule))?;
            }
        }
        Ok(())
    }
}
