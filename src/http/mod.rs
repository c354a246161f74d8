//! HTTP: what all doors share.

pub mod problem;
pub mod request_id;
