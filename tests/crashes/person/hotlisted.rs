//! What an owner ends: a session, all of somebody's, or all that were opened with an API key.

use serde_json::{Value, json};
use shared::store::api_key::ApiKey;
use shared::store::{Store, parse};
use tests::costs::authorizer_event;
use tests::{Client, SignedIn, part};

use super::sessions::Fate;
use super::{PATIENCE, Person, pin};
use crate::{KEYS, key, key_id};

const HOTLIST: &str = "/v1/admin/auth/hotlist";

/// How many AWS calls it takes to end a key, most of which write a copy of it.
const CALLS_OF_A_KEY: u64 = 52;

/// What was done with an API key before an owner has ended it.
pub(super) struct Lost {
    /// An application with the key.
    client: Client,
    tokens: SignedIn,
}

impl Person {
    pub(super) async fn be_hotlisted(&mut self) {
        let index = self.any_session();
        let (user, session) =
            (self.sessions[index].user(), part(&self.sessions[index].token, 1)["sid"].clone());
        let is_all = self.random.below(2) == 0;
        let what = if is_all { json!({ "user": user }) } else { json!({ "session": session }) };
        self.ask(&self.owner.clone(), HOTLIST, what).await.answer.expect(200, "A0000");
        if is_all {
            self.end_all_of(&user);
        } else {
            self.sessions[index].fate = Fate::Ended;
        }
        self.check(index).await;
        self.did(if is_all { "person hotlisted" } else { "session hotlisted" });
    }

    /// An owner ends a key, copy by copy. However often that is cut off: once they were told that it is done, nothing
    /// works with any of them.
    pub(super) async fn lose_a_key(&mut self) {
        let number = self.lost.len();
        if number == KEYS {
            return;
        }
        let id = key_id(self.index, number);
        let client = self.authorized(&format!("Bearer {}", key(self.index, number)));
        let body = json!({ "type": "pin", "credentials": { "pin": pin(self.index) } });
        let told = self.ask(&client, "/v2/watch/auth/login", body).await;
        let lost = Lost { tokens: told.answer.expect(200, "W0000").tokens(), client };
        // Twice, so that the second one does not find it done either.
        for _ in 0..2 {
            self.random.plan_a_death(&self.studio.app, CALLS_OF_A_KEY);
        }
        let told = self.ask(&self.owner.clone(), HOTLIST, json!({ "api_key": id })).await;
        let is_doubtful = told.is_doubtful;
        let answer = told.answer.expect(200, "A0000");
        assert!(is_doubtful || answer.body["hotlisted"] == 1, "{answer:?}");
        for _ in 0..4 {
            self.expect_lost(&lost).await;
        }
        // A call reads any one copy, and these few have not read all of them.
        let store = Store::new(&self.studio.app.operator());
        let copies = ApiKey::first("acme", &id).copies();
        for copy in store.read_all(&copies.iter().collect::<Vec<_>>()).await.unwrap() {
            let copy: ApiKey = parse(copy).unwrap().unwrap();
            assert_eq!(copy.hotlisted, [copy.hash], "an owner was told that {id} was hotlisted");
        }
        self.lost.push(lost);
        self.did(if is_doubtful { "API key hotlisted, cut off" } else { "API key hotlisted" });
    }

    /// Nothing works with a key that was ended.
    pub(super) async fn expect_lost(&mut self, lost: &Lost) {
        let body = json!({ "refresh_token": lost.tokens.refresh_token });
        let told = self.ask(&lost.client, "/v2/watch/auth/token/refresh", body).await;
        told.answer.expect(401, "W2001");
        let device = json!({ "device": "AppleTV", "udid": self.new_name("tv") });
        let told = self.ask(&lost.client, "/v2/watch/auth/login/qr/get-code", device).await;
        told.answer.expect(401, "W2001");
        let session = self.authorized(&lost.tokens.token);
        let told = self.ask(&session, "/v2/watch/auth/session", Value::Null).await;
        told.answer.expect(401, "W2003");
        assert!(!self.is_let_in(&lost.tokens.token).await);
    }

    /// A route of another stack, which asks the authorizer.
    pub(super) async fn ask_another_stack(&mut self) {
        let index = self.any_session();
        let token = self.sessions[index].token.clone();
        assert_eq!(self.is_let_in(&token).await, self.sessions[index].fate == Fate::Lives);
        self.did("authorizer asked");
    }

    /// What the authorizer says, asked until it answers.
    async fn is_let_in(&mut self, token: &str) -> bool {
        for _ in 0..PATIENCE {
            self.maybe_plan_a_death();
            let event = authorizer_event(&self.studio.app, token);
            if let Ok(answer) = self.studio.app.stack.invoke("authorizer", event).await {
                return answer["isAuthorized"].as_bool().unwrap();
            }
        }
        panic!("not answered {PATIENCE} times");
    }
}
