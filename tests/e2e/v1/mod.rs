pub(crate) mod admin;
