//! `POST /v1/admin/auth/hotlist`: an owner ends sessions that are not theirs to end by logging out: one,
//! all of a person, or all of an API key. It takes effect on the next call that reads the table, which is
//! every refresh and every `…/auth/session`. A TV that a session has signed in ends with its person only.

use serde_json::json;
use shared::api_key::is_id;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::api_key::ApiKey;
use shared::store::session::Session;
use shared::store::user::User;
use shared::store::{Store, parse};
use shared::token::verify::Verifier;
use shared::token::{self, AccessClaims, keys};
use ulid::Ulid;

use crate::sessions::live;

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
            [_] => {
                let id = body.text("api_key", 40)?;
                if is_id(&id) { Ok(Self::ApiKey(id)) } else { Err(Invalid::new("api_key", "must be an id")) }
            }
            [] => Err(Invalid::new("refresh_token", "missing, and so are session, user and api_key")),
            [_, second, ..] => Err(Invalid::new(second, "must not stand beside another one")),
        }
    }
}

/// Reads an id of ours: ULIDs and `-`.
fn parse_id(body: &Object, field: &str) -> Result<String, Invalid> {
    let id = body.text(field, MAX_ID)?;
    let is_part = |part: &str| part == "pin" || Ulid::from_string(part).is_ok();
    if id.split('-').all(is_part) { Ok(id) } else { Err(Invalid::new(field, "must be an id")) }
}

/// The endpoint.
#[derive(Debug)]
pub struct Hotlist {
    store: Store,
    admin: Verifier,
    any: Verifier,
}

impl Endpoint for Hotlist {
    const NAME: &'static str = "admin-hotlist";
    const EVENT: &'static str = "hotlist";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v1/admin/auth/hotlist";
    const SURFACE: Surface = Surface::Admin;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let store = Store::new(environment);
        let keys = keys::public(&store).await?;
        let verifier = |surfaces: &[Surface]| Verifier::new(keys.clone(), &environment.public_url, surfaces);
        Ok(Self {
            admin: verifier(&[Surface::Admin]),
            any: verifier(&[Surface::Admin, Surface::Watch]),
            store,
        })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let token = call.user_token()?;
        let (claims, live) = live(&self.store, &self.admin, &token, call.now, &call.notes).await?;
        // By the table and not by the token, which can be a quarter of an hour older.
        if !live.user.roles.iter().any(|role| role == "owner") {
            return Err(Failure::NotAllowed("Only owners may do this"));
        }
        let what = What::parse(&call.body()?)?;
        let count = self.end(call, &claims, what).await?;
        call.notes.add(|about| about.ended = u64::try_from(count).ok());
        Ok(Reply::success(Self::SURFACE, json!({ "hotlisted": count })))
    }
}

impl Hotlist {
    /// Ends what is named; how many of it there were. What is not there, or ended before, counts nothing.
    async fn end(&self, call: &Call, claims: &AccessClaims, what: What) -> Result<usize, Failure> {
        let (ent, now) = (claims.ent.as_str(), call.now);
        // Before anything ends, so that the log has it whatever happens.
        let note = |kind: &'static str, id: &str| {
            call.notes.add(|about| (about.object, about.object_id) = (Some(kind), Some(id.to_owned())));
        };
        match what {
            What::RefreshToken(token) => {
                let named = self.any.refresh_of_any_age(&token, now).await?;
                if named.ent != ent {
                    return Err(Failure::Token);
                }
                note("session", &named.sid);
                let key = Session::key(ent, &named.sub, &named.sid);
                Ok(self.store.end_session(&key, now).await?.into())
            }
            What::Session(id) => {
                let user = Session::user_of(&id).ok_or_else(|| Invalid::new("session", "must be an id"))?;
                note("session", &id);
                Ok(self.store.end_session(&Session::key(ent, user, &id), now).await?.into())
            }
            What::User(id) => {
                note("user", &id);
                self.end_user(ent, &id, now).await
            }
            What::ApiKey(id) => {
                note("api_key", &id);
                let [key] = self.store.read([&ApiKey::first(ent, &id)]).await?;
                match parse::<ApiKey>(key)? {
                    // One that does not work is hotlisted too: it must not come back.
                    Some(key) => {
                        Ok((self.store.hotlist_api_key(ent, &key).await? && key.is_live(now)).into())
                    }
                    None => Ok(0),
                }
            }
        }
    }

    /// Raises the person's epoch, in all the places where it stands; how many of their sessions had not
    /// ended.
    async fn end_user(&self, enterprise: &str, id: &str, now: i64) -> Result<usize, Failure> {
        let mut first_epoch = None;
        for _ in 0..ATTEMPTS {
            let [user] = self.store.read([&User::key(enterprise, id)]).await?;
            // Who is disabled has no sessions that live, and none that come back. Their names may be somebody else's.
            let Some(user) = parse::<User>(user)?.filter(|user| !user.disabled) else { return Ok(0) };
            if *first_epoch.get_or_insert(user.epoch) != user.epoch {
                // Somebody else has ended them since this call began.
                return Ok(0);
            }
            if self.store.transact(self.store.hotlisting_user(enterprise, &user)).await?.is_ok() {
                // Afterwards, so that a person with very many sessions does not keep them by that.
                return Ok(self.store.count_sessions(enterprise, &user, now).await?);
            }
            // The person was changed since the read: their names are read again.
        }
        Err(Failure::Internal("the person kept being changed".into()))
    }
}
