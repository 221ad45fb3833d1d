//! A person with a few devices, who knows what they were told.

use std::sync::Arc;

use serde_json::json;
use tests::{Answer, App, Client, part};

use crate::PLAYER;
use crate::history::History;
use crate::random::Random;

/// How often something is asked again that nobody answered.
const PATIENCE: usize = 30;

/// What the person knows of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lives,
    Ended,
}

struct Session {
    token: String,
    refresh_token: String,
    /// The refresh tokens before, oldest first, where each is spent for the next.
    spent: Option<Vec<String>>,
    fate: Fate,
}

pub(crate) struct Person {
    app: Arc<App>,
    history: Arc<History>,
    random: Random,
    index: usize,
    name: String,
    password: String,
    phone: u64,
    sessions: Vec<Session>,
    watch: Client,
    rotating: Client,
    owner: Client,
    /// Numbers whatever has to have a new name.
    last: usize,
}

/// An answer, and whether a call before it had none: then what it asked may have been done before.
struct Told {
    answer: Answer,
    is_doubtful: bool,
}

impl Told {
    /// Expects a success, or, where it may have been done before, what a client is told that asks again.
    #[track_caller]
    fn expect_or(self, status_code: &str) -> bool {
        let already = self.is_doubtful && self.answer.body["status_code"] == status_code;
        if !already {
            self.answer.expect(200, "W0000");
        }
        !already
    }
}

impl Person {
    pub(crate) async fn sign_up(
        app: Arc<App>,
        history: Arc<History>,
        random: Random,
        owner: Client,
        index: usize,
    ) -> Self {
        // An address of their own, so that one's tries are not another's.
        let client = |key: &str| {
            let address = format!("127.1.0.{}", index + 1);
            app.key(key).from(&address).forgetting()
        };
        let mut person = Self {
            index,
            name: format!("person{index}"),
            password: "one ticket for the balcony".to_owned(),
            phone: 2_025_550_110 + index as u64,
            sessions: Vec::new(),
            watch: client("acme-watch"),
            rotating: client("acme-rotating"),
            owner,
            last: 0,
            app,
            history,
            random,
        };
        let email = person.email();
        let body = json!({ "username": person.name, "email": email, "password": person.password });
        let told = person.ask(&person.watch.clone(), "/v2/watch/auth/users", body).await;
        told.expect_or("W4900");
        person
    }

    fn email(&self) -> String {
        format!("{}@acme.example", self.name)
    }

    fn new_name(&mut self, what: &str) -> String {
        self.last += 1;
        format!("{} {what} {}", self.name, self.last)
    }

    /// Asks until there is an answer, while functions die.
    async fn ask(&mut self, client: &Client, path: &str, body: serde_json::Value) -> Told {
        for asked in 0..PATIENCE {
            if self.random.below(5) == 0 {
                self.random.plan_a_death(&self.app);
            }
            let answer =
                if body.is_null() { client.get(path).await } else { client.post(path, body.clone()).await };
            self.history.note(&answer);
            if answer.status != 500 {
                return Told { answer, is_doubtful: asked > 0 };
            }
        }
        panic!("{path} was not answered {PATIENCE} times");
    }

    /// Does so many things, in an order that chance decides.
    pub(crate) async fn live(mut self, things: usize) {
        self.watch_with_a_code().await;
        for _ in 0..things {
            if self.sessions.is_empty() {
                self.sign_in(false).await;
            }
            match self.random.below(100) {
                0..10 => self.sign_in(false).await,
                10..18 => self.sign_in(true).await,
                18..45 => self.look().await,
                45..72 => self.refresh().await,
                72..75 => self.use_an_old_token().await,
                75..84 => self.sign_out().await,
                84..92 => self.sign_in_on_a_tv().await,
                92..95 => self.be_hotlisted().await,
                95..98 => self.mistype().await,
                98 => self.forget_the_password().await,
                _ => self.play_elsewhere().await,
            }
            // Old devices are thrown away.
            if self.sessions.len() > 6 {
                self.sessions.remove(0);
            }
        }
        for index in 0..self.sessions.len() {
            self.check(index).await;
        }
    }

    fn any_session(&mut self) -> usize {
        usize::try_from(self.random.below(self.sessions.len() as u64)).unwrap()
    }

    fn keep(&mut self, answer: &Answer, is_rotating: bool) {
        let tokens = answer.tokens();
        let spent = is_rotating.then(Vec::new);
        let (token, refresh_token) = (tokens.token, tokens.refresh_token);
        self.sessions.push(Session { token, refresh_token, spent, fate: Fate::Lives });
    }

    async fn sign_in(&mut self, is_rotating: bool) {
        let client = if is_rotating { &self.rotating } else { &self.watch }.clone();
        let credentials = json!({ "username": self.name, "password": self.password });
        let body = json!({ "type": "password", "credentials": credentials });
        let told = self.ask(&client, "/v2/watch/auth/login", body).await;
        self.keep(&told.answer.expect(200, "W0000"), is_rotating);
    }

    async fn mistype(&mut self) {
        let credentials = json!({ "username": self.name, "password": "not the password" });
        let body = json!({ "type": "password", "credentials": credentials });
        let told = self.ask(&self.watch.clone(), "/v2/watch/auth/login", body).await;
        told.answer.expect(401, "W2002");
        // So that no ten are in a row.
        self.sign_in(false).await;
    }

    async fn look(&mut self) {
        let index = self.any_session();
        self.check(index).await;
    }

    async fn check(&mut self, index: usize) {
        let client = self.app.authorized(&self.sessions[index].token).forgetting();
        let told = self.ask(&client, "/v2/watch/auth/session", serde_json::Value::Null).await;
        match self.sessions[index].fate {
            Fate::Lives => told.answer.expect(200, "W0000"),
            Fate::Ended => told.answer.expect(401, "W2003"),
        };
    }

    async fn try_refresh(&mut self, is_rotating: bool, refresh_token: &str) -> Answer {
        let client = if is_rotating { &self.rotating } else { &self.watch }.clone();
        let body = json!({ "refresh_token": refresh_token });
        self.ask(&client, "/v2/watch/auth/token/refresh", body).await.answer
    }

    async fn refresh(&mut self) {
        let index = self.any_session();
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
    }

    /// As whoever has copied a device does: the session ends.
    async fn use_an_old_token(&mut self) {
        let two_before = |session: &Session| session.spent.as_ref().is_some_and(|spent| spent.len() > 1);
        let Some(index) = self.sessions.iter().position(two_before) else { return };
        let oldest = self.sessions[index].spent.as_ref().unwrap()[0].clone();
        self.try_refresh(true, &oldest).await.expect(401, "W2003");
        self.sessions[index].fate = Fate::Ended;
    }

    async fn sign_out(&mut self) {
        let index = self.any_session();
        let client = if self.sessions[index].spent.is_some() { &self.rotating } else { &self.watch }.clone();
        let body = json!({ "refresh_token": self.sessions[index].refresh_token });
        self.ask(&client, "/v2/watch/auth/logout", body).await.answer.expect(200, "W0000");
        self.sessions[index].fate = Fate::Ended;
        self.check(index).await;
    }

    async fn be_hotlisted(&mut self) {
        let index = self.any_session();
        let claims = part(&self.sessions[index].token, 1);
        let is_all = self.random.below(2) == 0;
        let what =
            if is_all { json!({ "user": claims["sub"] }) } else { json!({ "session": claims["sid"] }) };
        let told = self.ask(&self.owner.clone(), "/v1/admin/auth/hotlist", what).await;
        told.answer.expect(200, "A0000");
        for (at, session) in self.sessions.iter_mut().enumerate() {
            if is_all || at == index {
                session.fate = Fate::Ended;
            }
        }
        self.check(index).await;
    }

    async fn sign_in_on_a_tv(&mut self) {
        let Some(index) = self.sessions.iter().position(|session| session.fate == Fate::Lives) else {
            return;
        };
        let (watch, udid) = (self.watch.clone(), self.new_name("tv"));
        let path = "/v2/watch/auth/login/qr";
        let device = json!({ "device": "AppleTV", "udid": udid });
        let asked = self.ask(&watch, &format!("{path}/get-code"), device).await;
        let code = asked.answer.expect(200, "W0000").body["login_code"].clone();
        let phone = self.app.authorized(&self.sessions[index].token).forgetting();
        // A code is answered once; who asks again is told that it is over.
        self.ask(&phone, path, json!({ "login_code": code })).await.expect_or("W2002");
        let poll = json!({ "login_code": code, "udid": udid });
        let first = self.ask(&watch, &format!("{path}/get-token"), poll.clone()).await.answer;
        let second = self.ask(&watch, &format!("{path}/get-token"), poll).await.answer.expect(200, "W0000");
        let session = |answer: &Answer| part(answer.body["token"].as_str().unwrap(), 1)["sid"].clone();
        assert_eq!(session(&first), session(&second), "a code is one session");
        self.keep(&first.expect(200, "W0000"), false);
    }

    async fn forget_the_password(&mut self) {
        // Ten e-mails an hour, and some are asked for twice.
        if self.last >= 1000 {
            return;
        }
        self.last += 300;
        let (watch, email) = (self.watch.clone(), self.email());
        let told = self.ask(&watch, "/v2/watch/auth/forgot-password", json!({ "email": email })).await;
        told.answer.expect(200, "W0000");
        let reset_code = self.app.reset_code(&email);
        let new = self.new_name("has a new password");
        let body = json!({ "reset_code": reset_code, "new_password": new });
        self.ask(&watch, "/v2/watch/auth/reset-password", body.clone()).await.expect_or("W2002");
        self.password = new;
        self.sessions.iter_mut().for_each(|session| session.fate = Fate::Ended);
        self.sign_in(false).await;
        self.look().await;
        self.ask(&watch, "/v2/watch/auth/reset-password", body).await.answer.expect(401, "W2002");
    }

    /// A screener that wants a code: it opens once.
    async fn watch_with_a_code(&mut self) {
        self.sign_in(false).await;
        let client = self.app.authorized(&self.sessions[0].token).forgetting();
        let path = "/v2/watch/content/screeners/login/2fa";
        let number = json!({ "phone": self.phone, "country_code": 1 });
        self.ask(&client, path, number).await.answer.expect(200, "W0000");
        self.ask(&client, path, serde_json::Value::Null).await.expect_or("W5001");
        let sent = self.app.sms_to(&format!("+1{}", self.phone));
        // A function that died before it sent the message has counted it all the same.
        let Some(code) = sent.last().and_then(|sms| sms.body.rsplit_once('#')).map(|(_, code)| code) else {
            return;
        };
        let verify = format!("{path}/verify");
        self.ask(&client, &verify, json!({ "otp": code })).await.expect_or("W2002");
        self.ask(&client, &verify, json!({ "otp": code })).await.answer.expect(401, "W2002");
    }

    /// A player that speaks VIDIZMO's API.
    async fn play_elsewhere(&mut self) {
        let player = self.app.vidizmo().forgetting();
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
}
