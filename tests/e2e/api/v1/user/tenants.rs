//! The tenant is the host name's.

use serde_json::json;
use tests::{ANA, App};

use super::{ANA_AT, ana};

#[tokio::test(flavor = "multi_thread")]
async fn each_of_an_enterprises_host_names_is_its_own() {
    let app = App::start().await;
    let token = app.vidizmo().authenticate(ANA_AT, ANA).await.opaque();
    for host in ["acme.localhost", "films.acme.localhost", "ACME.localhost", "acme.localhost:9000"] {
        let client = app.anonymous().at(host);
        client.authenticate(ANA_AT, ANA).await.opaque();
        client.bearing(&token).user(ANA_AT).await.expect_value();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_of_nobody_s_or_of_another_has_neither_people_nor_tokens() {
    let app = App::start().await;
    let token = app.vidizmo().authenticate(ANA_AT, ANA).await.opaque();
    let too_long = "a".repeat(2000);
    for host in
        ["orbit.localhost", "nobody.localhost", "127.0.0.1", "x.acme.localhost", "localhost", &too_long]
    {
        let client = app.anonymous().at(host);
        client.authenticate(ANA_AT, ANA).await.expect_exception(400, "InvalidCredentialsException");
        let client = client.bearing(&token);
        client.user(ANA_AT).await.expect_exception(400, "InvalidAccessTokenException");
        client.refresh_opaque().await.expect_exception(400, "InvalidAccessTokenException");
        client.get("/api/v1/user/logout").await.expect_exception(400, "InvalidAccessTokenException");
    }
    app.vidizmo().bearing(&token).user(ANA_AT).await.expect_value();
    let orbit = app.anonymous().at("orbit.localhost");
    orbit.authenticate("otto@orbit.example", "a telescope for the projection").await.opaque();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_of_nobody_s_counts_tries_and_makes_calls_as_any_other() {
    let app = App::start().await;
    let nobody = app.anonymous().at("nobody.localhost");
    app.forget_usage();
    nobody.authenticate("anybody", "wrong").await.expect_exception(400, "InvalidCredentialsException");
    let at_nobody = app.usage("vidizmo-authenticate");
    app.forget_usage();
    app.vidizmo().authenticate("anybody", "wrong").await.expect_exception(400, "InvalidCredentialsException");
    assert_eq!(at_nobody.calls, app.usage("vidizmo-authenticate").calls);
    for _ in 0..9 {
        nobody.authenticate("anybody", "wrong").await.expect_exception(400, "InvalidCredentialsException");
    }
    let locked = nobody.authenticate("anybody", "wrong").await;
    let locked = locked.expect_exception(429, "TooManyRequestsException");
    assert!(app.log_of(locked.header("x-request-id"))[0]["enterprise"].is_null());
    // At the enterprise's own, there are nine tries left.
    app.vidizmo().authenticate("anybody", "wrong").await.expect_exception(400, "InvalidCredentialsException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_host_is_not_believed() {
    let app = App::start().await;
    let body = json!({ "emailAddress": ANA_AT, "password": ANA });
    let path = "/api/v1/user/authenticate";
    for header in [("x-forwarded-host", "acme.localhost"), ("forwarded", "host=acme.localhost")] {
        let answer = app.anonymous().post_with(path, body.clone(), header).await;
        answer.expect_exception(400, "InvalidCredentialsException");
        let forwarded = (header.0, "orbit.localhost");
        app.vidizmo().post_with(path, body.clone(), forwarded).await.opaque();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_that_is_given_up_is_nobody_s_and_can_be_another_s() {
    let app = App::start().await;
    let client = ana(&app).await.at("films.acme.localhost");
    client.user(ANA_AT).await.expect_value();
    app.apply(|document| document["enterprises"][0]["domains"] = json!(["acme.localhost"])).await;
    client.user(ANA_AT).await.expect_exception(400, "InvalidAccessTokenException");
    app.apply(|_| {}).await;
    client.user(ANA_AT).await.expect_value();
    // In one document, to one that stands behind and to one that stands before.
    app.apply(|document| {
        document["enterprises"][0]["domains"] = json!(["acme.localhost", "orbit.localhost"]);
        document["enterprises"][1]["domains"] = json!(["films.acme.localhost"]);
    })
    .await;
    for (host, name, password) in
        [("films.acme.localhost", "otto", "a telescope for the projection"), ("orbit.localhost", "ana", ANA)]
    {
        app.anonymous().at(host).authenticate(name, password).await.opaque();
    }
    client.user(ANA_AT).await.expect_exception(400, "InvalidAccessTokenException");
}
