//! Sets a trunk up across Twilio and LiveKit, tells what somebody has changed by hand since, and takes it away again.
//!
//! [`plan`](self::plan()) is pure apart from asking how things stand; [`apply`] carries a plan out request by request.
//! Before anything is changed it is noted what it was, and what is made has our marker in its name, so that whatever
//! cuts an apply off, the next one finds what there is and goes on. Nothing that we did not make is taken away.

mod apply;
mod carry;
mod desired;
mod destroy;
mod error;
mod facts;
mod lease;
mod lines;
mod means;
mod plan;
pub mod record;
mod steps;
mod watch;

pub use apply::{Applied, apply, drift, plan};
pub use destroy::{destroy, plan_to_destroy};
pub use error::{Error, Result};
pub use lines::{Counts, Field, Line, Shown, Sign, Thing};
pub(crate) use means::no_twilio;
pub use means::{Means, Project, Settings, choose};
pub use record::{Addresses, Asked, TransferMode};
pub use watch::start;
