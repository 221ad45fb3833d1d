//! `GET /qr/{login_code}/image.svg`: the code as a drawing of any size.

use qrcode::render::svg::Color;
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::Store;

use super::qr_image::draw;

/// The endpoint.
#[derive(Debug)]
pub struct QrImageSvg {
    store: Store,
    public_url: String,
}

impl Endpoint for QrImageSvg {
    const NAME: &'static str = "qr-image-svg";
    const EVENT: &'static str = "qr_image";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/qr/{login_code}/image.svg";
    const SURFACE: Surface = Surface::Page;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), public_url: environment.public_url.clone() })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let code = draw(&self.store, &self.public_url, call).await?;
        Ok(Reply::picture("image/svg+xml", code.render::<Color<'_>>().build()))
    }
}
