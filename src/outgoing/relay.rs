//! The relay: reads the outbox from where it has got to, and makes of each event a delivery for everyone who wants it.
//! One replica at a time does it, by a lease; and should two, the position in the database lets only one of them on.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde_json::Value;

use crate::app::App;
use crate::clock::Timestamp;
use crate::db::changes::{self, Change, Kind, Position};
use crate::db::deliveries::Event;
use crate::db::endpoints::{self, Listener};
use crate::db::sending::{self, RELAY, Telling};
use crate::db::shown::Resources;
use crate::db::{self, Engine, Tx, leases};
use crate::events;
use crate::ids::{EventId, TenantId};
use crate::views::{self, CallView};

/// The lease, how long it lasts, and how often it is renewed and the position kept where nothing else was written.
const LEASE: &str = "relay";
const LASTS: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(3);
/// Changes read at once.
const PAGE: i64 = 100;
/// Deliveries made in one transaction, about: on SQLite a call waits for one that has begun.
const AT_ONCE: usize = 100;
/// Commits that come this close together are read at once.
const GATHER: Duration = Duration::from_millis(20);
/// Other processes' commits are looked for this often.
const POLL: Duration = Duration::from_millis(200);

/// Relays until the server stops.
pub(super) async fn run(app: App) {
    let mut commits = app.db.commits();
    let mut relay = Relay { app: app.clone(), holds: false, renew_at: Timestamp::MIN, place: None };
    while !app.stop().is_cancelled() {
        match relay.round().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "webhooks could not be relayed; it goes on in a moment");
                relay.place = None;
            }
        }
        // A poll is no business of the ledger's clock, which a test may have stopped.
        tokio::select! {
            () = commits.next() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(POLL) => {}
            () = app.stop().cancelled() => {}
        }
    }
    relay.leave().await;
}

struct Relay {
    app: App,
    holds: bool,
    renew_at: Timestamp,
    place: Option<Place>,
}

/// Where the relay is: what the database has of it, and how far it has read since without anything to write.
#[derive(Copy, Clone)]
struct Place {
    kept: Position,
    read: Position,
}

impl Relay {
    /// Reads on once; whether there is more to read already.
    async fn round(&mut self) -> db::Result<bool> {
        if !self.is_ours().await? {
            return Ok(false);
        }
        let place = self.place().await?;
        let now = self.app.clock.now();
        let batch = self.app.db.read(move |tx| read(tx, place.read, now)).await?;
        if batch.told.is_empty() {
            self.place = Some(Place { read: batch.reached, ..place });
            return Ok(batch.more);
        }
        let (now, span) = (self.app.clock.now(), (place.kept, batch.reached));
        let told = batch.told;
        if self.app.db.background(move |tx| sending::relay(tx, span, told, now)).await? {
            self.place = Some(Place { kept: batch.reached, read: batch.reached });
            self.app.webhooks_due();
        } else {
            // Another one was here: where is it now?
            self.place = None;
        }
        Ok(batch.more)
    }

    /// Whether this replica relays. On SQLite there is no other.
    async fn is_ours(&mut self) -> db::Result<bool> {
        let now = self.app.clock.now();
        if now < self.renew_at {
            return Ok(self.holds);
        }
        self.keep_place().await?;
        self.holds = self.app.db.engine() == Engine::Sqlite || {
            let me = self.app.me().to_owned();
            self.app.db.write(move |tx| leases::take(tx, LEASE, &me, now, LASTS)).await?
        };
        self.renew_at = now.saturating_add(RENEW);
        if !self.holds {
            self.place = None;
        }
        Ok(self.holds)
    }

    /// Where this relay is.
    async fn place(&mut self) -> db::Result<Place> {
        if let Some(place) = self.place {
            return Ok(place);
        }
        let kept = self.app.db.write(|tx| changes::begin(tx, RELAY)).await?;
        Ok(*self.place.insert(Place { kept, read: kept }))
    }

    /// Keeps how far was read without anything to write, so that a next one need not read it again.
    async fn keep_place(&mut self) -> db::Result<()> {
        let Some(Place { kept, read }) = self.place.filter(|place| place.kept != place.read) else {
            return Ok(());
        };
        let moved = self.app.db.write(move |tx| changes::advance(tx, RELAY, kept, read)).await?;
        self.place = moved.then_some(Place { kept: read, read });
        Ok(())
    }

    /// Lets another replica go on at once.
    async fn leave(&mut self) {
        let me = self.app.me().to_owned();
        let left = async {
            self.keep_place().await?;
            self.app.db.write(move |tx| leases::give_back(tx, LEASE, &me)).await
        };
        if let Err(error) = left.await {
            tracing::debug!(%error, "the relay's lease runs out by itself");
        }
    }
}

/// What is to be told of some changes.
struct Batch {
    told: Vec<Telling>,
    reached: Position,
    more: bool,
}

fn read(tx: &mut Tx<'_>, after: Position, now: Timestamp) -> db::Result<Batch> {
    if !endpoints::any(tx)? {
        return Ok(Batch { told: Vec::new(), reached: changes::last(tx)?, more: false });
    }
    let page = changes::after(tx, after, PAGE)?;
    let mut batch = Batch {
        told: Vec::new(),
        reached: page.reached,
        more: i64::try_from(page.changes.len()).is_ok_and(|read| read == PAGE),
    };
    let tenants = page.changes.iter().filter(|change| change.events.is_some());
    let tenants: BTreeSet<&str> = tenants.filter_map(|change| change.tenant.as_deref()).collect();
    if tenants.is_empty() {
        return Ok(batch);
    }
    let mut listeners: HashMap<TenantId, Vec<Listener>> = HashMap::new();
    for one in endpoints::listening(tx, &tenants.into_iter().collect::<Vec<_>>())? {
        listeners.entry(one.tenant.clone()).or_default().push(one);
    }
    let wanted = page.changes.iter().filter(|change| {
        let of_tenant = change.tenant.as_ref().and_then(|tenant| listeners.get(tenant));
        of_tenant.is_some_and(|all| all.iter().any(|one| words(change).any(|word| wants(one, change, word))))
    });
    let resources = Resources::of(tx, wanted.clone(), now)?;
    let mut deliveries = 0;
    for change in wanted {
        let Some((tenant, listeners)) = change.tenant.as_ref().and_then(|id| listeners.get_key_value(id))
        else {
            continue;
        };
        for word in words(change) {
            let told = telling(change, tenant, word, (listeners, &resources));
            deliveries += told.as_ref().map_or(0, |told| told.endpoints.len());
            batch.told.extend(told);
        }
        if deliveries >= AT_ONCE {
            batch.more |= batch.reached != change.position;
            batch.reached = change.position;
            break;
        }
    }
    Ok(batch)
}

fn words(change: &Change) -> impl Iterator<Item = &str> {
    change.events.as_deref().unwrap_or_default().split_whitespace()
}

fn wants(one: &Listener, change: &Change, word: &str) -> bool {
    change.position > one.since && events::wants(&one.events, word)
}

/// One word of one change, for those who want it; none when nobody does, or there is nothing to tell.
fn telling(
    change: &Change,
    tenant: &TenantId,
    word: &str,
    (listeners, resources): (&[Listener], &Resources),
) -> Option<Telling> {
    let endpoints: Vec<_> =
        listeners.iter().filter(|one| wants(one, change, word)).map(|one| one.id.clone()).collect();
    if endpoints.is_empty() {
        return None;
    }
    let (order_key, data) = content(change, word, resources)?;
    let event = Event {
        // Given when it is kept.
        id: EventId::from(""),
        tenant: tenant.clone(),
        kind: word.to_owned(),
        subject: change.subject.clone(),
        body: super::body(word, change.at, &data),
        at: change.at,
    };
    Some(Telling { event, order_key, endpoints })
}

/// What an event arrives in the order of, and what it shows.
fn content(change: &Change, word: &str, resources: &Resources) -> Option<(String, Value)> {
    let order_key = match change.kind {
        Kind::Task => resources.tasks.get(&change.subject)?.lead_id.to_string(),
        Kind::Call | Kind::Lead | Kind::WebhookEndpoint | Kind::Trunk | Kind::Routing => {
            change.subject.clone()
        }
    };
    let data = match change.kind {
        Kind::Call => {
            let call = resources.calls.get(&change.subject)?;
            let moment = views::Telling { event: word, revision: change.revision, at: change.at };
            serde_json::to_value(CallView::as_of(call, moment)?).ok()?
        }
        kind => resources.shown(kind, &change.subject),
    };
    (!data.is_null()).then_some((order_key, data))
}
