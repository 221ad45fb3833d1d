//! See [`functions::watch::logout::Logout`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::logout::Logout>()
}
