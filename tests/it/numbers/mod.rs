//! Numbers of a Twilio account: imported, searched, bought, released and moved, through the pretend Twilio.

mod buying;
mod commands;
mod importing;
mod leaving;

use serde_json::Value;
use switchboard::audit::Actor;
use switchboard::clock::Clock;
use switchboard::db::configuration::{self, Number, provided};
use switchboard::db::{self, Db, Tx};
use switchboard::ids::{CampaignId, TenantId};
use switchboard::numbers::{Failed, Import, Imported, import};
use switchboard::phone::E164;
use switchboard::progress::Progress;
use switchboard::routing_file;
use switchboard::tenancy::Before;
use twilio::fake::{Fake, Options};
use twilio::{Client, Credentials};

use crate::app::TestApp;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TOKEN: &str = "7wi1io-t0ken-n0b0dy-m4y-see";

/// Two tenants, of which the first has two campaigns and a trunk.
const ROUTING: &str = "
[[tenant]]
id = 'acme'
name = 'Acme Dental'
default_agent = 'reception'
[[tenant.agent]]
name = 'reception'
[[tenant.campaign]]
id = 'cmp-new'
name = 'New patients'
agent = 'reception'
[[tenant.campaign]]
id = 'cmp-old'
name = 'Recalls'
agent = 'reception'
[[tenant.trunk]]
name = 'Main'
twilio = 'TK0000000000000000000000000000beef'

[[tenant]]
id = 'other'
name = 'Other Practice'
[[tenant.campaign]]
id = 'cmp-theirs'
name = 'Theirs'
";

async fn twilio() -> Fake {
    let credentials = Credentials::auth_token(ACCOUNT, TOKEN).expect("credentials");
    Fake::start(Options::new(credentials)).await.expect("a pretend Twilio")
}

/// A client of it that hardly waits, but for what is changed about it.
fn client(twilio: &Fake, change: impl FnOnce(&mut twilio::Options)) -> Client {
    let mut options = twilio::Options { hosts: twilio.hosts().expect("hosts"), ..twilio::Options::default() };
    options.retries.first = std::time::Duration::from_millis(2);
    options.retries.longest = std::time::Duration::from_millis(10);
    change(&mut options);
    Client::new(twilio.credentials().clone(), options).expect("a client")
}

async fn apply(db: &Db, text: &str) {
    let file = routing_file::read(text, "routing.toml");
    let options = routing_file::Options { prune: false, dry_run: false, default_region: "US".to_owned() };
    let now = Clock::system().now();
    let applied = db.bulk(move |tx| routing_file::apply(tx, &file, &options, now)).await;
    applied.unwrap_or_else(|why| panic!("{why}"));
}

fn e164(number: &str) -> E164 {
    E164::exactly(number).expect("a number")
}

/// All of the account, into the first tenant.
fn all() -> Import {
    Import {
        tenant_id: TenantId::from("acme"),
        campaign_id: None,
        numbers: Vec::new(),
        dry_run: false,
        names_others: false,
    }
}

async fn run(app: &TestApp, twilio: &Client, request: Import) -> Result<Imported, Failed> {
    let (by, progress) = (Actor::command_line(), Progress::new());
    let done = import(&app.app.db, twilio, request, &by, &app.app.clock, &progress).await;
    if let Ok(imported) = &done {
        let counts = imported.counts;
        assert_eq!(progress.now().done, counts.found + counts.missing + counts.unreadable);
    }
    done
}

async fn imported(app: &TestApp, twilio: &Client) -> Imported {
    run(app, twilio, all()).await.unwrap_or_else(|why| panic!("{why}"))
}

/// A tenant's numbers that are not archived, by number.
async fn numbers_of(app: &TestApp, tenant: &str) -> Vec<Number> {
    let tenant = TenantId::from(tenant);
    let read: db::Result<_> = app.app.db.read(move |tx| configuration::numbers(tx, &tenant)).await;
    let mut numbers = read.expect("the numbers can be read");
    numbers.retain(|row| !row.archived);
    numbers.sort_by(|a, b| a.number.cmp(&b.number));
    numbers
}

async fn before(app: &TestApp, row: &Number) -> Option<Before> {
    let id = row.id.clone();
    let read: db::Result<_> = app.app.db.read(move |tx| provided::before(tx, &id)).await;
    read.expect("it can be read")
}

/// How often anything was written: entries of the audit, notices of routing, revisions of numbers.
async fn written(app: &TestApp) -> (i64, i64, i64) {
    let count = |tx: &mut Tx<'_>| -> db::Result<(i64, i64, i64)> {
        let sql = "select (select count(*) from audit) as entries,
                       (select count(*) from changes where kind = 'routing') as notices,
                       (select cast(coalesce(sum(revision), 0) as bigint) from phone_numbers) as revisions";
        let row =
            tx.first(sql, &[], |row| Ok((row.get("entries")?, row.get("notices")?, row.get("revisions")?)));
        Ok(row?.unwrap_or_default())
    };
    app.app.db.read(count).await.expect("it can be counted")
}

/// What the audit says of numbers, oldest first: tenant, who did what, and what it was and is.
async fn entries(app: &TestApp) -> Vec<(String, Value, Value)> {
    let sql = "select tenant_id, actor_kind, action, before, after from audit
               where subject_kind = 'phone_number' order by id";
    let read = app.app.db.read(move |tx: &mut Tx<'_>| -> db::Result<_> {
        tx.all(sql, &[], |row| {
            let text = |name| row.get::<String>(name);
            let json = |name| -> db::Result<Value> {
                Ok(row.get::<Option<db::Json<Value>>>(name)?.map_or(Value::Null, |json| json.0))
            };
            let words = format!("{} {} {}", text("tenant_id")?, text("actor_kind")?, text("action")?);
            Ok((words, json("before")?, json("after")?))
        })
    });
    read.await.expect("the audit can be read")
}

fn campaign(id: &str) -> Option<CampaignId> {
    Some(CampaignId::from(id))
}
