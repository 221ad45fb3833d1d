//! See [`functions::platform::jwks::Jwks`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::platform::jwks::Jwks>()
}
