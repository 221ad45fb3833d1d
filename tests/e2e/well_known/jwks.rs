//! `GET /.well-known/jwks.json`

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;
use tests::{App, part};

#[tokio::test(flavor = "multi_thread")]
async fn anybody_can_verify_a_token_with_it_and_nobody_can_sign() {
    let app = App::start().await;
    let answer = app.anonymous().get("/.well-known/jwks.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    for key in answer.body["keys"].as_array().unwrap() {
        assert!(["d", "p", "q", "k"].iter().all(|private| key.get(private).is_none()), "{key}");
    }
    let token = app.ana().await.token;
    let keys: JwkSet = serde_json::from_value(answer.body).unwrap();
    let jwk = keys.find(part(&token, 0)["kid"].as_str().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["watch"]);
    validation.set_issuer(&[&app.stack.place.url]);
    decode::<Value>(&token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).unwrap();
}
