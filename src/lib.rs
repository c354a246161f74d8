//! Switchboard.

pub mod config;
pub mod phone;
