//! `POST /v2/watch/content/screeners/{screener_key}/2fa`: links a phone number to a viewer of a screener. Nothing
//! is sent to it yet.

use serde_json::json;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::Failure;
use shared::limits;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::enterprise::Enterprise;
use shared::store::phone::Linked;
use shared::store::{Operation, Store, parse};

use super::number::{self, Mobile};
use super::viewer::Door;

/// The one of the two numbers that a body has, as they are typed.
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
    store: Store,
    door: Door,
}

impl Endpoint for Register {
    const NAME: &'static str = "screener-register";
    const EVENT: &'static str = "phone_link";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/content/screeners/{screener_key}/2fa";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), door: Door::new(environment).await? })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let (viewer, [enterprise]) = self.door.admit(call, |ent| [Enterprise::key(ent)]).await?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::ApiKey)?;
        let request = Request::parse(&call.body()?)?;
        let mobile = request.mobile(&enterprise.settings.otp_countries)?;
        // Whether another number is linked, the answer tells: so the question is counted first.
        let by_viewer = limits::PHONE_VIEWER.counter(&enterprise.id, &viewer.name(), call.now);
        let by_source = limits::PHONE_SOURCE.counter(&enterprise.id, &call.source, call.now);
        // Boxed, as in SignIn::verify.
        let operation = Operation::new();
        match Box::pin(self.store.take_both([&by_viewer, &by_source], &operation)).await? {
            [true, true] => {}
            [false, _] => return Err(by_viewer.refusal(call.now)),
            [true, false] => return Err(by_source.refusal(call.now)),
        }
        match self.store.link_phone(&viewer.phone_key, &mobile.number, &mobile.country).await? {
            Linked::Yes => Ok(Reply::success(Self::SURFACE, json!({ "detail": "Success" }))),
            Linked::AnotherIsVerified => {
                call.notes.add(|about| about.reason = Some("another_phone_verified"));
                Err(Failure::NotAllowed("Another phone is linked and verified"))
            }
        }
    }
}
