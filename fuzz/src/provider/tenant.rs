//! The tenants that have a provider: one as in production, and one whose provider is on this machine.

use std::sync::OnceLock;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use shared::provision::document::Document;

use super::input::{Choice, Login};
use crate::{Answer, House, PUBLIC_URL, house};

/// Ours at every provider.
pub const CLIENT_ID: &str = "usher";
/// Our secret there, with characters that have to be encoded (RFC 6749 §2.3.1).
pub const CLIENT_SECRET: &str = "the-secret-of-usher-at-the-provider/+ &:é";
/// Where providers send people back to.
pub const REDIRECT_URI: &str = "https://office.example/login/sso_callback";
/// The domain for whose people the first tenant makes accounts.
pub const JIT_DOMAIN: &str = "cinema.example";

/// A tenant.
#[derive(Debug)]
pub struct Tenant {
    /// Its id.
    pub id: &'static str,
    /// Its API key.
    pub key: &'static str,
    /// Its provider.
    pub issuer: &'static str,
    /// Whether an address of [`JIT_DOMAIN`] that nobody has gets an account.
    pub has_jit: bool,
}

/// The tenants.
pub const TENANTS: [Tenant; 2] = [
    Tenant {
        id: "cinema",
        key: "usk_cinema_cinema-admin_0000000000000000000000000000adminC",
        issuer: "https://idp.cinema.example/tenant",
        has_jit: true,
    },
    Tenant {
        id: "garage",
        key: "usk_garage_garage-admin_0000000000000000000000000000adminG",
        issuer: "http://127.0.0.1:9100",
        has_jit: false,
    },
];

/// Somebody who comes back from a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their address, at the provider and at the tenants that know them.
    pub email: &'static str,
    /// Their `sub`.
    pub subject: &'static str,
}

/// An admin who has not come yet.
pub const OLGA: Person = Person { email: "olga@cinema.example", subject: "olga-1" };
/// An admin who has come before, as this `sub`.
pub const TOM: Person = Person { email: "tom@cinema.example", subject: "tom-1" };
/// One who is no admin.
pub const VERA: Person = Person { email: "vera@cinema.example", subject: "vera-1" };
/// One whom no tenant has entered.
pub const NINA: Person = Person { email: "nina@cinema.example", subject: "nina-1" };

/// Who a token was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// [`OLGA`].
    Olga,
    /// [`TOM`].
    Tom,
    /// An account that was made just now.
    New,
}

/// The ids of [`OLGA`] and [`TOM`] at each tenant.
#[derive(Debug)]
pub struct Ids([[String; 2]; 2]);

impl Ids {
    /// Who has an id at a tenant.
    #[must_use]
    pub fn who(&self, tenant: usize, id: &str) -> Who {
        match self.0[tenant].iter().position(|known| known == id) {
            Some(0) => Who::Olga,
            Some(_) => Who::Tom,
            None => Who::New,
        }
    }
}

/// A house that these tenants have moved into, and in which Tom has signed in once.
///
/// # Panics
/// When they cannot.
pub fn studio() -> (&'static House, &'static Ids) {
    static IDS: OnceLock<Ids> = OnceLock::new();
    let house = house();
    let ids = IDS.get_or_init(|| {
        let document = Document::parse(&document().to_string()).expect("the document is valid");
        house.apply(&document).expect("it is applied");
        house.keep();
        let ids = [0, 1].map(|tenant| [OLGA, TOM].map(|person| user(&sign_in(house, tenant, person))));
        // As it was, so that Olga has not come yet.
        house.begin();
        for (tenant, [_, tom]) in ids.iter().enumerate() {
            assert_eq!(&user(&sign_in(house, tenant, TOM)), tom);
        }
        house.keep();
        Ids(ids)
    });
    (house, ids)
}

fn document() -> Value {
    let tenant = |tenant: &Tenant| {
        let Tenant { id, key, issuer, has_jit } = tenant;
        let user = |Person { email, .. }: Person, surface: &str| {
            let name = email.split('@').next();
            json!({ "username": name, "email": email, "roles": ["admin"], "surfaces": [surface] })
        };
        json!({
            "id": id,
            "name": id,
            "sso": {
                "issuer": issuer,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "redirect_uri": REDIRECT_URI,
                "jit": has_jit,
                "email_domains": [JIT_DOMAIN],
            },
            "api_keys": [{ "id": format!("{id}-admin"), "key": key, "surface": "admin" }],
            "users": [user(OLGA, "admin"), user(TOM, "admin"), user(VERA, "watch")],
        })
    };
    json!({ "enterprises": TENANTS.each_ref().map(tenant) })
}

/// Somebody signs in as they should.
fn sign_in(house: &House, tenant: usize, person: Person) -> Answer {
    let choice = Choice::of(tenant, person);
    let login = Login::begin(house, &choice);
    house.wire().answer(login.answers(&choice, &login.good(&choice).token));
    let answer = login.send(house, &login.body(&choice), 0);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// Whose the tokens of an answer are; they have nothing in them but what is ours.
///
/// # Panics
/// When they have.
#[must_use]
pub fn user(answer: &Answer) -> String {
    let claims = |name: &str| -> Value {
        let part = answer.field(name).split('.').nth(1).expect("three parts");
        let json = BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url");
        serde_json::from_slice(&json).expect("JSON")
    };
    let [access, refresh] = ["token", "refresh_token"].map(claims);
    assert_eq!(answer.body.as_object().map(serde_json::Map::len), Some(4), "{answer:?}");
    for claims in [&access, &refresh] {
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(PUBLIC_URL), &json!("admin")), "{claims}");
        for (name, value) in claims.as_object().expect("claims are an object") {
            let is_ours = match name.as_str() {
                "iss" | "aud" | "exp" | "iat" | "nbf" => true,
                "amr" => *value == json!(["sso"]),
                "scope" => value == "admin",
                "ent" => TENANTS.iter().any(|tenant| value == tenant.id),
                "client_id" => TENANTS.iter().any(|tenant| value == &format!("{}-admin", tenant.id)),
                "sub" | "sid" | "jti" => value.as_str().is_some_and(is_id),
                _ => false,
            };
            assert!(is_ours, "{name} of {claims}");
        }
    }
    let [sub, other] = [&access, &refresh].map(|claims| claims["sub"].as_str().unwrap_or_default());
    assert!(!sub.is_empty() && sub == other, "{access} {refresh}");
    sub.to_owned()
}

/// Whether a text is an id of ours: 26 characters of Crockford's base32, or two of them.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.split('-').all(|part| {
        part.len() == 26 && part.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    })
}
