//! Tests through the front door, with real parts where there are any.

mod peers;
mod proxy;
