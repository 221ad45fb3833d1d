//! What clients were told, held in the end against the log and against what was counted and sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tests::{Answer, App};

/// Every answer, by its request.
#[derive(Default)]
pub(crate) struct History {
    told: Mutex<BTreeMap<String, u16>>,
}

impl History {
    pub(crate) fn note(&self, answer: &Answer) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(answer.header("x-request-id").to_owned(), answer.status);
    }

    /// The log has one line for each answer that a function gave, and says the same; for a function that died, it
    /// has no line of a success. No message was sent that was not counted.
    pub(crate) async fn check(&self, app: &App) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
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
    }
}

/// How many messages the deployment's limit has counted.
async fn counted_messages(app: &App) -> usize {
    let items = app.items().await;
    let of_all = items.iter().filter(|item| item["pk"].as_s().unwrap().contains("sms-deployment"));
    of_all.map(|item| item["used"].as_n().unwrap().parse::<usize>().unwrap()).sum()
}
