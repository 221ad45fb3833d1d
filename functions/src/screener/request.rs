//! `GET /v2/watch/content/screeners/{screener_key}/2fa`: sends a one-time code to the linked phone.
//!
//! One read, then one transaction: the new code, the number's cool-down, and a share of every budget, all or
//! nothing. The message goes out after it, since what goes out is paid for.

use serde_json::json;
use shared::aws::Unsent;
use shared::body::Invalid;
use shared::cache::Cached;
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::Failure;
use shared::limits::{self, Budget};
use shared::otp;
use shared::reply::Reply;
use shared::request::Call;
use shared::secrets;
use shared::sms::{Sms, Texter};
use shared::store::enterprise::Enterprise;
use shared::store::phone::{COOL_DOWN, LinkedPhone};
use shared::store::sms_ceiling::SmsCeiling;
use shared::store::{Operation, Store, parse};
use std::sync::Arc;

use super::viewer::{Door, Viewer};

/// The endpoint.
#[derive(Debug)]
pub struct Request {
    store: Store,
    door: Door,
    texter: Texter,
    pepper: Arc<Cached<Vec<u8>>>,
    public_url: String,
}

/// What a message takes, and gives back when it is not sent.
struct Taken<'a> {
    viewer: &'a Viewer,
    phone: &'a LinkedPhone,
    number_hash: String,
    budgets: Vec<Budget>,
    operation: Operation,
}

impl Endpoint for Request {
    const NAME: &'static str = "screener-request";
    const EVENT: &'static str = "otp_request";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/v2/watch/content/screeners/{screener_key}/2fa";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self {
            store: Store::new(environment),
            door: Door::new(environment).await?,
            texter: Texter::new(environment),
            pepper: secrets::pepper(environment).await?,
            public_url: environment.public_url.clone(),
        })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
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
        // Without a write, for whoever goes on all the same.
        if let Some(end) = phone.waits_until(now) {
            return Err(Failure::RateLimited { retry_after: end - now });
        }

        let pepper = self.pepper.get(now);
        let code = otp::generate();
        let sms = Sms::code(enterprise.brand(), self.domain(&enterprise), &code);
        let price = ceiling.price(&phone.country, sms.parts());
        let number_hash = crypto::keyed_hash(&pepper, &["phone", phone.number.expose()]);
        let taken = Taken {
            viewer: &viewer,
            phone,
            budgets: budgets(call, &enterprise, &ceiling, &viewer, &number_hash, price),
            number_hash,
            operation: Operation::new(),
        };
        let place = [viewer.phone_key.pk.as_str(), viewer.phone_key.sk.as_str()];
        self.take(call, &taken, &otp::hash(&pepper, place, &phone.number, &code)).await?;
        match self.texter.send(&enterprise, &phone.number, &sms, price).await {
            Ok(()) => Ok(Reply::success(Self::SURFACE, json!({ "detail": "Success" }))),
            Err(Unsent::Refused(cause)) => {
                self.give_back(call, &taken).await;
                Err(Failure::Internal(cause))
            }
            // It may be on its way: its code works, and it counts.
            Err(Unsent::Unknown(cause)) => Err(Failure::Internal(cause)),
        }
    }
}

/// What the message takes of each budget, the narrowest first.
fn budgets(
    call: &Call,
    enterprise: &Enterprise,
    ceiling: &SmsCeiling,
    viewer: &Viewer,
    number_hash: &str,
    price: i64,
) -> Vec<Budget> {
    let (ent, now, settings) = (enterprise.id.as_str(), call.now, &enterprise.settings.sms);
    let by_screener = limits::SMS_SCREENER.at_most(settings.screener_daily_max);
    vec![
        limits::SMS_NUMBER.budget("", number_hash, now),
        limits::SMS_VIEWER.budget(ent, &viewer.name(), now),
        limits::SMS_SOURCE.budget(ent, &call.source, now),
        by_screener.budget(ent, &viewer.screener.key, now),
        limits::SMS_ENTERPRISE.at_most(settings.daily_max).budget(ent, "", now),
        limits::SMS_DEPLOYMENT.at_most(ceiling.daily_max).budget("", "", now),
        limits::month_of_money(price, ceiling.monthly, now),
    ]
}

impl Request {
    /// The host on whose pages phones fill in the code.
    fn domain<'a>(&'a self, enterprise: &'a Enterprise) -> &'a str {
        let settings = &enterprise.settings.sms;
        let own = settings.domain.as_ref().or(enterprise.domains.first()).map(String::as_str);
        own.unwrap_or_else(|| {
            let authority = self.public_url.split_once("://").map_or("", |(_, rest)| rest);
            authority.split(['/', ':']).next().unwrap_or_default()
        })
    }

    /// Writes the code and takes its share of every budget, or none of it.
    async fn take(&self, call: &Call, taken: &Taken<'_>, hash: &str) -> Result<(), Failure> {
        let Taken { viewer, phone, number_hash, budgets, operation } = taken;
        let refuse = |budget: &Budget| {
            call.notes.add(|about| (about.reason, about.detail) = (Some("cap"), Some(budget.name)));
            Err(budget.refusal(call.now))
        };
        if let Some(budget) = budgets.iter().find(|budget| !budget.is_possible()) {
            return refuse(budget);
        }
        let mut writes = vec![
            self.store.sending_code(&viewer.phone_key, phone, hash, operation, call.now),
            self.store.cooling_down(number_hash, call.now),
        ];
        writes.extend(budgets.iter().map(|budget| self.store.taking_budget(budget)));
        let Err(cancelled) = self.store.transact(writes).await? else { return Ok(()) };
        match cancelled.failed.iter().position(|failed| *failed) {
            Some(index @ 2..) => refuse(&budgets[index - 2]),
            // By this viewer or for another screener, at most so long ago.
            _ => Err(Failure::RateLimited { retry_after: COOL_DOWN }),
        }
    }

    /// Gives everything back that a message took that was not sent, as far as the table answers.
    async fn give_back(&self, call: &Call, taken: &Taken<'_>) {
        let Taken { viewer, phone, number_hash, budgets, operation } = taken;
        let mut writes = vec![self.store.not_cooling_down(number_hash)];
        writes.extend(budgets.iter().map(|budget| self.store.giving_budget_back(budget)));
        let (given, withdrawn) = tokio::join!(
            self.store.transact(writes),
            self.store.withdraw_code(&viewer.phone_key, phone.code.as_ref(), operation)
        );
        for failed in [given.err(), withdrawn.err()].into_iter().flatten() {
            tracing::warn!(target: "usher", function = Self::NAME, request_id = call.request_id, cause = %failed, "give back");
        }
    }
}
