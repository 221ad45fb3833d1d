//! The token by which a form is known to come from the page that this browser was shown.
//!
//! It lies in a cookie and in the form, and both must agree: another site can make a browser send a
//! form, but then it comes without our cookie (`SameSite`), and it can neither read nor set that. The
//! cookie is no session: what a browser may answer is decided by the token's hash in the pairing.

use data_encoding::HEXLOWER;
use shared::config::Environment;
use shared::crypto;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;

const FIELD: &str = "csrf";

/// Seconds for which a browser keeps the cookie: longer than any code works.
const MAX_AGE: i64 = 900;

/// The cookie's name and attributes, which differ without TLS.
#[derive(Debug)]
pub(super) struct CsrfCookie {
    name: &'static str,
    attributes: &'static str,
}

impl CsrfCookie {
    pub(super) fn new(environment: &Environment) -> Self {
        if environment.public_url.starts_with("https://") {
            // The prefix keeps other hosts of the domain from setting it (RFC 6265bis §4.1.3.2).
            Self { name: "__Host-usher_phone", attributes: "Path=/; HttpOnly; SameSite=Lax; Secure" }
        } else {
            Self { name: "usher_phone", attributes: "Path=/; HttpOnly; SameSite=Lax" }
        }
    }

    /// The token of the browser that calls, or a new one for a browser that has none.
    pub(super) fn token(&self, call: &Call) -> Csrf {
        let is_token =
            |text: &Private| HEXLOWER.decode(text.expose().as_bytes()).is_ok_and(|bytes| bytes.len() == 16);
        let kept = call.cookie(self.name).filter(is_token);
        let sent = call.form_field(FIELD);
        let is_confirmed = matches!(
            (&kept, &sent),
            (Some(kept), Some(sent)) if crypto::equal(kept.expose().as_bytes(), sent.expose().as_bytes())
        );
        self.with(kept.unwrap_or_else(new_token), is_confirmed)
    }

    /// A new token, for a browser in which somebody has just signed in: what a form of before says is
    /// not theirs to say.
    pub(super) fn renewed(&self) -> Csrf {
        self.with(new_token(), true)
    }

    fn with(&self, token: Private, is_confirmed: bool) -> Csrf {
        let cookie = format!("{}={}; Max-Age={MAX_AGE}; {}", self.name, token.expose(), self.attributes);
        Csrf { token, cookie, is_confirmed }
    }
}

fn new_token() -> Private {
    HEXLOWER.encode(&crypto::random::<16>()).into()
}

/// One browser's token: 128 random bits in hex.
pub(super) struct Csrf {
    token: Private,
    cookie: String,
    /// Whether the form that was sent carries the cookie's token.
    pub(super) is_confirmed: bool,
}

impl Csrf {
    /// The token's SHA-256 in hex, as a pairing holds it.
    pub(super) fn hash(&self) -> String {
        crypto::sha256_hex(self.token.expose().as_bytes())
    }

    /// The form's hidden field.
    pub(super) fn field(&self) -> String {
        format!("<input type=\"hidden\" name=\"{FIELD}\" value=\"{}\">\n", self.token.expose())
    }

    /// Gives the browser the cookie with a page that has the field.
    pub(super) fn set_cookie(&self, reply: Reply) -> Reply {
        reply.header("set-cookie", &self.cookie)
    }
}
