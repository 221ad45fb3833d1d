//! `GET /assets/page.css`: the style sheet of all pages.

use tests::App;

#[tokio::test(flavor = "multi_thread")]
async fn it_carries_the_colours_of_its_address_and_can_be_cached() {
    let app = App::start().await;
    let plain = app.anonymous().get("/assets/page.css").await;
    assert_eq!(plain.status, 200);
    assert_eq!(plain.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(plain.header("cache-control"), "public, max-age=86400");
    assert_eq!(plain.header("x-content-type-options"), "nosniff");
    let coloured = app.anonymous().get("/assets/page.css?v=x&accent=FFD400&background=101010").await;
    let own = coloured.text.strip_prefix(&plain.text).unwrap();
    assert!(own.contains("--accent: #ffd400; --on-accent: #000;") && own.contains("--paper: #101010;"));
    for hostile in
        ["?accent=red", "?accent=", "?accent=ffd400;}", "?accent=%00", "?background=url(x)", "?&&="]
    {
        let answer = app.anonymous().get(&format!("/assets/page.css{hostile}")).await;
        assert_eq!((answer.status, &answer.text), (200, &plain.text), "{hostile}");
    }
}
