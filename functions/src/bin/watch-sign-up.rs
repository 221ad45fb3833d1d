//! See [`functions::watch::sign_up::SignUp`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::watch::sign_up::SignUp>()
}
