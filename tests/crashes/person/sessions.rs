//! Signing in and out, and what a session is good for between the two.

use serde_json::{Value, json};
use tests::{Answer, part};

use super::{Person, pin};

/// What the person knows of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    Ended,
}

pub(super) struct Session {
    pub(super) token: String,
    refresh_token: String,
    /// The refresh tokens before, oldest first, where each is spent for the next.
    spent: Option<Vec<String>>,
    pub(super) fate: Fate,
}

impl Session {
    /// Whose it is: the person, or their PIN.
    pub(super) fn user(&self) -> Value {
        part(&self.token, 1)["sub"].clone()
    }
}

impl Person {
    pub(super) fn any_session(&mut self) -> usize {
        usize::try_from(self.random.below(self.sessions.len() as u64)).unwrap()
    }

    pub(super) fn keep(&mut self, answer: &Answer, is_rotating: bool) {
        let tokens = answer.tokens();
        let spent = is_rotating.then(Vec::new);
        let (token, refresh_token) = (tokens.token, tokens.refresh_token);
        self.sessions.push(Session { token, refresh_token, spent, fate: Fate::Lives });
    }

    /// All sessions of this user are over.
    pub(super) fn end_all_of(&mut self, user: &Value) {
        for session in self.sessions.iter_mut().filter(|session| session.user() == *user) {
            session.fate = Fate::Ended;
        }
    }

    pub(super) async fn sign_in(&mut self, is_rotating: bool) {
        let client = if is_rotating { &self.rotating } else { &self.watch }.clone();
        let credentials = json!({ "username": self.name, "password": self.password });
        let body = json!({ "type": "password", "credentials": credentials });
        let told = self.ask(&client, "/v2/watch/auth/login", body).await;
        self.keep(&told.answer.expect(200, "W0000"), is_rotating);
        self.did("signed in by password");
    }

    pub(super) async fn sign_in_by_pin(&mut self) {
        let body = json!({ "type": "pin", "credentials": { "pin": pin(self.index) } });
        let told = self.ask(&self.watch.clone(), "/v2/watch/auth/login", body).await;
        self.keep(&told.answer.expect(200, "W0000"), false);
        self.did("signed in by PIN");
    }

    pub(super) async fn look(&mut self) {
        let index = self.any_session();
        self.check(index).await;
    }

    pub(super) async fn check(&mut self, index: usize) {
        let client = self.authorized(&self.sessions[index].token);
        let told = self.ask(&client, "/v2/watch/auth/session", Value::Null).await;
        match self.sessions[index].fate {
            Fate::Lives => told.answer.expect(200, "W0000"),
            Fate::Ended => told.answer.expect(401, "W2003"),
        };
        self.did("session looked at");
    }

    async fn try_refresh(&mut self, is_rotating: bool, refresh_token: &str) -> Answer {
        let client = if is_rotating { &self.rotating } else { &self.watch }.clone();
        let body = json!({ "refresh_token": refresh_token });
        self.ask(&client, "/v2/watch/auth/token/refresh", body).await.answer
    }

    pub(super) async fn refresh_any(&mut self) {
        let index = self.any_session();
        self.refresh(index).await;
    }

    async fn refresh(&mut self, index: usize) {
        let is_rotating = self.sessions[index].spent.is_some();
        let refresh_token = self.sessions[index].refresh_token.clone();
        let answer = self.try_refresh(is_rotating, &refresh_token).await;
        if self.sessions[index].fate == Fate::Ended {
            answer.expect(401, "W2003");
            return;
        }
        let answer = answer.expect(200, "W0000");
        let text = |field: &str| answer.body[field].as_str().map(ToOwned::to_owned);
        self.sessions[index].token = text("token").unwrap();
        self.did("refreshed");
        let Some(successor) = text("refresh_token") else {
            assert!(!is_rotating);
            return;
        };
        // However often it is sent, within the grace: the same one.
        let again = self.try_refresh(is_rotating, &refresh_token).await.expect(200, "W0000");
        assert_eq!(again.body["refresh_token"], successor.as_str());
        let session = &mut self.sessions[index];
        session.refresh_token = successor;
        session.spent.as_mut().unwrap().push(refresh_token);
        self.did("refresh token spent");
    }

    /// As whoever has copied a device does: the session ends.
    pub(super) async fn use_an_old_token(&mut self) {
        let index = self.rotating_session().await;
        while self.sessions[index].spent.as_ref().unwrap().len() < 2 {
            self.refresh(index).await;
        }
        let oldest = self.sessions[index].spent.as_ref().unwrap()[0].clone();
        self.try_refresh(true, &oldest).await.expect(401, "W2003");
        self.sessions[index].fate = Fate::Ended;
        self.check(index).await;
        self.did("old refresh token used");
    }

    /// One that lives and whose refresh tokens are spent.
    async fn rotating_session(&mut self) -> usize {
        let rotates = |session: &Session| session.spent.is_some() && session.fate == Fate::Lives;
        if let Some(index) = self.sessions.iter().position(rotates) {
            return index;
        }
        self.sign_in(true).await;
        self.sessions.len() - 1
    }

    pub(super) async fn sign_out(&mut self) {
        let index = self.any_session();
        let client = if self.sessions[index].spent.is_some() { &self.rotating } else { &self.watch }.clone();
        let body = json!({ "refresh_token": self.sessions[index].refresh_token });
        self.ask(&client, "/v2/watch/auth/logout", body).await.answer.expect(200, "W0000");
        self.sessions[index].fate = Fate::Ended;
        self.check(index).await;
        self.did("signed out");
    }

    /// Sets a new password, on the page or in the application.
    pub(super) async fn forget_the_password(&mut self) {
        // Ten e-mails an hour, and some are asked for twice.
        if self.resets == 4 {
            return;
        }
        self.resets += 1;
        let (watch, browser, email) = (self.watch.clone(), self.browser.clone(), self.email());
        let mails = |of: &Self| {
            of.studio.app.stack.world.outbox().email.iter().filter(|mail| mail.to == email).count()
        };
        let before = mails(self);
        while mails(self) == before {
            let told = self.ask(&watch, "/v2/watch/auth/forgot-password", json!({ "email": email })).await;
            let answer = told.answer.expect(200, "W0000");
            // Once more where SES did not take the e-mail in time, and for no other reason.
            assert!(mails(self) > before || self.studio.app.was_mail_late(&answer), "no e-mail");
        }
        let reset_code = self.studio.app.reset_code(&email);
        let new = self.new_name("has a new password");
        let body = json!({ "reset_code": reset_code, "new_password": new });
        if self.random.below(2) == 0 {
            self.ask(&watch, "/v2/watch/auth/reset-password", body.clone()).await.expect_or("W2002");
        } else {
            let (path, form) = (format!("/reset/{reset_code}"), [("new_password", &*new), ("again", &*new)]);
            let told = self.until_answered(None, || browser.post_form(&path, &form)).await;
            // A code is used once; who sends it again is told that it is over.
            if !(told.is_doubtful && told.answer.status == 404) {
                told.answer.expect_page(200, "Your password is set");
            }
        }
        self.password = new;
        self.sign_in(false).await;
        let last = self.sessions.pop().unwrap();
        self.end_all_of(&last.user());
        self.sessions.push(last);
        self.look().await;
        self.ask(&watch, "/v2/watch/auth/reset-password", body).await.answer.expect(401, "W2002");
        self.did("new password set");
    }
}
