//! `POST /v2/watch/auth/forgot-password`: sends a link for setting a new password.
//!
//! The answer is the same, and takes the same time, whether or not anybody has the address: both
//! make the same reads and writes, and the reply waits until a fixed time after the call began,
//! which sending an e-mail does not reach.

use std::time::Duration;

use serde_json::json;
use shared::aws::Unsent;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity::{self, canonical};
use shared::limits;
use shared::log::Level;
use shared::mail::{Mail, Mailer};
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::identity::Identity;
use shared::store::reset::{self, Person, Reset};
use shared::store::{Operation, Store, parse};
use tokio::time::{Instant, sleep_until, timeout_at};

/// When the reply goes out, counted from the call's beginning. What has not been sent by then is
/// given up.
const ANSWER_AFTER: Duration = Duration::from_secs(2);
/// When a refusal goes out that comes once the person has been looked for: reading somebody takes longer than reading
/// nobody, by a hundredth of a millisecond.
const REFUSE_AFTER: Duration = Duration::from_millis(100);

struct Request {
    email: Private,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        let email = body.private("email", identity::MAX_CHARS)?;
        identity::check_email("email", email.expose())?;
        Ok(Self { email })
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct ForgotPassword {
    store: Store,
    mailer: Mailer,
    public_url: String,
}

impl Endpoint for ForgotPassword {
    const NAME: &'static str = "watch-forgot-password";
    const EVENT: &'static str = "password_reset_request";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/forgot-password";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self {
            store: Store::new(environment),
            mailer: Mailer::new(environment),
            public_url: environment.public_url.clone(),
        })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let (refuse_at, answer_at) = (Instant::now() + REFUSE_AFTER, Instant::now() + ANSWER_AFTER);
        let key = call.api_key()?;
        let ent = key.enterprise.as_str();
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let request = key.gate(parsed, &self.store, Self::SURFACE, call.now).await?;
        let email = canonical(request.email.expose());
        let keys = [&ApiKey::key(ent, &key.id), &Enterprise::key(ent), &Identity::key(ent, &email)];
        let [api_key, enterprise, identity] = self.store.read(keys).await?;
        let (_, enterprise) = key.admit([api_key, enterprise], Self::SURFACE, call.now)?;
        if !enterprise.settings.has_watch_method("password") {
            return Err(Failure::NotAllowed("Passwords are not enabled"));
        }

        let operation = Operation::new();
        let by_address = limits::FORGOT_ADDRESS.counter(ent, &email, call.now);
        let by_source = limits::FORGOT_SOURCE.counter(ent, &call.source, call.now);
        let code = Private::from(crypto::new_id());
        let person =
            parse::<Identity>(identity)?.filter(|identity| identity.may_use("watch")).and_then(Person::of);
        call.notes.add(|about| about.user = person.as_ref().map(|person| person.user.clone()));
        let reset = Reset {
            enterprise: enterprise.id.clone(),
            person,
            expires_at: call.now + reset::LIFETIME,
            used_at: None,
        };
        let writes = vec![
            self.store.taking(&by_address, &operation),
            self.store.taking(&by_source, &operation),
            self.store.creating_reset(&code, &reset)?,
        ];
        if let Err(cancelled) = self.store.transact(writes).await? {
            let used_up = if cancelled.failed[0] { &by_address } else { &by_source };
            sleep_until(refuse_at).await;
            return Err(used_up.refusal(call.now));
        }
        if let Some(person) = reset.person {
            let sent = timeout_at(answer_at, self.send(&enterprise, &person, &code)).await;
            let sent = sent.unwrap_or_else(|_| Err(Unsent::Unknown("SendEmail took too long".into())));
            // A failure is said to the log and not to the caller: a known address must answer as an
            // unknown one does, and at the same time.
            if let Err(unsent) = &sent {
                call.log(Level::Error, "mail", unsent);
            }
            // What SES refused does not work; what it left open may be on its way. It counts all the same: an address
            // that nobody has is not given a try back either.
            if let Err(Unsent::Refused(_)) = sent {
                let undo = vec![self.store.withdrawing_reset(&code)];
                if let Ok(Err(failed)) = timeout_at(answer_at, self.store.transact(undo)).await {
                    call.log(Level::Warn, "give back", &failed);
                }
            }
        }
        sleep_until(answer_at).await;
        Ok(Reply::success(Self::SURFACE, json!({ "message": "" })))
    }
}

impl ForgotPassword {
    async fn send(&self, enterprise: &Enterprise, person: &Person, code: &Private) -> Result<(), Unsent> {
        let page = enterprise
            .settings
            .mail
            .reset_page
            .clone()
            .unwrap_or_else(|| format!("{}/reset", self.public_url));
        let link = Private::from(format!("{page}/{}", code.expose()));
        self.mailer.send(enterprise, &person.email, &Mail::reset(enterprise.brand(), &link)).await
    }
}
