//! A TV that shows a code, and the phone that answers it.

use serde_json::json;
use tests::phone::Phone;
use tests::{Answer, part};

use super::sessions::Fate;
use super::{Person, pin};

const PATH: &str = "/v2/watch/auth/login/qr";
/// The title of the page before anybody has signed in on it.
const FORM: &str = "Sign in on Apple TV";

/// A TV that shows a code.
struct Tv {
    udid: String,
    code: String,
}

impl Person {
    async fn turn_on_a_tv(&mut self) -> Tv {
        let (watch, udid) = (self.watch.clone(), self.new_name("tv"));
        let device = json!({ "device": "AppleTV", "udid": udid });
        let asked = self.ask(&watch, &format!("{PATH}/get-code"), device).await.answer.expect(200, "W0000");
        Tv { udid, code: asked.body["login_code"].as_str().unwrap().to_owned() }
    }

    /// With the application on a phone that is signed in.
    pub(super) async fn sign_in_on_a_tv(&mut self) {
        let Some(index) = self.sessions.iter().position(|session| session.fate == Fate::Lives) else {
            return;
        };
        let tv = self.turn_on_a_tv().await;
        let phone = self.authorized(&self.sessions[index].token);
        let approves = self.random.below(4) > 0;
        // A code is answered once; who asks again is told that it is over.
        let answer = json!({ "login_code": tv.code, "approve": approves });
        self.ask(&phone, PATH, answer).await.expect_or("W2002");
        if approves {
            self.be_signed_in_on(&tv).await;
            self.did("signed in on a TV by token");
        } else {
            self.be_refused_on(&tv).await;
            self.did("refused on a TV by token");
        }
    }

    /// With an application that nobody is signed in to: login and approval in one.
    pub(super) async fn sign_in_on_a_tv_with_credentials(&mut self) {
        let tv = self.turn_on_a_tv().await;
        let is_by_pin = self.random.below(2) == 0;
        let (kind, credentials) = if is_by_pin {
            ("pin", json!({ "pin": pin(self.index) }))
        } else {
            ("password", json!({ "username": self.name, "password": self.password }))
        };
        let body = json!({ "login_code": tv.code, "type": kind, "credentials": credentials });
        self.ask(&self.watch.clone(), PATH, body).await.expect_or("W2002");
        self.be_signed_in_on(&tv).await;
        self.did(if is_by_pin {
            "signed in on a TV with a PIN"
        } else {
            "signed in on a TV with a password"
        });
    }

    /// In a phone's browser, by password or PIN.
    pub(super) async fn sign_in_on_a_tv_from_its_page(&mut self) {
        let tv = self.turn_on_a_tv().await;
        let mut phone = Phone::new(self.browser.clone(), &tv.code);
        let form = self.until_answered(None, || phone.client.get(&phone.path)).await.answer;
        phone.show(&form.expect_page(200, FORM));
        // Whoever has the code can refuse it, signed in or not.
        if self.random.below(8) == 0 {
            return self.refuse_on_the_page(&tv, &phone).await;
        }
        let (name, password, pin) = (self.name.clone(), self.password.clone(), pin(self.index));
        if self.random.below(4) == 0 {
            let wrong = [("type", "password"), ("username", &*name), ("password", "not the password")];
            let again = self.fill_in(&phone, &wrong).await.answer;
            phone.show(&again.expect_page(400, FORM));
        }
        let credentials = if self.random.below(2) == 0 {
            vec![("type", "pin"), ("pin", pin.as_str())]
        } else {
            vec![("type", "password"), ("username", name.as_str()), ("password", password.as_str())]
        };
        let question = self.fill_in(&phone, &credentials).await.answer;
        phone.show(&question.expect_page(200, "Approve this Apple TV?"));
        if self.random.below(8) == 0 {
            return self.refuse_on_the_page(&tv, &phone).await;
        }
        let approved = self.fill_in(&phone, &[("answer", "approve")]).await;
        approved.answer.expect_page(200, "You approved the Apple TV");
        self.be_signed_in_on(&tv).await;
        self.did("signed in on a TV from its page");
    }

    async fn refuse_on_the_page(&mut self, tv: &Tv, phone: &Phone) {
        let refused = self.fill_in(phone, &[("answer", "refuse")]).await;
        refused.answer.expect_page(200, "Sign-in was refused");
        self.be_refused_on(tv).await;
        self.did("refused on a TV's page");
    }

    async fn be_refused_on(&mut self, tv: &Tv) {
        let poll = json!({ "login_code": tv.code, "udid": tv.udid });
        let told = self.ask(&self.watch.clone(), &format!("{PATH}/get-token"), poll).await;
        told.answer.expect(403, "W2101");
    }

    async fn be_signed_in_on(&mut self, tv: &Tv) {
        let (watch, path) = (self.watch.clone(), format!("{PATH}/get-token"));
        let poll = json!({ "login_code": tv.code, "udid": tv.udid });
        let first = self.ask(&watch, &path, poll.clone()).await.answer.expect(200, "W0000");
        let second = self.ask(&watch, &path, poll).await.answer.expect(200, "W0000");
        let session = |answer: &Answer| part(answer.body["token"].as_str().unwrap(), 1)["sid"].clone();
        assert_eq!(session(&first), session(&second), "a code is one session");
        self.keep(&first, false);
    }
}
