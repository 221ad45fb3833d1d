//! See [`functions::vidizmo::authenticate::Authenticate`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::vidizmo::authenticate::Authenticate>()
}
