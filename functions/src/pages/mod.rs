//! Pages that a person opens from an e-mail or from a TV's picture, and what they show.

mod csrf;
pub mod page_style;
mod qr_image;
pub mod qr_image_png;
pub mod qr_image_svg;
pub mod qr_page;
pub mod qr_submit;
mod qr_visit;
pub mod reset_page;
pub mod reset_submit;
