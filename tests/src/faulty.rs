//! A function that misbehaves as the name under which it runs says; see `e2e/runtime_api.rs`.

use std::env;
use std::fs;
use std::path::Path;
use std::process::exit;

use serde_json::json;

fn main() -> Result<(), lambda_http::Error> {
    let program = env::current_exe()?;
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.as_str() {
        // A stack without keys does not start.
        "key-rotation" => shared::triggered::serve::<functions::platform::key_rotation::KeyRotation>(),
        "watch-session" => exit(3),
        _ => {
            misbehave(&program, &name);
            Ok(())
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn misbehave(program: &Path, name: &str) {
    let api = format!("http://{}/2018-06-01/runtime", env::var("AWS_LAMBDA_RUNTIME_API").unwrap_or_default());
    let client = reqwest::Client::new();
    loop {
        let Ok(next) = client.get(format!("{api}/invocation/next")).send().await else { exit(0) };
        let id = next.headers()["lambda-runtime-aws-request-id"].to_str().unwrap_or_default().to_owned();
        let crashed = program.with_extension("crashed");
        match name {
            "watch-logout" => std::future::pending().await,
            "watch-login" if !crashed.exists() => {
                let _ = fs::write(crashed, "");
                exit(4);
            }
            "jwks" => {
                let error = json!({ "errorType": "Unhandled", "errorMessage": "x" });
                let _ = client.post(format!("{api}/invocation/{id}/error")).json(&error).send().await;
            }
            _ => {
                let answer =
                    json!({ "statusCode": 200, "headers": {}, "body": "{\"status_code\":\"W0000\"}" });
                let _ = client.post(format!("{api}/invocation/{id}/response")).json(&answer).send().await;
            }
        }
    }
}
