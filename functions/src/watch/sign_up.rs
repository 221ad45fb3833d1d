//! `POST /v2/watch/auth/users`: a new viewer.

use serde_json::json;
use shared::api_key::PresentedKey;
use shared::api_key::SeenKeys;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity;
use shared::limits;
use shared::password;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::Store;
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::identity::Identity;

use crate::counted::Counted;

struct Request {
    username: Private,
    email: Private,
    password: Private,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        let username = body.private("username", identity::MAX_CHARS)?;
        identity::check_username("username", username.expose())?;
        let email = body.private("email", identity::MAX_CHARS)?;
        identity::check_email("email", email.expose())?;
        let password = body.private("password", password::MAX_CHARS)?;
        Ok(Self { username, email, password })
    }

    /// Whether the enterprise takes this sign-up.
    fn check(&self, enterprise: &Enterprise) -> Result<(), Failure> {
        if !enterprise.settings.signup || !enterprise.settings.has_watch_method("password") {
            return Err(Failure::NotAllowed("Sign-up is not enabled"));
        }
        let context = [self.username.expose(), self.email.expose(), &enterprise.id, enterprise.brand()];
        password::check("password", &self.password, enterprise.settings.password_min_length, &context)?;
        Ok(())
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct SignUp {
    store: Store,
    seen_keys: SeenKeys,
}

impl Endpoint for SignUp {
    const NAME: &'static str = "watch-sign-up";
    const EVENT: &'static str = "sign_up";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/users";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), seen_keys: SeenKeys::default() })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let ent = key.enterprise.as_str();
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let request = key.gate(parsed, &self.store, Self::SURFACE, call.now).await?;
        let by_source = limits::SIGNUP_SOURCE.counter(ent, &call.source, call.now);
        let counted = Counted::new(call, &self.store, &by_source);
        counted.unless_we_fail(Box::pin(self.create(call, &key, request, &counted))).await
    }
}

impl SignUp {
    async fn create(
        &self,
        call: &Call,
        key: &PresentedKey,
        request: Request,
        counted: &Counted<'_>,
    ) -> Result<Reply, Failure> {
        let ent = key.enterprise.as_str();
        let keys = [&ApiKey::key(ent, &key.id), &Enterprise::key(ent)];
        let (found, has_room) = if self.seen_keys.contains(key) {
            // Both are waited for, though one may fail: a try that is still on its way cannot be taken back.
            let (found, has_room) = tokio::join!(self.store.read(keys), counted.take());
            (found?, has_room?)
        } else {
            // Nothing is written for keys that are made up.
            let found = self.store.read(keys).await?;
            key.admit(found.clone(), Self::SURFACE, call.now)?;
            self.seen_keys.insert(key);
            (found, counted.take().await?)
        };
        let admitted = key.admit(found, Self::SURFACE, call.now);
        if let Err(Failure::ApiKey) = admitted {
            self.seen_keys.remove(key);
        }
        if let Err(refusal) = admitted.and_then(|(_, enterprise)| request.check(&enterprise)) {
            if has_room {
                counted.give_back().await;
            }
            return Err(refusal);
        }
        if !has_room {
            return Err(counted.refusal());
        }

        let identity = Identity {
            user: crypto::new_id(),
            username: request.username,
            email: Some(request.email),
            password_hash: Some(password::hash(request.password).await?),
            provisioned_hash: None,
            client_secret_hash: None,
            epoch: 0,
            roles: vec!["viewer".to_owned()],
            surfaces: vec!["watch".to_owned()],
            disabled: false,
            self_registered: true,
        };
        let created = match self.store.transact(self.store.creating_person(ent, &identity)?).await {
            Ok(created) => created,
            // A crowd after the same names is not our fault, so its tries stay counted.
            Err(error) if error.is_crowded() => return Err(Failure::RateLimited { retry_after: 1 }),
            Err(error) => return Err(error.into()),
        };
        match created {
            Ok(()) => {
                call.notes.add(|about| about.user = Some(identity.user));
                Ok(Reply::success(Self::SURFACE, json!({ "message": "" })))
            }
            Err(cancelled) if cancelled.failed[1] => Err(Invalid::new("username", "is taken").into()),
            Err(_) => Err(Invalid::new("email", "is taken").into()),
        }
    }
}
