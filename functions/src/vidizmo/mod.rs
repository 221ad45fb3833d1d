//! `/api/v1/user/…`: what players call that speak VIDIZMO's API.

pub mod authenticate;
mod bearer;
pub mod logout;
pub mod logout_get;
pub mod refresh;
pub mod user;
