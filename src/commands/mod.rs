//! Commands.
pub mod serve;
