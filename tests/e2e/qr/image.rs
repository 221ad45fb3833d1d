//! `GET /qr/{login_code}/image.png` and `image.svg`: the code as a picture.

use std::collections::BTreeSet;

use tests::picture::{scan, scan_grey};
use tests::{Answer, App};

#[track_caller]
fn expect_picture(answer: &Answer, content_type: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), content_type);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("content-security-policy"), "default-src 'none'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_reads_the_pages_address() {
    let app = App::start().await;
    let asked = app.watch().try_get_code("tv").await.body;
    let (code, url) = (asked["login_code"].as_str().unwrap(), asked["login_url"].as_str().unwrap());
    let answer = app.anonymous().get(&format!("/qr/{code}/image.png")).await;
    expect_picture(&answer, "image/png");
    assert_eq!(scan(&answer.bytes), url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_reads_the_same_from_the_drawing() {
    let app = App::start().await;
    let asked = app.watch().try_get_code("tv").await.body;
    let (code, url) = (asked["login_code"].as_str().unwrap(), asked["login_url"].as_str().unwrap());
    let answer = app.anonymous().get(&format!("/qr/{code}/image.svg")).await;
    expect_picture(&answer, "image/svg+xml");
    assert!(!answer.text.contains("<script") && !answer.text.contains("href"));
    // One square of 8 by 8 for each dark module, at `M<x> <y>`.
    let path = answer.text.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
    let dark: BTreeSet<(usize, usize)> = path
        .split('M')
        .skip(1)
        .map(|square| {
            let (x, rest) = square.split_once(' ').unwrap();
            let (y, size) = rest.split_once('h').unwrap();
            assert!(size.starts_with("8v8H"), "{square}");
            (x.parse::<usize>().unwrap() / 8, y.parse::<usize>().unwrap() / 8)
        })
        .collect();
    let grey = |x: usize, y: usize| if dark.contains(&(x / 8, y / 8)) { 0 } else { 255 };
    let side = answer.text.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    assert_eq!(scan_grey(side, side, grey), url);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_none_of_a_code_that_nobody_can_answer_any_more() {
    let app = App::start().await;
    let (answered, expired) = (app.watch().get_code("tv").await, app.watch().get_code("tv").await);
    app.ana_client().await.approve(&answered).await.expect(200, "W0000");
    for kind in ["png", "svg"] {
        for code in [&*answered, "BCD3FGH"] {
            assert_eq!(app.anonymous().get(&format!("/qr/{code}/image.{kind}")).await.status, 404);
        }
        assert_eq!(app.anonymous().get(&format!("/qr/{expired}/image.{kind}")).await.status, 200);
    }
    app.advance(300);
    for kind in ["png", "svg"] {
        assert_eq!(app.anonymous().get(&format!("/qr/{expired}/image.{kind}")).await.status, 404);
    }
}
