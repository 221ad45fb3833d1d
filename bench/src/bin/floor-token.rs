//! A floor: a function that signs and verifies one token, or only verifies one.

use data_encoding::BASE64;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use serde_json::{Value, json};
use shared::token::keys::KeySecret;

/// A token with the claims of an access token.
fn sign(key: &EncodingKey) -> Result<String, Error> {
    let id = "01J0000000000000000000000A";
    let claims = json!({
        "iss": "https://login.example.com", "sub": id, "aud": "watch", "exp": 4_102_444_800_i64, "iat": 0,
        "jti": id, "client_id": "tv", "scope": "viewer", "sid": format!("{id}-{id}"), "ent": "acme",
        "amr": ["pwd"],
    });
    Ok(encode(&Header::new(Algorithm::ES256), &claims, key)?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let secret = KeySecret::default().rotated(None, 0).map_err(|failure| failure.to_string())?;
    let secret: Value = serde_json::from_str(&secret.to_text())?;
    let pkcs8 = BASE64.decode(secret["keys"][0]["pkcs8"].as_str().ok_or("no key")?.as_bytes())?;
    let encoding = EncodingKey::from_ec_der(&pkcs8);
    let decoding = DecodingKey::from_jwk(&Jwk::from_encoding_key(&encoding, Algorithm::ES256)?)?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["watch"]);
    let signed = sign(&encoding)?;
    run(service_fn(|request: Request| {
        let token = if request.uri().path() == "/verify" { Ok(signed.clone()) } else { sign(&encoding) };
        let claims = token.and_then(|token| Ok(decode::<Value>(token, &decoding, &validation)?.claims));
        async { Ok::<_, Error>(Response::new(Body::Text(claims?.to_string()))) }
    }))
    .await
}
