//! `POST /v2/watch/auth/reset-password`

use serde_json::{Value, json};
use shared::provision::document::Document;
use shared::provision::{self, Change, Report};
use tests::{ANA, App, Client, DOCUMENT, OLGA, at_once, count};

use crate::authorizer;

const NEW: &str = "seven reels of nitrate film";

async fn code(app: &App) -> String {
    let body = json!({ "email": "ana@acme.example" });
    app.watch().post("/v2/watch/auth/forgot-password", body).await.expect(200, "W0000");
    app.reset_code("Ana@acme.example")
}

async fn reset(client: &Client, code: &str, password: &str) -> tests::Answer {
    let body = json!({ "reset_code": code, "new_password": password });
    client.post("/v2/watch/auth/reset-password", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_sets_a_password_once_ends_all_sessions_and_the_person_is_told() {
    let app = App::start().await;
    let before = app.ana().await;
    let code = code(&app).await;
    let answer = reset(&app.watch(), &code.to_lowercase(), NEW).await.expect(200, "W0000");
    assert_eq!(answer.body, json!({ "status_code": "W0000", "message": "" }));
    reset(&app.watch(), &code, NEW).await.expect(401, "W2002");

    app.authorized(&before.token).get("/v2/watch/auth/session").await.expect(401, "W2003");
    app.watch().refresh(&before.refresh_token).await.expect(401, "W2003");
    for name in ["ana", "ana@acme.example"] {
        app.watch().login(name, ANA).await.expect(401, "W2002");
        let after = app.watch().sign_in(name, NEW).await;
        app.watch().refresh(&after.refresh_token).await.expect(200, "W0000");
    }
    let told = app.last_email("Ana@acme.example").unwrap();
    assert_eq!(told.subject, "Your password for Acme & Daughters was changed");
    assert!(!told.text.contains("/reset/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_ends_the_sessions_of_all_surfaces() {
    let app = App::start().await;
    let admin = app.olga().await;
    let opaque = app.vidizmo().authenticate("olga@acme.example", OLGA).await.opaque();
    let vidizmo = app.vidizmo().bearing(&opaque);
    vidizmo.user("olga@acme.example").await.expect_value();
    let body = json!({ "email": "olga@acme.example" });
    app.watch().post("/v2/watch/auth/forgot-password", body).await.expect(200, "W0000");
    reset(&app.watch(), &app.reset_code("olga@acme.example"), NEW).await.expect(200, "W0000");

    app.authorized(&admin.token).get("/v1/admin/auth/session").await.expect(401, "A2003");
    app.admin().admin_refresh(&admin.refresh_token).await.expect(401, "A2003");
    vidizmo.user("olga@acme.example").await.expect_exception(400, "ExpiredAccessTokenException");
    vidizmo.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
    let denied = app.stack.invoke("authorizer", authorizer::event(&app, &admin.token)).await.unwrap();
    assert_eq!(denied["isAuthorized"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_asks_for_as_long_a_password_as_the_enterprise_does() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"]["password_min_length"] = json!(30);
    })
    .await;
    let code = code(&app).await;
    reset(&app.watch(), &code, "twenty-nine characters, alas!").await.expect_invalid("new_password");
    reset(&app.watch(), &code, "thirty characters are enough!!").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_for_an_hour() {
    let app = App::start().await;
    let code = code(&app).await;
    app.advance(60 * 60);
    reset(&app.watch(), &code, NEW).await.expect(401, "W2002");
    app.ana().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_password_ends_all_other_codes() {
    let app = App::start().await;
    let (first, second) = (code(&app).await, code(&app).await);
    reset(&app.watch(), &second, NEW).await.expect(200, "W0000");
    reset(&app.watch(), &first, "another password by an attacker").await.expect(401, "W2002");
    let third = code(&app).await;
    app.apply(|document| document["enterprises"][0]["users"][0]["password"] = json!("by the operator")).await;
    reset(&app.watch(), &third, NEW).await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_document_does_not_bring_the_old_password_back() {
    let app = App::start().await;
    let password = |new: &str| {
        let new = json!(new);
        |document: &mut Value| document["enterprises"][0]["users"][0]["password"] = new
    };
    reset(&app.watch(), &code(&app).await, NEW).await.expect(200, "W0000");
    let tokens = app.watch().sign_in("ana", NEW).await;
    let (document, mut report) = (Document::parse(DOCUMENT).unwrap(), Report::default());
    provision::run(&app.operator(), &document, &mut report).await.unwrap();
    let warning = |change: &Change| matches!(change, Change::Warning(what) if what.contains("acme/ana"));
    assert!(report.changes.iter().any(warning), "{:?}", report.changes);
    app.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
    app.watch().login("ana", ANA).await.expect(401, "W2002");
    // One that the document has not had yet is the operator's will.
    app.apply(password("by the operator")).await;
    app.watch().refresh(&tokens.refresh_token).await.expect(401, "W2003");
    let tokens = app.watch().sign_in("ana", "by the operator").await;
    // The same as the person has chosen meanwhile is the document's from then on.
    reset(&app.watch(), &code(&app).await, NEW).await.expect(200, "W0000");
    app.apply(password(NEW)).await;
    app.watch().refresh(&tokens.refresh_token).await.expect(401, "W2003");
    reset(&app.watch(), &code(&app).await, "a third one, by Ana").await.expect(200, "W0000");
    app.apply(password(NEW)).await;
    app.watch().sign_in("ana", "a third one, by Ana").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_lifts_the_lock() {
    let app = App::start().await;
    for _ in 0..10 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
    }
    app.watch().login("ana", ANA).await.expect(429, "W5001");
    let code = code(&app).await;
    reset(&app.watch(), &code, NEW).await.expect(200, "W0000");
    app.watch().sign_in("ana", NEW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_codes_and_those_of_another_enterprise_are_2002() {
    let app = App::changed(|document| document["enterprises"][1]["settings"] = json!({})).await;
    let code = code(&app).await;
    for wrong in ["x", "01ARZ3NDEKTSV4RRFFQ69G5FAV", &code[1..]] {
        reset(&app.watch(), wrong, NEW).await.expect(401, "W2002");
    }
    reset(&app.key("orbit-watch"), &code, NEW).await.expect(401, "W2002");
    reset(&app.key("acme-tv"), &code, NEW).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_has_leaves_nothing_to_spend() {
    let app = App::start().await;
    let body = json!({ "email": "nobody@acme.example" });
    app.watch().post("/v2/watch/auth/forgot-password", body).await.expect(200, "W0000");
    assert!(app.stack.world.outbox().email.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_policy_refuses_spends_no_code() {
    let app = App::start().await;
    let code = code(&app).await;
    for weak in ["short", "password123", "Ana12345", "acme-2026"] {
        reset(&app.watch(), &code, weak).await.expect_invalid("new_password");
    }
    reset(&app.watch(), &code, NEW).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_with_one_code_one_wins() {
    let app = App::start().await;
    let (code, watch) = (code(&app).await, app.watch());
    let answers = at_once(32, |index| {
        let (code, watch) = (code.clone(), watch.clone());
        async move { reset(&watch, &code, &format!("{NEW} {index}")).await }
    })
    .await;
    assert_eq!((count(&answers, "W0000"), count(&answers, "W2002")), (1, 31));
    let winner = answers.iter().position(|answer| answer.status == 200).unwrap();
    app.watch().sign_in("ana", &format!("{NEW} {winner}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_try_codes_without_end() {
    let app = App::start().await;
    let code = code(&app).await;
    for _ in 0..200 {
        reset(&app.watch(), "01ARZ3NDEKTSV4RRFFQ69G5FAV", NEW).await.expect(401, "W2002");
    }
    reset(&app.watch(), &code, NEW).await.expect(429, "W5001");
    app.advance(15 * 60);
    reset(&app.watch(), &code, NEW).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_the_write_is_still_one_success() {
    let app = App::start().await;
    let code = code(&app).await;
    app.fail("dynamodb", "TransactWriteItems", "lost_response", 1).await;
    reset(&app.watch(), &code, NEW).await.expect(200, "W0000");
    app.watch().sign_in("ana", NEW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_cannot_be_sent_does_not_undo_the_change() {
    let app = App::start().await;
    let code = code(&app).await;
    app.fail("ses", "*", "server_error", 3).await;
    reset(&app.watch(), &code, NEW).await.expect(200, "W0000");
    app.watch().sign_in("ana", NEW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_was_disabled_meanwhile_cannot_use_the_code() {
    let app = App::start().await;
    let code = code(&app).await;
    app.apply(|document| document["enterprises"][0]["users"][0]["disabled"] = json!(true)).await;
    reset(&app.watch(), &code, NEW).await.expect(401, "W2002");
}
