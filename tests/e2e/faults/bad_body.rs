//! Rows of a body that cannot be read. That is told to whoever may know it, and no other: of an API key the function reads
//! that alone, and of a token its session, in a call of DynamoDB that no other row makes.

use functions::ROUTES;
use shared::failure::Surface;
use tests::App;

use super::rows::Sent;

/// How the rows' names end.
pub(super) const BAD_BODY: &str = ", bad body";

/// Who makes such a call.
const ALL: [&str; 13] = [
    "admin-login",
    "admin-refresh",
    "admin-sso-initiate",
    "admin-sso-login",
    "watch-forgot-password",
    "watch-login",
    "watch-qr-approve",
    "watch-qr-approve, token",
    "watch-qr-get-code",
    "watch-qr-get-token",
    "watch-reset-password",
    "watch-sign-up",
    "watch-token-refresh",
];

/// The rows.
pub(super) fn rows() -> impl Iterator<Item = String> {
    ALL.iter().map(|row| format!("{row}{BAD_BODY}"))
}

/// See [`super::rows::prepare`].
pub(super) async fn prepare(app: &App, function: &str, what: &str) -> Sent {
    let route = ROUTES.iter().find(|route| route.name == function).unwrap();
    let client = match route.surface {
        Surface::Admin => app.admin(),
        _ if what.starts_with("token") => app.ana_client().await,
        _ => app.watch(),
    };
    Sent::Request { client, method: route.method, path: route.path.to_owned(), body: "{".to_owned() }
}
