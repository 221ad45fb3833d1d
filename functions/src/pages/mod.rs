//! Pages that a person opens from an e-mail.

pub mod reset_page;
pub mod reset_submit;
