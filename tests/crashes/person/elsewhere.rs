//! A screener that wants a code, a player that speaks another API, and the studio's own people.

use serde_json::{Value, json};
use tests::part;
use tests::studio::{Begun, INITIATE, LOGIN, body};

use super::{PATIENCE, Person};
use crate::PLAYER;

impl Person {
    /// A screener that wants a code: it opens once.
    pub(super) async fn watch_with_a_code(&mut self) {
        self.sign_in(false).await;
        let client = self.studio.app.authorized(&self.sessions[0].token).forgetting();
        let path = "/v2/watch/content/screeners/login/2fa";
        let number = json!({ "phone": self.phone, "country_code": 1 });
        self.ask(&client, path, number).await.answer.expect(200, "W0000");
        self.ask(&client, path, Value::Null).await.expect_or("W5001");
        let sent = self.studio.app.sms_to(&format!("+1{}", self.phone));
        // A function that died before it sent the message has counted it all the same.
        let Some(code) = sent.last().and_then(|sms| sms.body.rsplit_once('#')).map(|(_, code)| code) else {
            return;
        };
        let verify = format!("{path}/verify");
        self.ask(&client, &verify, json!({ "otp": code })).await.expect_or("W2002");
        self.ask(&client, &verify, json!({ "otp": code })).await.answer.expect(401, "W2002");
    }

    /// A player that speaks VIDIZMO's API.
    pub(super) async fn play_elsewhere(&mut self) {
        let player = self.studio.app.vidizmo().forgetting();
        let address = format!("player{}@acme.example", self.index);
        let body = json!({ "emailAddress": address, "password": PLAYER });
        let token = self.ask(&player, "/api/v1/user/authenticate", body).await.answer.opaque();
        let first = player.clone().bearing(&token);
        let refresh = "/api/v1/user/refresh-access-token";
        let token = self.ask(&first, refresh, json!({})).await.answer.opaque();
        let again = self.ask(&first, refresh, json!({})).await.answer.opaque();
        assert_eq!(again, token, "the same successor");
        let second = player.bearing(&token);
        let told = self.ask(&second, "/api/v1/user/logout", json!({})).await;
        if !told.is_doubtful {
            told.answer.expect_value();
        }
        let over = self.ask(&second, refresh, json!({})).await.answer;
        over.expect_exception(400, "ExpiredAccessTokenException");
    }

    /// An admin whom the studio's provider knows. They have one account, however often the call died that made it.
    pub(super) async fn work(&mut self) {
        let admin = self.admin.clone();
        let tokens = self.sign_in_at_the_provider().await;
        let user = part(&tokens.token, 1)["sub"].clone();
        assert_eq!(*self.admin_user.get_or_insert_with(|| user.clone()), user);
        let refresh = json!({ "refresh_token": tokens.refresh_token });
        let refreshed = self.ask(&admin, "/v1/admin/auth/refresh", refresh.clone()).await.answer;
        let token = refreshed.expect(200, "A0000").body["token"].as_str().unwrap().to_owned();
        let session = self.studio.app.authorized(&token).forgetting();
        self.ask(&session, "/v1/admin/auth/session", Value::Null).await.answer.expect(200, "A0000");
        self.ask(&admin, "/v1/admin/auth/logout", refresh.clone()).await.answer.expect(200, "A0000");
        self.ask(&session, "/v1/admin/auth/session", Value::Null).await.answer.expect(401, "A2003");
        self.ask(&admin, "/v1/admin/auth/refresh", refresh).await.answer.expect(401, "A2003");
    }

    /// A sign-in that was cut off is begun anew: its state may be taken, and its code used up.
    async fn sign_in_at_the_provider(&mut self) -> tests::SignedIn {
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
