//! See [`functions::pages::qr_page::QrPage`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::pages::qr_page::QrPage>()
}
