//! See [`functions::watch::session::Session`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::session::Session>()
}
