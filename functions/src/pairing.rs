//! What the endpoints have in common that take a login code: reading it, finding its TV, and the limit
//! on guessing.

use shared::body::{Invalid, Object};
use shared::failure::Failure;
use shared::identity::is_invisible;
use shared::limits::{self, Counter};
use shared::login_code::{self, LoginCode};
use shared::private::Private;
use shared::request::Call;
use shared::store::pairing::Pairing;
use shared::store::{Attributes, Operation, Store, parse};

/// The longest `udid`, in characters.
const MAX_UDID: usize = 128;

/// The code that a body names; `None` for a text that cannot be one, and that no TV shows.
pub(crate) fn parse_code(body: &Object) -> Result<Option<LoginCode>, Invalid> {
    let text = body.private("login_code", login_code::MAX_CHARS)?;
    Ok(LoginCode::read(text.expose()))
}

/// The `udid`, by which a device is told from others.
pub(crate) fn parse_udid(body: &Object) -> Result<Private, Invalid> {
    let udid = body.private("udid", MAX_UDID)?;
    let is_printable = |c: char| c == ' ' || !(is_invisible(c) || is_unassigned(c));
    if udid.expose().chars().all(|c| c == ' ') || !udid.expose().chars().all(is_printable) {
        return Err(Invalid::new("udid", "must be printable"));
    }
    Ok(udid)
}

/// Characters that mean nothing to anybody else: noncharacters and those for private use (Unicode
/// §23.5, §23.7).
fn is_unassigned(c: char) -> bool {
    matches!(u32::from(c), 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xf_0000..=0x10_ffff)
        || u32::from(c) & 0xfffe == 0xfffe
}

/// The limit on wrong codes from the caller's address: one counter for all endpoints that take codes.
///
/// A right code is not counted: a whole cinema shares an address. But neither is a wrong one refused
/// nor a right one taken without the counter's consent, so that of many guesses at once no more are
/// told from each other than the limit allows.
pub(crate) struct Guesses {
    /// Read beside the pairing; see [`Guesses::judge`].
    pub(crate) counter: Counter,
    now: i64,
}

impl Guesses {
    pub(crate) fn of(call: &Call) -> Self {
        Self { counter: limits::QR_GUESS_SOURCE.counter("", &call.source, call.now), now: call.now }
    }

    /// Judges a code that has been looked up: `found` is what it names, if that is the caller's, and
    /// `counted` the counter's item as it was read.
    pub(crate) async fn judge<T>(
        &self,
        store: &Store,
        counted: Option<&Attributes>,
        found: Option<T>,
    ) -> Result<T, Failure> {
        // Without a write, for whoever goes on all the same.
        if self.counter.is_used_up(counted) {
            return Err(self.counter.refusal(self.now));
        }
        let has_room = match found {
            Some(_) => store.has_room(&self.counter).await?,
            None => store.take(&self.counter, &Operation::new()).await?,
        };
        match found {
            _ if !has_room => Err(self.counter.refusal(self.now)),
            Some(found) => Ok(found),
            None => Err(Failure::Credentials),
        }
    }
}

/// The pairing that a page's address names, whatever has become of it.
pub(crate) async fn find(store: &Store, call: &Call) -> Result<(LoginCode, Pairing), Failure> {
    let code = LoginCode::read(call.path_parameter("login_code"));
    let guesses = Guesses::of(call);
    let [pairing, counted] = store.read([&Pairing::key(code.as_ref()), &guesses.counter.key]).await?;
    let found = guesses.judge(store, counted.as_ref(), code.zip(parse::<Pairing>(pairing)?)).await?;
    call.notes.add(|about| about.enterprise = Some(found.1.enterprise.clone()));
    Ok(found)
}
