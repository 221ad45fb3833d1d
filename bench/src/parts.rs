//! The calls of docs/units.md, but for single sign-on, in parts that each want a stack of their own.

use std::path::Path;

use serde_json::{Value, json};
use tests::costs::{each_call, each_of_screeners, each_of_vidizmo};
use tests::{App, DOCUMENT};

/// One part.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Watch,
    Vidizmo,
    Screeners,
}

pub(crate) const PARTS: [Part; 3] = [Part::Watch, Part::Vidizmo, Part::Screeners];

impl Part {
    /// The provisioning document that its calls are for.
    pub(crate) fn document(self) -> String {
        let mut document: Value = serde_json::from_str(DOCUMENT).expect("the document is JSON");
        if matches!(self, Self::Screeners) {
            document["enterprises"][0]["settings"]["sms"] = json!({ "daily_max": 3 });
        }
        document.to_string()
    }

    /// A stack with real binaries.
    pub(crate) async fn stack(self, binaries: &Path) -> App {
        App::placed(&self.document(), 0, None, Some(binaries.to_owned())).await
    }

    /// Makes each call once, and tells `note` after each which row it was; it has to forget what was used until then.
    pub(crate) async fn call(self, app: &App, note: &mut impl FnMut(&str)) {
        match self {
            Self::Watch => each_call(app, note).await,
            Self::Vidizmo => each_of_vidizmo(app, note).await,
            Self::Screeners => each_of_screeners(app, note).await,
        }
    }
}
