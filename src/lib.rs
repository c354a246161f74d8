//! Switchboard.

pub mod phone;
