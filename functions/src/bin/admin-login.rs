//! See [`functions::admin::login::Login`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::admin::login::Login>()
}
