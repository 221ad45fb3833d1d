//! The call that a handler sees: what API Gateway passed on, and nothing that a client can forge.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::header;

use crate::api_key::PresentedKey;
use crate::audit::Notes;
use crate::body::{Invalid, MAX_BYTES, Object, check_text};
use crate::failure::Failure;
use crate::log::{self, Level, Trouble};
use crate::private::Private;
use crate::token::opaque::OpaqueToken;

/// Who calls.
#[derive(Debug)]
pub enum Caller {
    /// An application, by its API key.
    Key(PresentedKey),
    /// A user, by a token that nobody has looked at yet.
    User(Private),
}

/// One HTTP request, as a handler reads it.
pub struct Call {
    /// Epoch seconds at which API Gateway received the request (`requestContext.timeEpoch`); the
    /// clock by which all expiry is judged, so that one call sees one time.
    pub now: i64,
    /// The id that the log and `X-Request-Id` carry.
    pub request_id: String,
    /// The caller's address as API Gateway saw it (`requestContext.http.sourceIp`), never
    /// `X-Forwarded-For`, which a client writes. Of an IPv6 address the first half, since one
    /// connection has all the others.
    pub source: String,
    /// The host name by which API Gateway was called (`requestContext.domainName`), without a port and in lower
    /// case; never `X-Forwarded-Host`, which a client writes.
    pub host: String,
    /// What the call turns out to be about, for the log.
    pub notes: Notes,
    event: ApiGatewayV2httpRequest,
    body: Vec<u8>,
}

impl fmt::Debug for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Call {}", self.request_id)
    }
}

impl Call {
    /// Reads a request that came through an API Gateway HTTP API, payload format 2.0.
    #[must_use]
    pub fn new(mut event: ApiGatewayV2httpRequest, request_id: String) -> Self {
        let body = event.body.take().unwrap_or_default();
        let body = if event.is_base64_encoded {
            // What is no base64 does not come from API Gateway. It is read as no body.
            BASE64.decode(body.as_bytes()).unwrap_or_default()
        } else {
            body.into_bytes()
        };
        let gateway = &mut event.request_context;
        let source = source(gateway.http.source_ip.take().unwrap_or_default());
        Self {
            now: epoch_seconds(gateway.time_epoch),
            request_id,
            notes: Notes::of(&source),
            source,
            host: host(gateway.domain_name.as_deref().unwrap_or_default()),
            event,
            body,
        }
    }

    /// Logs what went wrong beside the call, which has its answer all the same.
    pub fn log(&self, level: Level, what: &str, cause: &impl fmt::Display) {
        let (request_id, cause) = (Some(&*self.request_id), cause.to_string());
        log::write(level, what, &Trouble { request_id, cause: Some(&cause), ..Trouble::default() });
    }

    fn authorization(&self) -> Option<&str> {
        self.event.headers.get(header::AUTHORIZATION)?.to_str().ok()
    }

    /// The API key that the call carries.
    ///
    /// # Errors
    /// As [`PresentedKey::from_header`].
    pub fn api_key(&self) -> Result<PresentedKey, Failure> {
        let key = PresentedKey::from_header(self.authorization())?;
        self.notes.add(|about| {
            about.enterprise = Some(key.enterprise.clone());
            about.api_key = Some(key.id.clone());
        });
        Ok(key)
    }

    /// The user's token that the call carries.
    ///
    /// # Errors
    /// As [`parse_user_token`].
    pub fn user_token(&self) -> Result<Private, Failure> {
        parse_user_token(self.authorization().unwrap_or_default())
    }

    /// The opaque token that the call carries as `Bearer <token>`.
    ///
    /// # Errors
    /// [`Failure::Token`] when there is none, or it cannot be one.
    pub fn opaque_token(&self) -> Result<OpaqueToken, Failure> {
        let (scheme, token) =
            self.authorization().unwrap_or_default().split_once(' ').ok_or(Failure::Token)?;
        let token = OpaqueToken::parse(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"));
        token.ok_or(Failure::Token)
    }

    /// Who calls an endpoint that takes either: an API key, or the token of a user. Three
    /// dot-separated parts make it a token, and so does the scheme `JWT`.
    ///
    /// # Errors
    /// As [`Call::user_token`] and [`Call::api_key`].
    pub fn caller(&self) -> Result<Caller, Failure> {
        let mut words = self.authorization().unwrap_or_default().split_ascii_whitespace();
        let is_token = match (words.next(), words.next()) {
            (Some(scheme), Some(credential)) => {
                scheme.eq_ignore_ascii_case("jwt") || credential.split('.').count() == 3
            }
            (Some(bare), None) => bare.split('.').count() == 3,
            _ => false,
        };
        if is_token { self.user_token().map(Caller::User) } else { self.api_key().map(Caller::Key) }
    }

    /// The JSON body.
    ///
    /// # Errors
    /// As [`Object::parse`].
    pub fn body(&self) -> Result<Object, Invalid> {
        Object::parse(&self.body)
    }

    /// A field of an HTML form (`application/x-www-form-urlencoded`); `None` when it is absent, or the body is
    /// larger than [`MAX_BYTES`]. What is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn form_field(&self, name: &str) -> Option<Private> {
        if self.body.len() > MAX_BYTES {
            return None;
        }
        form_urlencoded::parse(&self.body)
            .find_map(|(key, value)| (key == name).then(|| value.into_owned().into()))
    }

    /// A field of a form that has to have 1 to `max` characters, as [`Object::private`] of a JSON body; `None` when it
    /// does not.
    #[must_use]
    pub fn form_text(&self, name: &str, max: usize) -> Option<Private> {
        self.form_field(name).filter(|value| check_text(value.expose(), max).is_ok())
    }

    /// A cookie's value. API Gateway takes cookies out of the headers.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<Private> {
        let cookies = self.event.cookies.iter().flatten().flat_map(|cookies| cookies.split(';'));
        let mut pairs = cookies.filter_map(|cookie| cookie.trim().split_once('='));
        pairs.find_map(|(key, value)| (key == name).then(|| value.into()))
    }

    /// A parameter of the query; `None` when the address has none of that name.
    #[must_use]
    pub fn query_parameter(&self, name: &str) -> Option<String> {
        let query = self.event.raw_query_string.as_deref().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes())
            .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    /// A parameter of the path, as `reset_code`; empty when the route has none of that name.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> &str {
        self.event.path_parameters.get(name).map_or("", String::as_str)
    }
}

/// Reads a user's token out of an `Authorization` header: `JWT <token>`, `Bearer <token>` or the bare
/// token.
///
/// # Errors
/// [`Failure::NoAuthorization`] when the header is none of the three; [`Failure::Token`] when it carries
/// something else than three dot-separated parts.
pub fn parse_user_token(header: &str) -> Result<Private, Failure> {
    let mut words = header.split_ascii_whitespace();
    let token = match (words.next(), words.next(), words.next()) {
        (Some(scheme), Some(token), None) if is_token_scheme(scheme) => token,
        (Some(token), None, None) if !is_token_scheme(token) => token,
        _ => return Err(Failure::NoAuthorization),
    };
    if token.split('.').count() != 3 {
        return Err(Failure::Token);
    }
    Ok(token.into())
}

/// A host name without its port, in lower case; empty, as of no enterprise, when it is longer than a name in the DNS
/// can be (RFC 1035 §2.3.4) and so than a key of the table.
fn host(authority: &str) -> String {
    const MAX_CHARS: usize = 253;
    let name = authority.split(':').next().unwrap_or_default();
    if name.len() <= MAX_CHARS { name.to_ascii_lowercase() } else { String::new() }
}

/// The caller's address as [`Call::source`] has it.
#[must_use]
pub fn source(address: String) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        _ => address,
    }
}

fn is_token_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("jwt") || word.eq_ignore_ascii_case("bearer")
}

/// `timeEpoch` in seconds. API Gateway writes milliseconds; `sam local start-api` writes seconds;
/// an event made by hand may have none, and then the machine's clock counts.
#[must_use]
pub fn epoch_seconds(time_epoch: i64) -> i64 {
    const FIRST_MILLISECONDS: i64 = 100_000_000_000;
    match time_epoch {
        ..=0 => machine_now(),
        1..FIRST_MILLISECONDS => time_epoch,
        _ => time_epoch / 1000,
    }
}

/// Epoch seconds by the machine's clock, for what comes with no time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "there is no other clock")]
pub fn machine_now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ipv6_connection_is_one_source() {
        assert_eq!(source("203.0.113.7".into()), "203.0.113.7");
        assert_eq!(source("2001:db8:1:2:3:4:5:6".into()), "2001:db8:1:2::/64");
    }

    #[test]
    fn time_is_read_in_both_units() {
        assert_eq!(epoch_seconds(1_795_000_000_123), 1_795_000_000);
        assert_eq!(epoch_seconds(1_795_000_000), 1_795_000_000);
        assert!(epoch_seconds(0) > 1_795_000_000 - 400_000_000);
    }
}
