//! `/v2/watch/content/screeners/…`: a code by SMS before a screener plays.

mod number;
pub mod register;
pub mod request;
pub mod verify;
mod viewer;
