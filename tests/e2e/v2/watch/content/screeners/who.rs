//! Who may ask: a user's token, or the API key where the screener is a link that needs no login.

use serde_json::json;
use tests::{ANA, Answer, App, Client};

use super::{LINK, US, link_and_request};

/// What each of the three endpoints answers.
async fn all_three(client: &Client, screener: &str) -> [Answer; 3] {
    [
        client.link_phone(screener, US.0, US.1).await,
        client.request_code(screener).await,
        client.verify_code(screener, "123456").await,
    ]
}

#[track_caller]
fn expect_all(answers: [Answer; 3], http: u16, status_code: &str) -> Vec<String> {
    answers.into_iter().map(|answer| answer.expect(http, status_code).text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_opens_links_without_forced_login_and_a_token_opens_all() {
    let app = App::start().await;
    for (screener, is_open_to_a_key) in
        [("link", true), ("login", false), ("login-link", false), ("plain", false)]
    {
        if is_open_to_a_key {
            may_play(&app, &app.watch(), screener).await;
        } else {
            expect_all(all_three(&app.watch(), screener).await, 403, "W2101");
        }
        app.advance(3600);
        may_play(&app, &app.ana_client().await, screener).await;
    }
}

async fn may_play(app: &App, client: &Client, screener: &str) {
    let code = link_and_request(app, client, screener, US).await;
    client.verify_code(screener, &code).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_comes_in_each_of_its_three_forms() {
    let app = App::start().await;
    let token = app.ana().await.token;
    for header in [format!("JWT {token}"), format!("Bearer {token}"), token.clone(), format!("jwt {token}")] {
        may_play(&app, &app.authorized(&header), "login").await;
        app.advance(30);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn screeners_that_are_unknown_foreign_or_ask_for_no_code_look_the_same() {
    let app = App::start().await;
    let (watch, ana) = (app.watch(), app.ana_client().await);
    let long = "x".repeat(3000);
    let mut bodies = Vec::new();
    for screener in ["nothing", "open", "orbits-own", "Link", "%23", "a%20b", "LINK%00", &long] {
        bodies.extend(expect_all(all_three(&watch, screener).await, 403, "W2101"));
        bodies.extend(expect_all(all_three(&ana, screener).await, 403, "W2101"));
    }
    bodies.extend(expect_all(all_three(&watch, "login").await, 403, "W2101"));
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    for (screener, client, reason) in [
        ("nothing", &watch, "screener_unknown"),
        ("open", &ana, "two_factor_off"),
        ("login", &watch, "login_required"),
    ] {
        let answer = client.request_code(screener).await;
        assert_eq!(app.log_of(answer.header("x-request-id"))[0]["reason"], reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_header_key_or_token_of_this_surface_is_refused_before_the_body() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let olga = app.olga().await;
    let path = "/v2/watch/content/screeners/link/2fa";
    let refused = async |client: Client, http: u16, status_code: &str| {
        client.send("POST", path, "not JSON").await.expect(http, status_code);
        client.get(path).await.expect(http, status_code);
        client.send("POST", &format!("{path}/verify"), "not JSON").await.expect(http, status_code);
    };
    refused(app.anonymous(), 401, "W2000").await;
    for header in ["Basic abc", "Bearer", "JWT", "Bearer a b", "usk_acme_acme-watch_x"] {
        refused(app.authorized(header), 401, "W2000").await;
    }
    for key in ["acme-revoked", "acme-expired"] {
        refused(app.key(key), 401, "W2001").await;
    }
    refused(app.authorized(&format!("Bearer usk_acme_acme-watch_{}", "x".repeat(32))), 401, "W2001").await;
    refused(app.admin(), 403, "W2101").await;
    refused(app.key("orbit-watch"), 403, "W2101").await;
    for token in [&tokens.refresh_token, &olga.token, &olga.refresh_token] {
        refused(app.authorized(&format!("JWT {token}")), 401, "W2003").await;
    }
    refused(app.authorized("JWT abc"), 401, "W2003").await;
    // An API key is no token, whatever scheme it comes with.
    let key = format!("JWT usk_acme_acme-watch_{}watchA", "0".repeat(28));
    refused(app.authorized(&key), 401, "W2003").await;
    refused(app.authorized("Bearer a.b.c"), 401, "W2003").await;
    app.watch().send("POST", path, "not JSON").await.expect_invalid("body");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_or_key_that_has_ended_opens_nothing_on_the_next_call() {
    let app = App::start().await;
    let tokens = app.watch().sign_in("ana", ANA).await;
    let ana = app.authorized(&tokens.token);
    ana.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    app.watch().post("/v2/watch/auth/logout", json!({ "token": tokens.token })).await.expect(200, "W0000");
    expect_all(all_three(&ana, LINK).await, 401, "W2003");
    let ana = app.ana_client().await;
    app.apply(|document| document["enterprises"][0]["api_keys"][0]["revoked"] = json!(true)).await;
    expect_all(all_three(&ana, LINK).await, 401, "W2003");
    expect_all(all_three(&app.watch(), LINK).await, 401, "W2001");
    assert!(app.stack.world.outbox().sms.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_work_with_one_trailing_slash() {
    let app = App::start().await;
    let watch = app.watch();
    let path = "/v2/watch/content/screeners/link/2fa/";
    watch.post(path, json!({ "phone": US.1, "country_code": US.0 })).await.expect(200, "W0000");
    watch.get(path).await.expect(200, "W0000");
    let body = json!({ "otp": app.sms_code(US.2) });
    watch.post(&format!("{path}verify/"), body).await.expect(200, "W0000");
}
