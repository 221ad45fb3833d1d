//! See [`functions::admin::session::Session`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::admin::session::Session>()
}
