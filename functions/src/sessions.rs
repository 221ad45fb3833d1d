//! What a session's tokens can be used for, on each surface: a new access token, its end, and a look at
//! it.

use serde::Serialize;
use serde_json::json;
use shared::audit::Notes;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::crypto;
use shared::failure::{Failure, Surface};
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::session::{Live, Session, Spent};
use shared::store::{Store, parse};
use shared::token::issue::Issuer;
use shared::token::verify::Verifier;
use shared::token::{self, AccessClaims, RefreshClaims, keys};

/// Reads sessions by the tokens of one surface.
#[derive(Debug)]
pub(crate) struct Sessions {
    store: Store,
    verifier: Verifier,
    surface: Surface,
}

impl Sessions {
    pub(crate) async fn new(environment: &Environment, surface: Surface) -> Result<Self, Failure> {
        let store = Store::new(environment);
        let verifier = Verifier::new(keys::public(&store).await?, &environment.public_url, &[surface]);
        Ok(Self { store, verifier, surface })
    }

    /// With the keys of an issuer, which are fetched once for both.
    pub(crate) fn beside(issuer: &Issuer, environment: &Environment, surface: Surface) -> Self {
        let verifier = Verifier::new(issuer.keys(), &environment.public_url, &[surface]);
        Self { store: Store::new(environment), verifier, surface }
    }
}

/// What an access token says, and its session, user and API key as they are at `now`. One read.
pub(crate) async fn live(
    store: &Store,
    verifier: &Verifier,
    token: &Private,
    now: i64,
    notes: &Notes,
) -> Result<(AccessClaims, Live), Failure> {
    let claims = verifier.access(token, now).await?;
    claims.note(notes);
    let live = Live::parse(store.read(claims.live_keys().each_ref()).await?, now)?;
    Ok((claims, live))
}

/// The body of a logout.
enum Ending {
    Access(Private),
    Refresh(Private),
}

impl Ending {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        if let Some(token) = body.optional_private("token", token::MAX_CHARS)? {
            return Ok(Self::Access(token));
        }
        if let Some(token) = body.optional_private("refresh_token", token::MAX_CHARS)? {
            return Ok(Self::Refresh(token));
        }
        Err(Invalid::new("token", "missing, and so is refresh_token"))
    }
}

impl Sessions {
    /// Whose token the call carries, and whether its session lives. One read.
    pub(crate) async fn show(&self, call: &Call) -> Result<Reply, Failure> {
        let token = call.user_token()?;
        let (claims, live) = live(&self.store, &self.verifier, &token, call.now, &call.notes).await?;
        let email = live.user.email.as_ref().map(Private::expose);
        Ok(Reply::success(
            self.surface,
            json!({
                "user": { "id": live.user.id, "username": live.user.username.expose(), "email": email },
                "enterprise": claims.ent,
                "session": live.session.id,
                "expires_at": live.session.expires_at,
            }),
        ))
    }

    /// Ends the session of a token in the body, and so both of its tokens.
    pub(crate) async fn end(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        key.check(&self.store, self.surface, call.now).await?;
        // Of any age: signing out must work after the token has expired, and twice.
        let (ent, client_id, user, session) = match Ending::parse(&call.body()?)? {
            Ending::Access(token) => {
                let claims = self.verifier.access_of_any_age(&token, call.now).await?;
                (claims.ent, claims.client_id, claims.sub, claims.sid)
            }
            Ending::Refresh(token) => {
                let claims = self.verifier.refresh_of_any_age(&token, call.now).await?;
                (claims.ent, claims.client_id, claims.sub, claims.sid)
            }
        };
        if (&ent, &client_id) != (&key.enterprise, &key.id) {
            return Err(Failure::Token);
        }
        self.store.end_session(&Session::key(&ent, &user, &session), call.now).await?;
        call.notes.add(|about| {
            about.user = Some(user);
            about.session = Some(session);
        });
        Ok(Reply::success(self.surface, json!({})))
    }
}

#[derive(Serialize)]
struct Renewed {
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

impl Sessions {
    /// A new access token for the living session of a refresh token.
    ///
    /// One read. Where the API key asks for rotation, one conditional write more: the refresh token is
    /// spent for its successor, which is kept in the session, sealed with the spent one. Whoever sends
    /// the spent one again within ten seconds gets that same successor; afterwards its use ends the
    /// session (RFC 9700 §4.14).
    pub(crate) async fn renew(&self, call: &Call, issuer: &Issuer) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let read = self.read_refresh_token(call).await;
        let (token, claims) = key.gate(read, &self.store, self.surface, call.now).await?;
        // Not its enterprise and key: the line is to name the application that came with the token.
        call.notes.add(|about| {
            about.user = Some(claims.sub.clone());
            about.session = Some(claims.sid.clone());
        });
        // The session's items are read under the presented key's enterprise and id: a token of
        // another one does not match what comes back.
        let keys = Live::keys(&key.enterprise, &claims.sub, &claims.sid, &key.id);
        let [session, user, api_key] = self.store.read(keys.each_ref()).await?;
        let api_key = key.authorize(parse(api_key)?, self.surface, call.now)?;
        if (&claims.ent, &claims.client_id) != (&key.enterprise, &key.id) {
            return Err(Failure::Token);
        }
        let live = Live::with_key([session, user], api_key, call.now)?;
        let refresh_token = self.spend(call, issuer, &live, &claims, &token).await?;
        let token = issuer.access(&claims.ent, &live.session, &live.user.roles, call.now)?;
        Ok(Reply::success(self.surface, Renewed { token, refresh_token }))
    }

    async fn read_refresh_token(&self, call: &Call) -> Result<(Private, RefreshClaims), Failure> {
        let token = call.body()?.private("refresh_token", token::MAX_CHARS)?;
        let claims = self.verifier.refresh(&token, call.now).await?;
        Ok((token, claims))
    }

    /// Judges the refresh token by the session, and gives its successor where there is one.
    async fn spend(
        &self,
        call: &Call,
        issuer: &Issuer,
        live: &Live,
        claims: &RefreshClaims,
        token: &Private,
    ) -> Result<Option<String>, Failure> {
        let (ent, session) = (&claims.ent, &live.session);
        let session_key = Session::key(ent, &session.user, &session.id);
        let is_current = claims.jti == session.refresh_jti;
        let spent = match (is_current, live.api_key.refresh_rotation) {
            (true, false) => return Ok(None),
            (true, true) => {
                let jti = crypto::new_id();
                let successor = issuer.refresh(ent, session, &jti, call.now)?;
                let sealed = crypto::seal_once(token.expose(), &successor);
                match self.store.rotate(&session_key, &claims.jti, &jti, sealed, call.now).await? {
                    Ok(()) => return Ok(Some(successor)),
                    Err(spent) => spent,
                }
            }
            (false, _) => session.clone().already_spent(&claims.jti, call.now),
        };
        match spent {
            Spent::Before(sealed) => {
                let successor = crypto::open_sealed(token.expose(), &sealed);
                successor.map(Some).ok_or(Failure::Token)
            }
            Spent::Reused => {
                let ended = self.store.end_session(&session_key, call.now).await?;
                call.notes.add(|about| {
                    about.detail = Some("reused");
                    about.object = Some("session");
                    about.object_id = Some(session.id.clone());
                    about.ended = Some(ended.into());
                });
                Err(Failure::Token)
            }
            Spent::Gone => Err(Failure::Token),
        }
    }
}
