//! `POST /api/v1/user/authenticate`: signs a person in by password, or a machine by its client secret, at the
//! enterprise that the host name belongs to. How a credential is checked, and what a try costs, stands in
//! `sign_in.rs`: the tries are those of the person's other surfaces.

use serde_json::json;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity;
use shared::password;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::domain::Domain;
use shared::store::opaque_session::OpaqueSession;
use shared::store::parse;

use crate::credential::Credential;
use crate::gate::Gate;
use crate::sign_in::SignIn;

fn parse_credential(body: &Object) -> Result<Credential, Invalid> {
    let username = body.private("emailAddress", identity::MAX_CHARS)?;
    match (body.has("password"), body.has("clientSecret")) {
        (true, false) => {
            Ok(Credential::Password { username, password: body.private("password", password::MAX_CHARS)? })
        }
        (false, true) => Ok(Credential::ClientSecret {
            username,
            secret: body.private("clientSecret", password::MAX_CHARS)?,
        }),
        (false, false) => Err(Invalid::new("password", "missing, and so is clientSecret")),
        (true, true) => Err(Invalid::new("clientSecret", "must not stand beside password")),
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct Authenticate {
    sign_in: SignIn,
}

impl Endpoint for Authenticate {
    const NAME: &'static str = "vidizmo-authenticate";
    const EVENT: &'static str = "sign_in";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/api/v1/user/authenticate";
    const SURFACE: Surface = Surface::Vidizmo;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { sign_in: SignIn::without_pins(environment, Self::SURFACE) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let credential = parse_credential(&call.body()?)?;
        let store = &self.sign_in.store;
        let [domain] = store.read([&Domain::key(&call.host)]).await?;
        // A host that is nobody's has nobody who could sign in. It is asked like any other, and counts like one;
        // its id is none that an enterprise can have.
        let enterprise = parse::<Domain>(domain)?.map(|domain| domain.enterprise);
        let enterprise = enterprise.unwrap_or_else(|| format!("?{}", call.host));
        let verified = self.sign_in.verify(call, Gate::Host(&enterprise), credential).await?;
        let opened =
            OpaqueSession::open(&enterprise, &verified.holder, &verified.enterprise.settings, call.now);
        let (session, token) = opened.ok_or_else(|| Failure::Internal("an id is not ours".into()))?;
        let opening = vec![store.opening_opaque(&token, &session)?];
        let otherwise = Failure::Internal("a new session's id was taken".into());
        self.sign_in.complete(call, verified, opening, otherwise).await?;
        call.notes.add(|about| about.session = Some(session.id));
        Ok(Reply::bare(&json!(token.expose())))
    }
}
