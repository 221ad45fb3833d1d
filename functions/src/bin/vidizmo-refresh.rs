//! See [`functions::vidizmo::refresh::Refresh`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::vidizmo::refresh::Refresh>()
}
