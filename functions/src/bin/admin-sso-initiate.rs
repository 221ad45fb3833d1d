//! See [`functions::admin::sso_initiate::SsoInitiate`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::admin::sso_initiate::SsoInitiate>()
}
