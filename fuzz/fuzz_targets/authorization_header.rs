//! Any text as `Authorization`, at an endpoint of each kind that reads it: what it says is held against docs/api.md and
//! docs/vidizmo.md, read once more here. Only a key or a token that works gets further.
#![no_main]

use lambda_http::http::HeaderValue;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::json;
use usher_fuzz::{ADMIN_KEY, ANA_AT, Call, Credentials, DOCUMENT, WATCH_KEY, fill, house, split_first};

/// Where the header goes, and what is read there. `link` is a screener that a key opens as well as a token; nobody has
/// linked a phone to it.
const PLACES: [(&str, &str, &str, Takes); 6] = [
    ("watch-logout", "", r#"{"token":"a.b.c"}"#, Takes::Key),
    ("screener-verify", "link", r#"{"otp":"000000"}"#, Takes::Either),
    ("watch-session", "", "", Takes::Token),
    ("admin-session", "", "", Takes::Token),
    ("vidizmo-user", ANA_AT, "", Takes::Opaque),
    ("authorizer", "", "", Takes::Token),
];

#[derive(Clone, Copy)]
enum Takes {
    Key,
    Token,
    Either,
    Opaque,
}

/// What a header turns out to be.
#[derive(Debug, PartialEq)]
enum Read<'a> {
    Nothing,
    Key(&'a str),
    Token(&'a str),
}

fn is(word: &str, scheme: &str) -> bool {
    word.eq_ignore_ascii_case(scheme)
}

fn has_three_parts(word: &str) -> bool {
    word.matches('.').count() == 2
}

/// `Bearer <api_key>`.
fn read_key<'a>(words: &[&'a str]) -> Read<'a> {
    match *words {
        [scheme, key] if is(scheme, "bearer") && key.len() <= 4096 => Read::Key(key),
        _ => Read::Nothing,
    }
}

/// `JWT <token>`, `Bearer <token>` or bare.
fn read_token<'a>(words: &[&'a str]) -> Read<'a> {
    match *words {
        [scheme, token] if is(scheme, "jwt") || is(scheme, "bearer") => Read::Token(token),
        [token] if !is(token, "jwt") && !is(token, "bearer") => Read::Token(token),
        _ => Read::Nothing,
    }
}

/// Three dot-separated parts make it a token, and so does the scheme `JWT`.
fn read_either<'a>(words: &[&'a str]) -> Read<'a> {
    match *words {
        [scheme, credential, ..] if is(scheme, "jwt") || has_three_parts(credential) => read_token(words),
        [bare] if has_three_parts(bare) => read_token(words),
        _ => read_key(words),
    }
}

/// The digits of the answer on the Watch and the Admin surface.
fn wanted(function: &str, takes: Takes, words: &[&str], credentials: &Credentials) -> &'static str {
    let read = match takes {
        Takes::Key => read_key(words),
        Takes::Either => read_either(words),
        Takes::Token | Takes::Opaque => read_token(words),
    };
    let live = if function == "admin-session" { &credentials.olga } else { &credentials.ana };
    match read {
        Read::Nothing => "2000",
        Read::Token(token) if token == live.access => {
            if function == "screener-verify" {
                "2002"
            } else {
                "0000"
            }
        }
        Read::Token(_) => "2003",
        Read::Key(ADMIN_KEY) => "2101",
        Read::Key(WATCH_KEY) => {
            if function == "screener-verify" {
                "2002"
            } else {
                "2003"
            }
        }
        Read::Key(_) => "2001",
    }
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let house = house();
    let credentials = house.credentials();
    let Credentials { ana, olga, opaque, spent, .. } = credentials;
    let (place, text) = split_first(input);
    let (function, parameter, body, takes) = PLACES[place % PLACES.len()];
    let live = [WATCH_KEY, ADMIN_KEY, &ana.access, &ana.refresh, &olga.access, opaque, spent];
    let Ok(header) = String::from_utf8(fill(text, &live)) else { return Corpus::Reject };
    // What no header is made of does not get as far as API Gateway.
    if HeaderValue::from_str(&header).is_err() {
        return Corpus::Reject;
    }
    // One that is not ASCII is none.
    let words: Vec<_> =
        if header.is_ascii() { header.split_ascii_whitespace().collect() } else { Vec::new() };
    // Others of the tests' keys, which the model does not know: they are written out nowhere in the corpus.
    if words.iter().any(|word| {
        word.starts_with("usk_") && word.len() > 40 && !live.contains(word) && DOCUMENT.contains(word)
    }) {
        return Corpus::Reject;
    }
    house.begin();
    if function == "authorizer" {
        let mut event = house.event(function, &Call::default());
        event["identitySource"] = json!([header]);
        let answer = house.invoke(function, &event).expect("it is answered");
        let is_live =
            matches!(read_token(&words), Read::Token(token) if token == ana.access || token == olga.access);
        assert_eq!(answer["isAuthorized"], is_live, "{header}: {answer}");
        return Corpus::Keep;
    }
    let call = Call {
        authorization: Some(&header),
        parameter: Some(parameter),
        body: body.as_bytes(),
        ..Call::default()
    };
    let answer = house.ask(function, &call).expect("an answer");
    if let Takes::Opaque = takes {
        let (scheme, token) = header.split_once(' ').unwrap_or_default();
        let token = if header.is_ascii() && is(scheme, "bearer") { token.trim() } else { "" };
        let wanted = match token {
            _ if token == opaque => "",
            _ if token == spent => "ExpiredAccessTokenException",
            _ => "InvalidAccessTokenException",
        };
        assert_eq!(answer.code(), wanted, "{header}");
    } else {
        assert_eq!(answer.code(), wanted(function, takes, &words, credentials), "{header}");
    }
    Corpus::Keep
});
