//! See [`functions::pages::qr_submit::QrSubmit`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::pages::qr_submit::QrSubmit>()
}
