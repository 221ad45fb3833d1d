//! `POST /v2/watch/content/screeners/{screener_key}/2fa`: links a phone number to a viewer of a screener. Nothing
//! is sent to it yet. One read, then one transaction; a second one for whoever meets another call for the same phone.

use serde_json::json;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::limits;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::enterprise::Enterprise;
use shared::store::phone::LinkedPhone;
use shared::store::{Operation, parse};

use super::number::{self, Mobile};
use super::viewer::Door;

/// A number as a person types it, beside the code of its country.
struct Request {
    country_code: u64,
    phone: u64,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        Ok(Self {
            phone: body.positive("phone", number::MOST)?,
            country_code: body.positive("country_code", number::MOST_COUNTRY_CODE)?,
        })
    }

    /// The number, when codes may be sent to its country.
    fn mobile(&self, countries: &[String]) -> Result<Mobile, Invalid> {
        let mobile = number::read(self.country_code, self.phone)?;
        let is_allowed = countries.contains(&mobile.country);
        if is_allowed { Ok(mobile) } else { Err(Invalid::new("country_code", "no codes are sent there")) }
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct Register {
    door: Door,
}

impl Endpoint for Register {
    const NAME: &'static str = "screener-register";
    const EVENT: &'static str = "phone_link";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/content/screeners/{screener_key}/2fa";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let door = Door::new(environment).await?;
        // Four milliseconds of a processor, beside what the first call waits for at AWS. Before the keys are there they
        // would only keep the start waiting.
        drop(tokio::task::spawn_blocking(number::look_up_once));
        Ok(Self { door })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let (viewer, [enterprise]) = self.door.admit(call, |ent| [Enterprise::key(ent)]).await?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::ApiKey)?;
        let request = Request::parse(&call.body()?)?;
        let mobile = request.mobile(&enterprise.settings.otp_countries)?;
        // Which number is linked, the answer tells something of: so each question is counted.
        let (store, operation) = (&self.door.store, Operation::new());
        let by_viewer = limits::PHONE_VIEWER.counter(&enterprise.id, &viewer.name(), call.now);
        let by_source = limits::PHONE_SOURCE.counter(&enterprise.id, &call.source, call.now);
        let mut linked = viewer.phone;
        loop {
            let is_linked = linked.as_ref().is_some_and(|linked| linked.number == mobile.number);
            let is_another_verified = !is_linked && linked.as_ref().is_some_and(LinkedPhone::is_verified);
            let mut writes = vec![store.taking(&by_viewer, &operation), store.taking(&by_source, &operation)];
            if !is_linked && !is_another_verified {
                writes.push(store.linking_phone(&viewer.phone_key, &mobile.number, &mobile.country));
            }
            match store.transact(writes).await? {
                Ok(()) if is_another_verified => break,
                Ok(()) => return Ok(Reply::success(Self::SURFACE, json!({ "detail": "Success" }))),
                Err(cancelled) if cancelled.failed[0] => return Err(by_viewer.refusal(call.now)),
                Err(cancelled) if cancelled.failed[1] => return Err(by_source.refusal(call.now)),
                // Since the read this number was linked or another one verified. It is judged by that, and no
                // number is linked any more: the next transaction only counts.
                Err(cancelled) => {
                    let found = parse(cancelled.found.into_iter().nth(2).flatten())?;
                    linked = Some(found.ok_or_else(|| Failure::Internal("a phone was not told".into()))?);
                }
            }
        }
        call.notes.add(|about| about.reason = Some("another_phone_verified"));
        Err(Failure::NotAllowed("Another phone is linked and verified"))
    }
}
