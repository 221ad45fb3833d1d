//! Every attack of `attacks/` at every place of `places.rs` (RFC 7515, 7519, 8725 and 9068; OWASP ASVS 9.1, 9.2).

use std::collections::{BTreeMap, BTreeSet};

use functions::{ROUTES, TRIGGERS};
use futures_util::future::join_all;
use serde_json::json;
use tests::costs::{ANA_AT, LINK, link_and_request};
use tests::provider::Alg;
use tests::{ANA, App, SignedIn, part};

use super::attacks::signatures::with_the_other_s;
use super::attacks::{self, Attack};
use super::forge::{Good, Keys};
use super::places::{PLACES, Place, WITHOUT, Way};
use crate::v1::admin::auth::sso::{OLGA_AT, Studio};

/// The beginnings of functions' names that share a stack here.
const GROUPS: [&str; 5] = ["watch-", "screener-", "admin-", "authorizer", "vidizmo-"];

/// What is an attack elsewhere, and right at one place by the contract. Nobody but us can sign any of them.
struct Exception {
    functions: &'static [&'static str],
    is_in_body: bool,
    attacks: &'static [&'static str],
    /// Whether the session that the token names is over then; otherwise nothing has changed.
    ends: bool,
    why: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        functions: &["watch-logout", "admin-logout"],
        is_in_body: true,
        attacks: &["exp: past"],
        ends: true,
        why: "who signs out does so with a token of any age",
    },
    Exception {
        functions: &["watch-logout", "admin-logout"],
        is_in_body: true,
        attacks: &["sub: somebody else's", "sid: somebody else's", "sid: nobody's"],
        ends: false,
        why: "a session that is not there is over: signing out again is fine, and ends nobody's",
    },
    Exception {
        functions: &["admin-hotlist"],
        is_in_body: true,
        attacks: &[
            "exp: past",
            "aud: the other surface",
            "client_id: another key's",
            "client_id: another enterprise's",
            "kind: the other surface's",
        ],
        ends: true,
        why: "an owner ends what is the enterprise's, of any age, surface and application",
    },
    Exception {
        functions: &["admin-hotlist"],
        is_in_body: true,
        attacks: &["sub: somebody else's", "sid: somebody else's", "sid: nobody's"],
        ends: false,
        why: "what is not there counts nothing",
    },
    Exception {
        functions: &["authorizer"],
        is_in_body: false,
        attacks: &["aud: the other surface", "kind: the other surface's"],
        ends: false,
        why: "it lets in the people of both surfaces",
    },
];

fn exception(place: &Place<'_>, attack: &str) -> Option<&'static Exception> {
    let is_in_body = matches!(place.way, Way::Field(_));
    EXCEPTIONS.iter().find(|exception| {
        exception.functions.contains(&place.function)
            && exception.is_in_body == is_in_body
            && exception.attacks.contains(&attack)
    })
}

/// Tokens of other kinds as they are given out, and whose session must come to no harm.
struct Others {
    keys: Keys,
    walt: SignedIn,
    kinds: Vec<Attack>,
}

impl Others {
    async fn gather(studio: &Studio) -> Self {
        let app = &studio.app;
        let ana = app.ana().await;
        let user = app.authorized(&ana.token);
        let code = link_and_request(app, &user, LINK, (91, 8_123_456_789, "+918123456789")).await;
        let playback =
            user.verify_code(LINK, &code).await.expect(200, "W0000").body["playback_token"].clone();
        let opaque = app.vidizmo().authenticate(ANA_AT, ANA).await.opaque();
        let mut kinds = vec![
            ("kind: playback".to_owned(), playback.as_str().unwrap().to_owned()),
            ("kind: opaque".to_owned(), opaque),
        ];
        // Of the enterprise's own provider: with its own claims, and with all that a living session's has.
        for alg in [
            Alg::ES256,
            Alg::RS256,
            Alg::PS256,
            Alg::EdDSA,
            Alg::ES384,
            Alg::None,
            Alg::Hs256WithClientSecret,
        ] {
            for (what, claims) in [("", json!({})), (" that says what ours do", part(&ana.token, 1))] {
                studio.provider.set(|behaviour| (behaviour.alg, behaviour.claims) = (alg, claims));
                kinds.push((
                    format!("kind: ID, {alg:?}{what}"),
                    studio.provider.id_token(OLGA_AT, "olga-1", "a nonce"),
                ));
            }
        }
        let walt = app.watch().sign_in("walt", "one seat in the last row").await;
        Self { keys: Keys::of(app).await, walt, kinds }
    }

    /// Each attack, for a place.
    fn attacks(&self, place: &Place<'_>) -> Vec<Attack> {
        let own = &place.own;
        let mut kinds = self.kinds.clone();
        kinds.push(("kind: the session's other token".to_owned(), place.of_the_other_kind(own).to_owned()));
        kinds.push(("kind: the other surface's".to_owned(), place.of_this_kind(&place.other).to_owned()));
        let good = Good::of(place.of_this_kind(own), &self.keys);
        let mut all = attacks::all(&good, &part(&self.walt.token, 1), &kinds);
        if place.takes_opaque() {
            all.retain(|(name, _)| name != "kind: opaque");
            all.push(("kind: a good access token".to_owned(), own.token.clone()));
        }
        all
    }
}

/// Whether a session lives, by both of its tokens.
async fn is_alive(app: &App, tokens: &SignedIn) -> bool {
    let claims = part(&tokens.token, 1);
    let session = match claims["aud"].as_str() {
        Some("admin") => "/v1/admin/auth/session",
        _ => "/v2/watch/auth/session",
    };
    let key = app.key(claims["client_id"].as_str().unwrap());
    let shown = app.authorized(&tokens.token).get(session).await.status;
    let renewed = match claims["aud"].as_str() {
        Some("admin") => key.admin_refresh(&tokens.refresh_token).await.status,
        _ => key.refresh(&tokens.refresh_token).await.status,
    };
    assert_eq!(shown, renewed, "one of its tokens works");
    shown == 200
}

/// Makes all attacks at one place; how many were made, and what was not refused as it should be.
async fn attack(app: &App, others: &Others, function: &'static str, way: Way) -> (usize, Vec<String>) {
    let place = Place::open(app, function, way).await;
    let mut attacks = others.attacks(&place);
    attacks.retain(|(_, token)| place.can_carry(token));
    let (made, messages) = (attacks.len(), app.stack.world.outbox().sms.len());
    let (excepted, attacks): (Vec<_>, Vec<_>) =
        attacks.iter().partition(|(name, _)| exception(&place, name).is_some());
    let mut wrong = Vec::new();
    // By their codes: two refusals of one code do not differ in a letter.
    let mut looks: BTreeMap<String, String> = BTreeMap::new();
    for (name, token) in attacks {
        match place.refusal(token).await {
            // Which rule of a field it breaks is told.
            Ok((code, _)) if code.ends_with("4900") => {}
            Ok((code, look)) => {
                let first = looks.entry(code).or_insert_with(|| look.clone());
                if *first != look {
                    wrong.push(format!("{place}: {name}: {look} is not {first}"));
                }
            }
            Err(answer) => wrong.push(format!("{place}: {name}: {answer}")),
        }
    }
    if !wrong.is_empty() {
        // What was let in may have changed anything.
        return (made, wrong);
    }
    for tokens in [&place.own, &place.other, &others.walt] {
        assert!(is_alive(app, tokens).await, "{place}: an attack has ended a session");
    }
    assert_eq!(app.stack.world.outbox().sms.len(), messages, "{place}: an attack has sent a message");
    for (name, _) in excepted {
        except(app, others, &place, name).await;
    }
    // Nothing else was wrong with the calls, and what they would have used up is still there.
    place.expect_good_one_taken().await;
    (made, wrong)
}

/// Makes what is no attack at a place, with people of its own where it ends a session.
async fn except(app: &App, others: &Others, place: &Place<'_>, name: &str) {
    let exception = exception(place, name).unwrap();
    let opened;
    let place = if exception.ends {
        opened = Place::open(app, place.function, place.way).await;
        &opened
    } else {
        place
    };
    let attacks = others.attacks(place);
    let (_, token) = attacks.iter().find(|attack| attack.0 == name).unwrap();
    place.expect_taken(token).await;
    let named = part(token, 1)["sid"].clone();
    for tokens in [&place.own, &place.other, &others.walt] {
        let is_over = exception.ends && part(&tokens.token, 1)["sid"] == named;
        assert_eq!(is_alive(app, tokens).await, !is_over, "{place}: {name}: {}", exception.why);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attack_on_a_token_succeeds_anywhere() {
    let groups = GROUPS.map(|group| async move {
        let studio = Studio::open().await;
        let others = Others::gather(&studio).await;
        let (mut made, mut wrong) = (0, Vec::new());
        for (function, ways) in PLACES.iter().filter(|place| place.0.starts_with(group)) {
            for way in *ways {
                let (more, found) = attack(&studio.app, &others, function, *way).await;
                made += more;
                wrong.extend(found);
            }
        }
        (made, wrong)
    });
    let (made, wrong): (Vec<_>, Vec<_>) = join_all(groups).await.into_iter().unzip();
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{} of {made:?}: {wrong:#?}", wrong.len());
    assert!(made.iter().sum::<usize>() > 9000, "{made:?} attacks were made");
}

#[test]
fn the_places_are_all_the_functions_that_take_a_token() {
    let all = ROUTES.iter().map(|route| route.name).chain(TRIGGERS.iter().map(|trigger| trigger.name));
    let with: BTreeSet<_> = PLACES.iter().map(|place| place.0).collect();
    let without = WITHOUT.iter().copied().collect();
    assert!(with.is_disjoint(&without));
    assert_eq!(with.union(&without).copied().collect::<BTreeSet<_>>(), all.collect());
    for name in with {
        assert_eq!(GROUPS.iter().filter(|group| name.starts_with(**group)).count(), 1, "{name}");
    }
}

/// ECDSA itself has two signatures for each, and RFC 7518 §3.4 refuses neither. It is no forgery, since it stands for
/// what was signed; and what is over or spent is known by `sid` and `jti`, so it slips past nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_s_of_a_signature_makes_the_same_token() {
    let app = App::start().await;
    let (keys, tokens) = (Keys::of(&app).await, app.ana().await);
    let [token, refresh_token] =
        [&tokens.token, &tokens.refresh_token].map(|token| with_the_other_s(&Good::of(token, &keys)));
    assert_ne!(token, tokens.token);
    let other = SignedIn { token, refresh_token };
    assert!(is_alive(&app, &other).await);
    app.watch().post("/v2/watch/auth/logout", json!({ "token": other.token })).await.expect(200, "W0000");
    assert!(!is_alive(&app, &tokens).await && !is_alive(&app, &other).await);
}
