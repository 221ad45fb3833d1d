//! SES v2: `SendEmail` with simple content.

use serde_json::{Value, json};

use super::{Answer, failure};
use crate::world::{Email, World};

pub(super) fn call(operation: &str, body: &[u8], world: &World) -> Answer {
    let request = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let to = request["Destination"]["ToAddresses"][0].as_str();
    let (Some(to), "SendEmail") = (to, operation) else {
        return failure("ses", 400, "BadRequestException");
    };
    let simple = &request["Content"]["Simple"];
    let text = |value: &Value| value["Data"].as_str().unwrap_or_default().to_owned();
    let email = Email {
        to: to.to_owned(),
        from: request["FromEmailAddress"].as_str().unwrap_or_default().to_owned(),
        subject: text(&simple["Subject"]),
        text: text(&simple["Body"]["Text"]),
        html: text(&simple["Body"]["Html"]),
        at: world.clock.now(),
    };
    let mut outbox = world.outbox();
    outbox.email.push(email);
    let id = format!("local-{}", outbox.email.len());
    Answer::ok("application/json", json!({ "MessageId": id }).to_string())
}
