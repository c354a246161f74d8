//! Switchboard: the inbound-call control plane for voice AI agents.
//!
//! In reading order: [`call`] holds the rules, [`hear`] takes a fact in, [`db`] keeps everything.

pub mod call;
pub mod clock;
pub mod config;
pub mod db;
pub mod hear;
pub mod ids;
pub mod phone;
