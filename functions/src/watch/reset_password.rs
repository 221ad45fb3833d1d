//! `POST /v2/watch/auth/reset-password`: sets a new password with the code of an e-mail.

use serde_json::json;
use shared::api_key::PresentedKey;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::password;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::parse;
use shared::store::reset::Reset;

use crate::counted::Counted;
use crate::recovery::{Recovery, check_password};

/// The longest reset code that is read, in characters; ours have 26.
const MAX_CODE: usize = 128;

struct Request {
    reset_code: Private,
    new_password: Private,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        Ok(Self {
            reset_code: body.private("reset_code", MAX_CODE)?,
            new_password: body.private("new_password", password::MAX_CHARS)?,
        })
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct ResetPassword {
    recovery: Recovery,
}

impl Endpoint for ResetPassword {
    const NAME: &'static str = "watch-reset-password";
    const EVENT: &'static str = "password_reset";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/reset-password";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { recovery: Recovery::new(environment) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let store = &self.recovery.store;
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let request = key.gate(parsed, store, Self::SURFACE, call.now).await?;
        let by_source = Recovery::limit(call);
        let counted = Counted::new(call, store, &by_source);
        counted.unless_we_fail(Box::pin(self.reset(call, &key, request, &counted))).await
    }
}

impl ResetPassword {
    async fn reset(
        &self,
        call: &Call,
        key: &PresentedKey,
        Request { reset_code, new_password }: Request,
        counted: &Counted<'_>,
    ) -> Result<Reply, Failure> {
        let ent = key.enterprise.as_str();
        let keys = [&ApiKey::key(ent, &key.id), &Enterprise::key(ent), &Reset::key(&reset_code)];
        // Both are waited for, though one may fail: a try that is still on its way cannot be taken back.
        let (found, has_room) = tokio::join!(self.recovery.store.read(keys), counted.take());
        let ([api_key, enterprise, reset], has_room) = (found?, has_room?);
        let admitted = key.admit([api_key, enterprise], Self::SURFACE, call.now);
        let allowed = admitted.and_then(|(_, enterprise)| check(&new_password, enterprise));
        let enterprise = match allowed {
            Ok(enterprise) => enterprise,
            Err(refusal) => {
                if has_room {
                    counted.give_back().await;
                }
                return Err(refusal);
            }
        };
        if !has_room {
            return Err(counted.refusal());
        }
        let person = parse::<Reset>(reset)?
            .and_then(|reset| reset.person_at(call.now, Some(ent)).cloned())
            .ok_or(Failure::Credentials)?;
        // A password that is the person's own name: known only now, and only to who has the code.
        check_password("new_password", &new_password, &enterprise, Some(&person))?;
        self.recovery.set_password(call, &enterprise, &reset_code, &person, &new_password).await?;
        Ok(Reply::success(Self::SURFACE, json!({ "message": "" })))
    }
}

/// Whether the enterprise takes this password from anybody.
fn check(new_password: &Private, enterprise: Enterprise) -> Result<Enterprise, Failure> {
    if !enterprise.settings.has_watch_method("password") {
        return Err(Failure::NotAllowed("Passwords are not enabled"));
    }
    check_password("new_password", new_password, &enterprise, None)?;
    Ok(enterprise)
}
