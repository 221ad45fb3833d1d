//! The pages of the local stack: `/` and the outbox for a browser.

use std::fmt::Write;

use shared::page::escape_html;

use crate::world::Outbox;

const STYLE: &str = include_str!("page/local.css");
const SCRIPT: &str = include_str!("page/local.js");
const TV: &str = include_str!("page/tv.html");
const TV_SCRIPT: &str = include_str!("page/tv.js");

/// Who can sign in on the phone, in the demo.
const DEMO_HINT: &str = "<p class=\"hint\">On the phone, sign in as <code>ana</code> with \
    <code>rosebud and the red balloon</code>, or with the PIN <code>K7QX-93WD</code>.</p>";

fn frame(title: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{main}\n</main>\n</body>\n</html>\n"
    )
}

/// The start page: a TV to sign in on, how to call what is there, and what was sent.
pub(crate) fn start(public_url: &str, curl: Option<&str>, tv_key: Option<&str>, outbox: &Outbox) -> String {
    let mut rows = String::new();
    for route in functions::ROUTES {
        let (method, path, name) = (route.method, escape_html(route.path), route.name);
        let _ = writeln!(rows, "<tr><td>{method}</td><td><code>{path}</code></td><td>{name}</td></tr>");
    }
    // Only the demo has a curl, and so a person whose password may be shown.
    let hint = curl.map_or("", |_| DEMO_HINT);
    let curl = curl.map(|curl| {
        format!(
            "<section>\n<h2>Sign in with curl</h2>\n\
             <pre tabindex=\"0\"><code>{}</code></pre>\n</section>\n",
            escape_html(curl)
        )
    });
    let (url, tv, curl) = (escape_html(public_url), tv(tv_key, hint), curl.unwrap_or_default());
    let (count, sent) = (count(outbox), messages(outbox));
    let main = format!(
        "<h1>Usher</h1>\n<p class=\"lead\">Sign-in for screening rooms, running on <code>{url}</code>. \
         Nothing leaves this machine.</p>\n{tv}{curl}\
         <section aria-labelledby=\"outbox-title\">\n<div class=\"bar\"><h2 id=\"outbox-title\">Outbox</h2>\
         <p id=\"outbox-count\" aria-live=\"polite\">{count}</p></div>\n\
         <p>What would have gone out by e-mail and SMS, newest first. It updates by itself.</p>\n\
         <div id=\"outbox\" class=\"pane\" tabindex=\"0\" role=\"region\" aria-labelledby=\"outbox-title\">{sent}</div>\n\
         </section>\n<section>\n<h2 id=\"endpoints\">Endpoints</h2>\n\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"endpoints\"><table>\
         <thead><tr><th scope=\"col\">Method</th><th scope=\"col\">Path</th><th scope=\"col\">Function</th></tr></thead>\
         <tbody>\n{rows}</tbody></table></div>\n</section>\n<script>{SCRIPT}</script>"
    );
    frame("Usher, local", &main)
}

/// A TV that signs in with an API key of the Watch surface, with the script that plays it.
fn tv(key: Option<&str>, hint: &str) -> String {
    match key {
        Some(key) => {
            let tv = TV.replace("{{key}}", &escape_html(key)).replace("{{hint}}", hint);
            format!("{tv}<script>{TV_SCRIPT}</script>\n")
        }
        None => "<section>\n<h2>Sign in on a TV</h2>\n<p class=\"notice\">The provisioning document has no \
                 Watch API key in it, so there is no TV.</p>\n</section>\n"
            .to_owned(),
    }
}

/// The outbox on a page of its own.
pub(crate) fn outbox(outbox: &Outbox) -> String {
    frame("Outbox – Usher, local", &format!("<h1>Outbox</h1>\n<div id=\"outbox\">{}</div>", messages(outbox)))
}

/// As `local.js` writes it.
fn count(outbox: &Outbox) -> String {
    match outbox.email.len() + outbox.sms.len() {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    }
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
