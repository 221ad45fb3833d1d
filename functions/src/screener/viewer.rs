//! Who asks for a screener, and whether they may: what the three endpoints begin with.

use shared::config::Environment;
use shared::failure::{Failure, Surface};
use shared::request::{Call, Caller};
use shared::store::api_key::ApiKey;
use shared::store::phone::{LinkedPhone, Subject};
use shared::store::screener::Screener;
use shared::store::session::{Live, Session};
use shared::store::{Attributes, Key, Store, parse};
use shared::token::keys;
use shared::token::verify::Verifier;

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

/// What was read for a caller before it is known whether they may pass.
struct Asking {
    api_key: String,
    session: Option<Session>,
    /// The screener, the phone, and what the endpoint wanted beside them.
    read: Vec<Option<Attributes>>,
}

/// Lets viewers in.
#[derive(Debug)]
pub(super) struct Door {
    store: Store,
    verifier: Verifier,
}

impl Door {
    /// A door that fetches the public keys from the table.
    pub(super) async fn new(environment: &Environment) -> Result<Self, Failure> {
        let store = Store::new(environment);
        let verifier = Verifier::new(keys::public(&store).await?, &environment.public_url, &[Surface::Watch]);
        Ok(Self::with(store, verifier))
    }

    pub(super) fn with(store: Store, verifier: Verifier) -> Self {
        Self { store, verifier }
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
        let (enterprise, subject, asking) = match call.caller()? {
            Caller::Key(key) => {
                let (ent, subject) = (key.enterprise.clone(), Subject::Link);
                let own = [ApiKey::key(&ent, &key.id)];
                let (own, read) = self.read(own, &ent, &name, &subject, &further(&ent)).await?;
                let [stored] = own;
                key.authorize(parse(stored)?, Surface::Watch, call.now)?;
                (ent, subject, Asking { api_key: key.id, session: None, read })
            }
            Caller::User(token) => {
                let claims = self.verifier.access(&token, call.now).await?;
                claims.note(&call.notes);
                let (ent, subject) = (claims.ent, Subject::User(claims.sub.clone()));
                let own = Live::keys(&ent, &claims.sub, &claims.sid, &claims.client_id);
                let (own, read) = self.read(own, &ent, &name, &subject, &further(&ent)).await?;
                let session = Live::parse(own, call.now)?.session;
                (ent, subject, Asking { api_key: claims.client_id, session: Some(session), read })
            }
        };
        let Asking { api_key, session, read } = asking;
        let mut read = read.into_iter();
        let screener = parse::<Screener>(read.next().flatten())?;
        let phone = parse::<LinkedPhone>(read.next().flatten())?;
        let screener = open(call, screener, session.is_some())?;
        let phone_key = LinkedPhone::key(&enterprise, &screener.key, &subject);
        let viewer = Viewer { enterprise, api_key, session, screener, phone_key, phone };
        Ok((viewer, std::array::from_fn(|_| read.next().flatten())))
    }

    /// Reads the caller's own items, and everything else that the call needs.
    async fn read<const N: usize>(
        &self,
        own: [Key; N],
        enterprise: &str,
        screener: &str,
        subject: &Subject,
        further: &[Key],
    ) -> Result<([Option<Attributes>; N], Vec<Option<Attributes>>), Failure> {
        let phone = LinkedPhone::key(enterprise, screener, subject);
        let screener = Screener::key(enterprise, screener);
        let keys: Vec<_> = own.iter().chain([&screener, &phone]).chain(further).collect();
        let mut items = self.store.read_all(&keys).await?;
        let rest = items.split_off(N);
        let mut items = items.into_iter();
        Ok((std::array::from_fn(|_| items.next().flatten()), rest))
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
