//! See [`functions::screener::verify::Verify`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::screener::verify::Verify>()
}
