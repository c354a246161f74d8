//! Switchboard: the inbound-call control plane for voice AI agents.
//!
//! In reading order: [`call`] holds the rules, [`hear`] takes a fact in, [`carry_out`] acts on what was decided,
//! [`http`] are the doors, [`live`] and [`outgoing`] tell others what changes, [`operations`] does what takes long,
//! [`db`] keeps everything, [`commands`] is what a person types.

pub mod alive;
pub mod analytics;
pub mod app;
pub mod audit;
pub mod auth;
pub mod call;
pub mod carrier;
pub mod carry_out;
pub mod clock;
pub mod commands;
pub mod config;
pub mod db;
pub mod doctor;
pub mod erase;
pub mod events;
pub mod hear;
pub mod http;
pub mod ids;
pub mod live;
pub mod logs;
pub mod metrics;
pub mod numbers;
pub mod operations;
pub mod outgoing;
pub mod phone;
pub mod progress;
pub mod provision;
pub mod routing_file;
pub mod tenancy;
pub mod views;
