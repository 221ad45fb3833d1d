//! What Usher's endpoints have in common. Nothing here knows of any endpoint.
//!
//! An endpoint reads a [`request::Call`], talks to the [`store::Store`], and answers with a
//! [`reply::Reply`] or a [`failure::Failure`]; [`endpoint`] runs it.

pub mod api_key;
pub mod audit;
pub mod aws;
pub mod body;
pub mod cache;
pub mod config;
pub mod crypto;
pub mod device;
pub mod endpoint;
pub mod failure;
pub mod http;
pub mod identity;
mod json;
pub mod limits;
pub mod log;
pub mod login_code;
pub mod mail;
pub mod oidc;
pub mod otp;
pub mod page;
pub mod password;
pub mod pin;
pub mod private;
pub mod provision;
pub mod reply;
pub mod request;
pub mod secrets;
pub mod sms;
pub mod store;
pub mod token;
pub mod triggered;
