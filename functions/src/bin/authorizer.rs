//! See [`functions::platform::authorizer::Authorizer`].

fn main() -> Result<(), lambda_http::Error> {
    shared::triggered::serve::<functions::platform::authorizer::Authorizer>()
}
