//! `POST /v2/watch/auth/users`: a new viewer.

use serde_json::json;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity::{self, canonical};
use shared::limits;
use shared::password;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::identity::Identity;
use shared::store::user::User;
use shared::store::{Operation, Store, parse};

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

    fn check_password(&self, enterprise: &Enterprise) -> Result<(), Invalid> {
        let context = [self.username.expose(), self.email.expose(), &enterprise.id, enterprise.brand()];
        password::check("password", &self.password, enterprise.settings.password_min_length, &context)
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct SignUp {
    store: Store,
}

impl Endpoint for SignUp {
    const NAME: &'static str = "watch-sign-up";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/users";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let ent = key.enterprise.as_str();
        let request = match call.body().and_then(|body| Request::parse(&body)) {
            Ok(request) => request,
            Err(invalid) => {
                key.check(&self.store, Surface::Watch, call.now).await?;
                return Err(invalid.into());
            }
        };
        let by_source = limits::SIGNUP_SOURCE.counter(ent, &call.source, call.now);
        let (keys, operation) = ([&ApiKey::key(ent, &key.id), &Enterprise::key(ent)], Operation::new());
        let ([api_key, enterprise], source_has_room) =
            tokio::try_join!(self.store.read(keys), self.store.take(&by_source, &operation))?;
        key.authorize(parse(api_key)?, Surface::Watch, call.now)?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::ApiKey)?;
        if !enterprise.settings.signup || !enterprise.settings.has_watch_method("password") {
            return Err(Failure::NotAllowed("Sign-up is not enabled"));
        }
        request.check_password(&enterprise)?;
        if !source_has_room {
            return Err(by_source.refusal(call.now));
        }

        let identity = Identity {
            user: crypto::new_id(),
            username: request.username,
            email: Some(request.email),
            password_hash: Some(password::hash(request.password).await?),
            epoch: 0,
            roles: vec!["viewer".to_owned()],
            surfaces: vec!["watch".to_owned()],
            disabled: false,
        };
        let user = User {
            id: identity.user.clone(),
            username: identity.username.clone(),
            email: identity.email.clone(),
            epoch: identity.epoch,
            roles: identity.roles.clone(),
            disabled: false,
        };
        let (name, email) = (
            canonical(user.username.expose()),
            identity.email.as_ref().map(|email| canonical(email.expose())),
        );
        let writes = vec![
            self.store.claiming_name(ent, &name, &identity)?,
            self.store.claiming_name(ent, &email.unwrap_or_default(), &identity)?,
            self.store.creating_user(ent, &user)?,
        ];
        match self.store.transact(writes).await? {
            Ok(()) => Ok(Reply::success(Surface::Watch, json!({ "message": "" }))),
            Err(cancelled) if cancelled.failed[0] => Err(Invalid::new("username", "is taken").into()),
            Err(_) => Err(Invalid::new("email", "is taken").into()),
        }
    }
}
