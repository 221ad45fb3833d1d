//! What an input says: who signs, who comes, and what the provider sends, each on a line of its own. An empty line
//! stands for what works.

use form_urlencoded::parse;
use serde_json::{Value, json};

use super::keys::{Key, SIGNERS, Signed, Signer, keys};
use super::tenant::{CLIENT_ID, NINA, OLGA, Person, TENANTS, TOM, Tenant, VERA};
use super::wire::{Answers, Sent};
use crate::{Answer, Call, House, NOW, fill, split_first};

/// The authorization code, with characters that a form has to encode.
pub const CODE: &str = "4/0+Code of the provider&=%";

/// Who may come.
const PEOPLE: [Person; 4] = [OLGA, TOM, VERA, NINA];

/// An input.
#[derive(Debug)]
pub struct Choice {
    /// Which of [`TENANTS`].
    pub tenant: usize,
    /// Who comes, where the claims do not say otherwise.
    pub person: Person,
    /// Who signs.
    pub signer: Signer,
    header: Vec<u8>,
    claims: Vec<u8>,
    discovery: Vec<u8>,
    keys: Vec<u8>,
    token: Vec<u8>,
    body: Vec<u8>,
    newer_keys: Vec<u8>,
}

impl Choice {
    /// Reads an input.
    #[must_use]
    pub fn read(input: &[u8]) -> Self {
        let (signer, rest) = split_first(input);
        let (who, rest) = split_first(rest);
        let mut lines = rest.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        let mut next = || lines.next().unwrap_or_default();
        Self {
            tenant: who % 2,
            person: PEOPLE[who / 2 % 4],
            signer: SIGNERS[signer % SIGNERS.len()],
            header: next(),
            claims: next(),
            discovery: next(),
            keys: next(),
            token: next(),
            body: next(),
            newer_keys: next(),
        }
    }

    /// That somebody comes as they should.
    #[must_use]
    pub fn of(tenant: usize, person: Person) -> Self {
        Self { tenant, person, ..Self::read(&[]) }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &'static Tenant {
        &TENANTS[self.tenant]
    }

    /// The provider's discovery document.
    #[must_use]
    pub fn discovery(&self) -> Sent {
        let issuer = self.tenant().issuer;
        sent(&self.discovery, &[], || {
            json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/jwks"),
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            })
            .to_string()
        })
    }

    /// Whether it has a discovery document of its own.
    #[must_use]
    pub fn has_discovery(&self) -> bool {
        !self.discovery.is_empty()
    }

    /// The same with all that the provider sends as it should be.
    #[must_use]
    pub fn but_good(&self) -> Self {
        Self::of(self.tenant, OLGA)
    }
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Login {
    tenant: &'static Tenant,
    /// What the browser brings back.
    pub state: String,
    /// What the ID token repeats.
    pub nonce: String,
    /// What the verifier is held against.
    pub challenge: String,
}

impl Login {
    /// Begins one at a provider that does as it should.
    ///
    /// # Panics
    /// When it does not begin.
    pub fn begin(house: &House, choice: &Choice) -> Self {
        let answers = Answers { discovery: choice.but_good().discovery(), ..Answers::default() };
        house.wire().answer(answers);
        let answer = initiate(house, choice.tenant());
        assert_eq!(answer.status, 200, "{answer:?}");
        Self::of(choice.tenant(), &answer)
    }

    /// The one that an answer has begun.
    #[must_use]
    pub fn of(tenant: &'static Tenant, answer: &Answer) -> Self {
        let [state, nonce] = ["state", "nonce"].map(|name| answer.field(name).to_owned());
        let (_, query) = answer.field("redirect").split_once('?').unwrap_or_default();
        let challenge = parse(query.as_bytes()).find(|(name, _)| name == "code_challenge");
        let challenge = challenge.map(|(_, value)| value.into_owned()).unwrap_or_default();
        Self { tenant, state, nonce, challenge }
    }

    /// Comes back with a body, so many seconds after the sign-in began.
    pub fn send(&self, house: &House, body: &[u8], later: i64) -> Answer {
        let header = format!("Bearer {}", self.tenant.key);
        let call = Call { authorization: Some(&header), body, later, ..Call::default() };
        house.ask_fresh(&house.fresh("admin-sso-login"), &call)
    }

    /// What comes back.
    #[must_use]
    pub fn body(&self, choice: &Choice) -> Vec<u8> {
        if choice.body.is_empty() {
            let email = choice.person.email;
            let body = json!({
                "state": self.state, "nonce": self.nonce, "email": email, "code": CODE, "error": false,
            });
            return body.to_string().into_bytes();
        }
        fill(&choice.body, &[&self.nonce, &self.state, CODE])
    }

    /// A token that works.
    ///
    /// # Panics
    /// Never: a key signs.
    #[must_use]
    pub fn good(&self, choice: &Choice) -> Signed {
        let nothing = Signed { token: String::new(), key: Key::Ec, algorithm: String::new() };
        let [header, claims] = [SIGNERS[0].header(), self.claims(choice.person)].map(|part| part.to_string());
        let (_, signed) = keys().sign(SIGNERS[0], [header.as_bytes(), claims.as_bytes()], &nothing);
        signed.expect("it is signed")
    }

    fn claims(&self, person: Person) -> Value {
        let Person { email, subject } = person;
        json!({
            "iss": self.tenant.issuer,
            "aud": CLIENT_ID,
            "sub": subject,
            "iat": NOW,
            "exp": NOW + 300,
            "nonce": self.nonce,
            "email": email,
            "email_verified": true,
        })
    }

    /// The ID token of an input, and whatever is well signed. `None` where it is no text.
    #[must_use]
    pub fn id_token(&self, choice: &Choice) -> Option<(String, Vec<Signed>)> {
        let good = self.good(choice);
        let or = |given: &[u8], values: &[&str], default: Value| {
            if given.is_empty() { default.to_string().into_bytes() } else { fill(given, values) }
        };
        if choice.signer == Signer::Text {
            let parts: Vec<_> = good.token.split('.').collect();
            let text = String::from_utf8(fill(&choice.header, &parts)).ok()?;
            return Some((text, vec![good]));
        }
        let header = or(&choice.header, &[], choice.signer.header());
        let claims = or(&choice.claims, &[&self.nonce], self.claims(choice.person));
        let (token, signed) = keys().sign(choice.signer, [&header, &claims], &good);
        Some((token, signed.into_iter().chain([good]).collect()))
    }

    /// All that the provider answers to an input.
    #[must_use]
    pub fn answers(&self, choice: &Choice, id_token: &str) -> Answers {
        let published = keys();
        let members =
            [Key::Ec, Key::Rsa, Key::Ed, Key::P384, Key::Stranger].map(|key| published.members(key));
        let values = members.each_ref().map(String::as_str);
        let all = || {
            let jwk = |key: Key| {
                format!("{{\"kid\":\"{}\",\"use\":\"sig\",{}}}", key.name(), published.members(key))
            };
            let jwks = [Key::Ec, Key::Rsa, Key::Ed, Key::P384].map(jwk);
            format!("{{\"keys\":[{}]}}", jwks.join(","))
        };
        let first = sent(&choice.keys, &values, all);
        let second =
            if choice.newer_keys.is_empty() { first.clone() } else { sent(&choice.newer_keys, &values, all) };
        let token = sent(&choice.token, &[id_token], || {
            json!({ "access_token": "opaque", "token_type": "Bearer", "id_token": id_token }).to_string()
        });
        Answers { discovery: choice.discovery(), keys: [first, second], token }
    }
}

/// Asks where to send somebody.
pub fn initiate(house: &House, tenant: &Tenant) -> Answer {
    let header = format!("Bearer {}", tenant.key);
    let body = json!({ "username": OLGA.email }).to_string();
    let call = Call { authorization: Some(&header), body: body.as_bytes(), ..Call::default() };
    house.ask_fresh(&house.fresh("admin-sso-initiate"), &call)
}

/// What a line makes a provider send: a body, with an HTTP status of three digits and a space before it, where it is
/// not 200.
fn sent(line: &[u8], values: &[&str], default: impl FnOnce() -> String) -> Sent {
    if line.is_empty() {
        return Sent { status: 200, body: default().into_bytes() };
    }
    let (status, body) = match line.split_at_checked(4) {
        Some(([digits @ .., b' '], body)) if digits.iter().all(u8::is_ascii_digit) => {
            (digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')), body)
        }
        _ => (200, line),
    };
    Sent { status, body: fill(body, values) }
}
