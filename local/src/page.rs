//! The pages of the local stack: `/` and the outbox for a browser.

use std::fmt::Write;

use shared::page::escape_html;

use crate::world::Outbox;

const STYLE: &str = include_str!("page/local.css");
const SCRIPT: &str = include_str!("page/local.js");

fn frame(title: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{main}\n</main>\n</body>\n</html>\n"
    )
}

/// The start page: how to call what is there, and what was sent.
pub(crate) fn start(public_url: &str, curl: Option<&str>, outbox: &Outbox) -> String {
    let mut rows = String::new();
    for route in functions::ROUTES {
        let (method, path, name) = (route.method, escape_html(route.path), route.name);
        let _ = writeln!(rows, "<tr><td>{method}</td><td><code>{path}</code></td><td>{name}</td></tr>");
    }
    let sign_in = curl.map(|curl| {
        format!("<h2>Sign in</h2>\n<pre tabindex=\"0\"><code>{}</code></pre>\n", escape_html(curl))
    });
    let (sign_in, sent) = (sign_in.unwrap_or_default(), messages(outbox));
    let main = format!(
        "<h1>Usher</h1>\n<p class=\"lead\">Sign-in for screening rooms, running on <code>{public_url}</code>. \
         Nothing leaves this machine.</p>\n\
         {sign_in}<h2>Outbox</h2>\n<p>What would have gone out by e-mail and SMS, newest first. It updates by itself.</p>\n\
         <div id=\"outbox\" aria-live=\"polite\">{sent}</div>\n\
         <h2>Endpoints</h2>\n<div class=\"wide\"><table><thead><tr><th>Method</th><th>Path</th><th>Function</th></tr></thead>\
         <tbody>\n{rows}</tbody></table></div>\n<script>{SCRIPT}</script>"
    );
    frame("Usher, local", &main)
}

/// The outbox on a page of its own.
pub(crate) fn outbox(outbox: &Outbox) -> String {
    frame("Outbox – Usher, local", &format!("<h1>Outbox</h1>\n<div id=\"outbox\">{}</div>", messages(outbox)))
}

fn messages(outbox: &Outbox) -> String {
    let email = outbox.email.iter().map(|mail| (mail.at, &mail.to, mail.subject.as_str(), &mail.text));
    let sms = outbox.sms.iter().map(|sms| (sms.at, &sms.to, "SMS", &sms.body));
    let mut all: Vec<_> = email.chain(sms).collect();
    all.sort_by_key(|message| std::cmp::Reverse(message.0));
    if all.is_empty() {
        return "<p class=\"empty\">Nothing yet. Ask for a new password, and the e-mail shows up here.</p>"
            .to_owned();
    }
    let mut html = String::new();
    for (_, to, subject, text) in all {
        let _ = writeln!(
            html,
            "<article><h3>{}</h3><p class=\"to\">to {}</p><p class=\"text\">{}</p></article>",
            escape_html(subject),
            escape_html(to),
            with_links(text),
        );
    }
    html
}

/// Escaped text in which addresses of web pages can be clicked.
fn with_links(text: &str) -> String {
    text.split('\n')
        .map(|line| {
            let escaped = escape_html(line);
            if line.starts_with("http://") || line.starts_with("https://") {
                format!("<a href=\"{escaped}\">{escaped}</a>")
            } else {
                escaped
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}
