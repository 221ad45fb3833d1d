mod auth;
pub(crate) mod content;
