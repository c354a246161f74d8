//! The doors through which a ring reaches us.

pub mod ask;
pub mod dry_run;
pub mod events;
mod fields;
pub mod health;
mod simplified;
pub mod words;
