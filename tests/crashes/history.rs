//! What clients were told, held in the end against the log, against what was counted and sent, and against the limits.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tests::{Answer, App};

use crate::budgets::{Budgets, Limited, Try};

/// How often each thing was done to its end.
pub(crate) type Done = BTreeMap<&'static str, usize>;

#[derive(Default)]
pub(crate) struct History {
    /// Every answer, by its request.
    told: Mutex<BTreeMap<String, u16>>,
    budgets: Budgets,
    done: Mutex<Done>,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl History {
    /// Makes a call, which may be a try at something that has a limit, and notes what it was told.
    pub(crate) async fn hear(
        &self,
        app: &App,
        tried: Option<&Try>,
        call: impl Future<Output = Answer>,
    ) -> Answer {
        let clock = &app.stack.world.clock;
        let number = tried.map(|what| self.budgets.begin(what.clone(), clock.now()));
        let answer = call.await;
        if let Some(number) = number {
            self.budgets.end(number, answer.status, clock.now());
        }
        open(&self.told).insert(answer.header("x-request-id").to_owned(), answer.status);
        answer
    }

    /// Something was done to its end.
    pub(crate) fn did(&self, thing: &'static str) {
        *open(&self.done).entry(thing).or_default() += 1;
    }

    /// The log has one line for each answer that a function gave, and says the same; for a function that died, it
    /// has no line of a success. No message was sent that was not counted, nor asked for. No limit was passed, and
    /// nobody was refused too early.
    pub(crate) async fn check(&self, app: &App) -> Done {
        let told = open(&self.told).clone();
        let mut logged: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for line in app.calls_in_the_log() {
            logged.entry(line["request_id"].as_str().unwrap().to_owned()).or_default().push(line);
        }
        let mut died = 0;
        for (request, status) in &told {
            let lines = logged.get(request).map_or(&[][..], Vec::as_slice);
            if *status == 500 {
                died += 1;
                assert!(lines.iter().all(|line| line["outcome"] == "error"), "{lines:?}");
            } else {
                assert_eq!(lines.len(), 1, "{request} was answered {status}: {lines:?}");
                assert_eq!(lines[0]["http"], *status, "{lines:?}");
            }
        }
        eprintln!("{} answers, {died} functions killed", told.len() - died);
        assert!(died * 20 > told.len() || told.len() < 100, "{died} of {} died", told.len());
        let sent = app.stack.world.outbox().sms.len();
        let counted = counted_messages(app).await;
        assert!(sent <= counted, "{sent} messages were sent, {counted} counted");
        let mut broken = self.budgets.broken();
        broken.extend(self.unasked_messages(app));
        assert!(broken.is_empty(), "{broken:#?}");
        open(&self.done).clone()
    }

    /// E-mails with a link for a new password that nobody asked for, or that were too many.
    fn unasked_messages(&self, app: &App) -> Vec<String> {
        let asked = self.budgets.messages();
        let mut sent: BTreeMap<String, BTreeMap<i64, usize>> = BTreeMap::new();
        for email in app.stack.world.outbox().email.iter().filter(|email| email.text.contains("/reset/")) {
            let windows = sent.entry(email.to.clone()).or_default();
            *windows.entry(Limited::Message.window(email.at)).or_default() += 1;
        }
        let mut broken = Vec::new();
        for (address, windows) in sent {
            let (asked, all) =
                (asked.get(&address).copied().unwrap_or_default(), windows.values().sum::<usize>());
            if all > asked || windows.values().any(|sent| *sent > Limited::Message.most()) {
                broken.push(format!("{address} asked {asked} times, and was sent {windows:?}"));
            }
        }
        broken
    }
}

/// How many messages the deployment's limit has counted.
async fn counted_messages(app: &App) -> usize {
    let items = app.items().await;
    let of_all = items.iter().filter(|item| item["pk"].as_s().unwrap().contains("sms-deployment"));
    of_all.map(|item| item["used"].as_n().unwrap().parse::<usize>().unwrap()).sum()
}
