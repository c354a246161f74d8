//! What takes longer than a request: asked for through the API, kept in a table, and done by whichever server takes it
//! up. All of it is safe to repeat, so that what a server left that died is begun again by another.
//!
//! [`kinds`] is the table of what there is, [`run`] takes up and sees through, [`failure`] says what went wrong.

pub mod campaigns_check;
pub mod doctor;
mod failure;
mod kinds;
pub mod numbers_import;
pub mod provision;
mod run;

use std::time::Duration;

pub use failure::{Failure, OperationProblem};
pub use kinds::{Breadth, Kind, Named, Rights, Whole};
pub use run::start;

/// What is over is kept this long.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// The topic of a notice that an operation was made, begun, ended or is to be broken off.
pub const TOPIC: &str = "operations";
