//! See [`functions::watch::login::Login`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::login::Login>()
}
