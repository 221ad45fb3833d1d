//! See [`functions::screener::request::Request`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::screener::request::Request>()
}
