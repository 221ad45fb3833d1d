//! Codes that work once, and names that one person has.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use shared::store::domain::Domain;
use shared::store::{Store, parse};
use tests::phone::Phone;
use tests::{ANA, App, Client, at_once, count, part};
use tokio::sync::Semaphore;

use crate::{CALLS, PIN, add_people, address, all, different, hold, next_hour, rounds, source};

const QR: &str = "/v2/watch/auth/login/qr";
const RESET: &str = "/v2/watch/auth/reset-password";
const NEW: &str = "the last seat of the row";

/// One crowd at a time hashes its passwords: several would wait for each other for longer than a call may take.
static HASHING: Semaphore = Semaphore::const_new(1);

/// Somebody who answers login codes, what they send beside the code, and who they are.
struct Person {
    client: Client,
    beside: Value,
    id: Value,
}

impl Person {
    async fn by_token(app: &App, name: &str, password: &str) -> Self {
        let tokens = app.watch().forgetting().sign_in(name, password).await;
        let client = app.authorized(&tokens.token).forgetting();
        Self { client, beside: json!({}), id: part(&tokens.token, 1)["sub"].clone() }
    }

    async fn by_pin(app: &App) -> Self {
        let client = app.watch().forgetting();
        let tokens = client.login_by_pin(PIN).await.tokens();
        let beside = json!({ "type": "pin", "credentials": { "pin": PIN } });
        Self { client, beside, id: part(&tokens.token, 1)["sub"].clone() }
    }

    async fn all(app: &App) -> [Self; 3] {
        let walt = Self::by_token(app, "walt", "one seat in the last row").await;
        [Self::by_token(app, "ana", ANA).await, walt, Self::by_pin(app).await]
    }
}

/// Many people answer a code at once, each as they like, and one on its page; who was it, if they approved.
async fn answer(app: &App, people: &[Person; 3], code: &str) -> Option<Value> {
    let mut phone = Phone::open(app, code).await;
    phone.client = phone.client.forgetting();
    phone.send(&[("type", "pin"), ("pin", PIN)]).await.expect_page(200, "Approve this Apple TV?");
    let approves = |index: usize| index.is_multiple_of(2);
    let person = |index: usize| &people[index / 2 % people.len()];
    let mut answers = at_once(CALLS, |index| {
        let Person { client, beside, .. } = person(index);
        let (client, mut body, phone) = (client.clone(), beside.clone(), phone.clone());
        body["login_code"] = json!(code);
        body["approve"] = json!(approves(index));
        async move {
            match index {
                0 => phone.send_quietly(&[("answer", "approve")]).await,
                _ => client.post(QR, body).await,
            }
        }
    })
    .await;
    // A page shows what has become of the code, whoever saw to it.
    let shown = answers.remove(0);
    let winner = answers.iter().position(|answer| answer.status == 200).map(|index| index + 1);
    let won = usize::from(winner.is_some());
    hold(answers, &[(200, "W0000", won), (401, "W2002", CALLS - 1 - won)]);
    let winner = winner.unwrap_or(0);
    let title = if approves(winner) { "You approved the Apple TV" } else { "Sign-in was refused" };
    shown.expect_page(200, title);
    let id = if winner == 0 { &people[2].id } else { &person(winner).id };
    approves(winner).then(|| id.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_code_is_polled_answered_and_handed_out_once() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    let path = format!("{QR}/get-token");
    let mut people = Person::all(&app).await;
    for round in rounds() {
        // An access token lasts a quarter of an hour, and each round takes some ten seconds of it.
        if round % 25 == 24 {
            next_hour(&app);
            people = Person::all(&app).await;
        }
        let udid = format!("tv {round}");
        let code = watch.get_code(&udid).await;
        let poll = json!({ "login_code": code, "udid": udid });
        let polls = all(&watch, &path, poll.clone()).await;
        hold(polls, &[(202, "W3000", 1), (429, "W5001", CALLS - 1)]);
        let approved = answer(&app, &people, &code).await;
        app.advance(10);
        let handed = all(&watch, &path, poll).await;
        let Some(id) = approved else {
            hold(handed, &[(403, "W2101", CALLS)]);
            continue;
        };
        let claims: Vec<_> = different(&handed, "token").iter().map(|token| part(token, 1)).collect();
        // Whoever asks once it is there gets the same session again.
        let got = count(&handed, "W0000");
        assert!(got > 0);
        hold(handed, &[(200, "W0000", got), (429, "W5001", CALLS - got)]);
        assert!(claims.iter().all(|claim| claim["sid"] == claims[0]["sid"] && claim["sub"] == id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_code_is_used_once() {
    let app = App::changed(|document| add_people(document, rounds().len())).await;
    // Each of these waits for two seconds.
    let ask = async |round: usize| {
        let watch = app.watch().forgetting().from(&source(round));
        let body = json!({ "email": address(round) });
        while app.last_email(&address(round)).is_none() {
            let told = watch.post("/v2/watch/auth/forgot-password", body.clone()).await.expect(200, "W0000");
            // Once more where SES did not take the e-mail in time, and for no other reason.
            assert!(app.last_email(&address(round)).is_some() || app.was_mail_late(&told), "no e-mail");
        }
    };
    stream::iter(rounds()).for_each_concurrent(CALLS, ask).await;
    // Half of them come by the page. Each hashes its password before it knows whether it was the first.
    for round in rounds() {
        let _alone = HASHING.acquire().await;
        let (code, watch) = (app.reset_code(&address(round)), app.watch().from(&source(round)).forgetting());
        let answers = at_once(CALLS, |index| {
            let (code, watch) = (code.clone(), watch.clone());
            async move {
                if index % 2 == 0 {
                    watch.post(RESET, json!({ "reset_code": code, "new_password": NEW })).await
                } else {
                    let form = [("new_password", NEW), ("again", NEW)];
                    watch.post_form(&format!("/reset/{code}"), &form).await
                }
            }
        })
        .await;
        let (by_page, by_api): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.body.is_null());
        let used = by_api.iter().filter(|answer| answer.status == 200).count();
        let shown = by_page.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(used + shown, 1);
        hold(by_api, &[(200, "W0000", used), (401, "W2002", CALLS / 2 - used)]);
        for page in by_page {
            match page.status {
                200 => page.expect_page(200, "Your password is set"),
                _ => page.expect_page(404, "This link does not work any more"),
            };
        }
    }
    app.forget_secrets();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_an_address_are_taken_once() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    for round in rounds() {
        let _alone = HASHING.acquire().await;
        next_hour(&app);
        let answers = at_once(CALLS, |index| {
            let watch = watch.clone();
            // The one or the other is the same for all.
            let [name, address] =
                [round % 2, 1 - round % 2].map(|which| format!("n{round}-{}", index * which));
            let body = json!({
                "username": name,
                "email": format!("{address}@acme.example"),
                "password": "one ticket for the balcony",
            });
            async move { watch.post("/v2/watch/auth/users", body).await }
        })
        .await;
        hold(answers, &[(200, "W0000", 1), (400, "W4900", CALLS - 1)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_is_one_enterprises() {
    let app = App::start().await;
    let store = Store::new(&app.operator());
    for round in rounds() {
        let host = format!("films{round}.example");
        // As provisioning claims it, which has found it free.
        let claims = (0..CALLS).map(|index| {
            let (store, first) = (store.clone(), Domain::first(&host));
            let enterprise = Domain { enterprise: format!("studio{index}") };
            tokio::spawn(async move { store.swap_copies(&first, None, &enterprise).await.unwrap() })
        });
        let mut owners = Vec::new();
        for (index, claim) in claims.collect::<Vec<_>>().into_iter().enumerate() {
            if claim.await.unwrap() {
                owners.push(format!("studio{index}"));
            }
        }
        let (found, is_whole) = store.read_copies(&Domain::first(&host)).await.unwrap();
        let found = parse::<Domain>(found).unwrap().unwrap();
        assert_eq!((owners, is_whole), (vec![found.enterprise], true));
    }
}
