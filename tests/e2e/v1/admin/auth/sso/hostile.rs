//! ID tokens that must not sign anybody in, from a provider that gives them out all the same.

use serde_json::json;
use tests::provider::Alg;

use super::{OLGA_AT, Studio};

#[tokio::test(flavor = "multi_thread")]
async fn the_four_algorithms_are_taken() {
    let studio = Studio::open().await;
    for alg in [Alg::ES256, Alg::RS256, Alg::PS256, Alg::EdDSA] {
        studio.provider.set(|behaviour| behaviour.alg = alg);
        let answer = studio.sign_in(OLGA_AT, "olga-1").await;
        assert_eq!(answer.status, 200, "{alg:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_algorithms_and_keys_are_not() {
    let studio = Studio::open().await;
    for (alg, reason) in [
        (Alg::None, "id_token_unreadable"),
        (Alg::Hs256WithClientSecret, "id_token_algorithm"),
        (Alg::ES384, "id_token_algorithm"),
        (Alg::ForeignKey, "id_token_signature"),
        (Alg::ForeignKidUnknown, "id_token_key_unknown"),
        (Alg::EncryptionKey, "id_token_key_unknown"),
    ] {
        studio.provider.set(|behaviour| behaviour.alg = alg);
        let answer = studio.sign_in(OLGA_AT, "olga-1").await;
        assert_eq!(answer.body["status_code"], "A2002", "{alg:?}: {answer:?}");
        let line = &studio.app.log_of(answer.header("x-request-id"))[0];
        assert_eq!((&line["detail"], &line["reason"]), (&json!("sso"), &json!(reason)), "{alg:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_are_wrong_are_not() {
    let studio = Studio::open().await;
    let issuer = studio.provider.issuer().to_owned();
    let now = studio.app.stack.world.clock.now();
    for claims in [
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": format!("{issuer}/") }),
        json!({ "iss": null }),
        json!({ "aud": "somebody-else" }),
        json!({ "aud": ["somebody-else"] }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
        json!({ "aud": ["usher", "somebody-else"] }),
        json!({ "aud": ["usher", "somebody-else"], "azp": "somebody-else" }),
        json!({ "azp": "somebody-else" }),
        json!({ "exp": 1 }),
        json!({ "exp": now - 1 }),
        json!({ "exp": null }),
        json!({ "exp": "tomorrow" }),
        json!({ "iat": now + 3600 }),
        json!({ "iat": null }),
        json!({ "nbf": now + 3600 }),
        json!({ "nonce": "another" }),
        json!({ "nonce": "" }),
        json!({ "nonce": null }),
        json!({ "sub": "" }),
        json!({ "sub": "x".repeat(256) }),
        json!({ "sub": null }),
        json!({ "sub": 7 }),
        json!({ "email": "ana@acme.example" }),
        json!({ "email": null }),
        json!({ "email": [OLGA_AT] }),
        json!({ "email_verified": false }),
        json!({ "email_verified": "false" }),
    ] {
        studio.provider.set(|behaviour| behaviour.claims = claims.clone());
        let answer = studio.sign_in(OLGA_AT, "olga-1").await;
        assert_eq!(answer.body["status_code"], "A2002", "{claims}: {answer:?}");
    }
    for claims in [
        json!({ "aud": ["usher"] }),
        json!({ "aud": ["usher", "somebody-else"], "azp": "usher" }),
        json!({ "email": "OLGA@Acme.example" }),
        json!({ "email_verified": null }),
        json!({ "email_verified": "true" }),
        json!({ "iat": now - 7200 }),
    ] {
        studio.provider.set(|behaviour| behaviour.claims = claims.clone());
        let answer = studio.sign_in(OLGA_AT, "olga-1").await;
        assert_eq!(answer.status, 200, "{claims}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_looked_for_once_and_at_most_every_30_seconds() {
    let studio = Studio::open().await;
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    assert_eq!(studio.provider.calls("jwks"), 1);
    // The provider has new keys: found at once.
    studio.provider.rotate();
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    assert_eq!(studio.provider.calls("jwks"), 2);
    // Somebody makes keys up.
    studio.provider.set(|behaviour| behaviour.alg = Alg::ForeignKidUnknown);
    for _ in 0..3 {
        studio.sign_in(OLGA_AT, "olga-1").await.expect(401, "A2002");
    }
    assert_eq!(studio.provider.calls("jwks"), 2);
    studio.app.advance(30);
    for _ in 0..3 {
        studio.sign_in(OLGA_AT, "olga-1").await.expect(401, "A2002");
    }
    assert_eq!(studio.provider.calls("jwks"), 3);
    studio.provider.set(|behaviour| behaviour.alg = Alg::ES256);
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
}
