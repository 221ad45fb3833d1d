//! `/v2/watch/…`: what viewers' applications call.

pub mod forgot_password;
pub mod login;
pub mod logout;
pub mod qr_approve;
pub mod qr_get_code;
pub mod qr_get_token;
pub mod reset_password;
pub mod session;
pub mod sign_up;
pub mod token_refresh;
