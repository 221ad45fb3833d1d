//! `GET /assets/page.css`: the style sheet of all pages, with the colours that the page's link names.
//! It reads nothing, and any cache may keep it.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::page::{self, Colour};
use shared::reply::Reply;
use shared::request::Call;

/// Seconds for which a copy is good. A link names its content's version, but not for ever: while a
/// deployment runs, an old function can answer a new version's address.
const MAX_AGE: u32 = 24 * 60 * 60;

/// The endpoint.
#[derive(Debug)]
pub struct PageStyle;

impl Endpoint for PageStyle {
    const NAME: &'static str = "page-style";
    const EVENT: &'static str = "page_style";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = page::STYLE_PATH;
    const SURFACE: Surface = Surface::Page;

    async fn build(_: &Environment) -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let colour = |name: &str| Colour::read(&call.query_parameter(name)?);
        Ok(Reply::style_sheet(page::style(colour("accent"), colour("background")), MAX_AGE))
    }
}
