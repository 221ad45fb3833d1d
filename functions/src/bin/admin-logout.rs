//! See [`functions::admin::logout::Logout`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::admin::logout::Logout>()
}
