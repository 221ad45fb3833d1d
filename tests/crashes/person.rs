//! A person with a few devices, who knows what they were told.

mod elsewhere;
mod sessions;
mod tv;

use std::sync::Arc;

use serde_json::{Value, json};
use tests::studio::Studio;
use tests::{Answer, Client};

use crate::history::History;
use crate::keys;
use crate::random::Random;
use sessions::Session;

/// How often something is asked again that nobody answered.
pub(crate) const PATIENCE: usize = 30;

/// How many things are done between two rotations of the keys.
const ROTATION: usize = 80;

pub(crate) struct Person {
    studio: Arc<Studio>,
    history: Arc<History>,
    random: Random,
    index: usize,
    name: String,
    password: String,
    phone: u64,
    sessions: Vec<Session>,
    watch: Client,
    rotating: Client,
    /// On pages, without a key.
    browser: Client,
    admin: Client,
    owner: Client,
    /// Who the person is on the Admin surface, once they have been there.
    admin_user: Option<Value>,
    /// How often the password was forgotten.
    resets: u32,
    /// Numbers whatever has to have a new name.
    last: usize,
}

/// An answer, and whether a call before it had none: then what it asked may have been done before.
struct Told {
    answer: Answer,
    is_doubtful: bool,
}

impl Told {
    /// Expects a success; nothing where it may have been done before, and the answer is what a client is told that
    /// asks again.
    #[track_caller]
    fn expect_or(self, status_code: &str) -> Option<Answer> {
        if self.is_doubtful && self.answer.body["status_code"] == status_code {
            return None;
        }
        Some(self.answer.expect(200, &format!("{}0000", &status_code[..1])))
    }
}

/// The person's PIN. Each has one of their own, so that one's sessions are not another's.
pub(crate) fn pin(index: usize) -> String {
    format!("SEAT-{index:04}")
}

impl Person {
    pub(crate) async fn sign_up(
        studio: Arc<Studio>,
        history: Arc<History>,
        random: Random,
        owner: Client,
        index: usize,
    ) -> Self {
        // An address of their own, so that one's tries are not another's.
        let address = format!("127.1.0.{}", index + 1);
        let here = |client: Client| client.from(&address).forgetting();
        let app = &studio.app;
        let mut person = Self {
            index,
            name: format!("person{index}"),
            password: "one ticket for the balcony".to_owned(),
            phone: 2_025_550_110 + index as u64,
            sessions: Vec::new(),
            watch: here(app.watch()),
            rotating: here(app.key("acme-rotating")),
            browser: here(app.anonymous()),
            admin: here(app.admin()),
            owner,
            admin_user: None,
            resets: 0,
            last: 0,
            studio,
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
    async fn ask(&mut self, client: &Client, path: &str, body: Value) -> Told {
        let body = &body;
        let call = || async move {
            if body.is_null() { client.get(path).await } else { client.post(path, body.clone()).await }
        };
        self.until_answered(call).await
    }

    /// The same, in any way.
    async fn until_answered<F>(&mut self, call: impl Fn() -> F) -> Told
    where
        F: Future<Output = Answer>,
    {
        for asked in 0..PATIENCE {
            if self.random.below(5) == 0 {
                self.random.plan_a_death(&self.studio.app);
            }
            let answer = call().await;
            self.history.note(&answer);
            if answer.status != 500 {
                return Told { answer, is_doubtful: asked > 0 };
            }
        }
        panic!("not answered {PATIENCE} times");
    }

    /// Does so many things, in an order that chance decides.
    pub(crate) async fn live(mut self, things: usize) {
        self.watch_with_a_code().await;
        for thing in 0..things {
            if self.sessions.is_empty() {
                self.sign_in(false).await;
            }
            // One person does it, since there is one rotation at a time.
            if self.index == 0 && thing % ROTATION == ROTATION / 2 {
                keys::rotate(&self.studio.app, &mut self.random).await;
            }
            match self.random.below(100) {
                0..9 => self.sign_in(false).await,
                9..16 => self.sign_in(true).await,
                16..22 => self.sign_in_by_pin().await,
                22..44 => self.look().await,
                44..69 => self.refresh().await,
                69..72 => self.use_an_old_token().await,
                72..80 => self.sign_out().await,
                80..85 => self.sign_in_on_a_tv().await,
                85..90 => self.sign_in_on_a_tv_from_its_page().await,
                90..93 => self.be_hotlisted().await,
                93..96 => self.mistype().await,
                96 => self.forget_the_password().await,
                97 => self.play_elsewhere().await,
                _ => self.work().await,
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
}
