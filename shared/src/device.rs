//! The devices that sign in by a code on their screen.

use serde::{Deserialize, Serialize};

/// The kinds of device that may ask for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Device {
    #[serde(rename = "iPad")]
    IPad,
    #[serde(rename = "AppleTV")]
    AppleTv,
    Firestick,
    Roku,
}

impl Device {
    const ALL: [Self; 4] = [Self::IPad, Self::AppleTv, Self::Firestick, Self::Roku];

    /// The device that the API calls `name`.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|device| device.name() == name)
    }

    /// What the API calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IPad => "iPad",
            Self::AppleTv => "AppleTV",
            Self::Firestick => "Firestick",
            Self::Roku => "Roku",
        }
    }

    /// What people call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::IPad => "iPad",
            Self::AppleTv => "Apple TV",
            Self::Firestick => "Fire TV Stick",
            Self::Roku => "Roku",
        }
    }

    /// The rule for `device`, for whoever breaks it.
    #[must_use]
    pub fn rule() -> String {
        format!("must be one of {}", Self::ALL.map(Self::name).join(", "))
    }
}
