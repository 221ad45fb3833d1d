//! The few primitives that Usher uses, all from AWS-LC.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, digest, hmac, rand};
use data_encoding::HEXLOWER;
use ulid::Ulid;

/// `N` bytes from the system's cryptographic random generator.
///
/// # Panics
/// When the system cannot provide randomness: there is no safe way on.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system provides randomness");
    bytes
}

/// So many random characters of `alphabet`, each as likely as any other.
#[must_use]
pub fn random_text(alphabet: &[u8], length: usize) -> String {
    // Bytes past the last whole multiple of the alphabet would favour its first characters.
    let end = 256 / alphabet.len() * alphabet.len();
    let mut text = String::new();
    while text.len() < length {
        let byte = usize::from(random::<1>()[0]);
        if byte < end {
            text.push(char::from(alphabet[byte % alphabet.len()]));
        }
    }
    text
}

/// A new identifier: a ULID, 26 characters, 80 random bits. Used for users, sessions, token ids
/// and reset codes.
#[must_use]
pub fn new_id() -> String {
    Ulid::generate().to_string()
}

/// SHA-256 as 64 lower-case hex digits.
#[must_use]
pub fn sha256_hex(data: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, data).as_ref())
}

/// SHA-256 as raw bytes.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    out
}

/// HMAC-SHA-256 as 64 lower-case hex digits. The parts are length-prefixed, so that two lists of
/// parts never give one message.
#[must_use]
pub fn keyed_hash(key: &[u8], parts: &[&str]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    HEXLOWER.encode(context.sign().as_ref())
}

/// Whether two byte strings are equal, in a time that depends only on their lengths.
#[must_use]
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Encrypts `plain` so that only a holder of `secret` can read it (AES-256-GCM).
///
/// The nonce is fixed, so a `secret` must be high-entropy and seal at most one text: it is used
/// for a spent refresh token, which seals its one successor, and for the state of a single sign-on, which
/// seals its PKCE verifier.
///
/// # Panics
/// Never: the key has the algorithm's length, and the text fits in memory.
#[must_use]
pub fn seal_once(secret: &str, plain: &str) -> Vec<u8> {
    let mut text = plain.as_bytes().to_vec();
    sealing_key(secret)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut text)
        .expect("sealing a short text does not fail");
    text
}

/// Reads what [`seal_once`] wrote; `None` when `secret` is another one or the text was changed.
#[must_use]
pub fn open_sealed(secret: &str, sealed: &[u8]) -> Option<String> {
    let mut text = sealed.to_vec();
    let plain = sealing_key(secret)
        .open_in_place(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut text)
        .ok()?;
    String::from_utf8(plain.to_vec()).ok()
}

fn sealing_key(secret: &str) -> LessSafeKey {
    let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), b"usher seal v1");
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).expect("32 bytes are a key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_text_opens_with_its_secret_only() {
        let sealed = seal_once("old token", "new token");
        assert_eq!(open_sealed("old token", &sealed).as_deref(), Some("new token"));
        assert_eq!(open_sealed("other token", &sealed), None);
        assert_eq!(open_sealed("old token", b"not sealed"), None);
    }

    #[test]
    fn the_parts_of_a_keyed_hash_do_not_run_together() {
        assert_ne!(keyed_hash(b"k", &["ab", "c"]), keyed_hash(b"k", &["a", "bc"]));
    }
}
