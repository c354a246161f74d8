//! Fills a database: numbers spread over tenants and campaigns, leads, and calls that have ended. Straight into the
//! tables, as this is about reading and writing beside them.

use std::fmt::Write as _;

/// Fills a database that `switchboard migrate` has made.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// `sqlite:path` or `postgres://…`
    #[arg(long)]
    database: String,
    /// Tenants, each with as many campaigns and numbers as the rest gives.
    #[arg(long, default_value_t = 1)]
    tenants: u64,
    /// Campaigns in all.
    #[arg(long, default_value_t = 1)]
    campaigns: u64,
    /// Numbers in all, from +1555 000 0000 on, one campaign after the other.
    #[arg(long, default_value_t = 1)]
    numbers: u64,
    /// Leads.
    #[arg(long, default_value_t = 0)]
    leads: u64,
    /// Calls that have ended.
    #[arg(long, default_value_t = 0)]
    calls: u64,
    /// Spread the calls over a year, most of the first tenant, as unevenly as real ones are; with a key to read them.
    #[arg(long)]
    year: bool,
    /// Make a key of the first tenant's owner, for its programs.
    #[arg(long)]
    key: bool,
    /// Limit every campaign to this many calls at once; 0: no limit.
    #[arg(long, default_value_t = 0)]
    limit: u64,
}

const ROWS_AT_ONCE: u64 = 2000;
/// The present, of all that is filled in.
pub(crate) const NOW: i64 = 1_790_000_000_000_000;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut target = Target::open(&args.database)?;
    target.run("begin")?;
    let (yes, of) = (target.yes(), |row: u64, all: u64| row % all.max(1));
    let limit = if args.limit == 0 { "null".to_owned() } else { args.limit.to_string() };
    target.rows(
        "tenants (id, name, active, region, time_zone, created_at, updated_at)",
        args.tenants,
        |row| format!("('tnt_{row}', 'Tenant {row}', {yes}, 'US', 'UTC', {NOW}, {NOW})"),
    )?;
    target.rows("agents (id, tenant_id, name, active, created_at, updated_at)", args.tenants, |row| {
        format!("('agt_{row}', 'tnt_{row}', 'telephony-agent', {yes}, {NOW}, {NOW})")
    })?;
    let columns = "campaigns (id, tenant_id, name, status, agent_id, max_concurrent, created_at, updated_at)";
    target.rows(columns, args.campaigns, |row| {
        let tenant = of(row, args.tenants);
        format!(
            "('cmp_{row}', 'tnt_{tenant}', 'Campaign {row}', 'active', 'agt_{tenant}', {limit}, {NOW}, {NOW})"
        )
    })?;
    let columns = "phone_numbers (id, tenant_id, number, type, provider, campaign_id, active, metadata, created_at, updated_at)";
    target.rows(columns, args.numbers, |row| {
        let (campaign, tenant) = (of(row, args.campaigns), of(of(row, args.campaigns), args.tenants));
        format!(
            "('num_{row}', 'tnt_{tenant}', '+1555{row:07}', 'LOCAL', 'TWILIO', 'cmp_{campaign}', {yes}, '{{}}', {NOW}, {NOW})"
        )
    })?;
    let columns = "leads (id, tenant_id, campaign_id, scope, phone_number, name, status, attempts, last_call_at, \
                   last_call_id, metadata, revision, created_at, updated_at)";
    target.rows(columns, args.leads, |row| {
        let (campaign, tenant) = (of(row, args.campaigns), of(of(row, args.campaigns), args.tenants));
        format!(
            "('lead_old{row:09}', 'tnt_{tenant}', 'cmp_{campaign}', 'cmp_{campaign}', '+1333{row:07}', 'Old caller', \
             'completed', 1, {NOW}, 'call_0', '{{}}', 1, {NOW}, {NOW})"
        )
    })?;
    if args.key || args.year {
        crate::key::fill(&mut target)?;
    }
    if args.year {
        crate::year::fill(&mut target, args.calls)?;
        target.run("commit")?;
        return target.settle();
    }
    let columns = "calls (id, project, tenant_id, campaign_id, number_id, lead_id, call_sid, room_name, room_sid, caller, \
                   called, agent, status, end_reason, rang_at, answered_at, ended_at, duration, revision, ring, evidence, \
                   decision, attendance, created_at, updated_at)";
    let (ring, evidence, decision) = stories();
    target.rows(columns, args.calls, |row| {
        let (campaign, tenant) = (of(row, args.campaigns), of(of(row, args.campaigns), args.tenants));
        let at = NOW + i64::try_from(row).unwrap_or(0) * 1_000_000;
        format!(
            "('call_00{row:012}', 'default', 'tnt_{tenant}', 'cmp_{campaign}', 'num_{campaign}', 'lead_old{:09}', \
             'SCL_old{row}', 'in_old_{row}', 'RM_old{row}', '+1333{:07}', '+1555{campaign:07}', 'telephony-agent', \
             'completed', 'caller_hung_up', {at}, {at}, {at}, 60, 3, '{ring}', '{evidence}', '{decision}', '{{}}', {at}, {at})",
            of(row, args.leads),
            of(row, args.leads),
        )
    })?;
    target.rows("call_keys (project, kind, value, call_id)", args.calls, |row| {
        format!("('default', 'call', 'SCL_old{row}', 'call_00{row:012}')")
    })?;
    target.run("commit")?;
    target.settle()
}

/// As large as a real call's.
pub(crate) fn stories() -> (String, String, String) {
    let ring =
        r#"{"keys":{"call":"SCL_old"},"called":"+15550000000","caller":"+13330000000","trunk":"ST_bench"}"#;
    let mut decision = String::from(
        r#"{"verdict":{"verdict":"reject","reason":"unknown_number"},"tenant":null,"campaign":null,"number":null,"called":null,"caller":null,"steps":["#,
    );
    for step in ["number", "trunk", "tenant", "campaign", "capacity"] {
        let _ = write!(
            decision,
            r#"{{"step":"{step}","outcome":"passed","detail":"a sentence about what was considered"}},"#
        );
    }
    decision.push_str(
        r#"{"step":"agent","outcome":"passed","detail":"telephony-agent"}],"at":"2026-01-01T00:00:00Z"}"#,
    );
    (ring.to_owned(), r#"{"room":"in_old","room_sid":"RM_old"}"#.to_owned(), decision)
}

pub(crate) enum Target {
    Sqlite(rusqlite::Connection),
    Postgres(postgres::Client),
}

impl Target {
    fn open(url: &str) -> anyhow::Result<Target> {
        Ok(match url.strip_prefix("sqlite:") {
            Some(path) => Target::Sqlite(rusqlite::Connection::open(path)?),
            None => Target::Postgres(postgres::Client::connect(url, postgres::NoTls)?),
        })
    }

    pub(crate) const fn yes(&self) -> &'static str {
        match self {
            Target::Sqlite(_) => "1",
            Target::Postgres(_) => "true",
        }
    }

    fn run(&mut self, sql: &str) -> anyhow::Result<()> {
        match self {
            Target::Sqlite(connection) => connection.execute_batch(sql)?,
            Target::Postgres(client) => client.batch_execute(sql)?,
        }
        Ok(())
    }

    /// Inserts so many rows.
    pub(crate) fn rows(&mut self, into: &str, count: u64, row: impl Fn(u64) -> String) -> anyhow::Result<()> {
        let mut done = 0;
        while done < count {
            let until = (done + ROWS_AT_ONCE).min(count);
            let values: Vec<String> = (done..until).map(&row).collect();
            self.run(&format!("insert into {into} values {}", values.join(",")))?;
            done = until;
        }
        Ok(())
    }

    /// As after days of running: statistics there, the log in the file.
    fn settle(&mut self) -> anyhow::Result<()> {
        match self {
            Target::Sqlite(connection) => {
                connection.execute_batch("analyze; pragma wal_checkpoint(truncate);")?
            }
            Target::Postgres(client) => {
                // One by one: a vacuum takes no company.
                client.batch_execute("vacuum analyze")?;
                client.batch_execute("checkpoint")?;
            }
        }
        Ok(())
    }
}
