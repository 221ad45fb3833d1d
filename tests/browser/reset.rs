//! The page that a reset e-mail opens.

use serde_json::json;
use tests::App;

use crate::driver::{Browser, Screen};

const NEW: &str = "seven reels of nitrate film";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sets_a_new_password() {
    let app = App::start().await.ticking();
    let desk = Browser::open(Screen::Desktop).await;
    desk.goto(&app.stack.place.url).await;
    let body = json!({ "email": "ana@acme.example" });
    app.watch().post("/v2/watch/auth/forgot-password", body).await.expect(200, "W0000");
    // The outbox updates by itself.
    desk.wait_for("//*[@id='outbox']", "Set a new password").await;
    desk.expect_accessible().await;
    let link = desk.find("#outbox a").await.attr("href").await.unwrap().unwrap();

    let phone = Browser::open(Screen::Phone).await;
    phone.goto(&link).await;
    phone.wait_for("//h1", "Set a new password").await;
    phone.expect_accessible().await;
    phone.expect_fit_for_a_phone().await;
    phone.picture("body", "phone-reset").await;
    phone.fill("#new", NEW).await;
    phone.fill("#again", "another one altogether").await;
    phone.click("button").await;
    phone.wait_for("//*[@role='alert']", "The two passwords differ").await;
    phone.expect_accessible().await;
    phone.fill("#new", NEW).await;
    phone.fill("#again", NEW).await;
    phone.click("button").await;
    phone.wait_for("//h1", "Your password is set").await;
    phone.expect_accessible().await;
    app.watch().sign_in("ana", NEW).await;
    phone.goto(&link).await;
    phone.wait_for("//h1", "This link does not work any more").await;
}
