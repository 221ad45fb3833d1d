//! The picture of a login code, for TVs that cannot draw one: what PNG and SVG have in common.

use qrcode::{EcLevel, QrCode};
use shared::failure::Failure;
use shared::request::Call;
use shared::store::Store;

use crate::pairing;

/// The QR code of the page of a code that can still be answered. Level M can be read with 15 % of it
/// damaged, and has few modules.
pub(super) async fn draw(store: &Store, public_url: &str, call: &Call) -> Result<QrCode, Failure> {
    let (code, pairing) = pairing::find(store, call).await?;
    if !pairing.is_open(call.now) {
        return Err(Failure::Credentials);
    }
    QrCode::with_error_correction_level(code.url(public_url), EcLevel::M)
        .map_err(|_| Failure::Internal("the public URL is too long for a QR code".into()))
}
