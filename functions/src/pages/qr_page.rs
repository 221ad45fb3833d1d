//! `GET /qr/{login_code}`: the page that a phone opens from a TV's picture. It changes nothing.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::enterprise::Enterprise;
use shared::store::{Store, parse};

use super::csrf::Cookie;
use super::qr_view::view;
use crate::pairing;

/// The endpoint.
#[derive(Debug)]
pub struct QrPage {
    store: Store,
    cookie: Cookie,
}

impl Endpoint for QrPage {
    const NAME: &'static str = "qr-page";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/qr/{login_code}";
    const SURFACE: Surface = Surface::Page;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), cookie: Cookie::new(environment) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let (code, pairing) = pairing::open(&self.store, call).await?;
        let [enterprise] = self.store.read([&Enterprise::key(&pairing.enterprise)]).await?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::Credentials)?;
        Ok(view(&enterprise, &pairing, code.as_str(), &self.cookie.token(call), call.now))
    }
}
