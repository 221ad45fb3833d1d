//! `/api/v1/user/…`: VIDIZMO's API.

mod authenticate;
mod email_address;
mod faults;
mod logout;
mod refresh;
mod tenants;

use tests::{ANA, App, Client};

pub(crate) const ANA_AT: &str = "ana@acme.example";

/// A client with Ana's token.
pub(crate) async fn ana(app: &App) -> Client {
    let token = app.vidizmo().authenticate(ANA_AT, ANA).await.opaque();
    app.vidizmo().bearing(&token)
}
