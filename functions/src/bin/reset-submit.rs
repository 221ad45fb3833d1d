//! See [`functions::pages::reset_submit::ResetSubmit`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::pages::reset_submit::ResetSubmit>()
}
