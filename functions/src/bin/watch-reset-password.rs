//! See [`functions::watch::reset_password::ResetPassword`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::reset_password::ResetPassword>()
}
