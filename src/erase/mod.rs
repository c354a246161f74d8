//! x
pub mod needles;
