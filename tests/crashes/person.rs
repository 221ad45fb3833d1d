//! A person with a few devices, who knows what they were told.

mod elsewhere;
mod hotlisted;
mod limited;
mod sessions;
mod tv;

use std::sync::Arc;

use serde_json::{Value, json};
use tests::phone::Phone;
use tests::studio::Studio;
use tests::{Answer, Client};

use crate::budgets::Try;
use crate::history::History;
use crate::keys;
use crate::random::Random;
use hotlisted::Lost;
use sessions::Session;

/// How often something is asked again that nobody answered. To end an API key takes fifty AWS calls, and among many
/// people hardly one try in ten lives to make them all.
pub(crate) const PATIENCE: usize = 1000;

/// How many things are done between two rotations of the keys.
const ROTATION: usize = 80;

pub(crate) struct Person {
    studio: Arc<Studio>,
    history: Arc<History>,
    random: Random,
    index: usize,
    name: String,
    password: String,
    /// Where they call from.
    address: String,
    sessions: Vec<Session>,
    watch: Client,
    rotating: Client,
    /// On pages, without a key.
    browser: Client,
    admin: Client,
    player: Client,
    owner: Client,
    /// Who the person is on the Admin surface, once they have been there.
    admin_user: Option<Value>,
    /// How often the password was forgotten.
    resets: u32,
    /// How many films that want a code were watched.
    films: usize,
    /// The one-time code that was sent last.
    code: Option<String>,
    /// What was done with API keys that an owner has ended.
    lost: Vec<Lost>,
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

/// A person's client. What it sends and gets is looked for in the log, of one of many people: each of that is, in all of
/// the log.
fn from_here(client: Client, address: &str, person: usize) -> Client {
    let client = client.from(address);
    if person == 1 { client } else { client.forgetting() }
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
        let here = |client: Client| from_here(client, &address, index);
        let app = &studio.app;
        let mut person = Self {
            index,
            name: format!("person{index}"),
            password: "one ticket for the balcony".to_owned(),
            sessions: Vec::new(),
            watch: here(app.watch()),
            rotating: here(app.key("acme-rotating")),
            browser: here(app.anonymous()),
            admin: here(app.admin()),
            player: here(app.vidizmo()),
            owner,
            admin_user: None,
            resets: 0,
            films: 0,
            code: None,
            lost: Vec::new(),
            last: 0,
            studio,
            history,
            random,
            address,
        };
        let email = person.email();
        let body = json!({ "username": person.name, "email": email, "password": person.password });
        let told = person.ask(&person.watch.clone(), "/v2/watch/auth/users", body).await;
        told.expect_or("W4900");
        person
    }

    /// A client with any `Authorization` header, from where they are.
    fn authorized(&self, header: &str) -> Client {
        from_here(self.studio.app.authorized(header), &self.address, self.index)
    }

    /// Something was done to its end.
    fn did(&self, thing: &'static str) {
        self.history.did(thing);
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
        let (tried, body) = (self.tried(path, &body), &body);
        let call = || async move {
            if body.is_null() { client.get(path).await } else { client.post(path, body.clone()).await }
        };
        self.until_answered(tried, call).await
    }

    /// Sends a form of the page that a phone shows, in the same way.
    async fn fill_in(&mut self, phone: &Phone, fields: &[(&str, &str)]) -> Told {
        let tried = self.tried(&phone.path, &fields.iter().copied().collect());
        self.until_answered(tried, || phone.send_quietly(fields)).await
    }

    /// The same, in any way.
    async fn until_answered<F>(&mut self, tried: Option<Try>, call: impl Fn() -> F) -> Told
    where
        F: Future<Output = Answer>,
    {
        for asked in 0..PATIENCE {
            self.maybe_plan_a_death();
            let answer = self.history.hear(&self.studio.app, tried.as_ref(), call()).await;
            if answer.status != 500 {
                return Told { answer, is_doubtful: asked > 0 };
            }
        }
        panic!("not answered {PATIENCE} times");
    }

    fn maybe_plan_a_death(&mut self) {
        if self.random.below(5) == 0 {
            self.random.plan_a_death(&self.studio.app, 5);
        }
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
                self.did("keys rotated");
            }
            match self.random.below(100) {
                0..9 => self.sign_in(false).await,
                9..15 => self.sign_in(true).await,
                15..20 => self.sign_in_by_pin().await,
                20..40 => self.look().await,
                40..62 => self.refresh_any().await,
                62..65 => self.ask_another_stack().await,
                65..68 => self.use_an_old_token().await,
                68..75 => self.sign_out().await,
                75..79 => self.sign_in_on_a_tv().await,
                79..83 => self.sign_in_on_a_tv_from_its_page().await,
                83..86 => self.sign_in_on_a_tv_with_credentials().await,
                86..89 => self.be_hotlisted().await,
                89 => self.lose_a_key().await,
                90..94 => self.mistype().await,
                94 => self.forget_the_password().await,
                95 => self.watch_with_a_code().await,
                96..98 => self.play_elsewhere().await,
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
        for lost in std::mem::take(&mut self.lost) {
            self.expect_lost(&lost).await;
        }
    }
}
