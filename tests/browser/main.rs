//! The pages in a real browser: headless Chromium, driven through chromedriver.
//!
//! `USHER_AXE` names axe-core's `axe.min.js`. With `USHER_PICTURES=<folder>` the tests leave the
//! screenshots there that the README shows.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod driver;
mod playback;
mod qr;
mod reset;
mod sso;
mod tv;
