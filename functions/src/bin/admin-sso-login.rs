//! See [`functions::admin::sso_login::SsoLogin`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::admin::sso_login::SsoLogin>()
}
