//! A second reading of a whole sign-in, written after `OpenID` Connect Core 1.0 §3.1.3.7, RFC 7515, RFC 7519 and the
//! published API: what may come of it.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};
use shared::body::Object;

use super::document::{Discovery, Found, discovery, fields, find, optional, published, texts};
use super::input::{CODE, Choice, Login};
use super::keys::{Key, Signed};
use super::tenant::{CLIENT_ID, JIT_DOMAIN, NINA, OLGA, TOM, Tenant, VERA, Who};
use super::wire::Answers;
use crate::NOW;

/// What can come of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Tokens of somebody.
    Taken(Who),
    /// A2002, and the state is used up.
    Refused,
    /// The same, before the provider is asked.
    Unasked,
    /// A2002, and the state is as it was: it is not theirs who came.
    NotTheirs,
    /// A4900, and the state is as it was.
    Invalid,
    /// A5000, and the state is as it was.
    Down,
}

use Outcome::{Down, Invalid, NotTheirs, Refused, Taken, Unasked};

/// A sign-in, and all that is known about it.
#[derive(Debug)]
pub struct Reading<'a> {
    tenant: &'static Tenant,
    login: &'a Login,
    answers: &'a Answers,
    /// What is well signed.
    signed: &'a [Signed],
}

/// What came back from the browser.
struct Returned {
    email: String,
    /// Whether the address is one in every reading.
    is_plain: bool,
}

impl<'a> Reading<'a> {
    /// Of an input.
    #[must_use]
    pub fn new(choice: &Choice, login: &'a Login, answers: &'a Answers, signed: &'a [Signed]) -> Self {
        Self { tenant: choice.tenant(), login, answers, signed }
    }

    /// What may come of it; one thing alone, unless something is left open.
    #[must_use]
    pub fn outcomes(&self, body: &[u8]) -> Vec<Outcome> {
        let returned = match self.returned(body) {
            Ok(returned) => returned,
            Err(outcome) => return outcome,
        };
        let mut outcomes = self.provider(&returned.email);
        if !returned.is_plain {
            outcomes.push(Invalid);
        }
        outcomes
    }

    /// Reads a body.
    fn returned(&self, body: &[u8]) -> Result<Returned, Vec<Outcome>> {
        let only = |outcome: Outcome| vec![outcome];
        let object = serde_json::from_slice::<Map<String, Value>>(body).ok();
        let object = object.filter(|_| Object::parse(body).is_ok()).ok_or_else(|| only(Invalid))?;
        let is_short = |text: &&str, most: usize| {
            !text.is_empty() && !text.contains('\0') && text.chars().count() <= most
        };
        let text = |name: &str, most: usize| {
            object
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| is_short(text, most))
                .ok_or_else(|| only(Invalid))
        };
        let (email, state, nonce) = (text("email", 254)?, text("state", 128)?, text("nonce", 128)?);
        let is_error = match object.get("error") {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Null) => false,
            _ => return Err(only(Invalid)),
        };
        let code = if is_error { CODE } else { text("code", 4096)? };
        let issuer = optional(object.get("iss"), |_| text("iss", 4096).ok()).ok_or_else(|| only(Invalid))?;
        if !email.is_ascii() || !email.contains('@') || email.contains([' ', '"', '(', ')', '\\']) {
            return Err(only(Invalid));
        }
        let known = [OLGA, TOM, VERA, NINA].map(|person| person.email);
        let is_plain = known.contains(&email.to_ascii_lowercase().as_str());
        let or_invalid = |outcome: Outcome| if is_plain { vec![outcome] } else { vec![outcome, Invalid] };
        if state != self.login.state || nonce != self.login.nonce {
            return Err(or_invalid(NotTheirs));
        }
        let is_anothers = issuer.is_some_and(|issuer| issuer != self.tenant.issuer);
        if is_anothers || is_error || code.is_empty() {
            return Err(or_invalid(Unasked));
        }
        Ok(Returned { email: email.to_owned(), is_plain })
    }

    /// What comes of asking the provider.
    fn provider(&self, email: &str) -> Vec<Outcome> {
        let Answers { keys: [first, _], token, .. } = self.answers;
        let document = discovery(&self.answers.discovery, self.tenant.issuer);
        let keys = published(first);
        let (Some(document), Some(keys)) = (document, keys) else { return vec![Down] };
        let Discovery { is_good, takes_header, .. } = document;
        if is_good == Some(false) || takes_header.is_none() {
            return vec![Down];
        }
        let text = |name: &str| Some(fields(&token.body, &[name])?.get(name)?.as_str()?.to_owned());
        let mut outcomes = match token.status {
            200 => text("id_token").map_or(vec![Down], |token| self.token(&token, &keys, email)),
            400..500 if text("error").is_some_and(|error| error == "invalid_grant") => vec![Refused],
            _ => vec![Down],
        };
        if is_good.is_none() {
            outcomes.push(Down);
        }
        outcomes
    }

    /// What comes of a token.
    fn token(&self, token: &str, keys: &[Value], email: &str) -> Vec<Outcome> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, _] = parts[..] else { return vec![Refused] };
        let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let Some(Header { algorithm, kid, is_open }) =
            decoded(header).and_then(|header| Header::read(&header))
        else {
            return vec![Refused];
        };
        let is_it = |signed: &Signed, key| {
            (signed.token.as_str(), signed.key, &signed.algorithm) == (token, key, &algorithm)
        };
        let by = |key: Key| self.signed.iter().any(|signed| is_it(signed, key));
        let judged = || decoded(claims).map_or(Refused, |claims| self.claims(&claims, email));
        let kid = kid.as_deref();
        // What comes of newer keys, by which nobody may be found once more.
        let newer = || match published(&self.answers.keys[1]) {
            None => vec![Down],
            Some(keys) => match find(&keys, kid, &algorithm) {
                Found::Known(key) if by(key) => vec![judged()],
                Found::Open => vec![Refused, judged()],
                _ => vec![Refused],
            },
        };
        let mut outcomes = match find(keys, kid, &algorithm) {
            Found::Known(key) if by(key) => vec![judged()],
            Found::Nothing => newer(),
            Found::Known(_) if kid.is_none() => newer(),
            // One that is no point of its curve is refused at once.
            Found::Other if kid.is_none() => [newer(), vec![Refused]].concat(),
            Found::Known(_) | Found::Other => vec![Refused],
            Found::Open => [newer(), vec![Refused, judged()]].concat(),
        };
        if is_open {
            outcomes.push(Refused);
        }
        outcomes
    }

    /// What comes of claims that the provider has signed.
    fn claims(&self, text: &[u8], given: &str) -> Outcome {
        const KNOWN: [&str; 10] =
            ["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "email", "email_verified"];
        let Some(fields) = fields(text, &KNOWN) else { return Refused };
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let time = |name: &str| fields.get(name).and_then(Value::as_f64);
        let azp = optional(fields.get("azp"), Value::as_str);
        let nbf = optional(fields.get("nbf"), Value::as_f64);
        let (Some(azp), Some(nbf)) = (azp, nbf) else { return Refused };
        let is_for_us = match fields.get("aud") {
            Some(Value::String(audience)) => audience == CLIENT_ID,
            Some(list) => texts(list)
                .is_some_and(|list| list.contains(&CLIENT_ID) && (list.len() == 1 || azp.is_some())),
            None => false,
        };
        #[expect(clippy::cast_precision_loss, reason = "epoch seconds")]
        let now = NOW as f64;
        let is_now = time("exp").is_some_and(|exp| now < exp)
            && time("iat").is_some_and(|iat| iat <= now + 60.0)
            && nbf.is_none_or(|nbf| nbf <= now + 60.0);
        let is_verified = match fields.get("email_verified") {
            None | Some(Value::Null | Value::Bool(true)) => true,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        let is_theirs = text("iss") == Some(self.tenant.issuer)
            && is_for_us
            && azp.is_none_or(|azp| azp == CLIENT_ID)
            && is_now
            && text("nonce") == Some(self.login.nonce.as_str())
            && is_verified
            && text("email").is_some_and(|email| email.eq_ignore_ascii_case(given));
        match text("sub") {
            Some(subject) if is_theirs && (1..=255).contains(&subject.len()) => self.account(subject, given),
            _ => Refused,
        }
    }

    /// Whose account it is.
    fn account(&self, subject: &str, email: &str) -> Outcome {
        let email = email.to_ascii_lowercase();
        if subject == TOM.subject {
            Taken(Who::Tom)
        } else if email == OLGA.email {
            Taken(Who::Olga)
        } else if email == TOM.email || email == VERA.email {
            Refused
        } else if self.tenant.has_jit && email.rsplit('@').next() == Some(JIT_DOMAIN) {
            Taken(Who::New)
        } else {
            Refused
        }
    }
}

/// What counts of a token's header.
struct Header {
    algorithm: String,
    kid: Option<String>,
    /// Whether it has something that a library may stumble over, and need not.
    is_open: bool,
}

impl Header {
    fn read(text: &[u8]) -> Option<Self> {
        const TEXTS: [&str; 10] = ["typ", "cty", "jku", "kid", "x5u", "x5t", "x5t#S256", "enc", "zip", "url"];
        let known = [TEXTS.as_slice(), &["alg", "jwk", "x5c", "crit", "nonce"]].concat();
        let all: Value = serde_json::from_slice(text).ok()?;
        let fields = fields(text, &known)?;
        let algorithm = fields.get("alg")?.as_str()?.to_owned();
        for name in TEXTS.iter().chain(&["nonce"]) {
            optional(fields.get(*name), Value::as_str)?;
        }
        optional(fields.get("x5c"), texts)?;
        let crit = optional(fields.get("crit"), texts)?;
        let typ = optional(fields.get("typ"), Value::as_str)?;
        let is_jwt = |typ: &str| ["jwt", "application/jwt"].contains(&typ.to_ascii_lowercase().as_str());
        let is_listed = ["RS256", "PS256", "ES256", "EdDSA"].contains(&algorithm.as_str());
        let kid = optional(fields.get("kid"), Value::as_str)?.map(ToOwned::to_owned);
        let is_open = all.get("jwk").is_some_and(|jwk| !jwk.is_null());
        (is_listed && crit.is_none() && typ.is_none_or(is_jwt)).then_some(Self { algorithm, kid, is_open })
    }
}
