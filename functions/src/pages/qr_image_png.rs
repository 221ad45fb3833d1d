//! `GET /qr/{login_code}/image.png`: the code as black and white pixels.

use png::{BitDepth, ColorType, Encoder, EncodingError};
use qrcode::{Color, QrCode};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::Store;

use super::qr_image::draw;

/// Pixels along one side of a module.
const SCALE: usize = 12;

/// White modules around the code (ISO/IEC 18004 §9.1).
const QUIET_ZONE: usize = 4;

/// The endpoint.
#[derive(Debug)]
pub struct QrImagePng {
    store: Store,
    public_url: String,
}

impl Endpoint for QrImagePng {
    const NAME: &'static str = "qr-image-png";
    const EVENT: &'static str = "qr_image";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/qr/{login_code}/image.png";
    const SURFACE: Surface = Surface::Page;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), public_url: environment.public_url.clone() })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let code = draw(&self.store, &self.public_url, call).await?;
        let picture = encode(&code).map_err(|error| Failure::Internal(error.to_string()))?;
        Ok(Reply::picture("image/png", picture))
    }
}

/// One bit for each pixel, each row from a new byte on; 0 is black.
fn encode(code: &QrCode) -> Result<Vec<u8>, EncodingError> {
    let modules = code.width();
    let side = (modules + 2 * QUIET_ZONE) * SCALE;
    let mut rows = vec![0xff_u8; side * side.div_ceil(8)];
    for (index, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        let (left, top) = ((index % modules + QUIET_ZONE) * SCALE, (index / modules + QUIET_ZONE) * SCALE);
        for y in top..top + SCALE {
            for x in left..left + SCALE {
                rows[y * side.div_ceil(8) + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let mut png = Vec::new();
    let side = u32::try_from(side).map_err(|_| EncodingError::LimitsExceeded)?;
    let mut encoder = Encoder::new(&mut png, side, side);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    encoder.write_header()?.write_image_data(&rows)?;
    Ok(png)
}
