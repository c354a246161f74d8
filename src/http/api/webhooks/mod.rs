//! Outgoing webhooks: where a tenant wants to be told of what happens, and what became of each telling.

mod deliveries;
mod endpoints;

use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    [endpoints::routes(), deliveries::routes()].into_iter().flatten().collect()
}
