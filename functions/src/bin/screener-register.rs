//! See [`functions::screener::register::Register`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::screener::register::Register>()
}
