//! The phone's page, from the TV's picture to the signed-in TV.

use serde_json::json;
use tests::picture::scan;
use tests::{ANA, App};

use crate::driver::{Browser, Screen};

/// A stack whose TVs poll every second.
async fn stack() -> App {
    App::changed(|document| {
        document["enterprises"][0]["name"] = json!("Acme Pictures");
        document["enterprises"][0]["settings"] = json!({ "polling_interval": 1 });
    })
    .await
    .ticking()
}

/// A TV that shows a code, and the code.
async fn tv(app: &App) -> (Browser, String) {
    let tv = Browser::open(Screen::Desktop).await;
    tv.goto(&app.stack.place.url).await;
    tv.click("#tv-start").await;
    tv.find("#tv[data-shown=waiting]").await;
    let code = tv.text("#tv-code").await;
    (tv, code)
}

/// A phone on the page that the served picture of `code` names.
async fn phone(app: &App, code: &str, screen: Screen) -> Browser {
    let picture = app.anonymous().get(&format!("/qr/{code}/image.png")).await;
    let phone = Browser::open(screen).await;
    phone.goto(&scan(&picture.bytes)).await;
    phone
}

async fn sign_in(phone: &Browser, username: &str, password: &str) {
    phone.fill("#username", username).await;
    phone.fill("#password", password).await;
    phone.click("form:has(#password) button").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_picture_to_a_signed_in_tv() {
    let app = stack().await;
    let (tv, code) = tv(&app).await;
    // A camera reads the same from the TV's screen.
    tv.find("#tv-image").await;
    tv.run("const image = document.getElementById('tv-image'); return image.decode()").await;
    assert_eq!(scan(&tv.screenshot().await), format!("{}/qr/{code}", app.stack.place.url));
    tv.picture("#tv .bezel", "tv").await;

    let phone = phone(&app, &code, Screen::Phone).await;
    phone.wait_for("//h1", "Sign in on Apple TV").await;
    phone.expect_that_nothing_moved().await;
    assert_eq!(phone.text(".code").await, code);
    phone.expect_accessible().await;
    phone.expect_fit_for_a_phone().await;
    phone.picture("body", "phone-sign-in").await;
    sign_in(&phone, "ana", ANA).await;
    phone.wait_for("//h1", "Approve this Apple TV?").await;
    assert_eq!(phone.text(".code").await, code);
    phone.wait_for("//main", "You are ana. The Apple TV that shows this code").await;
    phone.expect_that_nothing_moved().await;
    phone.expect_accessible().await;
    phone.expect_fit_for_a_phone().await;
    phone.picture("body", "phone-approve").await;
    phone.click("button[value=approve]").await;
    phone.wait_for("//h1", "You approved the Apple TV").await;
    phone.expect_accessible().await;
    phone.picture("body", "phone-done").await;

    tv.find("#tv[data-shown=signed-in]").await;
    assert_eq!(tv.text("#tv-who").await, "Signed in as ana");
    tv.expect_accessible().await;
    tv.picture("#tv .bezel", "tv-signed-in").await;
    tv.click("#tv-refresh").await;
    tv.wait_for("//*[@id='tv-status']", "New access token").await;
    tv.click("#tv-logout").await;
    tv.find("#tv[data-shown=start]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_keyboard_alone_in_the_dark_by_pin() {
    const TAB: &str = "\u{e004}";
    const ENTER: &str = "\u{e007}";
    const SPACE: &str = " ";
    let app = stack().await;
    let (tv, code) = tv(&app).await;
    let phone = phone(&app, &code, Screen::DarkPhone).await;
    phone.wait_for("//h1", "Sign in on Apple TV").await;
    phone.run("document.querySelector('summary').focus()").await;
    phone.press(SPACE).await;
    phone.expect_accessible().await;
    phone.expect_fit_for_a_phone().await;
    phone.picture("body", "phone-dark").await;
    phone.press(TAB).await;
    assert_eq!(phone.run("return document.activeElement.id").await, "pin");
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(phone.run(outline).await, "solid", "focus can be seen");
    phone.press("k7qx 93wd").await;
    phone.press(ENTER).await;
    phone.wait_for("//h1", "Approve this Apple TV?").await;
    phone.expect_accessible().await;
    phone.press(TAB).await;
    phone.press(ENTER).await;
    phone.wait_for("//h1", "You approved the Apple TV").await;
    tv.find("#tv[data-shown=signed-in]").await;
    assert_eq!(tv.text("#tv-who").await, "Signed in as FYC 2026");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_shows_on_both() {
    let app = stack().await;
    let (tv, code) = tv(&app).await;
    let phone = phone(&app, &code, Screen::Phone).await;
    phone.click("button[value=refuse]").await;
    phone.wait_for("//h1", "Sign-in was refused").await;
    phone.expect_accessible().await;
    tv.find("#tv[data-shown=stopped]").await;
    tv.wait_for("//*[@id='tv-why']", "Sign-in was refused on the phone.").await;
    tv.expect_accessible().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_code_gives_way_to_a_new_one() {
    let app = stack().await;
    let (tv, code) = tv(&app).await;
    let phone = phone(&app, &code, Screen::Phone).await;
    app.advance(300);
    sign_in(&phone, "ana", ANA).await;
    phone.wait_for("//h1", "This code has expired").await;
    phone.expect_accessible().await;
    tv.find(&format!("#tv[data-shown=waiting] #tv-image:not([src*='{code}'])")).await;
    assert_ne!(tv.text("#tv-code").await, code);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_where_it_was_typed_and_too_many_are_stopped() {
    let app = stack().await;
    let code = app.watch().get_code("tv").await;
    let phone = phone(&app, &code, Screen::Phone).await;
    sign_in(&phone, "ana", "wrong password").await;
    phone.wait_for("//*[@role='alert']", "The user name or the password is wrong.").await;
    assert_eq!(phone.run("return document.getElementById('username').value").await, "ana");
    assert_eq!(phone.run("return document.getElementById('password').value").await, "");
    phone.expect_accessible().await;
    for _ in 0..9 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
    }
    sign_in(&phone, "ana", ANA).await;
    phone.wait_for("//h1", "Too many tries").await;
    phone.expect_accessible().await;
}
