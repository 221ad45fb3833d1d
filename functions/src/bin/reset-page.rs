//! See [`functions::pages::reset_page::ResetPage`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::pages::reset_page::ResetPage>()
}
