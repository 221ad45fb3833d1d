//! What people sign in with: reading it, and whether an enterprise takes it.

use shared::body::{Invalid, Object};
use shared::failure::{Failure, Surface};
use shared::identity;
use shared::password;
use shared::pin;
use shared::private::Private;
use shared::store::enterprise::Enterprise;

/// What a person gives.
pub(crate) enum Credential {
    Password {
        username: Private,
        password: Private,
    },
    /// A machine's, on the VIDIZMO surface.
    ClientSecret {
        username: Private,
        secret: Private,
    },
    Pin(Private),
}

impl Credential {
    /// Reads `type` and `credentials`.
    pub(crate) fn parse(body: &Object) -> Result<Self, Invalid> {
        let kind = body.text("type", 16)?;
        let credentials = body.object("credentials")?;
        match kind.as_str() {
            "password" => Self::parse_password(&credentials),
            "pin" => Ok(Self::Pin(credentials.private("pin", pin::MAX_CHARS)?)),
            _ => Err(Invalid::new("type", "must be \"password\" or \"pin\"")),
        }
    }

    /// Reads `username` and `password`.
    pub(crate) fn parse_password(fields: &Object) -> Result<Self, Invalid> {
        Ok(Self::Password {
            username: fields.private("username", identity::MAX_CHARS)?,
            password: fields.private("password", password::MAX_CHARS)?,
        })
    }

    /// As the enterprise's settings call it.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Password { .. } => "password",
            Self::ClientSecret { .. } => "client_secret",
            Self::Pin(_) => "pin",
        }
    }
}

/// Refuses a kind of credential that the enterprise has not enabled on `surface`.
pub(crate) fn require_method(surface: Surface, method: &str, enterprise: &Enterprise) -> Result<(), Failure> {
    let settings = &enterprise.settings;
    let is_enabled = match surface {
        Surface::Admin => method == "password" && !settings.sso_only,
        Surface::Vidizmo => method != "pin",
        Surface::Watch | Surface::Page => settings.has_watch_method(method),
    };
    if is_enabled { Ok(()) } else { Err(Failure::NotAllowed("This way of signing in is not enabled")) }
}
