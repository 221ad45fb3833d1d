//! E-mail through SES: what people are told, and how it is sent.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};

use data_encoding::BASE64;

use crate::aws::Unsent;
use crate::config::Environment;
use crate::page::escape_html;
use crate::private::Private;
use crate::store::enterprise::Enterprise;

/// A message, in the two forms that a mail reader may want.
#[derive(Debug)]
pub struct Mail {
    subject: String,
    text: Private,
    html: Private,
}

/// Where replaceable words stand in the templates: `{brand}`, `{link}`.
const RESET_TEXT: &str = include_str!("mail/reset.txt");
const RESET_HTML: &str = include_str!("mail/reset.html");
const CHANGED_TEXT: &str = include_str!("mail/password_changed.txt");
const CHANGED_HTML: &str = include_str!("mail/password_changed.html");

impl Mail {
    /// The e-mail that carries a link for setting a new password.
    #[must_use]
    pub fn reset(brand: &str, link: &Private) -> Self {
        let words = [("brand", brand), ("link", link.expose())];
        Self {
            subject: format!("Set a new password for {}", one_line(brand)),
            text: fill(RESET_TEXT, &words).into(),
            html: fill_html(RESET_HTML, &words).into(),
        }
    }

    /// The e-mail that tells of a changed password.
    #[must_use]
    pub fn password_changed(brand: &str) -> Self {
        let words = [("brand", brand)];
        Self {
            subject: format!("Your password for {} was changed", one_line(brand)),
            text: fill(CHANGED_TEXT, &words).into(),
            html: fill_html(CHANGED_HTML, &words).into(),
        }
    }
}

/// Puts words in the places of `{name}`s, in one pass, so that a word is never read as a place.
fn fill(template: &str, words: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() + 128);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let place = after.split_once('}');
        let word = place.and_then(|(name, _)| words.iter().find(|(known, _)| *known == name));
        if let (Some((_, word)), Some((_, after))) = (word, place) {
            out.push_str(word);
            rest = after;
        } else {
            out.push('{');
            rest = after;
        }
    }
    out + rest
}

fn fill_html(template: &str, words: &[(&str, &str)]) -> String {
    let escaped: Vec<_> = words.iter().map(|(name, word)| (*name, escape_html(word))).collect();
    let words: Vec<_> = escaped.iter().map(|(name, word)| (*name, word.as_str())).collect();
    fill(template, &words)
}

/// A name as it may stand before an address: quoted, or in encoded words where it is not ASCII
/// (RFC 2047 §5; SES asks for them).
fn display_name(name: &str) -> String {
    let name = one_line(name);
    if name.is_ascii() {
        return format!("\"{}\"", name.replace(['"', '\\'], ""));
    }
    // An encoded word has at most 75 characters, which 45 bytes of text fill.
    let mut words = vec![String::new()];
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= 45 => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let encoded = words.iter().map(|word| format!("=?UTF-8?B?{}?=", BASE64.encode(word.as_bytes())));
    encoded.collect::<Vec<_>>().join(" ")
}

/// A name without line breaks and other controls.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Sends e-mail for enterprises.
#[derive(Debug)]
pub struct Mailer {
    client: Client,
    from: String,
}

impl Mailer {
    /// A mailer with the environment's SES and sender.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        Self { client: Client::new(&environment.aws), from: environment.mail_from.clone() }
    }

    /// Sends `mail` to one address, under the enterprise's name.
    ///
    /// # Errors
    /// When SES refuses or does not answer.
    pub async fn send(&self, enterprise: &Enterprise, to: &Private, mail: &Mail) -> Result<(), Unsent> {
        let settings = &enterprise.settings.mail;
        let address = settings.from.as_deref().unwrap_or(&self.from);
        let sender = format!("{} <{address}>", display_name(enterprise.brand()));
        let part = |text: &str| {
            let part = Content::builder().data(text).charset("UTF-8").build();
            part.map_err(|_| Unsent::Refused("an e-mail has no text".into()))
        };
        let body = Body::builder().text(part(mail.text.expose())?).html(part(mail.html.expose())?);
        let message = Message::builder().subject(part(&mail.subject)?).body(body.build());
        self.client
            .send_email()
            .from_email_address(sender)
            .destination(Destination::builder().to_addresses(to.expose()).build())
            .content(EmailContent::builder().simple(message.build()).build())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Unsent::of("SendEmail", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_cannot_write_markup_or_be_read_as_a_place() {
        let link = Private::from("https://watch.example/reset/01");
        let mail = Mail::reset("A&B <i>{link}</i>", &link);
        assert!(mail.html.expose().contains("A&amp;B &lt;i&gt;{link}&lt;/i&gt;"));
        assert!(mail.html.expose().contains("href=\"https://watch.example/reset/01\""));
        assert!(mail.text.expose().contains("https://watch.example/reset/01"));
        assert!(!format!("{mail:?}").contains("reset/01"));
    }

    #[test]
    fn a_senders_name_is_quoted_or_encoded() {
        assert_eq!(display_name("Acme \"& Sons\"\r\nBcc: x"), "\"Acme & Sons  Bcc: x\"");
        assert_eq!(display_name("Café Films"), "=?UTF-8?B?Q2Fmw6kgRmlsbXM=?=");
        let long = display_name(&"é".repeat(60));
        assert!(long.split(' ').count() == 3 && long.split(' ').all(|word| word.len() <= 75), "{long}");
    }

    #[test]
    fn no_place_is_left_unfilled() {
        for mail in [Mail::reset("Acme", &"x".into()), Mail::password_changed("Acme")] {
            for part in [mail.text.expose(), mail.html.expose()] {
                assert!(part.contains("Acme") && !part.contains("{brand}") && !part.contains("{link}"));
            }
        }
    }
}
