//! See [`functions::platform::key_rotation::KeyRotation`].

fn main() -> Result<(), lambda_http::Error> {
    shared::triggered::serve::<functions::platform::key_rotation::KeyRotation>()
}
