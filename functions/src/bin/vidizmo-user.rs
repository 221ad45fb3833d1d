//! See [`functions::vidizmo::user::User`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::vidizmo::user::User>()
}
