//! What may be tried only so often: typing wrong things, and telling that from the right ones.

use serde_json::{Value, json};

use super::{Person, pin};
use crate::budgets::{Limited, Try};
use crate::{NO_CODE, PLAYER, STAFF};

const LOGIN: &str = "/v2/watch/auth/login";
const SIGN_UP: &str = "/v2/watch/auth/users";

impl Person {
    /// What this call tries that may be tried only so often, and whether it is right.
    pub(super) fn tried(&self, path: &str, body: &Value) -> Option<Try> {
        let fields = body.get("credentials").unwrap_or(body);
        let text = |name: &str| fields[name].as_str();
        // An unknown login code is all that is looked at.
        if body["login_code"] == NO_CODE || path.ends_with(NO_CODE) {
            return Some(Try::new(Limited::LoginCode, &self.address, false));
        }
        if path.ends_with("/forgot-password") {
            return Some(Try::new(Limited::Message, text("email")?, false));
        }
        if let Some(code) = text("otp") {
            let is_right = self.code.as_deref() == Some(code);
            return Some(Try::new(Limited::OneTimeCode, format!("{} at {path}", self.name), is_right));
        }
        if let Some(given) = text("pin") {
            return Some(Try::new(Limited::Pin, &self.address, given == pin(self.index)));
        }
        let name = text("username").or(text("emailAddress")).filter(|_| path != SIGN_UP)?;
        let is_right = [&self.password, PLAYER, STAFF].contains(&text("password")?);
        Some(Try::new(Limited::Password, name, is_right))
    }

    /// Types something that is wrong, and then what is right, so that no ten are in a row.
    pub(super) async fn mistype(&mut self) {
        let (watch, pin) = (self.watch.clone(), json!({ "pin": "SEAT-OTHER" }));
        let qr = format!("{LOGIN}/qr");
        let (client, path, body) = match self.random.below(6) {
            0 => (&watch, LOGIN.to_owned(), json!({ "type": "pin", "credentials": pin })),
            1 => (&watch, qr, json!({ "login_code": NO_CODE, "type": "pin", "credentials": pin })),
            2 => (&watch, format!("{qr}/get-token"), json!({ "login_code": NO_CODE, "udid": self.name })),
            3 => {
                let body = json!({ "username": self.staff(), "password": "not the password" });
                let answer = self.ask(&self.admin.clone(), "/v1/admin/auth/login", body).await.answer;
                answer.expect(401, "A2002");
                self.did("something mistyped");
                return self.work_with_a_password().await;
            }
            _ => {
                let credentials = json!({ "username": self.name, "password": "not the password" });
                (&watch, LOGIN.to_owned(), json!({ "type": "password", "credentials": credentials }))
            }
        };
        self.ask(client, &path, body).await.answer.expect(401, "W2002");
        self.did("something mistyped");
        self.sign_in(false).await;
    }
}
