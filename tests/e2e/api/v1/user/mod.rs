//! `/api/v1/user/…`: VIDIZMO's API.

mod authenticate;
mod email_address;
mod faults;
mod logout;
mod refresh;
mod tenants;

pub(crate) use tests::costs::{ANA_AT, on_vidizmo as ana};
