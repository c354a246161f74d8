//! Tests through the front door, with real parts where there are any.

mod app;
mod ask;
mod documents;
mod peers;
mod proxy;
mod real;
mod routing;

/// One test body, run on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($setup:ident: Setup) $body:block)+) => {$(
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
