//! Secrets Manager: the calls that Usher makes, with its idempotency by `ClientRequestToken`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, failure};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Secret {
    /// The id of the version that is AWSCURRENT.
    current: String,
    versions: BTreeMap<String, String>,
}

type Stored = BTreeMap<String, Secret>;

/// The secrets, in memory and in a file where there is one.
pub(super) struct Secrets {
    secrets: Mutex<Stored>,
    file: Option<PathBuf>,
}

impl Secrets {
    pub(super) fn open(file: Option<PathBuf>) -> Result<Self, String> {
        let secrets = match &file {
            Some(path) if path.exists() => {
                let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
                serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?
            }
            _ => Stored::new(),
        };
        Ok(Self { secrets: Mutex::new(secrets), file })
    }

    pub(super) fn call(&self, operation: &str, body: &[u8]) -> Answer {
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            return failure("secretsmanager", 400, "InvalidRequestException");
        };
        let field = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match operation {
            "GetSecretValue" => get(&secrets, &field("SecretId")),
            "PutSecretValue" => {
                let id = field("SecretId");
                match secrets.get_mut(&id) {
                    None => Err("ResourceNotFoundException"),
                    Some(secret) => put(&id, secret, &field("ClientRequestToken"), field("SecretString")),
                }
            }
            "CreateSecret" => {
                let id = field("Name");
                if secrets.contains_key(&id) {
                    Err("ResourceExistsException")
                } else {
                    // Without a version, as the template makes it.
                    secrets.insert(id.clone(), Secret::default());
                    Ok(json!({ "ARN": id, "Name": id }))
                }
            }
            _ => Err("InvalidRequestException"),
        };
        if operation != "GetSecretValue" && self.save(&secrets).is_err() {
            return failure("secretsmanager", 500, "InternalServiceError");
        }
        match answer {
            Ok(body) => Answer::ok("application/x-amz-json-1.1", body.to_string()),
            Err(name) => failure("secretsmanager", 400, name),
        }
    }

    /// Writes the file beside the old one and moves it there, so that it is never half.
    fn save(&self, secrets: &Stored) -> std::io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let beside = file.with_extension("new");
        fs::write(&beside, serde_json::to_vec(secrets)?)?;
        fs::rename(beside, file)
    }
}

fn get(secrets: &Stored, id: &str) -> Result<Value, &'static str> {
    let secret = secrets.get(id).ok_or("ResourceNotFoundException")?;
    let text = secret.versions.get(&secret.current).ok_or("ResourceNotFoundException")?;
    Ok(
        json!({ "ARN": id, "Name": id, "VersionId": secret.current, "SecretString": text, "VersionStages": ["AWSCURRENT"] }),
    )
}

fn put(id: &str, secret: &mut Secret, token: &str, text: String) -> Result<Value, &'static str> {
    if secret.versions.get(token).is_some_and(|there| *there != text) {
        return Err("ResourceExistsException");
    }
    secret.versions.insert(token.to_owned(), text);
    token.clone_into(&mut secret.current);
    Ok(json!({ "ARN": id, "Name": id, "VersionId": token }))
}
