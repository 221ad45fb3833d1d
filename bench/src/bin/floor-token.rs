//! A floor: a function that signs and verifies one token, or only verifies one.

use data_encoding::BASE64URL_NOPAD;
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use serde_json::{Value, json};
use shared::token::es256::{SigningKey, VerifyingKey};
use shared::token::keys::{KeySecret, KeySet};

/// A token with the claims of an access token.
fn sign(key: &SigningKey) -> Result<String, Error> {
    let id = "01J0000000000000000000000A";
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": key.kid() });
    let claims = json!({
        "iss": "https://login.example.com", "sub": id, "aud": "watch", "exp": 4_102_444_800_i64, "iat": 0,
        "jti": id, "client_id": "tv", "scope": "viewer", "sid": format!("{id}-{id}"), "ent": "acme",
        "amr": ["pwd"],
    });
    let signed = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes())).join(".");
    let signature = key.sign(signed.as_bytes()).map_err(|failure| failure.to_string())?;
    Ok(format!("{signed}.{signature}"))
}

/// A token's claims.
fn verify(token: &str, key: &VerifyingKey) -> Result<Value, Error> {
    let (signed, signature) = token.rsplit_once('.').ok_or("no signature")?;
    let (_, claims) = signed.split_once('.').ok_or("no claims")?;
    if !key.is_good(signed.as_bytes(), signature) {
        return Err("the signature is not good".into());
    }
    Ok(serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes())?)?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let keys = KeySecret::default().rotated(None, 0).and_then(|secret| KeySet::private(&secret));
    let keys = keys.map_err(|failure| failure.to_string())?;
    let signing = keys.signing().ok_or("no key")?;
    let verifying = keys.verifying(signing.kid()).ok_or("no key")?;
    let signed = sign(signing)?;
    run(service_fn(|request: Request| {
        let token = if request.uri().path() == "/verify" { Ok(signed.clone()) } else { sign(signing) };
        let claims = token.and_then(|token| verify(&token, verifying));
        async { Ok::<_, Error>(Response::new(Body::Text(claims?.to_string()))) }
    }))
    .await
}
