//! `GET` and `POST /reset/{reset_code}`: the page that a reset e-mail opens.

use serde_json::json;
use tests::{ANA, Answer, App, at_once};

const NEW: &str = "seven reels of nitrate film";

async fn page(app: &App) -> String {
    let body = json!({ "email": "ana@acme.example" });
    app.watch().post("/v2/watch/auth/forgot-password", body).await.expect(200, "W0000");
    format!("/reset/{}", app.reset_code("Ana@acme.example"))
}

async fn submit(app: &App, page: &str, new: &str, again: &str) -> Answer {
    app.anonymous().post_form(page, &[("new_password", new), ("again", again)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sets_a_password_on_the_page() {
    let app = App::start().await;
    let page = page(&app).await;
    for _ in 0..3 {
        let form = app.anonymous().get(&page).await;
        let form = form.expect_page(200, "Set a new password");
        assert!(
            form.text.contains("Acme &amp; Daughters") && form.text.contains("autocomplete=\"new-password\"")
        );
        assert!(form.text.contains("lang=\"en\"") && form.text.contains("<label for=\"new\">"));
    }
    let before = app.ana().await;
    submit(&app, &page, NEW, NEW).await.expect_page(200, "Your password is set");
    app.watch().refresh(&before.refresh_token).await.expect(401, "W2003");
    app.watch().sign_in("ana", NEW).await;
    app.anonymous().get(&page).await.expect_page(404, "This link does not work any more");
    submit(&app, &page, NEW, NEW).await.expect_page(404, "This link does not work any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_on_the_form_and_spends_nothing() {
    let app = App::start().await;
    let page = page(&app).await;
    for (new, again, says) in [
        ("", "", "Please type a new password."),
        (NEW, "other", "The two passwords differ."),
        ("short", "short", "at least 8 characters"),
        ("password123", "password123", "is a common password"),
        ("Ana@acme.example", "Ana@acme.example", "must not be your name"),
    ] {
        let answer = submit(&app, &page, new, again).await;
        let answer = answer.expect_page(400, "Set a new password");
        assert!(answer.text.contains(says), "{answer:?}");
        assert!(answer.text.contains("<title>Error: Set a new password</title>"));
        assert!(answer.text.contains("role=\"alert\"") && answer.text.contains("aria-invalid=\"true\""));
        assert!(new.len() < 6 || !answer.text.contains(new), "no password comes back");
    }
    app.watch().sign_in("ana", ANA).await;
    submit(&app, &page, NEW, NEW).await.expect_page(200, "Your password is set");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_old_unknown_or_hostile_show_the_same_page() {
    let app = App::start().await;
    let page = page(&app).await;
    app.advance(60 * 60);
    let old = app.anonymous().get(&page).await;
    let old = old.expect_page(404, "This link does not work any more");
    for path in [
        "/reset/x",
        "/reset/%3Cscript%3E",
        "/reset/%00",
        "/reset/%FF",
        &format!("/reset/{}", "9".repeat(3000)),
    ] {
        assert_eq!(app.anonymous().get(path).await.text, old.text, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_submitted_at_once_one_wins() {
    let app = App::start().await;
    let (page, client) = (page(&app).await, app.anonymous());
    let answers = at_once(32, |_| {
        let (page, client) = (page.clone(), client.clone());
        async move { client.post_form(&page, &[("new_password", NEW), ("again", NEW)]).await }
    })
    .await;
    let set = answers.iter().filter(|answer| answer.status == 200).count();
    let gone = answers.iter().filter(|answer| answer.status == 404).count();
    assert_eq!((set, gone), (1, 31));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_open_pages_without_end() {
    let app = App::start().await;
    for _ in 0..200 {
        app.anonymous().get("/reset/x").await.expect_page(404, "This link does not work any more");
    }
    let answer = app.anonymous().get("/reset/x").await;
    answer.expect_page(429, "Too many tries");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_table_does_not_answer_the_page_says_so() {
    let app = App::start().await;
    app.fail("dynamodb", "*", "server_error", 9).await;
    app.anonymous().get("/reset/x").await.expect_page(500, "Something went wrong");
}
