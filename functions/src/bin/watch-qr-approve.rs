//! See [`functions::watch::qr_approve::QrApprove`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::qr_approve::QrApprove>()
}
