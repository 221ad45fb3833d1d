//! API Gateway HTTP API events, payload format 2.0.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use data_encoding::BASE64;
use functions::Route;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// A request that matched a route.
pub(crate) struct Incoming<'a> {
    pub(crate) route: &'a Route,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) source_ip: String,
    pub(crate) request_id: &'a str,
    /// Epoch milliseconds.
    pub(crate) now: i64,
}

/// The path's parameters when it is the route's. As in the template, the route has a second form
/// with `/{slash+}` behind it, which takes whatever follows.
pub(crate) fn match_path(pattern: &str, path: &str) -> Option<Map<String, Value>> {
    let mut given = path.split('/');
    let mut parameters = Map::new();
    for wanted in pattern.split('/') {
        let given = given.next()?;
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !given.is_empty() => {
                let value = percent_decode_str(given).decode_utf8_lossy().into_owned();
                parameters.insert(name.to_owned(), value.into());
            }
            None if wanted == given => {}
            _ => return None,
        }
    }
    let rest: Vec<_> = given.collect();
    if !rest.is_empty() {
        parameters.insert("slash".to_owned(), rest.join("/").into());
    }
    Some(parameters)
}

impl Incoming<'_> {
    pub(crate) fn event(&self) -> Value {
        let mut headers = Map::new();
        for name in self.headers.keys().filter(|name| *name != COOKIE) {
            let values: Vec<_> = self.headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
            headers.insert(name.as_str().to_owned(), values.join(",").into());
        }
        let header = |name: &str| headers.get(name).cloned().unwrap_or_else(|| json!(""));
        let tail = if self.parameters.contains_key("slash") { "/{slash+}" } else { "" };
        let route_key = format!("{} {}{tail}", self.route.method, self.route.path);
        let mut event = json!({
            "version": "2.0",
            "routeKey": route_key,
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": headers,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "local",
                "domainName": header("host"),
                "domainPrefix": "local",
                "http": {
                    "method": self.route.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": self.source_ip,
                    "userAgent": header("user-agent"),
                },
                "requestId": self.request_id,
                "routeKey": route_key,
                "stage": "$default",
                "timeEpoch": self.now,
            },
            "isBase64Encoded": false,
        });
        let cookies = self.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookies: Vec<_> = cookies.flat_map(|header| header.split(';')).map(str::trim).collect();
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if !self.parameters.is_empty() {
            event["pathParameters"] = Value::Object(self.parameters.clone());
        }
        if !self.body.is_empty() {
            // API Gateway passes JSON and text on as they are, and everything else in base64.
            let content_type = header("content-type");
            let content_type = content_type.as_str().unwrap_or_default();
            let is_text = content_type.is_empty()
                || content_type.starts_with("application/json")
                || content_type.starts_with("text/");
            match std::str::from_utf8(self.body) {
                Ok(text) if is_text => event["body"] = json!(text),
                _ => {
                    event["body"] = json!(BASE64.encode(self.body));
                    event["isBase64Encoded"] = json!(true);
                }
            }
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_path_is_the_slash_parameter() {
        let slash = |path| match_path("/v2/watch/auth/login", path).map(|found| found.get("slash").cloned());
        assert_eq!(slash("/v2/watch/auth/login"), Some(None));
        assert_eq!(slash("/v2/watch/auth/login/"), Some(Some("".into())));
        assert_eq!(slash("/v2/watch/auth/login/qr/x"), Some(Some("qr/x".into())));
        for other in ["/v2/watch/auth", "/v2/watch/auth/log", "/", ""] {
            assert_eq!(slash(other), None, "{other}");
        }
    }

    #[test]
    fn parameters_are_decoded_and_never_empty() {
        assert_eq!(match_path("/reset/{reset_code}", "/reset/a%20b").unwrap()["reset_code"], "a b");
        assert!(match_path("/reset/{reset_code}", "/reset/").is_none());
    }
}
