//! Whoever brings an opaque token: what the endpoints have in common that take one.

use shared::config::Environment;
use shared::failure::Failure;
use shared::request::Call;
use shared::store::domain::Domain;
use shared::store::opaque_session::{OpaqueSession, Standing};
use shared::store::user::User;
use shared::store::{Attributes, Key, Store, parse};
use shared::token::opaque::OpaqueToken;

/// A token that is or was one of ours, and how it stands.
pub(super) struct Bearer {
    pub(super) token: OpaqueToken,
    pub(super) session: OpaqueSession,
    pub(super) user: User,
    pub(super) standing: Standing,
}

/// Reads tokens.
#[derive(Debug)]
pub(super) struct Bearers {
    pub(super) store: Store,
}

impl Bearers {
    pub(super) fn new(environment: &Environment) -> Self {
        Self { store: Store::new(environment) }
    }

    /// Reads, in one call, whose the host name and the token are, and `further` items of the enterprise. A token
    /// of another tenant's host is none.
    pub(super) async fn read<const N: usize>(
        &self,
        call: &Call,
        further: impl Fn(&str) -> [Key; N],
    ) -> Result<(Bearer, [Option<Attributes>; N]), Failure> {
        let token = call.opaque_token()?;
        let mut keys = vec![
            Domain::key(&call.host),
            OpaqueSession::key(&token),
            User::key(&token.enterprise, &token.user),
        ];
        keys.extend(further(&token.enterprise));
        let mut items = self.store.read_all(&keys.iter().collect::<Vec<_>>()).await?.into_iter();
        let mut next = || items.next().flatten();
        let domain = parse::<Domain>(next())?.ok_or(Failure::Token)?;
        if domain.enterprise != token.enterprise {
            return Err(Failure::Token);
        }
        let session = OpaqueSession::parse(next())?.ok_or(Failure::Token)?;
        let user = parse::<User>(next())?.ok_or(Failure::Token)?;
        let standing = session.judge(&token, &user, call.now);
        if standing == Standing::Unknown {
            return Err(Failure::Token);
        }
        call.notes.add(|about| {
            about.enterprise = Some(token.enterprise.clone());
            about.user = Some(user.id.clone());
            about.session = Some(session.id.clone());
        });
        let bearer = Bearer { token, session, user, standing };
        Ok((bearer, std::array::from_fn(|_| next())))
    }
}
