//! Opaque tokens, at every place that takes one. Changed in their bytes, so that whatever is next to one that works is
//! tried, or as any text. Only the very token that was given out is let in.
#![no_main]

use data_encoding::BASE32_NOPAD;
use libfuzzer_sys::{Corpus, fuzz_target};
use shared::token::opaque::{CHARS, OpaqueToken};
use usher_fuzz::{ANA_AT, Call, Credentials, fill, house, split_first};

const PLACES: [&str; 4] = ["vidizmo-user", "vidizmo-refresh", "vidizmo-logout", "vidizmo-logout-get"];

/// Holds what is read out of a text against the text itself.
fn check_reading(text: &str) {
    let Some(token) = OpaqueToken::parse(text) else { return };
    assert_eq!(token.expose(), text);
    assert!(text.len() == CHARS && text.is_ascii(), "{text}");
    let bytes = BASE32_NOPAD.decode(text.as_bytes()).expect("it is base32");
    // 115 bytes are 184 characters with nothing over, so no other text has the same ones.
    assert_eq!(BASE32_NOPAD.encode(&bytes), text);
    let id = token.enterprise.as_bytes();
    assert!(shared::api_key::is_id(&token.enterprise) && usize::from(bytes[0]) == id.len(), "{text}");
    assert_eq!(&bytes[1..=id.len()], id);
    let again =
        OpaqueToken::generate(&token.enterprise, &token.user, &token.session, "a key").expect("ids of ours");
    let again = OpaqueToken::parse(again.expose()).expect("what is made is read");
    let [one, two] = [&token, &again].map(|token| (&token.enterprise, &token.user, &token.session));
    assert_eq!(one, two);
    assert!(again.has_tag_of("a key") && !token.has_tag_of("a key"), "{text}");
}

/// `base` with its bytes changed by those of the input: where that has none or a zero, nothing is.
fn changed(base: &str, input: &[u8]) -> String {
    let mut bytes = BASE32_NOPAD.decode(base.as_bytes()).expect("a token is base32");
    for (byte, change) in bytes.iter_mut().zip(input) {
        *byte ^= change;
    }
    BASE32_NOPAD.encode(&bytes)
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let house = house();
    let Credentials { opaque, spent, successor, ana, .. } = house.credentials();
    let (place, rest) = split_first(input);
    let (base, rest) = split_first(rest);
    let function = PLACES[place % PLACES.len()];
    let token = match base % 4 {
        0 => changed(opaque, rest),
        1 => changed(spent, rest),
        2 => changed(successor, rest),
        _ => match String::from_utf8(fill(
            rest,
            &[opaque, spent, successor, &opaque[..92], &opaque[92..], &ana.access],
        )) {
            Ok(text) => text,
            Err(_) => return Corpus::Reject,
        },
    };
    check_reading(&token);
    let header = format!("Bearer {token}");
    if !header.bytes().all(|byte| (32..127).contains(&byte)) {
        return Corpus::Reject;
    }
    house.begin();
    let call = Call { authorization: Some(&header), parameter: Some(ANA_AT), ..Call::default() };
    let answer = house.ask(function, &call).expect("an answer");
    // Spaces around a token are no part of it.
    let token = token.trim();
    let wanted = match token {
        _ if token == opaque || token == successor => "",
        _ if token == spent && function == "vidizmo-refresh" => "",
        _ if token == spent => "ExpiredAccessTokenException",
        _ => "InvalidAccessTokenException",
    };
    assert_eq!(answer.code(), wanted, "{token}");
    if function == "vidizmo-refresh" && wanted.is_empty() {
        // The one that was lost on the way, or a new one.
        let new = answer.body.as_str().expect("a token");
        assert_eq!(new == successor, token == spent, "{new}");
        check_reading(new);
    }
    Corpus::Keep
});
