//! The log as docs/audit.md tells it: who did what, and how it ended.

use serde_json::{Value, json};
use tests::phone::Phone;
use tests::{ANA, Answer, App, OLGA, SignedIn, part};

use crate::api::v1::user as vidizmo;
use crate::authorizer;
use crate::v2::watch::content::screeners::{LINK, US, wrong};

/// The one line about an answer's call, less what differs each time.
#[track_caller]
fn line(app: &App, answer: &Answer) -> Value {
    let mut lines = app.log_of(answer.header("x-request-id"));
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = lines.remove(0);
    assert_eq!(line["source"], "127.0.0.1");
    for field in ["timestamp", "milliseconds", "function", "request_id"] {
        assert!(!line[field].is_null(), "{field}: {line}");
    }
    line
}

/// Holds fields of a call's line against what they must be; null: absent.
#[track_caller]
fn expect(app: &App, answer: &Answer, wanted: &Value) {
    let line = line(app, answer);
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field}: {line}");
    }
}

fn claim(tokens: &SignedIn, name: &str) -> Value {
    part(&tokens.token, 1)[name].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_says_whose_name_it_was_and_whether_it_was_theirs() {
    let app = App::start().await;
    let right = app.watch().login("ana", ANA).await.expect(200, "W0000");
    let tokens = SignedIn {
        token: right.body["token"].as_str().unwrap().to_owned(),
        refresh_token: right.body["refresh_token"].as_str().unwrap().to_owned(),
    };
    let ana = claim(&tokens, "sub");
    let sign_in = |outcome: &str, user: &Value, session: &Value| {
        json!({
            "event": "sign_in", "outcome": outcome, "enterprise": "acme", "api_key": "acme-watch",
            "user": user, "session": session, "detail": "password", "level": "INFO", "cause": null,
        })
    };
    expect(&app, &right, &sign_in("success", &ana, &claim(&tokens, "sid")));
    let wrong = app.watch().login("Ana@acme.example", "wrong password").await.expect(401, "W2002");
    expect(&app, &wrong, &sign_in("denied", &ana, &Value::Null));
    let unknown = app.watch().login("nobody", "wrong password").await.expect(401, "W2002");
    expect(&app, &unknown, &sign_in("denied", &Value::Null, &Value::Null));
    for _ in 0..8 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
    }
    let locked = app.watch().login("ana", ANA).await.expect(429, "W5001");
    expect(&app, &locked, &json!({ "event": "sign_in", "outcome": "limited", "session": null }));
    let by_pin = app.watch().login_by_pin("K7QX-93WD").await.expect(200, "W0000");
    expect(&app, &by_pin, &json!({ "event": "sign_in", "outcome": "success", "detail": "pin" }));
    let keyless = app.anonymous().send("POST", "/v2/watch/auth/login", "{}").await.expect(401, "W2000");
    expect(&app, &keyless, &json!({ "event": "sign_in", "outcome": "denied", "enterprise": null }));
    let bad = app.watch().send("POST", "/v2/watch/auth/login", "{}").await.expect(400, "W4900");
    expect(&app, &bad, &json!({ "event": "sign_in", "outcome": "invalid", "api_key": "acme-watch" }));
    let admin = app.admin().admin_login("olga", OLGA).await.expect(200, "A0000");
    expect(&app, &admin, &json!({ "event": "sign_in", "api_key": "acme-admin", "detail": "password" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sessions_life_can_be_followed() {
    let app = App::start().await;
    let rotating = app.key("acme-rotating");
    let tokens = rotating.sign_in("ana", ANA).await;
    let whose = |event: &str, outcome: &str| {
        json!({
            "event": event, "outcome": outcome, "enterprise": "acme", "api_key": "acme-rotating",
            "user": claim(&tokens, "sub"), "session": claim(&tokens, "sid"),
        })
    };
    let checked = app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    expect(&app, &checked, &whose("session_check", "success"));
    let renewed = rotating.refresh(&tokens.refresh_token).await.expect(200, "W0000");
    expect(&app, &renewed, &whose("token_refresh", "success"));
    let foreign = app.watch().refresh(&tokens.refresh_token).await.expect(401, "W2003");
    let by_whom = json!({ "api_key": "acme-watch", "user": claim(&tokens, "sub"), "outcome": "denied" });
    expect(&app, &foreign, &by_whom);
    app.advance(11);
    let reused = rotating.refresh(&tokens.refresh_token).await.expect(401, "W2003");
    expect(&app, &reused, &whose("token_refresh", "denied"));
    let reuse =
        json!({ "detail": "reused", "object": "session", "object_id": claim(&tokens, "sid"), "ended": 1 });
    expect(&app, &reused, &reuse);
    let over = app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(401, "W2003");
    expect(&app, &over, &whose("session_check", "denied"));
    let out = rotating.post("/v2/watch/auth/logout", json!({ "token": tokens.token })).await;
    expect(&app, &out.expect(200, "W0000"), &whose("sign_out", "success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_passwords() {
    let app = App::start().await;
    let ana = claim(&app.ana().await, "sub");
    let person = json!({ "username": "nadia", "email": "nadia@acme.example", "password": "one ticket for the balcony" });
    let new = app.watch().post("/v2/watch/auth/users", person).await.expect(200, "W0000");
    assert_eq!(line(&app, &new)["user"].as_str().unwrap().len(), 26);
    for (email, user) in [("ana@acme.example", &ana), ("nobody@acme.example", &Value::Null)] {
        let asked = app.watch().post("/v2/watch/auth/forgot-password", json!({ "email": email })).await;
        let wanted = json!({ "event": "password_reset_request", "outcome": "success", "user": user });
        expect(&app, &asked.expect(200, "W0000"), &wanted);
    }
    let code = app.reset_code("Ana@acme.example");
    let page = app.anonymous().get(&format!("/reset/{code}")).await;
    expect(
        &app,
        &page,
        &json!({ "event": "password_reset_page", "enterprise": "acme", "outcome": "success" }),
    );
    let body = json!({ "reset_code": code, "new_password": "the very last picture show" });
    let reset = app.watch().post("/v2/watch/auth/reset-password", body.clone()).await.expect(200, "W0000");
    expect(&app, &reset, &json!({ "event": "password_reset", "outcome": "success", "user": ana }));
    let again = app.watch().post("/v2/watch/auth/reset-password", body).await.expect(401, "W2002");
    expect(&app, &again, &json!({ "event": "password_reset", "outcome": "denied" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tv_and_who_answered_it() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let ana = claim(&tokens, "sub");
    let code = app.watch().get_code("a television").await;
    let pending = app.watch().get_token(&code, "a television").await.expect(202, "W3000");
    expect(&app, &pending, &json!({ "event": "qr_sign_in", "outcome": "pending", "user": null }));
    let approved = app.authorized(&tokens.token).approve(&code).await.expect(200, "W0000");
    let by_ana = json!({
        "event": "qr_answer", "outcome": "success", "detail": "approved",
        "user": ana, "session": claim(&tokens, "sid"),
    });
    expect(&app, &approved, &by_ana);
    app.advance(10);
    let signed_in = app.watch().get_token(&code, "a television").await.expect(200, "W0000");
    let session = part(signed_in.body["token"].as_str().unwrap(), 1)["sid"].clone();
    let wanted = json!({ "event": "qr_sign_in", "outcome": "success", "user": ana, "session": session });
    expect(&app, &signed_in, &wanted);

    let code = app.watch().get_code("a television").await;
    let refused = app.authorized(&tokens.token).refuse(&code).await.expect(200, "W0000");
    expect(&app, &refused, &json!({ "event": "qr_answer", "detail": "refused", "user": ana }));
    let mut phone = Phone::open(&app, &app.watch().get_code("a television").await).await;
    let wrong = phone.sign_in("ana", "wrong password").await;
    let denied = json!({ "event": "qr_answer", "outcome": "denied", "detail": "password", "user": ana });
    expect(&app, &wrong, &denied);
    let signed_in = phone.sign_in("ana", ANA).await;
    let wanted = json!({ "event": "qr_answer", "detail": "password", "user": ana, "enterprise": "acme" });
    expect(&app, &signed_in, &wanted);
    let approved = phone.answer("approve").await;
    expect(&app, &approved, &json!({ "event": "qr_answer", "detail": "approved", "user": ana }));
    let mut phone = Phone::open(&app, &app.watch().get_code("a television").await).await;
    let refused = phone.answer("refuse").await;
    expect(&app, &refused, &json!({ "event": "qr_answer", "detail": "refused", "user": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_sent_a_code_for_which_screener_and_typed_it() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let ana = app.authorized(&tokens.token);
    let of = |event: &str, outcome: &str| {
        json!({
            "event": event, "outcome": outcome, "enterprise": "acme", "api_key": "acme-watch",
            "user": claim(&tokens, "sub"), "session": claim(&tokens, "sid"),
            "object": "screener", "object_id": "login", "reason": null, "detail": null,
        })
    };
    let linked = ana.link_phone("login", US.0, US.1).await.expect(200, "W0000");
    expect(&app, &linked, &of("phone_link", "success"));
    let sent = ana.request_code("login").await.expect(200, "W0000");
    expect(&app, &sent, &of("otp_request", "success"));
    let early = ana.request_code("login").await.expect(429, "W5001");
    expect(&app, &early, &of("otp_request", "limited"));
    let code = app.sms_code(US.2);
    let denied = ana.verify_code("login", &wrong(&code, 1)).await.expect(401, "W2002");
    expect(&app, &denied, &of("otp_verify", "denied"));
    let verified = ana.verify_code("login", &code).await.expect(200, "W0000");
    expect(&app, &verified, &of("otp_verify", "success"));
    let by_link = app.watch().link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    let wanted = json!({ "api_key": "acme-watch", "user": null, "session": null, "object_id": "link" });
    expect(&app, &by_link, &wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vidizmo_sessions_life_can_be_followed() {
    let app = App::start().await;
    let ana = claim(&app.ana().await, "sub");
    let opened = app.vidizmo().authenticate(vidizmo::ANA_AT, ANA).await;
    let session = line(&app, &opened)["session"].clone();
    let of = |event: &str, outcome: &str, code: &str| {
        json!({
            "event": event, "outcome": outcome, "status_code": code, "enterprise": "acme", "api_key": null,
            "user": ana, "session": session, "cause": null,
        })
    };
    expect(&app, &opened, &of("sign_in", "success", "200"));
    let client = app.vidizmo().bearing(&opened.opaque());
    let seen = client.user(vidizmo::ANA_AT).await;
    expect(&app, &seen, &of("user_read", "success", "200"));
    expect(&app, &seen, &json!({ "object": "user", "object_id": ana }));
    let other = client.user("olga@acme.example").await;
    expect(&app, &other, &of("user_read", "denied", "UnauthorizedAccessException"));
    let client = app.vidizmo().bearing(&client.refresh_opaque().await.opaque());
    let out = client.get("/api/v1/user/logout").await;
    expect(&app, &out, &of("sign_out", "success", "200"));
    let over = client.user(vidizmo::ANA_AT).await;
    expect(&app, &over, &of("user_read", "denied", "ExpiredAccessTokenException"));
    let wrong = app.vidizmo().authenticate(vidizmo::ANA_AT, "wrong").await;
    let wanted = json!({ "event": "sign_in", "outcome": "denied", "user": ana, "detail": "password" });
    expect(&app, &wrong, &wanted);
    let id = wrong.body["incidentId"].as_str().unwrap();
    assert_eq!(app.log_of(id).len(), 1, "the incident is the request");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_authorizer_and_the_rotation_did() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let sid = claim(&tokens, "sid");
    let of = |event: &str| -> Vec<Value> {
        let lines = app.log_of(&format!("\"event\":\"{event}\"")).into_iter();
        lines.filter(|line| event != "authorization" || line["session"] == sid).collect()
    };
    app.stack.invoke("authorizer", authorizer::event(&app, &tokens.token)).await.unwrap();
    app.watch().post("/v2/watch/auth/logout", json!({ "token": tokens.token })).await.expect(200, "W0000");
    app.stack.invoke("authorizer", authorizer::event(&app, &tokens.token)).await.unwrap();
    let lines = of("authorization");
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["success", "denied"]);
    for line in &lines {
        assert_eq!((&line["user"], &line["source"]), (&claim(&tokens, "sub"), &json!("203.0.113.7")));
        assert_eq!(line["function"], "authorizer");
    }
    let event =
        json!({ "Step": "setSecret", "SecretId": "usher/keys", "ClientRequestToken": "of-the-audit-test" });
    app.stack.invoke("key-rotation", event).await.unwrap_err();
    let lines = of("key_rotation");
    let line = lines.iter().find(|line| line["object_id"] == "of-the-audit-test").unwrap();
    assert_eq!((&line["outcome"], &line["detail"]), (&json!("error"), &json!("set")));
    assert_eq!((&line["level"], &line["object"]), (&json!("ERROR"), &json!("version")));
}
