//! `GET` and `POST /qr/{login_code}`: the page that a phone opens from a TV's picture.

mod image;

use serde_json::{Value, json};
use tests::phone::Phone;
use tests::{ANA, App, at_once};

const SIGN_IN: &str = "Sign in on Apple TV";
const QUESTION: &str = "Approve this Apple TV?";
const APPROVED: &str = "You approved the Apple TV";
const SIGNED_IN: &str = "The Apple TV is signed in";
const REFUSED: &str = "Sign-in was refused";
const EXPIRED: &str = "This code has expired";
const UNKNOWN: &str = "This link does not work any more";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_approves() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let mut phone = Phone::open(&app, &code).await;
    let form = phone.reload().await.expect_page(200, SIGN_IN);
    for shown in [&*code, "Acme &amp; Daughters", "for=\"username\"", "for=\"password\"", "for=\"pin\""] {
        assert!(form.text.contains(shown), "{shown}");
    }
    let question = phone.sign_in("ANA@acme.example", ANA).await.expect_page(200, QUESTION);
    assert!(question.text.contains(&code) && question.text.contains("You are <strong>ana</strong>."));
    // Signing in is not approving, and the question stays where it was asked.
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    let again = phone.reload().await.expect_page(200, QUESTION);
    assert!(again.text.contains("You are <strong>ana</strong>."));
    app.anonymous().get(&phone.path).await.expect_page(200, SIGN_IN);
    phone.answer("approve").await.expect_page(200, APPROVED);
    phone.reload().await.expect_page(200, APPROVED);
    app.advance(10);
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    app.anonymous().get(&phone.path).await.expect_page(200, SIGNED_IN);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_names_each_kind_of_device() {
    let app = App::start().await;
    for (device, title) in
        [("iPad", "iPad"), ("AppleTV", "Apple TV"), ("Firestick", "Fire TV Stick"), ("Roku", "Roku")]
    {
        let body = json!({ "device": device, "udid": "tv" });
        let asked = app.watch().post("/v2/watch/auth/login/qr/get-code", body).await.expect(200, "W0000");
        let path = format!("/qr/{}", asked.body["login_code"].as_str().unwrap());
        app.anonymous().get(&path).await.expect_page(200, &format!("Sign in on {title}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_by_pin() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let mut phone = Phone::open(&app, &code).await;
    let question = phone.send(&[("type", "pin"), ("pin", "k7qx 93wd")]).await.expect_page(200, QUESTION);
    assert!(question.text.contains("FYC 2026"));
    phone.answer("approve").await.expect_page(200, APPROVED);
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_refuses_before_or_after_signing_in() {
    let app = App::start().await;
    for signs_in in [false, true] {
        let code = app.watch().get_code("tv").await;
        let mut phone = Phone::open(&app, &code).await;
        if signs_in {
            phone.sign_in("ana", ANA).await.expect_page(200, QUESTION);
        }
        phone.answer("refuse").await.expect_page(200, REFUSED);
        app.watch().get_token(&code, "tv").await.expect(403, "W2101");
        phone.reload().await.expect_page(200, REFUSED);
        phone.answer("approve").await.expect_page(200, REFUSED);
        app.watch().get_token(&code, "tv").await.expect(403, "W2101");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_at_its_form_and_no_password_comes_back() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let mut phone = Phone::open(&app, &code).await;
    let wrong = "The user name or the password is wrong.";
    let by_password =
        |username, password| vec![("type", "password"), ("username", username), ("password", password)];
    let long = "x".repeat(600);
    for (fields, says, at) in [
        (by_password("ana", "wrong password"), wrong, "id=\"username\""),
        (by_password("<b>nobody", "wrong password"), wrong, "id=\"username\""),
        (by_password("dora", "locked out of the cinema"), wrong, "id=\"username\""),
        (by_password("ana", ""), "Please enter your user name and your password.", "id=\"username\""),
        (by_password("ana", &long), "Please enter your user name and your password.", "id=\"username\""),
        (vec![("type", "pin"), ("pin", "0000-0000")], "The PIN is wrong.", "id=\"pin\""),
        (vec![("type", "pin")], "Please enter your PIN.", "id=\"pin\""),
        (vec![], "Please sign in first.", ""),
        (vec![("answer", "approve")], "Please sign in first.", ""),
        (vec![("answer", "perhaps")], "Please sign in first.", ""),
    ] {
        let answer = phone.send(&fields).await.expect_page(400, SIGN_IN);
        assert!(answer.text.contains("<title>Error: Sign in on Apple TV</title>"));
        let after = answer.text.split("role=\"alert\">").nth(1).unwrap();
        assert!(after.starts_with(says), "{answer:?}");
        let described: Vec<_> =
            answer.text.lines().filter(|line| line.contains("aria-describedby=\"error\"")).collect();
        assert_eq!(described.is_empty(), at.is_empty(), "{answer:?}");
        assert!(at.is_empty() || described[0].contains(at), "{answer:?}");
        assert_eq!(answer.text.contains("<details open>"), at == "id=\"pin\"");
        assert!(!answer.text.contains("wrong password") && !answer.text.contains("<b>"), "{answer:?}");
    }
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    phone.sign_in("ana", ANA).await.expect_page(200, QUESTION);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_are_limited_as_those_of_a_login() {
    let app = App::start().await;
    let mut phone = Phone::open(&app, &app.watch().get_code("tv").await).await;
    for _ in 0..10 {
        phone.sign_in("ana", "wrong password").await.expect_page(400, SIGN_IN);
    }
    let locked = phone.sign_in("ana", ANA).await.expect_page(429, "Too many tries");
    assert!(locked.text.contains("Please try again in 15 minutes"));
    app.watch().login("ana", ANA).await.expect(429, "W5001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_this_browsers_token_does_nothing() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let (mut phone, mut other) = (Phone::open(&app, &code).await, Phone::open(&app, &code).await);
    phone.sign_in("ana", ANA).await.expect_page(200, QUESTION);
    let approve = |csrf: &str| [("csrf", csrf.to_owned()), ("answer", "approve".to_owned())];
    let no_cookie = app.anonymous();
    for (client, csrf) in [
        (&phone.client, other.csrf.as_str()),
        (&phone.client, ""),
        (&other.client, &phone.csrf),
        (&no_cookie, &phone.csrf),
    ] {
        let form = approve(csrf);
        let fields: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = client.post_form(&phone.path, &fields).await.expect_page(400, SIGN_IN);
        assert!(answer.text.contains("Allow cookies"));
    }
    // What another site puts into a form does not come back, either.
    let planted = [("username", "attacker"), ("password", "wrong password")];
    let answer = no_cookie.post_form(&phone.path, &planted).await.expect_page(400, SIGN_IN);
    assert!(!answer.text.contains("attacker"));
    // A browser with a token of its own has nobody signed in.
    other.answer("approve").await.expect_page(400, SIGN_IN);
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    phone.answer("approve").await.expect_page(200, APPROVED);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_as_somebody_else_than_the_page_says() {
    let app = App::changed(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.push(json!({ "username": "bo", "password": "the second reel is missing" }));
    })
    .await;
    let code = app.watch().get_code("tv").await;
    // In another browser.
    let (mut ana, mut bo) = (Phone::open(&app, &code).await, Phone::open(&app, &code).await);
    ana.sign_in("ana", ANA).await.expect_page(200, QUESTION);
    bo.sign_in("bo", "the second reel is missing").await.expect_page(200, QUESTION);
    ana.answer("approve").await.expect_page(400, SIGN_IN);
    // In another window of the same browser: the windows share the newer cookie.
    let before = ana.clone();
    ana.sign_in("ana", ANA).await.expect_page(200, QUESTION);
    assert_ne!(before.csrf, ana.csrf, "a sign-in renews the token");
    let old_window = Phone { client: ana.client.clone(), ..before };
    old_window.send_quietly(&[("answer", "approve")]).await.expect_page(400, SIGN_IN);
    bo.answer("approve").await.expect_page(400, SIGN_IN);
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    ana.answer("approve").await.expect_page(200, APPROVED);
    app.advance(10);
    let tv = app.watch().get_token(&code, "tv").await.expect(200, "W0000").tokens();
    let who = app.authorized(&tv.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    assert_eq!(who.body["user"]["username"], "ana");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_code_says_so_and_takes_nothing() {
    let app = App::start().await;
    let (code, approved) = (app.watch().get_code("tv").await, app.watch().get_code("tv").await);
    let mut phone = Phone::open(&app, &code).await;
    phone.sign_in("ana", ANA).await;
    app.ana_client().await.approve(&approved).await.expect(200, "W0000");
    app.advance(300);
    phone.reload().await.expect_page(404, EXPIRED);
    phone.answer("approve").await.expect_page(404, EXPIRED);
    phone.sign_in("ana", ANA).await.expect_page(404, EXPIRED);
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
    // Approved, and not fetched in time: that TV is not signed in.
    app.anonymous().get(&format!("/qr/{approved}")).await.expect_page(404, EXPIRED);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_unknown_or_hostile_show_one_page() {
    let app = App::start().await;
    for path in ["BCD3FGH", "x", "%3Cscript%3E", "%00", "%FF", &"B".repeat(3000)] {
        let path = format!("/qr/{path}");
        app.anonymous().get(&path).await.expect_page(404, UNKNOWN);
        app.anonymous().post_form(&path, &[("answer", "refuse")]).await.expect_page(404, UNKNOWN);
    }
    let code = app.watch().get_code("tv").await;
    let typed = format!("/qr/{}-{}", &code[..3], &code[3..].to_lowercase());
    app.anonymous().get(&typed).await.expect_page(200, SIGN_IN);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_the_ways_of_signing_in_that_the_enterprise_has() {
    let app = App::start().await;
    let code = app.key("orbit-watch").get_code("tv").await;
    let mut phone = Phone::open(&app, &code).await;
    let page = phone.reload().await.expect_page(200, SIGN_IN);
    assert!(page.text.contains("name=\"pin\"") && !page.text.contains("name=\"password\""));
    // A form that was open when the way was closed.
    let answer = phone.sign_in("ana", ANA).await.expect_page(400, SIGN_IN);
    assert!(answer.text.contains("This way of signing in is not enabled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_gives_it_its_name_logo_and_colours() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"] = json!({
            "mail": { "name": "Acme Screenings" },
            "page": { "logo": "https://cdn.acme.example/logo.svg", "accent": "#ffd400", "background": "#101010" },
        });
    })
    .await;
    let code = app.watch().get_code("tv").await;
    let page = app.anonymous().get(&format!("/qr/{code}")).await.expect_page(200, SIGN_IN);
    assert!(page.text.contains(
        "<img src=\"https://cdn.acme.example/logo.svg\" alt=\"\" width=\"40\" height=\"40\">Acme Screenings"
    ));
    assert!(page.text.contains("&amp;accent=ffd400&amp;background=101010\">"));
    // That picture and no other.
    let policy = page.header("content-security-policy");
    assert!(policy.contains(" img-src https://cdn.acme.example/logo.svg;"), "{policy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_under_15_kb_with_the_one_thing_that_it_fetches() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let page = app.anonymous().get(&format!("/qr/{code}")).await;
    let fetched: Vec<_> = ["src=\"", "<link rel=\"stylesheet\" href=\""]
        .iter()
        .flat_map(|start| page.text.split(start).skip(1))
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"))
        .collect();
    assert_eq!(fetched.len(), 1);
    let style = app.anonymous().get(&fetched[0]).await;
    assert_eq!(style.status, 200);
    assert!(!style.text.contains("url(") && !style.text.contains("@import"));
    let size = page.bytes.len() + style.bytes.len();
    assert!(size < 15 * 1024, "{size}");
    for foreign in ["http://", "https://", "//"] {
        assert!(!page.text.contains(&format!("\"{foreign}")), "{foreign}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_answers_at_once_one_wins_and_all_are_told_which() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let mut phone = Phone::open(&app, &code).await;
    phone.sign_in("ana", ANA).await;
    let answers =
        at_once(32, |index| {
            let phone = phone.clone();
            async move {
                phone.send_quietly(&[("answer", if index % 2 == 0 { "approve" } else { "refuse" })]).await
            }
        })
        .await;
    let titles = |title: &str| answers.iter().filter(|answer| answer.text.contains(title)).count();
    let (approved, refused) = (titles(APPROVED), titles(REFUSED));
    assert!([approved, refused].contains(&32), "{approved} approved, {refused} refused");
    let wanted = if approved > 0 { (200, "W0000") } else { (403, "W2101") };
    app.watch().get_token(&code, "tv").await.expect(wanted.0, wanted.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_kept_from_scripts_and_other_sites() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let page = app.anonymous().get(&format!("/qr/{code}")).await;
    let cookie = page.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=900"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    // A browser keeps its token, so that two pages can be open in it; what is no token is replaced.
    let kept = cookie.split(';').next().unwrap();
    let again = app.anonymous().with_cookie(kept).get(&format!("/qr/{code}")).await;
    assert!(again.header("set-cookie").starts_with(kept));
    for hostile in ["usher_phone=x", "usher_phone=\"><script>", "usher_phone="] {
        let answer = app.anonymous().with_cookie(hostile).get(&format!("/qr/{code}")).await;
        let answer = answer.expect_page(200, SIGN_IN);
        assert!(!answer.header("set-cookie").starts_with(&format!("{hostile};")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_the_cookie_is_this_hosts_alone() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let mut environment = app.operator();
    environment.public_url = "https://signin.acme.example".to_owned();
    let route = functions::ROUTES.iter().find(|route| route.name == "qr-page").unwrap();
    let handler = (route.build)(environment).await.unwrap();
    let mut event: Value = serde_json::from_str(include_str!("../../events/qr-page.json")).unwrap();
    event["pathParameters"]["login_code"] = json!(code);
    event["requestContext"]["timeEpoch"] = json!(app.stack.world.clock.now_milliseconds());
    let event = serde_json::from_str(&event.to_string()).unwrap();
    let answer = handler(event, String::new()).await;
    assert_eq!(answer.status().as_u16(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-usher_phone="), "{cookie}");
    assert!(
        cookie.contains("; Path=/;") && cookie.contains("; Secure") && !cookie.contains("Domain"),
        "{cookie}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_table_does_not_answer_the_page_says_so() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    for page in ["", "/image.png", "/image.svg"] {
        app.fail("dynamodb", "*", "server_error", 9).await;
        app.anonymous().get(&format!("/qr/{code}{page}")).await.expect_page(500, "Something went wrong");
        app.anonymous().send("DELETE", "/_local/faults", "").await;
    }
    let mut phone = Phone::open(&app, &code).await;
    app.fail("dynamodb", "TransactWriteItems", "server_error", 3).await;
    phone.sign_in("ana", ANA).await.expect_page(500, "Something went wrong");
    phone.reload().await.expect_page(200, SIGN_IN);
    phone.sign_in("ana", ANA).await.expect_page(200, QUESTION);
    app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
    phone.answer("approve").await.expect_page(200, APPROVED);
}
