//! A screener that wants a code, a player that speaks another API, and the studio's own people.

use serde_json::{Value, json};
use tests::costs::wrong_code;
use tests::studio::{Begun, INITIATE, LOGIN, body};
use tests::{SignedIn, part};

use super::{PATIENCE, Person};
use crate::{FILMS, PLAYER, STAFF, film};

impl Person {
    /// A screener that wants a code: it opens once, and after too many wrong ones not even that.
    pub(super) async fn watch_with_a_code(&mut self) {
        if self.films == FILMS {
            return;
        }
        self.sign_in(false).await;
        let client = self.authorized(&self.sessions.last().unwrap().token);
        let path = format!("/v2/watch/content/screeners/{}/2fa", film(self.films));
        // A number for each film, since one is not sent two messages within half a minute.
        let phone = 2_025_550_110 + self.index * FILMS + self.films;
        self.films += 1;
        let number = json!({ "phone": phone, "country_code": 1 });
        self.ask(&client, &path, number).await.answer.expect(200, "W0000");
        self.ask(&client, &path, Value::Null).await.expect_or("W5001");
        let sent = self.studio.app.sms_to(&format!("+1{phone}"));
        let Some(code) = sent.last().and_then(|sms| sms.body.rsplit_once('#')).map(|(_, code)| code) else {
            // A function that died before it sent the message has counted it all the same.
            return self.did("text message lost");
        };
        self.code = Some(code.to_owned());
        let verify = format!("{path}/verify");
        for nth in 1..=self.random.below(8) {
            let wrong = json!({ "otp": wrong_code(code, u32::try_from(nth).unwrap()) });
            self.ask(&client, &verify, wrong).await.answer.expect(401, "W2002");
        }
        // Whether it may open, and whether it has to, is a matter of the limit's.
        let told = self.ask(&client, &verify, json!({ "otp": code })).await.answer;
        let is_open = told.status == 200;
        if is_open {
            told.expect(200, "W0000")
        } else {
            told.expect(401, "W2002")
        };
        self.ask(&client, &verify, json!({ "otp": code })).await.answer.expect(401, "W2002");
        self.did(if is_open { "one-time code opened" } else { "one-time code used up" });
    }

    /// A player that speaks VIDIZMO's API.
    pub(super) async fn play_elsewhere(&mut self) {
        let player = self.player.clone();
        let address = format!("player{}@acme.example", self.index);
        let body = json!({ "emailAddress": address, "password": PLAYER });
        let user = format!("/api/v1/user/{address}?userPartsToFetch=BasicInfo");
        let token = self.ask(&player, "/api/v1/user/authenticate", body).await.answer.opaque();
        let first = player.clone().bearing(&token);
        let found = self.ask(&first, &user, Value::Null).await.answer.expect_value();
        assert_eq!(found["emailAddress"], address.as_str());
        let refresh = "/api/v1/user/refresh-access-token";
        let token = self.ask(&first, refresh, json!({})).await.answer.opaque();
        let again = self.ask(&first, refresh, json!({})).await.answer.opaque();
        assert_eq!(again, token, "the same successor");
        let second = player.bearing(&token);
        self.ask(&second, &user, Value::Null).await.answer.expect_value();
        let is_get = self.random.below(2) == 0;
        let nothing = if is_get { Value::Null } else { json!({}) };
        let told = self.ask(&second, "/api/v1/user/logout", nothing).await;
        // Who signs out again is told that it is over.
        if told.is_doubtful && told.answer.status == 400 {
            told.answer.expect_exception(400, "ExpiredAccessTokenException");
        } else {
            told.answer.expect_value();
        }
        for (path, body) in [(refresh, json!({})), (&*user, Value::Null)] {
            let over = self.ask(&second, path, body).await.answer;
            over.expect_exception(400, "ExpiredAccessTokenException");
        }
        self.did(if is_get { "signed out elsewhere by GET" } else { "signed out elsewhere by POST" });
    }

    /// As one of the studio's own.
    pub(super) async fn work(&mut self) {
        if self.random.below(2) == 0 { self.work_with_a_password().await } else { self.work_by_sso().await }
    }

    /// The name of an admin who has a password.
    pub(super) fn staff(&self) -> String {
        format!("staff{}", self.index)
    }

    pub(super) async fn work_with_a_password(&mut self) {
        let body = json!({ "username": self.staff(), "password": STAFF });
        let told = self.ask(&self.admin.clone(), "/v1/admin/auth/login", body).await;
        self.work_with(told.answer.expect(200, "A0000").tokens()).await;
        self.did("worked with a password");
    }

    /// An admin whom the studio's provider knows. They have one account, however often the call died that made it.
    async fn work_by_sso(&mut self) {
        let tokens = self.sign_in_at_the_provider().await;
        let user = part(&tokens.token, 1)["sub"].clone();
        assert_eq!(*self.admin_user.get_or_insert_with(|| user.clone()), user);
        self.work_with(tokens).await;
        self.did("worked by single sign-on");
    }

    async fn work_with(&mut self, tokens: SignedIn) {
        let admin = self.admin.clone();
        let refresh = json!({ "refresh_token": tokens.refresh_token });
        let refreshed = self.ask(&admin, "/v1/admin/auth/refresh", refresh.clone()).await.answer;
        let token = refreshed.expect(200, "A0000").body["token"].as_str().unwrap().to_owned();
        let session = self.authorized(&token);
        self.ask(&session, "/v1/admin/auth/session", Value::Null).await.answer.expect(200, "A0000");
        self.ask(&admin, "/v1/admin/auth/logout", refresh.clone()).await.answer.expect(200, "A0000");
        self.ask(&session, "/v1/admin/auth/session", Value::Null).await.answer.expect(401, "A2003");
        self.ask(&admin, "/v1/admin/auth/refresh", refresh).await.answer.expect(401, "A2003");
    }

    /// A sign-in that was cut off is begun anew: its state may be taken, and its code used up.
    async fn sign_in_at_the_provider(&mut self) -> SignedIn {
        let admin = self.admin.clone();
        let (email, sub) = (format!("admin{}@acme.example", self.index), format!("admin-{}", self.index));
        for _ in 0..PATIENCE {
            let begun = Begun::of(self.ask(&admin, INITIATE, json!({ "username": email })).await.answer);
            let code = self.studio.provider.sign_in(&begun.redirect, &email, &sub);
            let told = self.ask(&admin, LOGIN, body(&begun, &email, &code)).await;
            if let Some(answer) = told.expect_or("A2002") {
                return answer.tokens();
            }
        }
        panic!("not signed in {PATIENCE} times");
    }
}
