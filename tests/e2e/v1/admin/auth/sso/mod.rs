//! Single sign-on, against a provider of our own that does what it is told.

mod hostile;
mod initiate;
mod login;
mod people;

use tests::studio::{Begun, INITIATE, LOGIN, body};
pub(crate) use tests::studio::{OLGA_AT, Studio};

const SESSION: &str = "/v1/admin/auth/session";
