//! `/v1/admin/…`: what a studio's staff call.

pub mod hotlist;
pub mod login;
pub mod logout;
pub mod refresh;
pub mod session;
pub mod sso_initiate;
pub mod sso_login;
