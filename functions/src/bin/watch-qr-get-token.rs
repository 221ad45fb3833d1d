//! See [`functions::watch::qr_get_token::QrGetToken`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::qr_get_token::QrGetToken>()
}
