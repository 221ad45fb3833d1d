//! See [`functions::watch::forgot_password::ForgotPassword`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::forgot_password::ForgotPassword>()
}
