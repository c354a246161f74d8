//! Switchboard.

pub mod config;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod phone;
