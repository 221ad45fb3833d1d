//! What comes in a reset code's place, in the address of the page and in a body, and the password that comes with it.
//! Only the code of the e-mail opens anything, in any case, and once.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::json;
use usher_fuzz::{Answer, Call, House, WATCH_KEY, fill, house, split_first};

/// The longest code that is read in a body, in characters.
const MAX_CODE: usize = 128;
const MAX_PASSWORD: usize = 512;

/// A code, a password and the same once more; in a body there is no third.
struct Attempt {
    code: String,
    password: String,
    again: String,
}

impl Attempt {
    /// Reads three lines.
    fn read(text: &str) -> Self {
        let mut lines = text.split('\n').map(ToOwned::to_owned);
        let mut next = || lines.next().unwrap_or_default();
        Self { code: next(), password: next(), again: next() }
    }

    fn is_live(&self, live: &str) -> bool {
        self.code.trim().eq_ignore_ascii_case(live)
    }

    fn ask(&self, house: &House, function: &str) -> Answer {
        let (header, body) = if function == "watch-reset-password" {
            let body = json!({ "reset_code": self.code, "new_password": self.password });
            (format!("Bearer {WATCH_KEY}"), body.to_string())
        } else {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("new_password", &self.password).append_pair("again", &self.again);
            (String::new(), form.finish())
        };
        let parameter = Some(self.code.as_str());
        let call = Call { authorization: Some(&header), parameter, body: body.as_bytes(), ..Call::default() };
        house.ask(function, &call).expect("an answer")
    }
}

fn is_text(text: &str, most: usize) -> bool {
    !text.is_empty() && !text.contains('\0') && text.chars().count() <= most
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let house = house();
    let live = &house.credentials().reset_code;
    let (place, text) = split_first(input);
    let function = ["reset-page", "reset-submit", "watch-reset-password"][place % 3];
    let (lower, start) = (live.to_lowercase(), &live[..13]);
    let Ok(text) = String::from_utf8(fill(text, &[live, &lower, start, &live[13..]])) else {
        return Corpus::Reject;
    };
    let attempt = Attempt::read(&text);
    let is_live = attempt.is_live(live);
    // Eight characters can be a password, and are hashed then.
    if is_live && attempt.password.len() >= 8 && !house.has_time_to_hash() {
        return Corpus::Reject;
    }
    house.begin();
    let answer = attempt.ask(house, function);
    if function == "reset-page" {
        assert_eq!(answer.status, if is_live { 200 } else { 404 }, "{text:?}");
        return Corpus::Keep;
    }
    let is_password = is_text(&attempt.password, MAX_PASSWORD) && attempt.password.chars().count() >= 8;
    let is_body = function == "watch-reset-password";
    if answer.status == 200 {
        assert!(is_live && is_password && (is_body || attempt.password == attempt.again), "{text:?}");
        // It works once, and nowhere else any more.
        let [page, api] = ["reset-page", "watch-reset-password"].map(|function| attempt.ask(house, function));
        assert_eq!((page.status, api.code()), (404, "2002"), "{text:?}");
        return Corpus::Keep;
    }
    let is_read = !is_body || (is_text(&attempt.code, MAX_CODE) && is_text(&attempt.password, MAX_PASSWORD));
    match (is_body, is_read, is_live) {
        (true, false, _) | (true, true, true) => assert_eq!(answer.code(), "4900", "{text:?}"),
        // A password that nobody may have is refused before the code is looked at.
        (true, true, false) => assert!(["4900", "2002"].contains(&answer.code()), "{text:?}"),
        (false, _, is_live) => assert_eq!(answer.status, if is_live { 400 } else { 404 }, "{text:?}"),
    }
    Corpus::Keep
});
