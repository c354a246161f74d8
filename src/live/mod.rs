//! The live stream: what changes, told to whoever listens, as it is committed. One follower per process reads the
//! outbox while anybody listens, and hands every change on; who was away reads what is missing from the database.

mod event;
mod hub;
mod subscription;

pub use event::LiveEvent;
pub use hub::{Live, Refused, start};
pub use subscription::{Item, Reason, Subscription};
