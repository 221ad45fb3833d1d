//! See [`functions::admin::hotlist::Hotlist`].

fn main() -> Result<(), lambda_http::Error> {
    shared::endpoint::serve::<functions::admin::hotlist::Hotlist>()
}
