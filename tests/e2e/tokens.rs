//! Forged and foreign tokens (RFC 8725; OWASP ASVS 9.1, 9.2).

mod attacks;
mod der;
mod everywhere;
mod forge;
mod id_tokens;
mod places;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tests::{App, SignedIn, part};

/// Sends `token` wherever an access token is read and expects 2003.
async fn expect_refused_as_access(app: &App, token: &str, why: &str) {
    let session = app.authorized(&format!("JWT {token}")).get("/v2/watch/auth/session").await;
    let logout = app.watch().post("/v2/watch/auth/logout", json!({ "token": token })).await;
    let screener = app.authorized(token).get("/v2/watch/content/screeners/link/2fa").await;
    for answer in [session, logout, screener] {
        assert_eq!((answer.status, &answer.body["status_code"]), (401, &json!("W2003")), "{why}");
    }
}

async fn expect_refused_as_refresh(app: &App, token: &str, why: &str) {
    let answer = app.watch().refresh(token).await;
    assert_eq!((answer.status, &answer.body["status_code"]), (401, &json!("W2003")), "{why}");
}

async fn expect_still_alive(app: &App, tokens: &SignedIn) {
    app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    app.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
}

fn encoded(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

fn with_header(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut header = part(token, 0);
    change(&mut header);
    let rest = token.split_once('.').unwrap().1;
    format!("{}.{rest}", encoded(&header))
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_ask_for_another_verification_are_refused() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let (kid, claims) = (part(&tokens.token, 0)["kid"].clone(), part(&tokens.token, 1));
    let jwks = app.anonymous().get("/.well-known/jwks.json").await;

    let none = json!({ "alg": "none", "typ": "at+jwt", "kid": kid });
    expect_refused_as_access(&app, &format!("{}.{}.", encoded(&none), encoded(&claims)), "alg none").await;
    expect_refused_as_access(
        &app,
        &with_header(&tokens.token, |header| header["alg"] = json!("none")),
        "alg",
    )
    .await;
    let mut hmac = Header::new(Algorithm::HS256);
    (hmac.typ, hmac.kid) = (Some("at+jwt".into()), kid.as_str().map(Into::into));
    let public = EncodingKey::from_secret(jwks.text.as_bytes());
    expect_refused_as_access(&app, &encode(&hmac, &claims, &public).unwrap(), "HS256 with the public key")
        .await;

    for (name, value) in [
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/chain.pem")),
        ("jwk", jwks.body["keys"][0].clone()),
        ("crit", json!(["exp"])),
        ("kid", json!("../../etc/passwd")),
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("b64", json!(false)),
    ] {
        let changed = with_header(&tokens.token, |header| header[name] = value);
        expect_refused_as_access(&app, &changed, name).await;
    }
    let (signed, _) = tokens.token.rsplit_once('.').unwrap();
    let zero = format!("{signed}.{}", BASE64URL_NOPAD.encode(&[0; 64]));
    expect_refused_as_access(&app, &zero, "an all-zero signature").await;
    expect_still_alive(&app, &tokens).await;
}

/// A token with whatever header.
fn with_any_header(header: &Value, claims: &Value, key: &EncodingKey) -> String {
    forge::signed(&header.to_string(), &claims.to_string(), key, Algorithm::ES256)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_token_brings_counts_for_nothing() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let (kid, claims) = (part(&tokens.token, 0)["kid"].clone(), part(&tokens.token, 1));
    let foreign = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let key = EncodingKey::from_ec_der(foreign.to_pkcs8v1().unwrap().as_ref());
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap()).unwrap();
    for name in [kid.as_str(), Some("of-the-attacker"), None] {
        jwk["kid"] = json!(name);
        for (field, value) in [
            ("jwk", jwk.clone()),
            ("jku", json!("https://attacker.example/jwks.json")),
            ("x5u", json!("https://attacker.example/chain.pem")),
        ] {
            let mut header = json!({ "alg": "ES256", "typ": "at+jwt", field: value });
            if let Some(name) = name {
                header["kid"] = json!(name);
            }
            expect_refused_as_access(&app, &with_any_header(&header, &claims, &key), field).await;
        }
    }
    expect_still_alive(&app, &tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_header_asks_for_beyond_ours_is_refused_even_when_the_signature_is_ours() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let claims = part(&tokens.token, 1);
    let (name, pkcs8) = app.signing_key().await;
    let key = EncodingKey::from_ec_der(&pkcs8);
    let ours = json!({ "alg": "ES256", "typ": "at+jwt", "kid": name });
    let same = with_any_header(&ours, &claims, &key);
    app.authorized(&same).get("/v2/watch/auth/session").await.expect(200, "W0000");
    let jwks = app.anonymous().get("/.well-known/jwks.json").await;
    for (field, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("jwk", jwks.body["keys"][0].clone()),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5c", json!(["MIIB"])),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("nonce", json!("n")),
    ] {
        let mut header = ours.clone();
        header[field] = value;
        expect_refused_as_access(&app, &with_any_header(&header, &claims, &key), field).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_key_of_the_same_name_is_refused() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let foreign = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let key = EncodingKey::from_ec_der(foreign.to_pkcs8v1().unwrap().as_ref());
    for (token, is_access) in [(&tokens.token, true), (&tokens.refresh_token, false)] {
        let header: Header = serde_json::from_value(part(token, 0)).unwrap();
        let forged = encode(&header, &part(token, 1), &key).unwrap();
        if is_access {
            expect_refused_as_access(&app, &forged, "a foreign key").await;
        } else {
            expect_refused_as_refresh(&app, &forged, "a foreign key").await;
        }
    }
}

/// Signs `claims` with the stack's own key, as nobody outside can.
pub(crate) async fn signed(app: &App, kind: &str, claims: &Value) -> String {
    let (name, pkcs8) = app.signing_key().await;
    let mut header = Header::new(Algorithm::ES256);
    (header.typ, header.kid) = (Some(kind.into()), Some(name));
    encode(&header, claims, &EncodingKey::from_ec_der(&pkcs8)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_are_not_for_us_are_refused_even_when_the_signature_is_ours() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let (access, refresh) = (part(&tokens.token, 1), part(&tokens.refresh_token, 1));
    let same = signed(&app, "at+jwt", &access).await;
    app.authorized(&same).get("/v2/watch/auth/session").await.expect(200, "W0000");

    let far = access["exp"].as_i64().unwrap() + 100_000;
    for (name, value) in [
        ("iss", json!("https://attacker.example")),
        ("aud", json!("admin")),
        ("aud", json!(["watch"])),
        ("nbf", json!(far)),
        ("sub", json!("somebody else")),
        ("exp", json!("tomorrow")),
    ] {
        for (kind, claims) in [("at+jwt", &access), ("rt+jwt", &refresh)] {
            let mut claims = claims.clone();
            claims[name] = value.clone();
            let token = signed(&app, kind, &claims).await;
            if kind == "at+jwt" {
                let answer = app.authorized(&token).get("/v2/watch/auth/session").await;
                assert_eq!(answer.body["status_code"], "W2003", "{name}");
            } else {
                expect_refused_as_refresh(&app, &token, name).await;
            }
        }
    }
    for name in ["exp", "iss", "aud", "sub", "sid", "ent", "client_id", "jti"] {
        let mut claims = access.clone();
        claims.as_object_mut().unwrap().remove(name);
        let token = signed(&app, "at+jwt", &claims).await;
        let answer = app.authorized(&token).get("/v2/watch/auth/session").await;
        assert_eq!(answer.body["status_code"], "W2003", "without {name}");
    }
    for kind in ["JWT", "at+JWT", "playback+jwt", "rt+jwt"] {
        let token = signed(&app, kind, &access).await;
        expect_refused_as_access(&app, &token, kind).await;
    }
    for (name, value) in [("ent", "orbit"), ("client_id", "acme-tv"), ("sid", "01BX5ZZKBKACTAV9WEVGEMMVRZ")] {
        let mut claims = access.clone();
        claims[name] = json!(value);
        let token = signed(&app, "at+jwt", &claims).await;
        let answer = app.authorized(&token).get("/v2/watch/auth/session").await;
        assert_eq!(answer.body["status_code"], "W2003", "{name}");
    }
    expect_still_alive(&app, &tokens).await;
}

#[test]
fn no_changed_character_gives_a_token_that_works() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (app, tokens) = runtime.block_on(async {
        let app = App::start().await;
        let tokens = app.ana().await;
        (app, tokens)
    });
    let length = tokens.token.len();
    let mut runner = TestRunner::new(ProptestConfig { cases: 128, ..ProptestConfig::default() });
    runner
        .run(&(0..length, "[A-Za-z0-9_.-]"), |(index, character)| {
            let mut changed = tokens.token.clone();
            changed.replace_range(index..=index, &character);
            // The last character of a part has bits that decode to nothing.
            let decodes_alike = {
                let bytes = |token: &str| {
                    token
                        .split('.')
                        .map(|part| BASE64URL_NOPAD.decode(part.as_bytes()).ok())
                        .collect::<Vec<_>>()
                };
                bytes(&changed) == bytes(&tokens.token)
            };
            let answer = runtime.block_on(app.authorized(&changed).get("/v2/watch/auth/session"));
            prop_assert_eq!(answer.status == 200, decodes_alike, "{}", changed);
            Ok(())
        })
        .unwrap();
    runtime.block_on(expect_still_alive(&app, &tokens));
    drop(app);
    runtime.shutdown_background();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_takes_away_is_denied_on_the_next_call() {
    let changes: [fn(&mut Value); 4] = [
        |document| document["enterprises"][0]["users"][0]["surfaces"] = json!(["vidizmo"]),
        |document| document["enterprises"][0]["users"][0]["disabled"] = json!(true),
        |document| document["enterprises"][0]["users"][0]["password"] = json!("a password by the operator"),
        |document| document["enterprises"][0]["api_keys"][0]["revoked"] = json!(true),
    ];
    for change in changes {
        let app = App::start().await;
        let tokens = app.ana().await;
        app.apply(change).await;
        app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(401, "W2003");
        assert_eq!(app.watch().refresh(&tokens.refresh_token).await.status, 401);
    }
    let app = App::start().await;
    let pin = app.watch().login_by_pin("K7QX-93WD").await.tokens();
    app.apply(|document| document["enterprises"][0]["pins"][0]["disabled"] = json!(true)).await;
    app.authorized(&pin.token).get("/v2/watch/auth/session").await.expect(401, "W2003");
    app.watch().login_by_pin("K7QX-93WD").await.expect(401, "W2002");
}
