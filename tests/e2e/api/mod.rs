pub(crate) mod v1;
