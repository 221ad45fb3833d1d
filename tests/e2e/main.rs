//! End-to-end tests over HTTP. Files mirror URLs: `/v2/watch/auth/login` is tested in
//! `v2/watch/auth/login.rs`.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod api;
mod assets;
mod audit;
mod authorizer;
mod common;
mod faults;
mod house;
mod key_rotation;
mod least_privilege;
mod local;
mod qr;
mod reset;
mod runtime_api;
mod tokens;
mod usage;
mod v1;
mod v2;
mod well_known;
