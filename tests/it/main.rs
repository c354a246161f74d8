//! Tests through the front door, with real parts where there are any.

mod api;
mod app;
mod ask;
mod bad_input;
mod both_doors;
mod callers;
mod carrier;
mod carrying_out;
mod documents;
mod events;
mod limits;
mod live;
mod numbers;
mod operator;
mod outgoing;
mod peers;
mod provision;
mod proxy;
mod real;
mod recorded;
mod replicas;
mod routing;
mod routing_changes;
mod says;
mod simplified;
mod world;

/// One test body, run on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($setup:ident: Setup) $body:block)+) => {$(
        #[cfg(test)]
        mod $name {
            use super::*;

            async fn body($setup: Setup) $body

            $(#[$meta])*
            #[tokio::test]
            async fn sqlite() {
                body(Setup::new(switchboard::db::Engine::Sqlite)).await;
            }

            $(#[$meta])*
            #[tokio::test]
            async fn postgres() {
                body(Setup::new(switchboard::db::Engine::Postgres)).await;
            }
        }
    )+};
}
