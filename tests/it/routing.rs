//! Routing for tests.

use std::time::Duration;

use switchboard::call::routing::Routing;
use switchboard::clock::Timestamp;
use switchboard::db::{self, Bind, Db, Tx, changes};
use switchboard::ids::TenantId;

use crate::app::TestApp;

/// The number of the tenant that [`acme`] makes.
pub(crate) const NUMBER: &str = "+15557654321";

/// One tenant with one campaign of one number, which takes three calls at once.
pub(crate) async fn acme(app: &TestApp) {
    let now = app.app.clock.now();
    app.app.db.write(move |tx| make(tx, now)).await.expect("routing");
    reload(app).await;
}

pub(crate) fn make(tx: &mut Tx<'_>, now: Timestamp) -> db::Result<()> {
    tx.execute("insert into tenants (id, name, active, region, time_zone, default_agent_id, created_at, updated_at) values ('tnt_1', 'Acme', $1, 'US', 'UTC', 'agt_2', $2, $2)", &[&true, &now])?;
    tx.execute("insert into agents (id, tenant_id, name, active, created_at, updated_at) values ('agt_1', 'tnt_1', 'telephony-agent', $1, $2, $2), ('agt_2', 'tnt_1', 'reception', $1, $2, $2)", &[&true, &now])?;
    tx.execute("insert into campaigns (id, tenant_id, name, status, agent_id, fallback_agent_id, max_concurrent, created_at, updated_at) values ('cmp_1', 'tnt_1', 'New', 'active', 'agt_1', 'agt_2', $1, $2, $2)", &[&3_i64, &now])?;
    tx.execute("insert into phone_numbers (id, tenant_id, number, type, provider, campaign_id, active, metadata, created_at, updated_at) values ('num_1', 'tnt_1', $1, 'LOCAL', 'TWILIO', 'cmp_1', $2, '{}', $3, $3)", &[&NUMBER, &true, &now])?;
    changes::note(tx, changes::Kind::Routing, None, ("tnt_1", 1), now)
}

/// Changes the routing as another process would; a running server has to find out by itself.
pub(crate) async fn change<B: Bind + Send + 'static>(db: &Db, sql: &'static str, value: B, now: Timestamp) {
    db.write(move |tx: &mut Tx<'_>| -> db::Result<()> {
        assert_eq!(tx.execute(sql, &[&value])?, 1, "{sql}");
        changes::note(tx, changes::Kind::Routing, None, ("tnt_1", 2), now)
    })
    .await
    .expect("routing");
}

/// Changes the routing of a server that has it at once.
pub(crate) async fn set<B: Bind + Send + 'static>(app: &TestApp, sql: &'static str, value: B) {
    change(&app.app.db, sql, value, app.app.clock.now()).await;
    reload(app).await;
}

/// The campaign takes this many calls at once.
pub(crate) async fn limit(app: &TestApp, calls: i64) {
    set(app, "update campaigns set max_concurrent = $1 where id = 'cmp_1'", calls).await;
}

async fn reload(app: &TestApp) {
    let tenant = TenantId::from("tnt_1");
    let of = tenant.clone();
    let rules = app.app.db.read(move |tx| db::routing::load(tx, Some(&of))).await.expect("rules");
    let mut next = Routing::clone(&app.app.routing());
    next.replace(&tenant, rules.into_iter().next());
    app.app.set_routing(next);
}

/// Nobody stands in for the campaign's agent.
pub(crate) async fn no_fallback(app: &TestApp) {
    set(app, "update campaigns set fallback_agent_id = $1", None::<String>).await;
    set(app, "update tenants set default_agent_id = $1", None::<String>).await;
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

/// Looks again until it is so; the time it took.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFnMut() -> bool) -> Duration {
    eventually_within(Duration::from_secs(60), what, is_so).await
}

/// The same for what takes longer.
pub(crate) async fn eventually_within(
    longest: Duration,
    what: &str,
    mut is_so: impl AsyncFnMut() -> bool,
) -> Duration {
    let began = tokio::time::Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < longest, "it never came to that: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}
