//! Who asks for a screener, and whether they may: what the three endpoints begin with.

use shared::api_key::PresentedKey;
use shared::config::Environment;
use shared::failure::{Failure, Surface};
use shared::request::{Call, Caller};
use shared::store::api_key::ApiKey;
use shared::store::phone::{LinkedPhone, Subject};
use shared::store::screener::Screener;
use shared::store::session::{Live, Session};
use shared::store::{Attributes, Key, Store, parse};
use shared::token::verify::Verifier;
use shared::token::{AccessClaims, keys};

/// Somebody who may play a screener once they have typed a code.
pub(super) struct Viewer {
    pub(super) enterprise: String,
    /// The API key that asks, or that the session was opened with.
    pub(super) api_key: String,
    /// The session of a user; absent for whoever has the link.
    pub(super) session: Option<Session>,
    pub(super) screener: Screener,
    /// The key of their phone for this screener.
    pub(super) phone_key: Key,
    /// The phone that is linked, if there is one.
    pub(super) phone: Option<LinkedPhone>,
}

impl Viewer {
    /// By which the viewer of a screener is told from others, in the counters of an enterprise.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.screener.key, self.phone_key.sk)
    }
}

/// Who asks, before it is known whether they may.
enum Asking {
    Key(PresentedKey),
    User(AccessClaims),
}

/// Lets viewers in.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) store: Store,
    verifier: Verifier,
}

impl Door {
    /// A door that fetches the public keys from the table.
    pub(super) async fn new(environment: &Environment) -> Result<Self, Failure> {
        let store = Store::new(environment);
        let verifier = Verifier::new(keys::public(&store).await?, &environment.public_url, &[Surface::Watch]);
        Ok(Self { store, verifier })
    }

    /// A door with keys that are there already.
    pub(super) fn with(verifier: Verifier, environment: &Environment) -> Self {
        Self { store: Store::new(environment), verifier }
    }

    /// Reads, in one call, whoever calls with an API key or a token, the screener that the path names, their
    /// phone, and `further` items of the enterprise. Whoever has a token may pass wherever a code is asked for;
    /// an API key does where the screener is given out as a link.
    pub(super) async fn admit<const N: usize>(
        &self,
        call: &Call,
        further: impl Fn(&str) -> [Key; N],
    ) -> Result<(Viewer, [Option<Attributes>; N]), Failure> {
        let name = call.path_parameter("screener_key");
        let asking = match call.caller()? {
            Caller::Key(key) => Asking::Key(key),
            Caller::User(token) => Asking::User(self.verifier.access(&token, call.now).await?),
        };
        let (enterprise, subject, mut keys) = match &asking {
            Asking::Key(key) => {
                (key.enterprise.clone(), Subject::Link, vec![ApiKey::key(&key.enterprise, &key.id)])
            }
            Asking::User(claims) => {
                claims.note(&call.notes);
                (claims.ent.clone(), Subject::User(claims.sub.clone()), claims.live_keys().into())
            }
        };
        let phone_key = LinkedPhone::key(&enterprise, name, &subject);
        keys.extend([Screener::key(&enterprise, name), phone_key.clone()]);
        keys.extend(further(&enterprise));
        let mut items = self.store.read_all(&keys.iter().collect::<Vec<_>>()).await?.into_iter();
        let mut next = || items.next().flatten();
        let (api_key, session) = match asking {
            Asking::Key(key) => {
                key.authorize(parse(next())?, Surface::Watch, call.now)?;
                (key.id, None)
            }
            Asking::User(_) => {
                let session = Live::parse([next(), next(), next()], call.now)?.session;
                (session.api_key.clone(), Some(session))
            }
        };
        let screener = open(call, parse(next())?, session.is_some())?;
        let phone = parse::<LinkedPhone>(next())?;
        let viewer = Viewer { enterprise, api_key, session, screener, phone_key, phone };
        Ok((viewer, std::array::from_fn(|_| next())))
    }
}

/// The screener, where a code is asked for and the caller may ask for one. The client is not told which of the
/// two it is, nor whether there is such a screener: API keys of TVs are public.
fn open(call: &Call, screener: Option<Screener>, is_user: bool) -> Result<Screener, Failure> {
    let refused = |reason| {
        call.notes.add(|about| about.reason = Some(reason));
        Err(Failure::NotAllowed("Not allowed for this screener"))
    };
    let Some(screener) = screener else { return refused("screener_unknown") };
    call.notes.add(|about| {
        about.object = Some("screener");
        about.object_id = Some(screener.key.clone());
    });
    if !screener.two_factor {
        return refused("two_factor_off");
    }
    if !is_user && !screener.is_open_to_links() {
        return refused("login_required");
    }
    Ok(screener)
}
