//! A person's sessions are ended while others begin and go on: of what began before the end nothing works after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use shared::store::identity::{Identity, Secret};
use shared::store::reset::{LIFETIME, Person, Reset};
use shared::store::user::User;
use shared::store::{Store, parse};
use tests::costs::authorizer_event;
use tests::{Answer, App, Client, SignedIn, at_once, part};

use crate::{CALLS, PIN, add_people, address, hold, next_hour, rounds};

/// TVs that somebody has approved before, and as many that are approved meanwhile.
const TVS: usize = 4;
/// Rounds between two sign-ins of the owner, whose access token lasts a quarter of an hour.
const ROUNDS_OF_A_TOKEN: usize = 20;
/// One of the two passwords that a person has in turn.
const PASSWORDS: [&str; 2] = ["the last seat of the row", "the first seat of the row"];
const NAME: &str = "person0";

fn udid(tv: usize) -> String {
    format!("tv {tv}")
}

/// What a person has before the end: a session that keeps its refresh token and one that does not, and TVs, the first
/// half of which may sign in.
#[derive(Clone)]
struct Before {
    watch: Client,
    rotating: Client,
    sessions: [SignedIn; 2],
    codes: Vec<String>,
    /// Whoever ends it has been told that it is over.
    is_over: Arc<AtomicBool>,
}

impl Before {
    /// By credentials as a login takes them.
    async fn begin(app: &App, login: &Value) -> Self {
        let [watch, rotating] = ["acme-watch", "acme-rotating"].map(|key| app.key(key).forgetting());
        let sign_in = async |client: &Client| {
            let answer = client.post("/v2/watch/auth/login", login.clone()).await;
            answer.expect(200, "W0000").tokens()
        };
        let sessions = [sign_in(&watch).await, sign_in(&rotating).await];
        let mut codes = Vec::new();
        for tv in 0..2 * TVS {
            codes.push(watch.get_code(&udid(tv)).await);
        }
        let before = Self { watch, rotating, sessions, codes, is_over: Arc::default() };
        for tv in 0..TVS {
            before.approve(tv).await.expect(200, "W0000");
        }
        before
    }

    async fn approve(&self, tv: usize) -> Answer {
        self.watch.clone().bearing(&self.sessions[0].token).approve(&self.codes[tv]).await
    }

    async fn poll(&self, tv: usize) -> Answer {
        self.watch.get_token(&self.codes[tv], &udid(tv)).await
    }

    /// One of many calls: first of each TV, then of the sessions.
    async fn go_on(&self, index: usize, until_refused: bool) -> Answer {
        if index < 2 * TVS {
            // Each TV is later than the one before, so that the end comes between them.
            for _ in 0..index % TVS {
                let _ = self.refresh(index).await;
            }
            return if index < TVS { self.poll(index).await } else { self.approve(index).await };
        }
        let mut answer = self.refresh(index).await;
        // However long the end takes: only what begins after its answer must be refused.
        while until_refused && answer.status == 200 {
            let is_over = self.is_over.load(Ordering::SeqCst);
            let next = self.refresh(index).await;
            if next.status != 200 {
                next.expect(401, "W2003");
                break;
            }
            assert!(!is_over, "nothing ends it");
            answer = next;
        }
        answer
    }

    /// Every other call refreshes the session whose refresh token changes.
    async fn refresh(&self, index: usize) -> Answer {
        if index.is_multiple_of(2) {
            self.watch.refresh(&self.sessions[0].refresh_token).await
        } else {
            self.rotating.refresh(&self.sessions[1].refresh_token).await
        }
    }

    /// Comes at once after the end, while others are under way yet.
    async fn expect_refused(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        for session in 0..2 {
            self.refresh(session).await.expect(401, "W2003");
        }
    }

    /// Holds the answers to that against what they may be, and all that they have opened against the end. `others`
    /// have begun before it too.
    async fn expect_over(&self, app: &App, answers: Vec<Answer>, others: &[Answer]) {
        let approved: Vec<_> = (0..2 * TVS).map(|tv| tv < TVS || answers[tv].status == 200).collect();
        let (mut access, mut refresh) = (BTreeMap::new(), BTreeSet::new());
        for tokens in answers.iter().chain(others).map(|answer| &answer.body) {
            let [token, refresh_token] = [&tokens["token"], &tokens["refresh_token"]].map(Value::as_str);
            access.extend(token.map(|token| (part(token, 1)["sid"].to_string(), token.to_owned())));
            refresh.extend(refresh_token.map(ToOwned::to_owned));
        }
        for tokens in self.sessions.clone() {
            access.insert(part(&tokens.token, 1)["sid"].to_string(), tokens.token);
            refresh.insert(tokens.refresh_token);
        }
        for (index, answer) in answers.into_iter().enumerate() {
            let refusal = if index < TVS { "W2002" } else { "W2003" };
            let row = if answer.status == 200 { (200, "W0000", 1) } else { (401, refusal, 1) };
            hold(vec![answer], &[row]);
        }
        for token in access.values() {
            let client = app.authorized(token).forgetting();
            client.get("/v2/watch/auth/session").await.expect(401, "W2003");
            let answer = app.stack.invoke("authorizer", authorizer_event(app, token)).await.unwrap();
            assert_eq!(answer["isAuthorized"], false);
        }
        for token in &refresh {
            let is_rotating = part(token, 1)["client_id"] == "acme-rotating";
            let client = if is_rotating { &self.rotating } else { &self.watch };
            client.refresh(token).await.expect(401, "W2003");
        }
        app.advance(10);
        for (tv, is_approved) in approved.into_iter().enumerate() {
            let row = if is_approved { (401, "W2002") } else { (202, "W3000") };
            self.poll(tv).await.expect(row.0, row.1);
        }
    }
}

/// A session that has begun after the end.
async fn expect_alive(app: &App, watch: &Client, tokens: &SignedIn) {
    let client = app.authorized(&tokens.token).forgetting();
    client.get("/v2/watch/auth/session").await.expect(200, "W0000");
    watch.refresh(&tokens.refresh_token).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_began_before_a_person_is_hotlisted_is_over() {
    /// Those who sign in meanwhile, before or after.
    const ARRIVING: usize = 4;
    let app = App::start().await;
    let login = json!({ "type": "pin", "credentials": { "pin": PIN } });
    let mut olga = app.anonymous();
    for round in rounds() {
        if round % ROUNDS_OF_A_TOKEN == 0 {
            next_hour(&app);
            olga = app.authorized(&app.olga().await.token).forgetting();
        }
        let before = Before::begin(&app, &login).await;
        let person = part(&before.sessions[0].token, 1)["sub"].clone();
        let mut answers = at_once(CALLS, |index| {
            let (before, olga, person) = (before.clone(), olga.clone(), person.clone());
            async move {
                // Somebody ends them, and signs in afterwards.
                if index == 0 {
                    let answer = olga.post("/v1/admin/auth/hotlist", json!({ "user": person })).await;
                    answer.expect(200, "A0000");
                    before.expect_refused().await;
                }
                match index.checked_sub(ARRIVING + 1) {
                    None => before.watch.login_by_pin(PIN).await,
                    Some(index) => before.go_on(index, true).await,
                }
            }
        })
        .await;
        let went_on = answers.split_off(ARRIVING + 1);
        let after = answers[0].tokens();
        hold(answers, &[(200, "W0000", ARRIVING + 1)]);
        before.expect_over(&app, went_on, &[]).await;
        expect_alive(&app, &before.watch, &after).await;
    }
}

/// The two copies of the person, which are the same, and the epoch of their sessions.
async fn person(store: &Store) -> Identity {
    let keys = [NAME, &address(0)].map(|name| Identity::key("acme", name));
    let copies = store.read(keys.each_ref()).await.unwrap();
    let [copy, other] = copies.map(|copy| parse::<Identity>(copy).unwrap().unwrap());
    assert_eq!(copy, other);
    let [user] = store.read([&User::key("acme", &copy.user)]).await.unwrap();
    assert_eq!(parse::<User>(user).unwrap().unwrap().epoch, copy.epoch);
    copy
}

/// Gives the person a hash as an import brings it, and a reset code.
async fn weaken(store: &Store, hash: &str, code: &str, now: i64) {
    let identity = person(store).await;
    let old = identity.password_hash.as_deref().unwrap();
    let mut writes: Vec<_> = identity
        .names()
        .iter()
        .map(|name| store.rehashing("acme", name, Secret::Password, [old, hash]))
        .collect();
    let (enterprise, expires_at) = ("acme".to_owned(), now + LIFETIME);
    let reset = Reset { enterprise, person: Person::of(identity), expires_at, used_at: None };
    writes.push(store.creating_reset(&code.into(), &reset).unwrap());
    store.transact(writes).await.unwrap().unwrap();
}

/// A login by the old password puts a stronger hash of it in the place of the imported one, while a reset puts that
/// of the new password there.
#[tokio::test(flavor = "multi_thread")]
async fn what_began_before_a_password_is_reset_is_over_and_the_old_one_too() {
    /// Those who come with the old password: two to Watch, one to VIDIZMO and one to a TV. Each costs a hash.
    const ARRIVING: usize = 4;
    let hashes = PASSWORDS.map(|password| bcrypt::hash(password, 4).unwrap());
    let app = App::changed(|document| {
        add_people(document, 1);
        let people = document["enterprises"][0]["users"].as_array_mut().unwrap();
        let person = people.last_mut().unwrap();
        person["password_hash"] = json!(hashes[0]);
        person["surfaces"] = json!(["watch", "vidizmo"]);
    })
    .await;
    let (store, vidizmo) = (Store::new(&app.operator()), app.vidizmo().forgetting());
    for round in rounds() {
        let (now, [old, new]) = (next_hour(&app), [round % 2, 1 - round % 2].map(|which| PASSWORDS[which]));
        let credentials = json!({ "username": NAME, "password": old });
        let login = json!({ "type": "password", "credentials": credentials });
        let before = Before::begin(&app, &login).await;
        let code = before.watch.get_code("another tv").await;
        let reset_code = format!("{round:026}");
        weaken(&store, &hashes[round % 2], &reset_code, now).await;
        let mut answers = at_once(CALLS, |index| {
            let (before, vidizmo, mut login) = (before.clone(), vidizmo.clone(), login.clone());
            login["login_code"] = json!(code);
            let reset = json!({ "reset_code": reset_code, "new_password": new });
            async move {
                let watch = &before.watch;
                match index {
                    0 => {
                        watch.post("/v2/watch/auth/reset-password", reset).await.expect(200, "W0000");
                        before.expect_refused().await;
                        watch.login(NAME, new).await
                    }
                    1 => vidizmo.authenticate(&address(0), old).await,
                    2 => watch.post("/v2/watch/auth/login/qr", login).await,
                    3..=ARRIVING => watch.login([NAME, &address(0)][index % 2], old).await,
                    // Two go on until they are refused, and not all: first the new password is hashed.
                    _ => before.go_on(index - ARRIVING - 1, index >= CALLS - 2).await,
                }
            }
        })
        .await;
        let went_on = answers.split_off(ARRIVING + 1);
        let arrived = answers.split_off(3);
        let [after, by_vidizmo, by_tv] = answers.try_into().unwrap();
        before.expect_over(&app, went_on, &arrived).await;
        let in_time = arrived.iter().filter(|answer| answer.status == 200).count();
        hold(arrived, &[(200, "W0000", in_time), (401, "W2002", ARRIVING - 2 - in_time)]);
        if by_vidizmo.status == 200 {
            let client = vidizmo.clone().bearing(&by_vidizmo.opaque());
            client.user(&address(0)).await.expect_exception(400, "ExpiredAccessTokenException");
        } else {
            by_vidizmo.expect_exception(400, "InvalidCredentialsException");
        }
        let polled = before.watch.get_token(&code, "another tv").await;
        if by_tv.status == 200 {
            polled.expect(401, "W2002");
        } else {
            by_tv.expect(401, "W2002");
            polled.expect(202, "W3000");
        }
        // Of two copies that are the same, one is enough to ask.
        person(&store).await;
        before.watch.login([NAME, &address(0)][round % 2], old).await.expect(401, "W2002");
        expect_alive(&app, &before.watch, &after.expect(200, "W0000").tokens()).await;
    }
}
