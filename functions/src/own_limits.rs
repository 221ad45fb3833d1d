//! What a warm function remembers of enterprises that have limits of their own.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use shared::store::enterprise::{Enterprise, Settings};

/// The most wrong passwords and PINs of such enterprises, as they were last read.
#[derive(Debug, Default)]
pub(crate) struct OwnLimits(RwLock<HashMap<String, [u32; 2]>>);

impl OwnLimits {
    /// Settings with the limits of an enterprise as far as they are known, and the usual ones otherwise.
    pub(crate) fn settings(&self, enterprise: &str) -> Settings {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut settings = Settings::default();
        if let Some([passwords, pins]) = known.get(enterprise) {
            (settings.wrong_passwords_max, settings.wrong_pins_max) = (*passwords, *pins);
        }
        settings
    }

    /// Notes the limits of an enterprise that was read.
    pub(crate) fn note(&self, enterprise: &Enterprise) {
        let (settings, usual) = (&enterprise.settings, Settings::default());
        let own = [settings.wrong_passwords_max, settings.wrong_pins_max];
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if own == [usual.wrong_passwords_max, usual.wrong_pins_max] {
            known.remove(&enterprise.id);
        } else {
            known.insert(enterprise.id.clone(), own);
        }
    }
}
