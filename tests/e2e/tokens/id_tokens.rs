//! Every attack of `attacks/` on the ID token that `admin-sso-login` fetches at the provider, and those that only an
//! ID token can be made of. What is signed rightly is signed by the provider's key.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tests::provider::{Alg, Provider};
use tests::{Answer, part};

use super::attacks::id_tokens::{self, Rsa};
use super::attacks::{self, Attack};
use super::forge::{Good, Keys, changed, jwk_of, new_key};
use super::places::look;
use crate::v1::admin::auth::sso::{OLGA_AT, Studio};

/// What is an attack on a token of ours and none on a provider's, which has signed it.
const FINE: &[(&[&str], &str)] = &[
    (
        &[
            "header: jwk",
            "header: jku",
            "header: x5u",
            "header: x5c",
            "header: x5t",
            "header: x5t#S256",
            "header: b64",
            "header: zip",
            "header: cty",
            "header: enc",
            "header: url",
            "header: nonce",
            "header: made-up",
        ],
        "what a header says beside `alg`, `kid`, `typ` and `crit` is not read (RFC 7515 §4)",
    ),
    (
        &["typ: jwt", "typ: application/JWT", "typ: missing"],
        "providers say that it is a JWT, in any case, or nothing (RFC 7515 §4.1.9)",
    ),
    (
        &[
            "ent: another",
            "ent: missing",
            "ent: a list",
            "client_id: another key's",
            "client_id: another enterprise's",
            "client_id: missing",
            "client_id: a list",
            "sid: somebody else's",
            "sid: nobody's",
            "sid: missing",
            "sid: a list",
            "jti: missing",
            "jti: a list",
            "claims: ent twice",
        ],
        "these are claims of ours alone",
    ),
    (&["aud: a list"], "it is a list of us alone (RFC 7519 §4.1.3)"),
    (
        &[
            "exp: with a fraction",
            "exp: with an exponent",
            "exp: beyond 63 bits",
            "exp: huge",
            "nbf: with a fraction",
        ],
        "any number is a time (RFC 7519 §2)",
    ),
    (&["written with over 4,096 characters, and signed"], "how long one is, is the provider's to say"),
];

/// What the log says of all others, in the alphabet's order: it is always the token, and every check is met.
const REASONS: [&str; 15] = [
    "email_missing",
    "email_not_verified",
    "email_of_another",
    "id_token_algorithm",
    "id_token_aud",
    "id_token_claim_missing",
    "id_token_iss",
    "id_token_key_unknown",
    "id_token_nonce",
    "id_token_signature",
    "id_token_sub",
    "id_token_time",
    "id_token_type",
    "id_token_unreadable",
    "tied_to_another_subject",
];

/// A provider, another one that is an attacker's, and what attacks on their tokens are made of.
struct Target {
    studio: Studio,
    attacker: Provider,
    keys: Keys,
    rsa: Rsa,
    kinds: Vec<Attack>,
    stranger: Value,
}

impl Target {
    async fn open() -> Self {
        let studio = Studio::open().await;
        let (app, provider) = (&studio.app, &studio.provider);
        let now = app.stack.world.clock.now();
        let attacker = Provider::start(move || now).await;
        // A second key that suits, so that a token without `kid` is nobody's.
        let next = changed(&jwk_of(&new_key(&ECDSA_P256_SHA256_FIXED_SIGNING)), "kid", json!("next"));
        provider.set(|behaviour| behaviour.keys = vec![next]);
        let (kid, key) = provider.signing_key(Alg::RS256);
        let jwks = provider.jwks();
        let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == kid).unwrap().clone();
        let own = studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000").tokens();
        let walt = app.watch().sign_in("walt", "one seat in the last row").await;
        let kinds = vec![
            ("kind: our access token".to_owned(), own.token),
            ("kind: our refresh token".to_owned(), own.refresh_token),
        ];
        let keys = Keys::of_provider(provider, &attacker);
        Self { rsa: Rsa { kid, key, jwk }, keys, kinds, stranger: part(&walt.token, 1), attacker, studio }
    }

    /// Each attack on the sign-in of this nonce.
    fn attacks(&self, nonce: &str) -> Vec<Attack> {
        let provider = &self.studio.provider;
        let token = provider.id_token(OLGA_AT, "olga-1", nonce);
        let good = Good::of(&token, &self.keys);
        let mut kinds = [self.kinds.clone(), id_tokens::of(&good, &self.rsa)].concat();
        kinds.push(("kind: of another sign-in".to_owned(), provider.id_token(OLGA_AT, "olga-1", "a nonce")));
        kinds
            .push(("kind: of another provider".to_owned(), self.attacker.id_token(OLGA_AT, "olga-1", nonce)));
        for alg in [Alg::ES384, Alg::Hs256WithClientSecret, Alg::ForeignKidUnknown, Alg::EncryptionKey] {
            provider.set(|behaviour| behaviour.alg = alg);
            kinds.push((format!("kind: {alg:?}"), provider.id_token(OLGA_AT, "olga-1", nonce)));
        }
        provider.set(|behaviour| behaviour.alg = Alg::ES256);
        attacks::all(&good, &self.stranger, &kinds)
    }

    /// Signs in, and is given what is made for the nonce in the place of the ID token.
    async fn sign_in(&self, make: impl FnOnce(&str) -> String) -> Answer {
        // One address may begin 300 in a quarter of an hour.
        self.studio.app.advance(3);
        let begun = self.studio.begin().await;
        let token = make(&begun.nonce);
        self.studio.provider.set(|behaviour| behaviour.id_token = Some(token));
        let code = self.studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        self.studio.login(&begun, OLGA_AT, &code).await
    }

    async fn make(&self, name: &str) -> Answer {
        let named = |nonce: &str| self.attacks(nonce).into_iter().find(|attack| attack.0 == name).unwrap().1;
        self.sign_in(named).await
    }

    /// What the log says of a refusal.
    fn reason(&self, answer: &Answer) -> String {
        let line = &self.studio.app.log_of(answer.header("x-request-id"))[0];
        line["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// What is in the table, by the items' keys, but for how many sign-ins have begun.
    async fn table(&self) -> BTreeMap<[String; 2], HashMap<String, AttributeValue>> {
        let items = self.studio.app.items().await;
        let items =
            items.into_iter().map(|item| (["pk", "sk"].map(|name| item[name].as_s().unwrap().clone()), item));
        items.filter(|([pk, _], _)| !pk.contains("#LIMIT#sso-source#")).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attack_on_an_id_token_succeeds() {
    let target = Target::open().await;
    let names: BTreeSet<_> = target.attacks(&"n".repeat(43)).into_iter().map(|attack| attack.0).collect();
    let fine: BTreeSet<_> =
        FINE.iter().flat_map(|(names, _)| *names).map(|name| (*name).to_owned()).collect();
    assert!(fine.is_subset(&names), "{:?}", fine.difference(&names));
    let before = target.table().await;
    let (mut wrong, mut looks, mut reasons) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for name in names.difference(&fine) {
        let answer = target.make(name).await;
        if (answer.status, &answer.body["status_code"]) == (401, &json!("A2002")) {
            reasons.insert(target.reason(&answer));
            looks.insert(look(&answer.expect(401, "A2002")));
        } else {
            wrong.push(format!("{name}: {} {}", answer.status, answer.text));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), names.len());
    assert!(names.len() - fine.len() > 300, "{} attacks were made", names.len());
    assert_eq!(looks.len(), 1, "they can be told apart: {looks:#?}");
    assert!(reasons.iter().eq(REASONS), "{reasons:?}");
    let after = target.table().await;
    let changed: BTreeSet<_> =
        before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).collect();
    assert!(changed.is_empty(), "the attacks have changed something: {changed:?}");
    for (names, why) in FINE {
        for name in *names {
            let answer = target.make(name).await;
            assert_eq!(answer.body["status_code"], "A0000", "{name}, {why}: {answer:?}");
        }
    }
    assert_eq!(target.attacker.calls("jwks"), 0, "a token has said where a key is");
    // Nothing else was wrong with the calls.
    let good = |nonce: &str| target.studio.provider.id_token(OLGA_AT, "olga-1", nonce);
    target.sign_in(good).await.expect(200, "A0000");
}
