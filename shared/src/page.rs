//! Pages for people: HTML, one style sheet from our own origin, no script. A page's policy allows
//! that, the enterprise's logo, its own forms, and nothing else.

use std::sync::OnceLock;

use crate::crypto;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::store::enterprise::Enterprise;

const STYLE: &str = include_str!("page/page.css");

/// The path of the style sheet; [`style`] is what it serves.
pub const STYLE_PATH: &str = "/assets/page.css";

/// How a page comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it was asked for.
    Shown,
    /// A form again, with what was wrong with it.
    Problem,
    /// What the address names is not there, or not any more.
    Gone,
}

impl Outcome {
    fn http(self) -> u16 {
        match self {
            Self::Shown => 200,
            Self::Problem => 400,
            Self::Gone => 404,
        }
    }
}

/// A page called `title` in the enterprise's colours. `title` is text, `main` is HTML.
#[must_use]
pub fn page(outcome: Outcome, enterprise: &Enterprise, title: &str, main: &str) -> Reply {
    // The title is what a screen reader says first of a page that has loaded.
    let prefix = if outcome == Outcome::Problem { "Error: " } else { "" };
    document(outcome.http(), Some(enterprise), prefix, title, main)
}

/// The page that stands in the place of one that cannot be shown. To a person, whatever a link lacks
/// is a page that is not there.
#[must_use]
pub fn refusal(failure: &Failure) -> Reply {
    let (http, title, hint) = match failure {
        Failure::Internal(_) => (
            failure.http(),
            "Something went wrong",
            "It is our fault. Please try again in a minute.".to_owned(),
        ),
        Failure::RateLimited { retry_after } => {
            (failure.http(), "Too many tries", format!("Please try again in {}.", minutes(*retry_after)))
        }
        _ => (
            Outcome::Gone.http(),
            "This link does not work any more",
            "It was used already, or it is too old. Please get a new one.".to_owned(),
        ),
    };
    document(http, None, "", title, &format!("<p>{hint}</p>"))
}

fn minutes(seconds: i64) -> String {
    match (seconds + 59) / 60 {
        ..=1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

fn document(http: u16, enterprise: Option<&Enterprise>, prefix: &str, title: &str, main: &str) -> Reply {
    let title = escape_html(title);
    let brand = enterprise.map_or_else(String::new, brand);
    let logo = enterprise.and_then(|enterprise| enterprise.settings.page.logo.as_ref());
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{prefix}{title}</title>\n<link rel=\"stylesheet\" href=\"{}\">\n</head>\n<body>\n<main>\n\
         {brand}<h1>{title}</h1>\n{main}\n</main>\n</body>\n</html>\n",
        style_url(enterprise),
    );
    let images = logo.map_or_else(String::new, |logo| format!(" img-src {logo};"));
    let policy = format!(
        "default-src 'none'; style-src 'self';{images} form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    Reply::page(http, html, &policy)
}

/// The line with the enterprise's logo and name. The picture's place is kept free while it loads.
fn brand(enterprise: &Enterprise) -> String {
    let picture = enterprise.settings.page.logo.as_ref().map_or_else(String::new, |logo| {
        format!("<img src=\"{}\" alt=\"\" width=\"40\" height=\"40\">", escape_html(logo))
    });
    format!("<p class=\"brand\">{picture}{}</p>\n", escape_html(enterprise.brand()))
}

/// The style sheet's address: its content's hash, so that a changed one is fetched, and the
/// enterprise's colours.
fn style_url(enterprise: Option<&Enterprise>) -> String {
    static VERSION: OnceLock<String> = OnceLock::new();
    let version = VERSION.get_or_init(|| crypto::sha256_hex(STYLE.as_bytes())[..8].to_owned());
    let parameter = |name: &str, colour: Option<&String>| {
        let colour = colour.map(|colour| escape_html(colour.trim_start_matches('#')));
        colour.map_or_else(String::new, |colour| format!("&amp;{name}={colour}"))
    };
    let page = enterprise.map(|enterprise| &enterprise.settings.page);
    let accent = parameter("accent", page.and_then(|page| page.accent.as_ref()));
    let background = parameter("background", page.and_then(|page| page.background.as_ref()));
    format!("{STYLE_PATH}?v={version}{accent}{background}")
}

/// The style sheet, with the colours that stand in its address.
#[must_use]
pub fn style(accent: Option<Colour>, background: Option<Colour>) -> String {
    let rule = |values: String| format!(":root {{ {values} }}\n");
    let accent = accent.map(|accent| rule(format!("--accent: {accent}; --on-accent: {};", accent.ink())));
    let background = background.map(|background| rule(format!("--paper: {background};")));
    [Some(STYLE.to_owned()), accent, background].into_iter().flatten().collect()
}

/// A colour of an enterprise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Reads six hex digits.
    #[must_use]
    pub fn read(hex: &str) -> Option<Self> {
        data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// Black or white, whichever reads better on this colour (WCAG 2.2, contrast ratio): at least 4.5.
    fn ink(self) -> &'static str {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) { "#000" } else { "#fff" }
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "#{}", data_encoding::HEXLOWER.encode(&self.0))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ink_on_a_colour_can_be_read() {
        let ink = |hex| Colour::read(hex).map(Colour::ink);
        assert_eq!(ink("1f3fd1"), Some("#fff"));
        assert_eq!(ink("FFD400"), Some("#000"));
        for bad in ["", "fff", "12345g", "#1f3fd1", "1f3fd100"] {
            assert_eq!(Colour::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn waiting_times_are_told_in_minutes() {
        assert_eq!([1, 60, 61, 300].map(minutes), ["a minute", "a minute", "2 minutes", "5 minutes"]);
    }
}
