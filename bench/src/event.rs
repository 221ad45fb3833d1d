//! The events that the subjects get: those of `events/`, with a key and a token of the running stack.

use serde_json::Value;
use tests::App;

/// The event of a function's file, with another `Authorization` header, another body, and the stack's time.
pub(crate) fn of(
    app: &App,
    function: &str,
    authorization: &str,
    body: Option<&Value>,
) -> Result<Value, String> {
    let file = format!("{}/../events/{function}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let mut event: Value = serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
    event["headers"]["authorization"] = authorization.into();
    if event.get("identitySource").is_some() {
        event["identitySource"] = [authorization].into();
    }
    if let Some(body) = body {
        event["body"] = body.to_string().into();
    }
    event["requestContext"]["timeEpoch"] = app.stack.world.clock.now_milliseconds().into();
    Ok(event)
}

/// The same without a key, for the path of a floor.
pub(crate) fn plain(app: &App, path: &str) -> Result<Value, String> {
    let mut event = of(app, "jwks", "", None)?;
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    Ok(event)
}
