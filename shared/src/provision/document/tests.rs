use super::*;

fn problem(json: &str) -> String {
    Document::parse(json).unwrap_err().to_string()
}

#[test]
fn problems_name_their_place() {
    assert_eq!(problem("{}"), "document: missing field `enterprises` at line 1 column 2");
    let one = |entry: &str| problem(&format!(r#"{{"enterprises":[{{"id":"acme","name":"Acme",{entry}}}]}}"#));
    assert_eq!(
        one(r#""users":[{"username":"a b"}]"#),
        "enterprises[0].users[0].username: must not contain white space, invisible characters or @"
    );
    assert!(
        one(r#""users":[{"username":"ana"},{"username":"ANA"}]"#)
            .ends_with("users[1]: has a name that stands twice")
    );
    for (twice, place) in [
        (r#""api_keys":[{"id":"tv","revoked":true},{"id":"tv"}]"#, "api_keys[1].id"),
        (r#""pins":[{"pin":"K7QX-93WD"},{"pin":"k7qx 93wd"}]"#, "pins[1].pin"),
    ] {
        assert_eq!(one(twice), format!("enterprises[0].{place}: stands twice"));
    }
    assert!(
        one(r#""api_keys":[{"id":"k","key":"usk_orbit_k_0"}]"#).starts_with("enterprises[0].api_keys[0].key")
    );
    assert!(
        one(r#""settings":{"polling_interval":0}"#).starts_with("enterprises[0].settings.polling_interval")
    );
    for (logo, accent) in [
        ("http://cdn.acme.example/logo.svg", ""),
        ("http://localhost.evil.example/logo.svg", ""),
        ("http://localhost:80@evil.example/logo.svg", ""),
        ("https://cdn.acme.example/logo.svg; script-src *", ""),
        ("https://cdn.acme.example/a,b", ""),
        ("https://cdn.acme.example/logo.svg?v=2", ""),
        ("", "red"),
        ("", "1f3fd1"),
        ("", "#1f3fd1;"),
    ] {
        let (name, value) = if accent.is_empty() { ("logo", logo) } else { ("accent", accent) };
        let told = one(&format!(r#""settings":{{"page":{{"{name}":"{value}"}}}}"#));
        assert!(told.starts_with(&format!("enterprises[0].settings.page.{name}: must be ")), "{told}");
    }
    for (group, name) in [("page", "logoo"), ("sms", "daily_maxx")] {
        assert_eq!(
            one(&format!(r#""settings":{{"{group}":{{"{name}":""}}}}"#)),
            format!("enterprises[0].settings.{group}.{name}: is no setting")
        );
    }
    for (changed, place) in [
        (r#""issuer":"http://idp.acme.example""#, "issuer"),
        (r#""issuer":"https://idp.acme.example?tenant=1""#, "issuer"),
        (r#""client_id":"""#, "client_id"),
        (r#""redirect_uri":"/callback""#, "redirect_uri"),
        (r#""email_domains":["@acme.example"]"#, "email_domains"),
        (r#""email_domains":["Acme.example"]"#, "email_domains"),
        (r#""client_secret":"""#, "client_secret"),
    ] {
        let mut fields = vec![changed];
        for field in [
            r#""issuer":"https://idp.acme.example""#,
            r#""client_id":"usher""#,
            r#""redirect_uri":"https://admin.acme.example/callback""#,
        ] {
            if !changed.starts_with(field.split(':').next().unwrap()) {
                fields.push(field);
            }
        }
        let told = one(&format!(r#""sso":{{{}}}"#, fields.join(",")));
        assert!(told.starts_with(&format!("enterprises[0].sso.{place}: must")), "{told}");
    }
    assert!(one(r#""colour":"red""#).starts_with("document: unknown field `colour`"));
    assert_eq!(one(r#""settings":{"sing_up":true}"#), "enterprises[0].settings.sing_up: is no setting");
    for unreadable in ["1e400", r#""\ud800""#] {
        let told = one(&format!(r#""settings":{{"sing_up":true,"page":{{"logoo":{unreadable}}}}}"#));
        assert!(told.starts_with("document: not valid at line 1 column "), "{told}");
    }
    assert_eq!(one(r#""settings":{"mail":{"form":""}}"#), "enterprises[0].settings.mail.form: is no setting");
}

#[test]
fn problems_with_text_messages_and_domains_name_their_place() {
    let one = |entry: &str| problem(&format!(r#"{{"enterprises":[{{"id":"acme","name":"Acme",{entry}}}]}}"#));
    for (settings, told) in [
        (r#""settings":{"wrong_passwords_max":9}"#, "settings.wrong_passwords_max: must be 10 to 10000000"),
        (r#""settings":{"wrong_pins_max":10000001}"#, "settings.wrong_pins_max: must be 10 to 10000000"),
        (r#""settings":{"idle_seconds":59}"#, "settings.idle_seconds: must be 60 to 43200"),
        (r#""domains":["Acme.example"]"#, "domains[0]: must be a host name in lower case"),
        (r#""domains":["acme.example:9000"]"#, "domains[0]: must be a host name in lower case"),
        (r#""domains":["a.example","a.example"]"#, "domains: has a name that stands twice"),
        (r#""users":[{"username":"m","client_secret":""}]"#, "users[0].client_secret: must not be empty"),
        (
            r#""users":[{"username":"m","password":"a password\u0000with NUL"}]"#,
            "users[0].password: must not contain NUL",
        ),
    ] {
        let problem = one(settings);
        assert!(problem.starts_with(&format!("enterprises[0].{told}")), "{problem}");
    }
    for (name, value) in [
        ("sender_id", "ACME FILMS"),
        ("sender_id", "12345"),
        ("sender_id", "TwelveLetter"),
        ("origination_number", "12025550100"),
        ("origination_number", "+1 202"),
        ("domain", "https://acme.example"),
        ("domain", "acme.example #1"),
        ("domain", ""),
    ] {
        let told = one(&format!(r#""settings":{{"sms":{{"{name}":"{value}"}}}}"#));
        assert!(told.starts_with(&format!("enterprises[0].settings.sms.{name}: must be ")), "{told}");
    }
    for (screeners, told) in [
        (r#"{"key":"a b"}"#, "[0].key: must be 1 to 64 letters, digits and -._~"),
        (r#"{"key":""}"#, "[0].key: must be 1 to 64 letters, digits and -._~"),
        (r#"{"key":"a"},{"key":"a"}"#, "[1].key: stands twice"),
    ] {
        assert_eq!(one(&format!(r#""screeners":[{screeners}]"#)), format!("enterprises[0].screeners{told}"));
    }
    for (sms, place) in [
        (r#""monthly_usd":-1"#, "monthly_usd"),
        (r#""price_usd":0"#, "price_usd"),
        (r#""prices_usd":{"US":11}"#, "prices_usd.US"),
        (r#""prices_usd":{"usa":1}"#, "prices_usd"),
    ] {
        let told = problem(&format!(r#"{{"enterprises":[],"sms":{{{sms}}}}}"#));
        assert!(told.starts_with(&format!("sms.{place}: must ")), "{told}");
    }
}

#[test]
fn every_field_there_is_can_stand_in_a_document() {
    let document = r##"{"enterprises":[{
        "id":"acme","name":"Acme Pictures","domains":["acme.localhost"],
        "settings":{"watch_methods":["password","pin"],"refresh_seconds_min":86400,"refresh_seconds_max":2592000,
            "signup":true,"sso_only":false,"otp_countries":["US","GB","IN"],"polling_interval":10,
            "password_min_length":15,"mail":{"name":"A","from":"a@acme.example","reset_page":"https://acme.example/r"},
            "page":{"logo":"https://cdn.acme.example/logo.svg","accent":"#1f3fd1","background":"#f4f4f6"},
            "sms":{"sender_id":"ACME","origination_number":"+12025550100","domain":"watch.acme.example",
                "daily_max":1000,"screener_daily_max":500}},
        "sso":{"issuer":"http://127.0.0.1:9100","client_id":"usher","client_secret":"s",
            "redirect_uri":"http://localhost:3000/login/sso_callback","jit":false,"email_domains":["acme.example"]},
        "api_keys":[{"id":"acme-watch","key":"usk_acme_acme-watch_0123456789abcdefghijklmnopqrstuv",
            "surface":"watch","expires_at":null,"revoked":false,"refresh_rotation":false,"qr_device_code":true}],
        "users":[{"username":"ana","email":"ana@acme.example","password":"x","roles":["viewer"],
            "surfaces":["watch","vidizmo"],"client_secret":"x","disabled":false}],
        "pins":[{"pin":"K7QX-93WD","label":"FYC 2026","expires_at":null,"disabled":false}],
        "screeners":[{"key":"scr-1","two_factor":true,"force_login":false,"link_type":true}]
    }],"sms":{"daily_max":5000,"monthly_usd":100,"price_usd":0.1,"prices_usd":{"US":0.01,"GB":0.05}}}"##;
    Document::parse(document).unwrap();
    Document::parse(r#"{"enterprises":[{"id":"acme","name":"Acme"}]}"#).unwrap();
}

#[test]
fn a_problem_does_not_repeat_a_value() {
    let told = problem(
        r#"{"enterprises":[{"id":"acme","name":"Acme","users":[{"username":"ana","password":4711471147}]}]}"#,
    );
    assert!(!told.contains("4711"), "{told}");
}
