//! See [`functions::admin::refresh::Refresh`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::admin::refresh::Refresh>()
}
