//! See [`functions::pages::page_style::PageStyle`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::pages::page_style::PageStyle>()
}
