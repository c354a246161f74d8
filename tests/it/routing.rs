//! Routing for tests.

use switchboard::call::routing::Routing;
use switchboard::db::{self, Tx, changes};
use switchboard::ids::TenantId;

use crate::app::TestApp;

/// One tenant with one campaign of one number.
pub(crate) async fn acme(app: &TestApp) {
    let now = app.app.clock.now();
    app.app
        .db
        .write(move |tx: &mut Tx<'_>| -> db::Result<()> {
            tx.execute("insert into tenants (id, name, active, region, time_zone, default_agent_id, created_at, updated_at) values ('tnt_1', 'Acme', $1, 'US', 'UTC', 'agt_2', $2, $2)", &[&true, &now])?;
            tx.execute("insert into agents (id, tenant_id, name, active, created_at, updated_at) values ('agt_1', 'tnt_1', 'telephony-agent', $1, $2, $2), ('agt_2', 'tnt_1', 'reception', $1, $2, $2)", &[&true, &now])?;
            tx.execute("insert into campaigns (id, tenant_id, name, status, agent_id, fallback_agent_id, max_concurrent, created_at, updated_at) values ('cmp_1', 'tnt_1', 'New', 'active', 'agt_1', 'agt_2', $1, $2, $2)", &[&3_i64, &now])?;
            tx.execute("insert into phone_numbers (id, tenant_id, number, type, provider, campaign_id, active, metadata, created_at, updated_at) values ('num_1', 'tnt_1', '+15557654321', 'LOCAL', 'TWILIO', 'cmp_1', $1, '{}', $2, $2)", &[&true, &now])?;
            changes::note(tx, changes::Kind::Routing, None, ("tnt_1", 1), now)
        })
        .await
        .expect("routing");
    let rules =
        app.app.db.read(|tx| db::routing::load(tx, Some(&TenantId::from("tnt_1")))).await.expect("rules");
    let mut next = Routing::clone(&app.app.routing());
    for rules in rules {
        next.replace(&rules.id.clone(), Some(rules));
    }
    app.app.set_routing(next);
}

/// The campaign takes this many calls at once.
pub(crate) async fn limit(app: &TestApp, calls: i64) {
    change(app, move |tx| tx.execute("update campaigns set max_concurrent = $1", &[&calls]).map(drop)).await;
}

/// Nobody stands in for the campaign's agent.
pub(crate) async fn no_fallback(app: &TestApp) {
    change(app, |tx| {
        tx.execute("update campaigns set fallback_agent_id = null", &[])?;
        tx.execute("update tenants set default_agent_id = null", &[]).map(drop)
    })
    .await;
}

/// Changes the one tenant there is, and has the server know it when this returns.
async fn change(app: &TestApp, what: impl FnOnce(&mut Tx<'_>) -> db::Result<()> + Send + 'static) {
    app.app.db.write(what).await.expect("routing");
    let rules = app.app.db.read(|tx| db::routing::load(tx, None)).await.expect("rules");
    let mut next = Routing::clone(&app.app.routing());
    for rules in rules {
        next.replace(&rules.id.clone(), Some(rules));
    }
    app.app.set_routing(next);
}

/// A routing file with one tenant, whose one number is answered by this agent.
pub(crate) fn file(number: &str, agent: &str) -> String {
    format!(
        r#"
[[tenant]]
name = "Acme"
default_agent = "{agent}"

[[tenant.agent]]
name = "{agent}"

[[tenant.number]]
number = "{number}"
"#
    )
}
