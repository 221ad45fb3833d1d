//! See [`functions::vidizmo::logout_get::LogoutGet`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::vidizmo::logout_get::LogoutGet>()
}
