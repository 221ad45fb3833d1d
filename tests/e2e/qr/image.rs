//! `GET /qr/{login_code}/image.png` and `image.svg`: the code as a picture.

use tests::{Answer, App};

/// What a camera reads from a PNG.
fn scan(png: &[u8]) -> String {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut rows = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rows).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::One));
    let side = info.width as usize;
    let grey =
        |x: usize, y: usize| if rows[y * info.line_size + x / 8] >> (7 - x % 8) & 1 == 1 { 255 } else { 0 };
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, grey);
    let grids = picture.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

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
async fn the_drawing_has_the_pictures_modules() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let answer = app.anonymous().get(&format!("/qr/{code}/image.svg")).await;
    expect_picture(&answer, "image/svg+xml");
    let url = format!("{}/qr/{code}", app.stack.place.url);
    let modules = qrcode::QrCode::new(url).unwrap();
    let dark = modules.to_colors().iter().filter(|color| **color == qrcode::Color::Dark).count();
    assert_eq!(answer.text.matches('M').count(), dark);
    assert!(!answer.text.contains("<script") && !answer.text.contains("href"));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_none_of_a_code_that_nobody_can_answer_any_more() {
    let app = App::start().await;
    let (answered, expired) = (app.watch().get_code("tv").await, app.watch().get_code("tv").await);
    app.phone().await.approve(&answered).await.expect(200, "W0000");
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
