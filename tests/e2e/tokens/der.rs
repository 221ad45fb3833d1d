//! The little of ASN.1's DER (X.690) that attacks are made of.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};

/// What stands before a point of P-256 in a `SubjectPublicKeyInfo` (RFC 5480).
const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
/// The `AlgorithmIdentifier` of RSA keys (RFC 8017 A.1).
const RSA: &str = "300d06092a864886f70d0101010500";
/// The `AlgorithmIdentifier` of ECDSA with SHA-256 (RFC 5758 §3.2).
const ECDSA_SHA256: &str = "300a06082a8648ce3d040302";
/// A `Name`: the common name `a`.
const NAME: &str = "300c310a300806035504030c0161";

fn tagged(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(contents.len()) {
        Ok(short @ ..0x80) => vec![short],
        Ok(byte) => vec![0x81, byte],
        Err(_) => [&[0x82], &u16::try_from(contents.len()).unwrap().to_be_bytes()[..]].concat(),
    };
    [&[tag], &*length, contents].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<_> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    if bytes.first().is_none_or(|first| *first >= 0x80) {
        bytes.insert(0, 0);
    }
    tagged(2, &bytes)
}

fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tagged(3, &[&[0], bytes].concat())
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// A signature of ECDSA as X.509 and TLS write it: a sequence of two integers.
pub(super) fn ecdsa_signature(r: &[u8], s: &[u8]) -> Vec<u8> {
    sequence(&[integer(r), integer(s)])
}

/// A key of P-256 as a `SubjectPublicKeyInfo`.
pub(super) fn ec_public_key(point: &[u8]) -> Vec<u8> {
    [hex(P256), point.to_vec()].concat()
}

/// An RSA key as a `SubjectPublicKeyInfo`.
pub(super) fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = sequence(&[integer(modulus), integer(exponent)]);
    sequence(&[hex(RSA), bit_string(&key)])
}

/// A certificate (RFC 5280) of a P-256 key, by that key, from 2000 to 2049.
pub(super) fn certificate(point: &[u8], key: &EncodingKey) -> Vec<u8> {
    let validity = ["000101000000Z", "491231235959Z"].map(|time| tagged(0x17, time.as_bytes()));
    let contents = sequence(&[
        integer(&[1]),
        hex(ECDSA_SHA256),
        hex(NAME),
        sequence(&validity),
        hex(NAME),
        ec_public_key(point),
    ]);
    let signature = sign(&contents, key, Algorithm::ES256).unwrap();
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let (r, s) = signature.split_at(32);
    sequence(&[contents, hex(ECDSA_SHA256), bit_string(&ecdsa_signature(r, s))])
}
