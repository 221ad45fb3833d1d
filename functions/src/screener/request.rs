//! `GET /v2/watch/content/screeners/{screener_key}/2fa`: sends a one-time code to the linked phone.
//!
//! One read, then one transaction: the new code, the number's pause, and a share of every budget, all or nothing.
//! The message goes out after it, since what goes out is paid for. What is not sent is given back, in a second
//! transaction that undoes the first one at most once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shared::aws::Unsent;
use shared::body::Invalid;
use shared::cache::Cached;
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::limits::{self, Budget};
use shared::log::Level;
use shared::otp;
use shared::reply::Reply;
use shared::request::Call;
use shared::secrets;
use shared::sms::{self, Sms, Texter};
use shared::store::enterprise::Enterprise;
use shared::store::phone::{LinkedPhone, Refused};
use shared::store::sms_ceiling::SmsCeiling;
use shared::store::texted::Waiting;
use shared::store::{self, Operation, parse};
use tokio::time::{Instant, timeout_at};

use super::viewer::{Door, Viewer};

/// When SNS must have answered, counted from the call's beginning: so that there is time to give back what a
/// message took.
const SENT_WITHIN: Duration = Duration::from_secs(6);

/// The endpoint.
#[derive(Debug)]
pub struct Request {
    door: Door,
    texter: Texter,
    pepper: Arc<Cached<Vec<u8>>>,
    public_url: String,
}

/// What a message takes.
struct Share<'a> {
    viewer: &'a Viewer,
    phone: &'a LinkedPhone,
    code_hash: String,
    number_hash: String,
    /// Kept whatever becomes of the message.
    attempt: Budget,
    /// Given back when it is not sent; the narrowest first.
    budgets: Vec<Budget>,
    operation: Operation,
}

impl Endpoint for Request {
    const NAME: &'static str = "screener-request";
    const EVENT: &'static str = "otp_request";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/v2/watch/content/screeners/{screener_key}/2fa";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        // The sender is made while the two before it wait for an answer.
        let texter = async { Ok(Texter::new(environment)) };
        let (door, pepper, texter) =
            tokio::try_join!(Door::new(environment), secrets::pepper(environment), texter)?;
        Ok(Self { door, texter, pepper, public_url: environment.public_url.clone() })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let send_by = Instant::now() + SENT_WITHIN;
        let now = call.now;
        let (viewer, [enterprise, ceiling]) =
            self.door.admit(call, |ent| [Enterprise::key(ent), SmsCeiling::key()]).await?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::ApiKey)?;
        let ceiling = parse::<SmsCeiling>(ceiling)?.unwrap_or_default();
        let phone = viewer.phone.as_ref().ok_or_else(|| Invalid::new("phone", "none is linked"))?;
        // Once more, since the list can have become shorter.
        if !enterprise.settings.otp_countries.contains(&phone.country) {
            return Err(Invalid::new("phone", "no codes are sent to its country").into());
        }
        if let Some(end) = phone.waits_until(now) {
            return Err(Failure::RateLimited { retry_after: end - now });
        }

        let pepper = self.pepper.get(now);
        let code = otp::generate();
        let sms = Sms::code(enterprise.brand(), self.domain(&enterprise), &code);
        let price = ceiling.price(&phone.country, sms.parts());
        let share = Share {
            viewer: &viewer,
            phone,
            code_hash: otp::hash(&pepper, &viewer.phone_key, &phone.number, &code),
            number_hash: crypto::keyed_hash(&pepper, &["phone", phone.number.expose()]),
            attempt: limits::SMS_ATTEMPTS.budget(&enterprise.id, &viewer.name(), now),
            budgets: budgets(call, &enterprise, &ceiling, &viewer, price),
            operation: Operation::new(),
        };
        self.take(call, &share).await?;
        let sent = if Instant::now() < send_by {
            let sending = self.texter.send(&enterprise, &phone.number, &sms, price);
            let late = Err(Unsent::Unknown("Publish took too long".into()));
            timeout_at(send_by, sending).await.unwrap_or(late)
        } else {
            Err(Unsent::Refused("no time was left to send".into()))
        };
        match sent {
            Ok(()) => Ok(Reply::success(Self::SURFACE, json!({ "detail": "Success" }))),
            Err(Unsent::Refused(cause)) => {
                self.give_back(call, &share, true).await;
                Err(Failure::Internal(cause))
            }
            // It may be on its way: its code works, and it counts.
            Err(Unsent::Unknown(cause)) => Err(Failure::Internal(cause)),
        }
    }
}

/// What a message takes of each budget that it is given back to.
fn budgets(
    call: &Call,
    enterprise: &Enterprise,
    ceiling: &SmsCeiling,
    viewer: &Viewer,
    price: i64,
) -> Vec<Budget> {
    let (ent, now, settings) = (enterprise.id.as_str(), call.now, &enterprise.settings.sms);
    let by_screener = limits::SMS_SCREENER.at_most(settings.screener_daily_max);
    vec![
        limits::SMS_VIEWER.budget(ent, &viewer.name(), now),
        limits::SMS_SOURCE.budget("", &call.source, now),
        by_screener.budget(ent, &viewer.screener.key, now),
        limits::SMS_ENTERPRISE.at_most(settings.daily_max).budget(ent, "", now),
        limits::SMS_DEPLOYMENT.at_most(ceiling.daily_max).budget("", "", now),
        limits::month_of_money(price, ceiling.monthly, now),
    ]
}

/// The refusal of a request that met a limit; the log tells which, and rings an alarm.
fn refusal(call: &Call, by: &'static str, ends_at: i64) -> Failure {
    call.notes.add(|about| (about.reason, about.detail) = (Some("cap"), Some(by)));
    Failure::RateLimited { retry_after: (ends_at - call.now).max(1) }
}

impl Request {
    /// The host on whose pages phones fill in the code.
    fn domain<'a>(&'a self, enterprise: &'a Enterprise) -> &'a str {
        let own = enterprise.settings.sms.domain.iter().chain(&enterprise.domains).map(String::as_str);
        own.into_iter().find(|domain| sms::is_host(domain)).unwrap_or_else(|| {
            let authority = self.public_url.split_once("://").map_or("", |(_, rest)| rest);
            authority.split(['/', ':']).next().unwrap_or_default()
        })
    }

    /// Writes the code and takes its share of everything, or none of it.
    async fn take(&self, call: &Call, share: &Share<'_>) -> Result<(), Failure> {
        let Share { viewer, phone, code_hash, number_hash, attempt, budgets, operation } = share;
        let (store, now) = (&self.door.store, call.now);
        let limited: Vec<_> = std::iter::once(attempt).chain(budgets).collect();
        // Without a write: what can never be paid for, and whoever goes on all the same.
        if let Some(budget) = limited.iter().find(|budget| !budget.is_possible()) {
            return Err(refusal(call, budget.name, budget.ends_at));
        }
        if let Some(refused) = phone.refused(now) {
            let mut names = limited.iter().map(|budget| budget.name).chain([limits::SMS_NUMBER]);
            if let Some(by) = names.find(|name| *name == refused.by) {
                return Err(refusal(call, by, refused.ends_at));
            }
        }
        let mut writes = vec![
            store.sending_code(&viewer.phone_key, phone, code_hash, operation, now)?,
            store.texting(number_hash, now),
        ];
        writes.extend(limited.iter().map(|budget| store.taking_budget(budget)));
        let cancelled = match store.transact(writes).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(cancelled)) => cancelled,
            Err(error) => {
                // Whether it was written is not known. If it was, nothing is sent for it.
                self.give_back(call, share, false).await;
                return Err(error.into());
            }
        };
        let (by, ends_at) = match cancelled.failed.iter().position(|failed| *failed) {
            Some(1) => match Waiting::of(cancelled.found.into_iter().nth(1).flatten(), now)? {
                Waiting { until, had_five: true } => (limits::SMS_NUMBER, until),
                Waiting { until, had_five: false } => {
                    return Err(Failure::RateLimited { retry_after: until - now });
                }
            },
            Some(index @ 2..) => (limited[index - 2].name, limited[index - 2].ends_at),
            // Another request of this viewer was faster, or a try or a new number.
            _ => return Err(Failure::RateLimited { retry_after: limits::SMS_PAUSE }),
        };
        let refused = Refused::new(by, ends_at, now);
        let remembered = store.remember_refusal(&viewer.phone_key, phone, &refused).await;
        warn(call, "remember", remembered.err());
        Err(refusal(call, by, ends_at))
    }

    /// Gives everything back that a message took that was not sent, but for the attempt, as far as the table
    /// answers. Where it is not known whether it was taken, that its code is there tells.
    async fn give_back(&self, call: &Call, share: &Share<'_>, is_taken: bool) {
        let Share { viewer, phone, number_hash, budgets, operation, .. } = share;
        let store = &self.door.store;
        let given = async {
            let before = phone.code_to_keep(call.now);
            let withdrawing = store.withdrawing_code(&viewer.phone_key, before, operation)?;
            let mut writes = vec![store.not_texting(number_hash)];
            writes.extend(budgets.iter().map(|budget| store.giving_budget_back(budget)));
            let with_code = std::iter::once(withdrawing).chain(writes.clone()).collect();
            let cancelled = store.transact(with_code).await?.err();
            // The code is gone already where the number was replaced or taken away meanwhile.
            if is_taken && cancelled.is_some_and(|cancelled| cancelled.failed[0]) {
                let _ = store.transact(writes).await?;
            }
            Ok(())
        };
        warn(call, "give back", given.await.err());
    }
}

/// Logs what could not be done, and what nobody waits for.
fn warn(call: &Call, what: &str, error: Option<store::Error>) {
    if let Some(error) = error {
        call.log(Level::Warn, what, &error);
    }
}
