//! `GET` and `POST /qr/{login_code}`: the page that a phone opens from a TV's picture.

mod image;

use serde_json::json;
use tests::{ANA, Answer, App, Client, at_once};

#[track_caller]
fn expect_page(answer: &Answer, http: u16, title: &str) {
    assert_eq!(answer.status, http, "{answer:?}");
    assert!(answer.text.contains(&format!("<h1>{title}</h1>")), "{answer:?}");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("x-request-id").len(), 36);
    let policy = answer.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
    for inline in ["<script", "<style", "style=", " on"] {
        let quiet = answer.text.replace(" on ", " ").replace(" one", " ");
        assert!(!quiet.contains(inline), "{inline}: {}", answer.text);
    }
}

/// A phone's browser on the page of one code.
struct Phone {
    client: Client,
    path: String,
    csrf: String,
}

impl Phone {
    async fn open(app: &App, code: &str) -> Self {
        let (client, path) = (app.anonymous(), format!("/qr/{code}"));
        let page = client.get(&path).await;
        expect_page(&page, 200, "Sign in on Apple TV");
        let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
        let csrf = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(cookie, format!("usher_phone={csrf}"));
        Self { client: client.with_cookie(&cookie), path, csrf: csrf.to_owned() }
    }

    async fn send(&self, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend(fields);
        self.client.post_form(&self.path, &all).await
    }

    async fn sign_in(&self, username: &str, password: &str) -> Answer {
        self.send(&[("type", "password"), ("username", username), ("password", password)]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_approves() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let phone = Phone::open(&app, &code).await;
    let form = phone.client.get(&phone.path).await;
    for shown in
        [&*code, "Acme &amp; Daughters", "lang=\"en\"", "for=\"username\"", "for=\"password\"", "for=\"pin\""]
    {
        assert!(form.text.contains(shown), "{shown}");
    }
    let question = phone.sign_in("ANA@acme.example", ANA).await;
    expect_page(&question, 200, "Approve this Apple TV?");
    assert!(question.text.contains(&code) && question.text.contains("<strong>ana</strong>"));
    // Signing in is not approving, and the question stays where it was asked.
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    expect_page(&phone.client.get(&phone.path).await, 200, "Approve this Apple TV?");
    expect_page(&app.anonymous().get(&phone.path).await, 200, "Sign in on Apple TV");
    let done = phone.send(&[("answer", "approve")]).await;
    expect_page(&done, 200, "The Apple TV is signed in");
    app.advance(10);
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    expect_page(&app.anonymous().get(&phone.path).await, 200, "The Apple TV is signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_by_pin() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let phone = Phone::open(&app, &code).await;
    let question = phone.send(&[("type", "pin"), ("pin", "k7qx 93wd")]).await;
    expect_page(&question, 200, "Approve this Apple TV?");
    assert!(question.text.contains("FYC 2026"));
    expect_page(&phone.send(&[("answer", "approve")]).await, 200, "The Apple TV is signed in");
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_refuses_before_or_after_signing_in() {
    let app = App::start().await;
    for signs_in in [false, true] {
        let code = app.watch().get_code("tv").await;
        let phone = Phone::open(&app, &code).await;
        if signs_in {
            expect_page(&phone.sign_in("ana", ANA).await, 200, "Approve this Apple TV?");
        }
        expect_page(&phone.send(&[("answer", "refuse")]).await, 200, "Sign-in was refused");
        app.watch().get_token(&code, "tv").await.expect(403, "W2101");
        expect_page(&phone.client.get(&phone.path).await, 200, "Sign-in was refused");
        expect_page(&phone.send(&[("answer", "approve")]).await, 200, "Sign-in was refused");
        app.watch().get_token(&code, "tv").await.expect(403, "W2101");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_on_the_form_and_no_password_comes_back() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let phone = Phone::open(&app, &code).await;
    for (fields, says) in [
        (vec![("username", "ana"), ("password", "wrong password")], "User name or password is not right"),
        (
            vec![("username", "<b>nobody"), ("password", "wrong password")],
            "User name or password is not right",
        ),
        (
            vec![("username", "dora"), ("password", "locked out of the cinema")],
            "User name or password is not right",
        ),
        (vec![("pin", "0000-0000")], "This PIN is not right"),
        (vec![("username", "ana"), ("password", "")], "Please fill in the form"),
        (vec![], "Please fill in the form"),
        (vec![("answer", "approve")], "Please sign in first"),
        (vec![("answer", "perhaps")], "Please fill in the form"),
    ] {
        let answer = phone.send(&fields).await;
        expect_page(&answer, 400, "Sign in on Apple TV");
        assert!(answer.text.contains(says) && answer.text.contains("role=\"alert\""), "{answer:?}");
        assert!(!answer.text.contains("wrong password") && !answer.text.contains("<b>"), "{answer:?}");
    }
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    expect_page(&phone.sign_in("ana", ANA).await, 200, "Approve this Apple TV?");
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_are_limited_as_those_of_a_login() {
    let app = App::start().await;
    let phone = Phone::open(&app, &app.watch().get_code("tv").await).await;
    for _ in 0..10 {
        expect_page(&phone.sign_in("ana", "wrong password").await, 400, "Sign in on Apple TV");
    }
    let locked = phone.sign_in("ana", ANA).await;
    expect_page(&locked, 429, "Too many tries");
    assert!(locked.text.contains("Please try again in 15 minutes"));
    assert!(locked.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    app.watch().login("ana", ANA).await.expect(429, "W5001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_this_browsers_token_does_nothing() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let (phone, other) = (Phone::open(&app, &code).await, Phone::open(&app, &code).await);
    expect_page(&phone.sign_in("ana", ANA).await, 200, "Approve this Apple TV?");
    let approve = |csrf: &str| [("csrf".to_owned(), csrf.to_owned()), ("answer".into(), "approve".into())];
    let no_cookie = app.anonymous();
    for (client, csrf) in [
        (&phone.client, &other.csrf),
        (&phone.client, &String::new()),
        (&other.client, &phone.csrf),
        (&no_cookie, &phone.csrf),
    ] {
        let form = approve(csrf);
        let fields: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = client.post_form(&phone.path, &fields).await;
        expect_page(&answer, 400, "Sign in on Apple TV");
        assert!(answer.text.contains("cookie"));
    }
    // A browser with a token of its own has nobody signed in.
    let answer = other.send(&[("answer", "approve")]).await;
    expect_page(&answer, 400, "Sign in on Apple TV");
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    expect_page(&phone.send(&[("answer", "approve")]).await, 200, "The Apple TV is signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_last_is_asked() {
    let app = App::changed(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.push(json!({ "username": "bo", "password": "the second reel is missing" }));
    })
    .await;
    let code = app.watch().get_code("tv").await;
    let (ana, bo) = (Phone::open(&app, &code).await, Phone::open(&app, &code).await);
    ana.sign_in("ana", ANA).await;
    bo.sign_in("bo", "the second reel is missing").await;
    expect_page(&ana.send(&[("answer", "approve")]).await, 400, "Sign in on Apple TV");
    expect_page(&bo.send(&[("answer", "approve")]).await, 200, "The Apple TV is signed in");
    let tv = app.watch().get_token(&code, "tv").await.expect(200, "W0000").tokens();
    let who = app.authorized(&tv.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    assert_eq!(who.body["user"]["username"], "bo");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_code_says_so_and_takes_nothing() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let phone = Phone::open(&app, &code).await;
    phone.sign_in("ana", ANA).await;
    app.advance(300);
    expect_page(&phone.client.get(&phone.path).await, 404, "This code has expired");
    expect_page(&phone.send(&[("answer", "approve")]).await, 404, "This code has expired");
    expect_page(&phone.sign_in("ana", ANA).await, 404, "This code has expired");
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_unknown_or_hostile_show_one_page() {
    let app = App::start().await;
    for path in ["BCD3FGH", "x", "%3Cscript%3E", "%00", "%FF", &"B".repeat(3000)] {
        let answer = app.anonymous().get(&format!("/qr/{path}")).await;
        expect_page(&answer, 404, "This link does not work any more");
        let answer = app.anonymous().post_form(&format!("/qr/{path}"), &[("answer", "refuse")]).await;
        expect_page(&answer, 404, "This link does not work any more");
    }
    let code = app.watch().get_code("tv").await;
    let typed = format!("/qr/{}-{}", &code[..3], &code[3..].to_lowercase());
    expect_page(&app.anonymous().get(&typed).await, 200, "Sign in on Apple TV");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_the_ways_of_signing_in_that_the_enterprise_has() {
    let app = App::start().await;
    let code = app.key("orbit-watch").get_code("tv").await;
    let page = app.anonymous().get(&format!("/qr/{code}")).await;
    expect_page(&page, 200, "Sign in on Apple TV");
    assert!(page.text.contains("name=\"pin\"") && !page.text.contains("name=\"password\""));
    // A form that was made by hand gets no further.
    let phone = Phone::open(&app, &code).await;
    expect_page(&phone.sign_in("ana", ANA).await, 404, "This link does not work any more");
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
    let page = app.anonymous().get(&format!("/qr/{code}")).await;
    expect_page(&page, 200, "Sign in on Apple TV");
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
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_answers_at_once_one_wins() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let phone = std::sync::Arc::new(Phone::open(&app, &code).await);
    phone.sign_in("ana", ANA).await;
    let answers = at_once(32, |index| {
        let phone = phone.clone();
        async move { phone.send(&[("answer", if index % 2 == 0 { "approve" } else { "refuse" })]).await }
    })
    .await;
    let titles = |title: &str| answers.iter().filter(|answer| answer.text.contains(title)).count();
    let (approved, refused) = (titles("The Apple TV is signed in"), titles("Sign-in was refused"));
    // Who comes late sees what was answered, and that is one thing.
    assert!((approved == 0) != (refused == 0), "{approved} {refused}");
    let wanted = if approved > 0 { (200, "W0000") } else { (403, "W2101") };
    app.watch().get_token(&code, "tv").await.expect(wanted.0, wanted.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_kept_from_scripts_and_other_sites() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let page = app.anonymous().get(&format!("/qr/{code}")).await;
    let cookie = page.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=900"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    // A browser keeps its token, so that two pages can be open in it; what is no token is replaced.
    let kept = cookie.split(';').next().unwrap();
    let again = app.anonymous().with_cookie(kept).get(&format!("/qr/{code}")).await;
    assert!(again.header("set-cookie").starts_with(kept));
    for hostile in ["usher_phone=x", "usher_phone=\"><script>", "usher_phone="] {
        let answer = app.anonymous().with_cookie(hostile).get(&format!("/qr/{code}")).await;
        expect_page(&answer, 200, "Sign in on Apple TV");
        assert!(!answer.header("set-cookie").starts_with(&format!("{hostile};")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_table_does_not_answer_the_page_says_so() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    for page in ["", "/image.png", "/image.svg"] {
        app.fail("dynamodb", "*", "server_error", 9).await;
        expect_page(&app.anonymous().get(&format!("/qr/{code}{page}")).await, 500, "Something went wrong");
        app.anonymous().send("DELETE", "/_local/faults", "").await;
    }
    let phone = Phone::open(&app, &code).await;
    app.fail("dynamodb", "TransactWriteItems", "server_error", 3).await;
    expect_page(&phone.sign_in("ana", ANA).await, 500, "Something went wrong");
    expect_page(&phone.client.get(&phone.path).await, 200, "Sign in on Apple TV");
    phone.sign_in("ana", ANA).await;
    app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
    expect_page(&phone.send(&[("answer", "approve")]).await, 200, "The Apple TV is signed in");
}
