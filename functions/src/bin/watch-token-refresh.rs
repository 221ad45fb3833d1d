//! See [`functions::watch::token_refresh::TokenRefresh`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::token_refresh::TokenRefresh>()
}
