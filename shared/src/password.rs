//! Passwords: what is accepted, how they are hashed, and how a login compares one.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::available_parallelism;

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use crate::body::Invalid;
use crate::crypto;
use crate::failure::Failure;
use crate::identity;
use crate::private::Private;

/// The longest password that is read, in characters. Nothing is truncated (but imported bcrypt hashes
/// know the first 72 bytes only).
pub const MAX_CHARS: usize = 512;
/// The shortest password that an enterprise can allow, in characters (NIST SP 800-63B-4 §3.1.1.2).
pub const MIN_CHARS: usize = 8;

/// Passwords of 8 and more characters that attackers try first, lower-case, in byte order. The
/// entries are the longer ones of the 20,000 most common passwords of public breaches.
const COMMON: &str = include_str!("password/common.txt");

/// A hash with today's parameters that no password has: it is compared with when there is no
/// user, so that an unknown user costs what a known one costs.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dXNoZXItbm9ib2R5LXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage; NIST SP 800-63B-4).
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Computes a hash of 32 bytes, in memory that the hash before has left: allocating it anew, a function
/// would hold it twice.
fn argon2_into(argon2: &Argon2, password: &[u8], salt: &[u8]) -> argon2::Result<[u8; 32]> {
    static IDLE: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());
    let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut memory = idle().pop().unwrap_or_default();
    let (blocks, usual) = (argon2.params().block_count(), self::argon2().params().block_count());
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let mut hash = [0; 32];
    let outcome = argon2.hash_password_into_with_memory(password, salt, &mut hash, &mut memory[..blocks]);
    // An imported hash can have taken more.
    if memory.len() > usual {
        memory.truncate(usual);
        memory.shrink_to_fit();
    }
    idle().push(memory);
    outcome.map(|()| hash)
}

/// A new hash, as a PHC string.
fn new_hash(password: &[u8]) -> Option<String> {
    let (argon2, salt) = (argon2(), crypto::random::<16>());
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).ok()?,
        salt: Some(Salt::new(&salt).ok()?),
        hash: Some(Output::new(&argon2_into(&argon2, password, &salt).ok()?).ok()?),
    };
    Some(hash.to_string())
}

/// Compares with a hash of today's length. Variant, version and costs are the hash's own.
fn has_hash(password: &[u8], hash: &PasswordHash) -> Option<bool> {
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(hash).ok()?);
    let computed = argon2_into(&argon2, password, hash.salt.as_ref()?).ok()?;
    Some(crypto::equal(&computed, hash.hash.as_ref()?.as_ref()))
}

/// Refuses a new password that is too short (counted in characters after NFC), too long, common,
/// or one of `context` (user name, e-mail address, enterprise), alone or with digits behind it.
///
/// # Errors
/// An [`Invalid`] that names `field` and the rule.
pub fn check(field: &str, password: &Private, min: usize, context: &[&str]) -> Result<(), Invalid> {
    let text: String = password.expose().nfc().collect();
    let chars = text.chars().count();
    if chars < min {
        return Err(Invalid::new(field, format!("must be at least {min} characters")));
    }
    if chars > MAX_CHARS {
        return Err(Invalid::new(field, format!("must be at most {MAX_CHARS} characters")));
    }
    let lower = text.to_lowercase();
    if common().binary_search(&lower.as_str()).is_ok() {
        return Err(Invalid::new(field, "is a common password"));
    }
    let folded = identity::canonical(&text);
    let core = folded.trim_end_matches(|c: char| c.is_numeric() || c.is_ascii_punctuation());
    let is_about = |word: &str| {
        let word = identity::canonical(word);
        let local = word.split('@').next().unwrap_or_default();
        !word.is_empty() && (folded == word || core == word || core == local)
    };
    if context.iter().any(|word| is_about(word)) {
        return Err(Invalid::new(field, "must not be your name or address"));
    }
    Ok(())
}

fn common() -> &'static [&'static str] {
    static LIST: OnceLock<Vec<&'static str>> = OnceLock::new();
    LIST.get_or_init(|| COMMON.lines().collect())
}

/// Hashes a password for the table: a PHC string, salted. Takes about 25 ms of one core, on a
/// thread of its own.
///
/// # Errors
/// [`Failure::Internal`] when there is no memory or no randomness for it.
pub async fn hash(password: Private) -> Result<String, Failure> {
    on_own_thread(move || {
        let text: String = password.expose().nfc().collect();
        new_hash(text.as_bytes())
    })
    .await?
    .ok_or_else(|| Failure::Internal("a password cannot be hashed".into()))
}

/// How a password compares with a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Another password, or nobody's.
    No,
    /// The right one.
    Yes,
    /// The right one, under a hash weaker than today's, which this login should replace.
    Outdated,
}

/// Compares a password with a stored hash, or with nobody's in the same time.
///
/// Besides Argon2 it reads what other systems export: bcrypt, and PBKDF2 and scrypt as PHC strings.
///
/// # Errors
/// [`Failure::Internal`] when the hash cannot be computed.
pub async fn verify(stored: Option<String>, password: Private) -> Result<Match, Failure> {
    on_own_thread(move || {
        let text: String = password.expose().nfc().collect();
        let right = matches(stored.as_deref().unwrap_or(NOBODY), text.as_bytes());
        match stored {
            Some(hash) if right && is_outdated(&hash) && !is_cut_off(&hash, text.len()) => Match::Outdated,
            Some(_) if right => Match::Yes,
            _ => Match::No,
        }
    })
    .await
}

fn matches(stored: &str, password: &[u8]) -> bool {
    if stored.starts_with("$2") {
        return bcrypt::verify(password, stored).unwrap_or(false);
    }
    let Ok(hash) = PasswordHash::new(stored) else { return false };
    match hash.algorithm.as_str() {
        "scrypt" => scrypt::Scrypt::default().verify_password(password, &hash).is_ok(),
        "pbkdf2-sha256" | "pbkdf2-sha512" => {
            pbkdf2::Pbkdf2::default().verify_password(password, &hash).is_ok()
        }
        _ if hash.hash.as_ref().is_some_and(|hash| hash.len() == 32) => {
            has_hash(password, &hash).unwrap_or(false)
        }
        // Reads the length too from the hash itself.
        _ => argon2().verify_password(password, &hash).is_ok(),
    }
}

/// Whether `hash` is one that [`verify`] can read.
#[must_use]
pub fn is_supported(hash: &str) -> bool {
    if hash.starts_with("$2") {
        return hash.parse::<bcrypt::HashParts>().is_ok();
    }
    PasswordHash::new(hash).is_ok_and(|hash| {
        let known = ["argon2id", "argon2i", "argon2d", "scrypt", "pbkdf2-sha256", "pbkdf2-sha512"];
        known.contains(&hash.algorithm.as_str()) && hash.hash.is_some()
    })
}

fn is_outdated(stored: &str) -> bool {
    let Ok(hash) = PasswordHash::new(stored) else { return true };
    let today = argon2();
    let strong = |params: &Params| {
        params.m_cost() >= today.params().m_cost() && params.t_cost() >= today.params().t_cost()
    };
    hash.algorithm.as_str() != "argon2id" || !Params::try_from(&hash).is_ok_and(|params| strong(&params))
}

/// Whether a hash says nothing about the end of a password of so many bytes: bcrypt reads 72. Another
/// end is taken too, as it was where the hash comes from, and must not become the password.
fn is_cut_off(stored: &str, bytes: usize) -> bool {
    stored.starts_with("$2") && bytes >= 72
}

/// Hashes away from the thread that serves calls, no more at a time than there are cores: on Lambda
/// that is one anyway, and in one process with all functions a crowd would starve them.
async fn on_own_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    static CORES: OnceLock<Semaphore> = OnceLock::new();
    let cores = CORES.get_or_init(|| Semaphore::new(available_parallelism().map_or(1, usize::from)));
    let _core = cores.acquire().await;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Failure::Internal("the hashing thread died".to_owned()))
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;

    fn refusal(password: &str) -> String {
        let context = ["ana", "ana.lopez@acme.example", "acme"];
        check("password", &password.into(), 8, &context).unwrap_err().to_string()
    }

    #[test]
    fn the_blocklist_is_in_byte_order() {
        assert!(common().is_sorted() && common().len() > 8_000);
    }

    #[test]
    fn passwords_that_are_refused() {
        assert_eq!(refusal("seven77"), "password: must be at least 8 characters");
        assert_eq!(refusal("Password1"), "password: is a common password");
        assert_eq!(refusal("Ana.Lopez2026!"), "password: must not be your name or address");
        assert_eq!(refusal("acme12345"), "password: must not be your name or address");
        assert_eq!(refusal(&"x".repeat(513)), "password: must be at most 512 characters");
    }

    #[test]
    fn long_spaced_and_unicode_passwords_are_accepted() {
        for good in ["correct horse battery staple", "пароль с пробелом", &"é".repeat(64)] {
            assert!(check("password", &good.into(), 8, &[]).is_ok());
        }
    }

    #[tokio::test]
    async fn a_hash_matches_its_password_in_any_composition() {
        let hash = hash("caf\u{e9} noir".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let decomposed = verify(Some(hash.clone()), "cafe\u{301} noir".into()).await.unwrap();
        assert_eq!(decomposed, Match::Yes);
        assert_eq!(verify(Some(hash), "cafe noir".into()).await.unwrap(), Match::No);
        assert_eq!(verify(None, "caf\u{e9} noir".into()).await.unwrap(), Match::No);
    }

    #[tokio::test]
    async fn what_bcrypt_did_not_read_does_not_become_the_password() {
        let long = "x".repeat(80);
        let stored = bcrypt::hash(&long, 4).unwrap();
        let other_end = format!("{}y", "x".repeat(72));
        for typed in [long, other_end] {
            assert_eq!(verify(Some(stored.clone()), typed.into()).await.unwrap(), Match::Yes);
        }
        let whole = "x".repeat(71);
        let stored = bcrypt::hash(&whole, 4).unwrap();
        assert_eq!(verify(Some(stored), whole.into()).await.unwrap(), Match::Outdated);
    }

    #[tokio::test]
    async fn imported_hashes_match_and_are_outdated() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let weak: PasswordHash = weak.hash_password(b"old password").unwrap();
        let scrypt: PasswordHash = scrypt::Scrypt::default().hash_password(b"old password").unwrap();
        let pbkdf2: PasswordHash = pbkdf2::Pbkdf2::default().hash_password(b"old password").unwrap();
        let bcrypt = bcrypt::hash("old password", 4).unwrap();
        for stored in [weak.to_string(), scrypt.to_string(), pbkdf2.to_string(), bcrypt] {
            assert!(is_supported(&stored), "{stored}");
            let right = verify(Some(stored.clone()), "old password".into()).await.unwrap();
            assert_eq!(right, Match::Outdated, "{stored}");
            assert_eq!(verify(Some(stored), "new password".into()).await.unwrap(), Match::No);
        }
        assert!(is_supported(NOBODY) && !is_supported("plain") && !is_supported("$md5$x"));
    }
}
