//! Secrets Manager: the calls that Usher makes, with its idempotency by `ClientRequestToken`, its labels
//! and its rotation.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lambda_http::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, failure};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
const PENDING: &str = "AWSPENDING";

/// How often a rotation is begun anew after a step that failed.
const ATTEMPTS: u32 = 5;

/// The rotation function: what is invoked for each step.
pub(crate) type Rotation = Box<dyn Fn(Value) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Secret {
    /// The version that each label is on.
    labels: BTreeMap<String, String>,
    /// The versions' texts; none in one that a rotation has not made yet.
    versions: BTreeMap<String, Option<String>>,
}

type Stored = BTreeMap<String, Secret>;

/// The secrets, in memory and in a file where there is one.
pub(crate) struct Secrets {
    stored: Mutex<Stored>,
    file: Option<PathBuf>,
    rotation: OnceLock<Rotation>,
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
        Ok(Self { stored: Mutex::new(secrets), file, rotation: OnceLock::new() })
    }

    /// Says what rotates.
    pub(crate) fn rotate_with(&self, rotation: Rotation) {
        let _ = self.rotation.set(rotation);
    }

    pub(super) fn call(self: &Arc<Self>, operation: &str, body: &[u8]) -> Answer {
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            return failure("secretsmanager", 400, "InvalidRequestException");
        };
        let Ok(answer) = self.change(operation, &request) else {
            return failure("secretsmanager", 500, "InternalServiceError");
        };
        if operation == "RotateSecret" {
            // One that was not finished is gone on with, although the call is refused.
            let id = request["SecretId"].clone();
            if let Some(version) = self.pending(&id) {
                let secrets = Arc::clone(self);
                // Beside the answer, as on AWS.
                tokio::spawn(async move { secrets.rotate(&id, &version.into()).await });
            }
        }
        match answer {
            Ok(body) => Answer::ok("application/x-amz-json-1.1", body.to_string()),
            Err(name) => failure("secretsmanager", 400, name),
        }
    }

    fn change(&self, operation: &str, request: &Value) -> std::io::Result<Result<Value, &'static str>> {
        let mut secrets = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = carry_out(&mut secrets, operation, request);
        self.save(&secrets)?;
        Ok(answer)
    }

    /// The version that a rotation is making.
    fn pending(&self, id: &Value) -> Option<String> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.get(id.as_str()?)?.labels.get(PENDING).cloned()
    }

    /// Runs the four steps, from the first one again where one fails.
    async fn rotate(&self, id: &Value, version: &Value) {
        let Some(rotation) = self.rotation.get() else { return };
        'attempt: for _ in 0..ATTEMPTS {
            for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
                let event = json!({ "Step": step, "SecretId": id, "ClientRequestToken": version });
                if rotation(event).await.is_err() {
                    continue 'attempt;
                }
            }
            return;
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

fn carry_out(secrets: &mut Stored, operation: &str, request: &Value) -> Result<Value, &'static str> {
    let field = |name: &str| request[name].as_str().map(ToOwned::to_owned);
    let token = || field("ClientRequestToken").unwrap_or_else(|| Uuid::new_v4().to_string());
    if operation == "CreateSecret" {
        let id = field("Name").ok_or("InvalidParameterException")?;
        if secrets.contains_key(&id) {
            return Err("ResourceExistsException");
        }
        let mut secret = Secret::default();
        // Without a text it has no version, as the template can make one.
        if let Some(text) = field("SecretString") {
            secret.put(&token(), text, &[CURRENT])?;
        }
        secrets.insert(id.clone(), secret);
        return Ok(json!({ "ARN": id, "Name": id }));
    }
    let id = field("SecretId").ok_or("InvalidParameterException")?;
    let secret = secrets.get_mut(&id).ok_or("ResourceNotFoundException")?;
    let mut answer = match operation {
        "GetSecretValue" => secret.get(field("VersionId"), field("VersionStage"))?,
        "PutSecretValue" => {
            let stages = request["VersionStages"].as_array().into_iter().flatten();
            let mut stages: Vec<_> = stages.filter_map(Value::as_str).collect();
            if stages.is_empty() {
                stages.push(CURRENT);
            }
            secret.put(&token(), field("SecretString").ok_or("InvalidParameterException")?, &stages)?
        }
        "DescribeSecret" => json!({ "VersionIdsToStages": secret.stages() }),
        "UpdateSecretVersionStage" => {
            let stage = field("VersionStage").ok_or("InvalidParameterException")?;
            secret.move_label(&stage, field("RemoveFromVersionId").as_ref(), field("MoveToVersionId"))?
        }
        "RotateSecret" => secret.begin_rotation(&token())?,
        _ => return Err("InvalidRequestException"),
    };
    (answer["ARN"], answer["Name"]) = (json!(id), json!(id));
    Ok(answer)
}

impl Secret {
    fn get(&self, version: Option<String>, stage: Option<String>) -> Result<Value, &'static str> {
        let labelled = |stage: &str| self.labels.get(stage).cloned();
        let version = match (version, stage) {
            (Some(version), Some(stage)) if labelled(&stage).as_ref() != Some(&version) => {
                return Err("ResourceNotFoundException");
            }
            (Some(version), _) => version,
            (None, stage) => {
                labelled(stage.as_deref().unwrap_or(CURRENT)).ok_or("ResourceNotFoundException")?
            }
        };
        let text = self.versions.get(&version).cloned().flatten().ok_or("ResourceNotFoundException")?;
        let stages = self.stages_of(&version);
        Ok(json!({ "VersionId": version, "SecretString": text, "VersionStages": stages }))
    }

    fn put(&mut self, token: &str, text: String, stages: &[&str]) -> Result<Value, &'static str> {
        let there = self.versions.get(token).cloned().flatten();
        match there {
            Some(there) if there != text => return Err("ResourceExistsException"),
            // Sent again: not even the labels move.
            Some(_) => return Ok(json!({ "VersionId": token, "VersionStages": self.stages_of(token) })),
            None => {}
        }
        self.versions.insert(token.to_owned(), Some(text));
        for stage in stages {
            self.label(stage, token);
        }
        Ok(json!({ "VersionId": token, "VersionStages": stages }))
    }

    fn move_label(
        &mut self,
        stage: &str,
        from: Option<&String>,
        to: Option<String>,
    ) -> Result<Value, &'static str> {
        // A label that is somewhere moves only for who knows where it is.
        if self.labels.get(stage) != from {
            return Err("InvalidParameterException");
        }
        match to {
            Some(to) if self.versions.contains_key(&to) => self.label(stage, &to),
            Some(_) => return Err("InvalidParameterException"),
            None => {
                self.labels.remove(stage);
            }
        }
        Ok(json!({}))
    }

    fn begin_rotation(&mut self, token: &str) -> Result<Value, &'static str> {
        let pending = self.labels.get(PENDING);
        // The one before has not been finished.
        if pending.is_some_and(|pending| pending != token) && pending != self.labels.get(CURRENT) {
            return Err("InvalidRequestException");
        }
        self.versions.entry(token.to_owned()).or_default();
        self.label(PENDING, token);
        Ok(json!({ "VersionId": token }))
    }

    fn label(&mut self, stage: &str, version: &str) {
        let before = self.labels.insert(stage.to_owned(), version.to_owned());
        // Where the label of the current version was, that of the previous one is.
        if let Some(before) = before.filter(|before| stage == CURRENT && before != version) {
            self.labels.insert(PREVIOUS.to_owned(), before);
        }
    }

    fn stages_of(&self, version: &str) -> Vec<&String> {
        self.labels.iter().filter(|(_, on)| *on == version).map(|(stage, _)| stage).collect()
    }

    fn stages(&self) -> BTreeMap<&String, Vec<&String>> {
        let versions = self.versions.keys().map(|version| (version, self.stages_of(version)));
        versions.filter(|(_, stages)| !stages.is_empty()).collect()
    }
}
