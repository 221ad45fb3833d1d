//! Pages for people. A page needs no script and nothing from elsewhere; its policy names its one
//! style sheet by hash and allows nothing else.

use std::sync::OnceLock;

use data_encoding::BASE64;

use crate::crypto;
use crate::failure::Failure;
use crate::reply::Reply;

const STYLE: &str = include_str!("page/page.css");

/// A page called `title` under the enterprise's `brand`. `main` is HTML; the other two are text.
#[must_use]
pub fn page(http: u16, brand: &str, title: &str, main: &str) -> Reply {
    let (brand, title) = (escape_html(brand), escape_html(title));
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"brand\">{brand}</p>\n<h1>{title}</h1>\n{main}\n</main>\n</body>\n</html>\n"
    );
    Reply::page(http, html, policy())
}

/// The page that stands in the place of one that cannot be shown.
#[must_use]
pub fn refusal(failure: &Failure) -> Reply {
    let (http, title, hint) = match failure {
        Failure::Internal(_) => {
            (500, "Something went wrong", "It is our fault. Please try again in a minute.")
        }
        Failure::RateLimited { .. } => {
            (429, "Too many tries", "Please wait some minutes, then open the link again.")
        }
        _ => (
            404,
            "This link does not work any more",
            "It was used already, or it is too old. Please ask for a new one.",
        ),
    };
    page(http, "", title, &format!("<p>{hint}</p>"))
}

fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let hash = BASE64.encode(&crypto::sha256(STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'"
        )
    })
}

/// Text as it may stand in HTML, between tags and in quoted attributes.
#[must_use]
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
