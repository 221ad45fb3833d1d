//! A TV that shows a code, and the phone that answers it.

use serde_json::json;
use tests::phone::Phone;
use tests::{Answer, part};

use super::sessions::Fate;
use super::{Person, pin};

const PATH: &str = "/v2/watch/auth/login/qr";

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
        let phone = self.studio.app.authorized(&self.sessions[index].token).forgetting();
        // A code is answered once; who asks again is told that it is over.
        self.ask(&phone, PATH, json!({ "login_code": tv.code })).await.expect_or("W2002");
        self.be_signed_in_on(&tv).await;
    }

    /// In a phone's browser, by password or PIN.
    pub(super) async fn sign_in_on_a_tv_from_its_page(&mut self) {
        let tv = self.turn_on_a_tv().await;
        let mut phone = Phone::new(self.browser.clone(), &tv.code);
        let form = self.until_answered(|| phone.client.get(&phone.path)).await.answer;
        phone.show(&form.expect_page(200, "Sign in on Apple TV"));
        let (name, password, pin) = (self.name.clone(), self.password.clone(), pin(self.index));
        let credentials = if self.random.below(2) == 0 {
            vec![("type", "pin"), ("pin", pin.as_str())]
        } else {
            vec![("type", "password"), ("username", name.as_str()), ("password", password.as_str())]
        };
        let question = self.until_answered(|| phone.send_quietly(&credentials)).await.answer;
        phone.show(&question.expect_page(200, "Approve this Apple TV?"));
        let approved = self.until_answered(|| phone.send_quietly(&[("answer", "approve")])).await;
        approved.answer.expect_page(200, "You approved the Apple TV");
        self.be_signed_in_on(&tv).await;
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
