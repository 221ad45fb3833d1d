pub(crate) mod screeners;
