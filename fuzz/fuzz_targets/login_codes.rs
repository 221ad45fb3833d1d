//! What people type in a login code's place, at every place that takes one. How it is read is held against the list of
//! look-alikes, written down once more here, and nothing but the TV's own code is let in.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::json;
use shared::login_code::{LoginCode, MAX_CHARS};
use usher_fuzz::{Call, Credentials, UDID, WATCH_KEY, fill, house, split_first};

const PLACES: [&str; 6] =
    ["qr-page", "qr-submit", "qr-image-svg", "qr-image-png", "watch-qr-approve", "watch-qr-get-token"];

/// What `0` to `9` and `A` to `Z` are taken for.
const MEANT: &[u8; 36] = b"D7Z34SG7B94BCD3FGHJJKJMNDPDRSTVVWXYZ";

/// What an ASCII text means, character by character.
fn meant(text: &str) -> String {
    let digits = text.chars().filter_map(|c| c.to_digit(36));
    digits.map(|digit| char::from(MEANT[digit as usize])).collect()
}

/// Holds the reading of a text against a second one, and against that of what it gives.
fn check_reading(text: &str, read: Option<&LoginCode>) {
    if text.is_ascii() {
        let meant = meant(text);
        let wanted = (meant.len() == 7 && text.len() <= MAX_CHARS).then_some(meant.as_str());
        assert_eq!(read.map(LoginCode::as_str), wanted, "{text}");
    }
    let Some(code) = read else { return };
    let shown = code.as_str();
    assert!(shown.len() == 7 && meant(shown) == shown, "{text}: {shown}");
    let wide = shown.bytes().filter_map(|byte| char::from_u32(u32::from(byte) + 0xfee0)).collect();
    let apart = shown.chars().flat_map(|c| [' ', c, '-']).collect();
    for again in [shown.to_owned(), shown.to_lowercase(), wide, apart] {
        assert_eq!(LoginCode::read(&again).as_ref(), read, "{again}");
    }
}

/// The HTTP status and the code with which a place answers.
fn wanted(function: &str, text: &str, is_live: bool) -> (u16, &'static str) {
    let is_body = function.starts_with("watch-");
    match (is_body, is_live) {
        (true, _) if text.is_empty() || text.contains('\0') || text.chars().count() > MAX_CHARS => {
            (400, "4900")
        }
        (true, true) if function == "watch-qr-get-token" => (202, "3000"),
        (true, true) => (200, "0000"),
        (true, false) => (401, "2002"),
        // A form without its cookie.
        (false, true) if function == "qr-submit" => (400, ""),
        (false, true) => (200, ""),
        (false, false) => (404, ""),
    }
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let house = house();
    let Credentials { login_code, ana, .. } = house.credentials();
    let (place, text) = split_first(input);
    let function = PLACES[place % PLACES.len()];
    let characters: Vec<_> = (0..7).map(|index| &login_code[index..=index]).collect();
    let Ok(text) = String::from_utf8(fill(text, &characters)) else { return Corpus::Reject };
    let read = LoginCode::read(&text);
    check_reading(&text, read.as_ref());
    let is_live = read.is_some_and(|code| code.as_str() == login_code);
    house.begin();
    let (header, body) = match function {
        "watch-qr-approve" => (format!("JWT {}", ana.access), json!({ "login_code": text })),
        "watch-qr-get-token" => (format!("Bearer {WATCH_KEY}"), json!({ "login_code": text, "udid": UDID })),
        _ => (String::new(), json!("")),
    };
    let body = body.to_string();
    let call = Call {
        authorization: Some(&header),
        parameter: Some(&text),
        body: body.as_bytes(),
        ..Call::default()
    };
    let answer = house.ask(function, &call).expect("an answer");
    assert_eq!((answer.status, answer.code()), wanted(function, &text, is_live), "{text}");
    Corpus::Keep
});
