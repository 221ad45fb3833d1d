//! `POST /v1/admin/auth/hotlist`: an owner ends sessions that are not theirs to end by logging out: one,
//! all of a person, or all of an API key. It takes effect on the next call that reads the table, which is
//! every refresh and every `…/auth/session`.

use serde_json::json;
use shared::api_key::is_id;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::session::{Live, Session};
use shared::store::user::User;
use shared::store::{Store, parse};
use shared::token::verify::Verifier;
use shared::token::{self, AccessClaims, keys};

/// The longest id of a user or a session that is read, in characters; ours have at most 57.
const MAX_ID: usize = 128;

/// How often the end of a person's sessions is tried while the person is being changed.
const ATTEMPTS: u32 = 3;

/// What is to end.
enum What {
    RefreshToken(Private),
    Session(String),
    User(String),
    ApiKey(String),
}

impl What {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        let named: Vec<_> = ["refresh_token", "session", "user", "api_key"]
            .into_iter()
            .filter(|name| body.has(name))
            .collect();
        match *named {
            ["refresh_token"] => Ok(Self::RefreshToken(body.private("refresh_token", token::MAX_CHARS)?)),
            ["session"] => Ok(Self::Session(parse_id(body, "session")?)),
            ["user"] => Ok(Self::User(parse_id(body, "user")?)),
            ["api_key"] => {
                let id = body.text("api_key", 40)?;
                if is_id(&id) { Ok(Self::ApiKey(id)) } else { Err(Invalid::new("api_key", "must be an id")) }
            }
            [] => Err(Invalid::new("refresh_token", "missing, and so are session, user and api_key")),
            [_, second, ..] => Err(Invalid::new(second, "must not stand beside another one")),
            [other] => Err(Invalid::new(other, "is not known")),
        }
    }

    /// For the audit: what was named, and never the token.
    fn describe(&self) -> (&'static str, &str) {
        match self {
            Self::RefreshToken(_) => ("refresh_token", ""),
            Self::Session(id) => ("session", id),
            Self::User(id) => ("user", id),
            Self::ApiKey(id) => ("api_key", id),
        }
    }
}

fn parse_id(body: &Object, field: &str) -> Result<String, Invalid> {
    let id = body.text(field, MAX_ID)?;
    let is_id = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_id { Ok(id) } else { Err(Invalid::new(field, "must be an id")) }
}

/// The endpoint.
#[derive(Debug)]
pub struct Hotlist {
    store: Store,
    admin: Verifier,
    watch: Verifier,
}

impl Endpoint for Hotlist {
    const NAME: &'static str = "admin-hotlist";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v1/admin/auth/hotlist";
    const SURFACE: Surface = Surface::Admin;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let store = Store::new(environment);
        let keys = keys::public(&store).await?;
        let verifier = |surface| Verifier::new(keys.clone(), &environment.public_url, surface);
        Ok(Self { admin: verifier(Surface::Admin), watch: verifier(Surface::Watch), store })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let claims = self.admin.access(&call.user_token()?, call.now).await?;
        let keys = Live::keys(&claims.ent, &claims.sub, &claims.sid, &claims.client_id);
        let live = Live::parse(self.store.read(keys.each_ref()).await?, call.now)?;
        // By the table and not by the token, which can be a quarter of an hour older.
        if !live.user.roles.iter().any(|role| role == "owner") {
            return Err(Failure::NotAllowed("Only owners may do this"));
        }
        let what = What::parse(&call.body()?)?;
        let hotlisted = self.end(call, &claims, &what).await?;
        let (kind, id) = what.describe();
        tracing::warn!(
            target: "usher", function = Self::NAME, request_id = call.request_id, source = call.source,
            enterprise = claims.ent, actor = claims.sub, kind, id, hotlisted, "hotlisted"
        );
        Ok(Reply::success(Self::SURFACE, json!({ "hotlisted": hotlisted })))
    }
}

impl Hotlist {
    /// Ends what lives of it; how much that was. What is not there, or over, counts nothing.
    async fn end(&self, call: &Call, claims: &AccessClaims, what: &What) -> Result<usize, Failure> {
        let (ent, now) = (claims.ent.as_str(), call.now);
        match what {
            What::RefreshToken(token) => {
                let of_admin = self.admin.refresh_of_any_age(token, now).await;
                let named = match of_admin {
                    Ok(named) => named,
                    Err(_) => self.watch.refresh_of_any_age(token, now).await?,
                };
                if named.ent != ent {
                    return Err(Failure::Token);
                }
                let key = Session::key(ent, &named.sub, &named.sid);
                Ok(self.store.end_session(&key, now).await?.into())
            }
            What::Session(id) => match Session::user_of(id) {
                Some(user) => Ok(self.store.end_session(&Session::key(ent, user, id), now).await?.into()),
                None => Ok(0),
            },
            What::User(id) => self.end_user(ent, id, now).await,
            What::ApiKey(id) => Ok(self.store.hotlist_api_key(ent, id, now).await?.into()),
        }
    }

    /// Raises the person's epoch, in all the places where it stands.
    async fn end_user(&self, enterprise: &str, id: &str, now: i64) -> Result<usize, Failure> {
        for _ in 0..ATTEMPTS {
            let [user] = self.store.read([&User::key(enterprise, id)]).await?;
            let Some(user) = parse::<User>(user)? else { return Ok(0) };
            let lived = self.store.count_live_sessions(enterprise, &user, now).await?;
            let mut writes = vec![self.store.ending_sessions_of(enterprise, id, user.epoch)];
            let names = [Some(&user.username), user.email.as_ref()].into_iter().flatten();
            let mut names: Vec<_> = names.map(|name| identity::canonical(name.expose())).collect();
            names.dedup();
            match &user.pin {
                Some(pin) => writes.push(self.store.raising_epoch_of_pin(enterprise, pin, id)),
                None => {
                    writes.extend(names.iter().map(|name| self.store.raising_epoch(enterprise, name, id)));
                }
            }
            if self.store.transact(writes).await?.is_ok() {
                return Ok(lived);
            }
            // The person was changed since the read: names and epoch are read again.
        }
        Err(Failure::Internal("the person kept being changed".into()))
    }
}
