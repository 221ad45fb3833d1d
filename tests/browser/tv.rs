//! The start page's simulated TV, where no phone is needed.

use tests::App;

use crate::driver::{Browser, Screen};

#[tokio::test(flavor = "multi_thread")]
async fn each_device_asks_for_a_code_of_its_own() {
    let app = App::with(local::DEMO).await.ticking();
    let tv = Browser::open(Screen::Desktop).await;
    tv.goto(&app.stack.place.url).await;
    tv.expect_accessible().await;
    tv.picture("body", "start-page").await;
    tv.click("#tv-start").await;
    tv.find("#tv[data-shown=waiting]").await;
    let mut codes = vec![tv.text("#tv-code").await];
    for device in ["iPad", "Firestick", "Roku"] {
        tv.click(&format!("#tv-device option[value={device}]")).await;
        let changed = format!("#tv-image[src]:not([src*='{}'])", codes.last().unwrap());
        tv.find(&changed).await;
        codes.push(tv.text("#tv-code").await);
    }
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 4);
    tv.expect_accessible().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_the_start_page_fits() {
    let app = App::with(local::DEMO).await.ticking();
    let phone = Browser::open(Screen::DarkPhone).await;
    phone.goto(&app.stack.place.url).await;
    phone.click("#tv-start").await;
    phone.find("#tv[data-shown=waiting]").await;
    phone.expect_accessible().await;
    let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(phone.run(overflow).await, 0);
}
