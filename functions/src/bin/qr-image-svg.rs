//! See [`functions::pages::qr_image_svg::QrImageSvg`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::pages::qr_image_svg::QrImageSvg>()
}
