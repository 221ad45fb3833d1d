//! See [`functions::watch::qr_get_code::QrGetCode`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::qr_get_code::QrGetCode>()
}
