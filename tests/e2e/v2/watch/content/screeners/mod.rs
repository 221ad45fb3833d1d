//! `/v2/watch/content/screeners/{screener_key}/2fa`: what the three endpoints have in common.

mod caps;
mod faults;
mod other_sns;
mod races;
mod register;
mod request;
mod verify;
mod who;

pub(crate) use tests::costs::{LINK, US, add_films, link_and_request, wrong_code as wrong};
use tests::{Answer, App, Client};

/// Mobile numbers that nobody has, each as country code, phone, and E.164.
pub(crate) type Phone = (u64, u64, &'static str);
const US_TOO: Phone = (1, 2_025_550_144, "+12025550144");
const GB: Phone = (44, 7_400_123_456, "+447400123456");
/// Jersey's, which shares the United Kingdom's country code and is on nobody's list.
const JE: Phone = (44, 7_797_712_345, "+447797712345");

/// What a call gave, and between which seconds of the stack's clock it was made.
async fn timed<T>(app: &App, call: impl Future<Output = T>) -> (T, [i64; 2]) {
    let before = app.stack.world.clock.now();
    let given = call.await;
    (given, [before, app.stack.world.clock.now()])
}

/// Makes a call that is refused until so many seconds after something that happened between the two of `began`.
async fn expect_wait(app: &App, began: [i64; 2], seconds: i64, call: impl Future<Output = Answer>) -> Answer {
    let (answer, [from, to]) = timed(app, call).await;
    let answer = answer.expect(429, "W5001");
    let told: i64 = answer.header("retry-after").parse().unwrap();
    let right = began[0] + seconds - to..=began[1] + seconds - from;
    assert!(right.contains(&told), "{told} is none of {right:?}");
    answer
}

/// A code of the link's that five wrong tries have ended, whose hour is over and whose five minutes are not.
async fn ended_code_of_the_hour_before(app: &App, client: &Client) -> String {
    let code = link_and_request(app, client, LINK, US).await;
    client.verify_code(LINK, &wrong(&code, 1)).await.expect(401, "W2002");
    app.advance(3600 - 120);
    client.request_code(LINK).await.expect(200, "W0000");
    let code = app.sms_code(US.2);
    for nth in 1..=4 {
        client.verify_code(LINK, &wrong(&code, nth)).await.expect(401, "W2002");
    }
    app.advance(121);
    code
}
