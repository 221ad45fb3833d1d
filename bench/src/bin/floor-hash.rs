//! A floor: a function that makes one Argon2id hash with Usher's parameters, always in the same memory.

use std::sync::Mutex;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|error| error.to_string())?;
    let blocks = Mutex::new(vec![Block::default(); params.block_count()]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    run(service_fn(|_: Request| async {
        let (password, salt, mut hash) = (b"rosebud and the red balloon", b"0123456789abcdef", [0; 32]);
        let mut blocks = blocks.lock().map_err(|error| error.to_string())?;
        let hashed = argon2.hash_password_into_with_memory(password, salt, &mut hash, &mut **blocks);
        hashed.map_err(|error| error.to_string())?;
        Ok::<_, Error>(Response::new(Body::Text(format!("{{\"first\":{}}}", hash[0]))))
    }))
    .await
}
