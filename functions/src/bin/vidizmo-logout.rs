//! See [`functions::vidizmo::logout::Logout`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::vidizmo::logout::Logout>()
}
