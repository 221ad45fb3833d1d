//! See [`functions::pages::qr_image_png::QrImagePng`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::pages::qr_image_png::QrImagePng>()
}
