mod hotlist;
mod login;
mod logout;
mod refresh;
mod session;
pub(crate) mod sso;
