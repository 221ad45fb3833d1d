//! `GET /qr/{login_code}`: the page that a phone opens from a TV's picture. It changes nothing.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::Store;

use super::csrf::CsrfCookie;
use super::qr_visit::Visit;

/// The endpoint.
#[derive(Debug)]
pub struct QrPage {
    store: Store,
    cookie: CsrfCookie,
}

impl Endpoint for QrPage {
    const NAME: &'static str = "qr-page";
    const EVENT: &'static str = "qr_page";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/qr/{login_code}";
    const SURFACE: Surface = Surface::Page;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), cookie: CsrfCookie::new(environment) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        Ok(Visit::open(&self.store, &self.cookie, call).await?.page())
    }
}
