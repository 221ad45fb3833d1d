//! `POST /api/v1/user/authenticate`.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tests::{ANA, App, OLGA};

use super::{ANA_AT, ana};
use crate::common::bad_bodies;

const PATH: &str = "/api/v1/user/authenticate";
const SECRET: &str = "a-machine-has-no-better-memory";

#[tokio::test(flavor = "multi_thread")]
async fn a_password_gives_a_token_that_is_only_hashed_in_the_table() {
    let app = App::start().await;
    let token = app.vidizmo().authenticate("ANA@acme.example", ANA).await.opaque();
    app.vidizmo().bearing(&token).user(ANA_AT).await.expect_value();
    assert!(!app.table_text().await.contains(&token));
    let other = app.vidizmo().authenticate("ana", ANA).await.opaque();
    assert_ne!(token, other);
    // Each sign-in is a session of its own.
    app.vidizmo().bearing(&other).post("/api/v1/user/logout", json!({})).await.expect_value();
    app.vidizmo().bearing(&token).user(ANA_AT).await.expect_value();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_signs_in_by_its_client_secret_and_by_nothing_else() {
    let app = App::start().await;
    let body =
        |secret: &str| json!({ "emailAddress": "importer+nightly@acme.example", "clientSecret": secret });
    let token = app.vidizmo().post(PATH, body(SECRET)).await.opaque();
    app.vidizmo().bearing(&token).user(ANA_AT).await.expect_value();
    app.vidizmo().post(PATH, body("another")).await.expect_exception(400, "InvalidCredentialsException");
    let as_password = app.vidizmo().authenticate("importer", SECRET).await;
    as_password.expect_exception(400, "InvalidCredentialsException");
    let as_secret = json!({ "emailAddress": ANA_AT, "clientSecret": ANA });
    app.vidizmo().post(PATH, as_secret).await.expect_exception(400, "InvalidCredentialsException");
    app.watch().login("importer", SECRET).await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_client_secret_frees_no_tries_of_the_password() {
    let app = App::changed(|document| {
        document["enterprises"][0]["users"][0]["client_secret"] = json!(SECRET);
    })
    .await;
    let right = |name: &str| json!({ "emailAddress": name, "clientSecret": SECRET });
    for _ in 0..9 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
        for name in ["ana", ANA_AT] {
            // Nor does it use one up.
            app.vidizmo().post(PATH, right(name)).await.opaque();
        }
    }
    app.watch().login(ANA_AT, "wrong password").await.expect(401, "W2002");
    app.watch().login("ana", ANA).await.expect(429, "W5001");
    app.vidizmo().post(PATH, right("ana")).await.expect_exception(429, "TooManyRequestsException");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_unknown_disabled_and_of_other_surfaces_are_one_answer() {
    let app = App::start().await;
    for (name, password) in [
        (ANA_AT, "wrong password"),
        ("nobody@acme.example", ANA),
        ("dora@acme.example", "locked out of the cinema"),
        ("walt@acme.example", "one seat in the last row"),
        ("otto@orbit.example", "a telescope for the projection"),
    ] {
        let answer = app.vidizmo().authenticate(name, password).await;
        answer.expect_exception(400, "InvalidCredentialsException");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_invalid_and_changes_nothing() {
    let app = App::start().await;
    app.forget_usage();
    for body in [
        json!({}),
        json!({ "emailAddress": ANA_AT }),
        json!({ "password": ANA }),
        json!({ "emailAddress": ANA_AT, "password": ANA, "clientSecret": SECRET }),
        json!({ "emailAddress": ANA_AT, "password": null, "clientSecret": null }),
        json!({ "emailAddress": 7, "password": ANA }),
        json!({ "emailAddress": "", "password": ANA }),
        json!({ "emailAddress": [ANA_AT], "password": ANA }),
        json!({ "emailAddress": "x".repeat(255), "password": ANA }),
        json!({ "emailAddress": ANA_AT, "password": 12_345_678 }),
        json!({ "emailAddress": ANA_AT, "password": "" }),
        json!({ "emailAddress": ANA_AT, "password": "x".repeat(513) }),
        json!({ "emailAddress": ANA_AT, "clientSecret": true }),
    ] {
        app.vidizmo().post(PATH, body).await.expect_exception(400, "InvalidRequestException");
    }
    for body in bad_bodies() {
        app.vidizmo().send("POST", PATH, body).await.expect_exception(400, "InvalidRequestException");
    }
    let usage = app.usage("vidizmo-authenticate");
    assert!(usage.invocations > 20 && usage.write_units <= 0.0 && usage.read_units <= 0.0, "{usage:?}");
    let unknown = json!({ "emailAddress": ANA_AT, "password": ANA, "rememberMe": true });
    app.vidizmo().post(PATH, unknown).await.opaque();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_has_one_budget_of_wrong_tries_on_all_surfaces() {
    let app = App::start().await;
    for _ in 0..4 {
        app.vidizmo()
            .authenticate(ANA_AT, "wrong")
            .await
            .expect_exception(400, "InvalidCredentialsException");
        let body = json!({ "emailAddress": "ana", "clientSecret": "wrong" });
        app.vidizmo().post(PATH, body).await.expect_exception(400, "InvalidCredentialsException");
    }
    for _ in 0..2 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
    }
    let locked = app.vidizmo().authenticate(ANA_AT, ANA).await;
    locked.expect_exception(429, "TooManyRequestsException");
    app.watch().login("ana", ANA).await.expect(429, "W5001");
    app.advance(15 * 60);
    ana(&app).await;
    // And a right one has them all again, but for its own.
    for _ in 0..9 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
    }
}

/// Applies the document with one field of Ana's changed.
async fn ana_is(app: &App, field: &str, value: Value) {
    app.apply(|document| document["enterprises"][0]["users"][0][field] = value).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_a_persons_sessions_ends_these_on_the_next_call() {
    let app = App::start().await;
    let olga = app.olga().await;
    let user = {
        let token = app.vidizmo().authenticate("olga", OLGA).await.opaque();
        app.vidizmo().bearing(&token).user(ANA_AT).await.expect_value()["userId"].clone()
    };
    for round in 0..3 {
        let client = ana(&app).await;
        client.user(ANA_AT).await.expect_value();
        match round {
            0 => {
                let owner = app.authorized(&olga.token);
                let hotlisted = owner.post("/v1/admin/auth/hotlist", json!({ "user": user })).await;
                assert_eq!(hotlisted.expect(200, "A0000").body["hotlisted"], 1);
            }
            1 => ana_is(&app, "surfaces", json!(["watch"])).await,
            _ => ana_is(&app, "disabled", json!(true)).await,
        }
        client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
        client.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
        app.apply(|_| {}).await;
    }
    let client = ana(&app).await;
    app.apply(|document| {
        document["enterprises"][0]["users"][3]["client_secret"] = json!("a new one for all");
    })
    .await;
    client.user(ANA_AT).await.expect_value();
    let old = json!({ "emailAddress": "importer", "clientSecret": SECRET });
    app.vidizmo().post(PATH, old).await.expect_exception(400, "InvalidCredentialsException");
    let new = json!({ "emailAddress": "importer", "clientSecret": "a new one for all" });
    app.vidizmo().post(PATH, new).await.opaque();
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_work_with_one_trailing_slash() {
    let app = App::start().await;
    let body = json!({ "emailAddress": ANA_AT, "password": ANA });
    let token = app.vidizmo().post("/api/v1/user/authenticate/", body).await.opaque();
    let client = app.vidizmo().bearing(&token);
    client.get("/api/v1/user/ana@acme.example/").await.expect_value();
    let token = client.send("POST", "/api/v1/user/refresh-access-token/", "").await.opaque();
    app.vidizmo().bearing(&token).get("/api/v1/user/logout/").await.expect_value();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_can_be_hotlisted_by_the_id_that_the_log_has() {
    let app = App::start().await;
    let olga = app.authorized(&app.olga().await.token);
    let signed_in = app.vidizmo().authenticate(ANA_AT, ANA).await;
    let session = app.log_of(signed_in.header("x-request-id"))[0]["session"].clone();
    let client = app.vidizmo().bearing(&signed_in.opaque());
    client.user(ANA_AT).await.expect_value();
    let hotlisted = olga.post("/v1/admin/auth/hotlist", json!({ "session": session })).await;
    assert_eq!(hotlisted.expect(200, "A0000").body["hotlisted"], 1);
    client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_under_a_weaker_hash_gets_a_stronger_one_and_no_password_changes() {
    let app = App::start().await;
    let weak = bcrypt::hash(SECRET, 4).unwrap();
    let client = aws_sdk_dynamodb::Client::new(&app.operator().aws);
    let table = &app.stack.place.table;
    let hashes = async || {
        let items = client.scan().table_name(table).send().await.unwrap().items.unwrap_or_default();
        items.into_iter().filter(|item| item.contains_key("client_secret_hash")).collect::<Vec<_>>()
    };
    for item in hashes().await {
        let key = ["pk", "sk"].map(|part| (part.to_owned(), item[part].clone()));
        let update = client.update_item().table_name(table).set_key(Some(key.into()));
        let update = update.update_expression("SET client_secret_hash = :weak, password_hash = :password");
        let update = update.expression_attribute_values(":weak", AttributeValue::S(weak.clone()));
        let update = update.expression_attribute_values(":password", AttributeValue::S("as it was".into()));
        update.send().await.unwrap();
    }
    app.vidizmo().post(PATH, json!({ "emailAddress": "importer", "clientSecret": SECRET })).await.opaque();
    let after = hashes().await;
    assert_eq!(after.len(), 2, "under the name and under the address");
    for item in after {
        assert!(item["client_secret_hash"].as_s().unwrap().starts_with("$argon2id$"));
        assert_eq!(item["password_hash"].as_s().unwrap(), "as it was");
    }
    app.vidizmo().post(PATH, json!({ "emailAddress": "importer", "clientSecret": SECRET })).await.opaque();
}
