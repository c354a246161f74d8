//! Takes the numbers of the account into a tenant, page by page: nothing is held but the page in hand, which is written
//! while the next is read. What was written stays, so that an import that dies goes on where it was.

use std::collections::{HashMap, HashSet};

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use twilio::{Client, NumberFilter, NumberType};

use crate::audit::Actor;
use crate::clock::{Clock, Timestamp};
use crate::db::configuration::{self, Number, provided};
use crate::db::resources::{campaigns, tenants};
use crate::db::{self, Db, Tx};
use crate::ids::{CampaignId, NumberId, TenantId};
use crate::phone::E164;
use crate::progress::Progress;
use crate::tenancy::{Before, NumberKind};

use super::found::{self, Found};
use super::imported::{Changed, Conflict, Created, Flag, Gone, Imported};
use super::plan::{self, Planned, Saved, Target};
use super::{Failed, account, write};

/// Numbers written in one transaction.
const AT_ONCE: usize = 500;
/// Requests to Twilio at once.
const ASKED_AT_ONCE: usize = 4;

/// What to import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// Whose the numbers will be.
    pub tenant_id: TenantId,
    /// The campaign that new numbers go to, and those that are in none.
    #[serde(default)]
    pub campaign_id: Option<CampaignId>,
    /// Only these, in E.164; none: all that the account has.
    #[serde(default)]
    pub numbers: Vec<E164>,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Say which tenant has a number that is another's. Only for whoever runs the platform: never taken from a request.
    #[serde(skip)]
    pub names_others: bool,
}

/// Imports numbers. Again it is a no-op; what changed at Twilio since is taken over and said.
///
/// # Errors
/// What Twilio or the database said. What was written before stays ([`Failed::Partly`]).
pub async fn import(
    db: &Db,
    twilio: &Client,
    request: Import,
    by: &Actor,
    clock: &Clock,
    progress: &Progress,
) -> Result<Imported, Failed> {
    let mut run = Run::new((db, twilio), request, by, clock, progress);
    let done = if run.request.numbers.is_empty() { run.everything().await } else { run.named().await };
    run.ended(done)
}

/// Records one number that the account is known to have.
pub(super) async fn record(
    db: &Db,
    twilio: &Client,
    (request, number): (Import, twilio::Number),
    by: &Actor,
    clock: &Clock,
) -> Result<Imported, Failed> {
    let progress = Progress::new();
    let mut run = Run::new((db, twilio), request, by, clock, &progress);
    let done = run.page(vec![number]).await;
    run.ended(done)
}

struct Run<'r> {
    db: &'r Db,
    twilio: &'r Client,
    request: Import,
    by: &'r Actor,
    clock: &'r Clock,
    progress: &'r Progress,
    imported: Imported,
    /// The numbers that the account has, as their digits: all of an import that is kept in memory to its end.
    seen: HashSet<u64>,
    /// Which type the lists of one type say that numbers have; read once a number comes that does not say.
    types: Option<HashMap<u64, NumberKind>>,
}

impl<'r> Run<'r> {
    fn new(
        (db, twilio): (&'r Db, &'r Client),
        request: Import,
        by: &'r Actor,
        clock: &'r Clock,
        progress: &'r Progress,
    ) -> Run<'r> {
        let imported = Imported::new(&request.tenant_id, !request.dry_run);
        let (seen, types) = (HashSet::new(), None);
        Run { db, twilio, request, by, clock, progress, imported, seen, types }
    }

    fn ended(self, done: Result<(), Failed>) -> Result<Imported, Failed> {
        match done {
            Ok(()) => Ok(self.imported),
            Err(why) if self.request.dry_run || self.imported.done() == 0 => Err(why),
            Err(why) => Err(Failed::Partly { done: self.imported.done(), why: Box::new(why) }),
        }
    }

    async fn everything(&mut self) -> Result<(), Failed> {
        self.progress.begin("importing numbers", None);
        let mut pages = self.twilio.numbers(&NumberFilter::default())?;
        let mut next = pages.next_page().await?;
        while let Some(page) = next {
            // Both to their ends: what was read is written, even if the next page cannot be.
            let (written, read) = tokio::join!(self.page(page), pages.next_page());
            written?;
            next = read?;
        }
        self.gone().await
    }

    async fn named(&mut self) -> Result<(), Failed> {
        let asked: Vec<E164> = std::mem::take(&mut self.request.numbers);
        self.progress.begin("importing numbers", u64::try_from(asked.len()).ok());
        for some in asked.chunks(ASKED_AT_ONCE) {
            let twilio = self.twilio;
            let found = try_join_all(some.iter().map(|number| account::by_number(twilio, number))).await?;
            for (number, found) in some.iter().zip(found) {
                match found {
                    Some(found) => self.page(vec![found]).await?,
                    None => {
                        self.imported.counts.missing += 1;
                        self.imported.missing.add(number.to_string());
                        self.progress.advance(1);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes in some numbers.
    async fn page(&mut self, page: Vec<twilio::Number>) -> Result<(), Failed> {
        let (all, now) = (page.len(), self.clock.now());
        let read: Vec<Found> = page.into_iter().filter_map(|number| Found::read(number, now)).collect();
        self.imported.counts.unreadable += (all - read.len()) as u64;
        self.progress.advance((all - read.len()) as u64);
        let seen = &mut self.seen;
        // A list may say the same twice when something comes or goes meanwhile.
        let mut new: Vec<Found> =
            read.into_iter().filter(|found| seen.insert(digits(&found.number))).collect();
        self.imported.counts.found += new.len() as u64;
        self.tell_types(&mut new).await?;
        while !new.is_empty() {
            let rest = new.split_off(new.len().min(AT_ONCE));
            self.batch(std::mem::replace(&mut new, rest)).await?;
        }
        Ok(())
    }

    /// Fills in which type numbers have of which Twilio does not say it: the lists of one type do.
    async fn tell_types(&mut self, of: &mut [Found]) -> Result<(), Failed> {
        if of.iter().all(|found| found.kind.is_some()) {
            return Ok(());
        }
        if self.types.is_none() {
            self.types = Some(types(self.twilio).await?);
        }
        for found in of.iter_mut().filter(|found| found.kind.is_none()) {
            found.kind = self.types.as_ref().and_then(|types| types.get(&digits(&found.number))).copied();
        }
        Ok(())
    }

    /// Writes some numbers in one transaction, or says what would be written.
    async fn batch(&mut self, batch: Vec<Found>) -> Result<(), Failed> {
        let count = batch.len() as u64;
        let (request, by, now) = (self.request.clone(), self.by.clone(), self.clock.now());
        let work = move |tx: &mut Tx<'_>| take(tx, &request, &batch, (&by, now));
        let taken =
            if self.request.dry_run { self.db.report(work).await? } else { self.db.bulk(work).await? };
        for one in taken {
            self.count(one);
        }
        self.progress.advance(count);
        Ok(())
    }

    fn count(&mut self, (number, planned, flags): Taken) {
        let (imported, is_dry) = (&mut self.imported, self.request.dry_run);
        match planned {
            Outcome::Conflict(tenant) => {
                imported.counts.conflicts += 1;
                imported.conflicts.add(Conflict { number, tenant });
                // What another tenant's number does is not told.
                return;
            }
            Outcome::Unchanged => imported.counts.unchanged += 1,
            Outcome::Saved(saved) => match saved.was {
                None => {
                    imported.counts.created += 1;
                    imported.created.add(created(saved.row, is_dry));
                }
                Some(_) => {
                    imported.counts.changed += 1;
                    imported.changed.add(Changed { id: saved.row.id, number, fields: saved.fields });
                }
            },
        }
        flags.into_iter().for_each(|flag| imported.flags.add(flag));
    }

    /// Looks which of the tenant's numbers came from Twilio and are not in the account any more.
    async fn gone(&mut self) -> Result<(), Failed> {
        const PAGE: i64 = 1000;
        let mut place = (Timestamp::from_micros(i64::MIN), String::new());
        loop {
            let (tenant, after) = (self.request.tenant_id.clone(), place.clone());
            let read: db::Result<_> =
                self.db.report(move |tx| provided::of_twilio(tx, &tenant, (after.0, &after.1), PAGE)).await;
            let rows = read?;
            let Some(last) = rows.last() else { return Ok(()) };
            place = (last.created_at, last.id.as_str().to_owned());
            for row in rows {
                if E164::exactly(&row.number).is_some_and(|number| !self.seen.contains(&digits(&number))) {
                    self.imported.counts.gone += 1;
                    let provided::OfTwilio { id, number, provider_sid, .. } = row;
                    self.imported.gone.add(Gone { id, number, provider_sid });
                }
            }
        }
    }
}

/// A number, what became of it, and what is to be known of it.
type Taken = (String, Outcome, Vec<Flag>);

/// What became of a number.
enum Outcome {
    /// Another tenant has it; which one, if that may be said.
    Conflict(Option<String>),
    Unchanged,
    Saved(Box<Saved>),
}

/// Plans some numbers, and writes them unless this is a dry run.
fn take(
    tx: &mut Tx<'_>,
    request: &Import,
    batch: &[Found],
    (by, now): (&Actor, Timestamp),
) -> Result<Vec<Taken>, Failed> {
    if !request.dry_run {
        configuration::lock(tx)?;
    }
    check(tx, request)?;
    let numbers: Vec<&str> = batch.iter().map(|found| found.number.as_str()).collect();
    let held = configuration::numbers_by_number(tx, &numbers)?;
    let recorded = provided::before_of(tx, &held.iter().map(|row| &row.id).collect::<Vec<_>>())?;
    let holders: HashMap<&str, &Number> = held.iter().map(|row| (row.number.as_str(), row)).collect();
    let trunks: HashSet<&str> = batch.iter().filter_map(|found| found.does.trunk_sid.as_deref()).collect();
    let known = provided::known_trunks(tx, &trunks.into_iter().collect::<Vec<_>>())?;
    let target = Target { tenant: &request.tenant_id, campaign: request.campaign_id.as_ref(), now };
    let mut taken = Vec::with_capacity(batch.len());
    let mut befores: Vec<(NumberId, &Before)> = Vec::new();
    for found in batch {
        let on_known = found.does.trunk_sid.as_deref().is_some_and(|trunk| known.contains(trunk));
        let planned = plan::plan(found, holders.get(found.number.as_str()).copied(), target);
        let id = match &planned {
            Planned::Conflict(_) => None,
            Planned::Unchanged(id) => Some(id),
            Planned::Saved(saved) => Some(&saved.row.id),
        };
        let before = id.and_then(|id| Some((id, plan::before(found, recorded.get(id), on_known)?)));
        befores.extend(before.map(|(id, before)| (id.clone(), before)));
        let outcome = match planned {
            Planned::Conflict(tenant) => Outcome::Conflict(named(tx, request, &tenant)?),
            Planned::Unchanged(_) => Outcome::Unchanged,
            Planned::Saved(saved) => Outcome::Saved(saved),
        };
        taken.push((found.number.to_string(), outcome, found.flags(on_known)));
    }
    if !request.dry_run {
        let rows = taken.iter().filter_map(|(_, outcome, _)| match outcome {
            Outcome::Saved(saved) => Some((saved.was.clone(), saved.row.clone())),
            Outcome::Conflict(_) | Outcome::Unchanged => None,
        });
        write::save(tx, rows.collect(), (by, now))?;
        let befores: Vec<_> = befores.iter().map(|(id, before)| (id, *before)).collect();
        provided::save_before(tx, &befores)?;
    }
    Ok(taken)
}

/// The tenant and its campaign are there still.
fn check(tx: &mut Tx<'_>, request: &Import) -> Result<(), Failed> {
    if !configuration::is_tenant(tx, &request.tenant_id)? {
        return Err(Failed::NoTenant);
    }
    match &request.campaign_id {
        Some(campaign) if !campaigns::is_there(tx, Some(&request.tenant_id), campaign)? => {
            Err(Failed::NoCampaign)
        }
        _ => Ok(()),
    }
}

/// What a tenant is called, if that may be said.
fn named(tx: &mut Tx<'_>, request: &Import, tenant: &TenantId) -> db::Result<Option<String>> {
    if !request.names_others {
        return Ok(None);
    }
    let found = tenants::by_id(tx, None, tenant)?;
    Ok(Some(found.map_or_else(|| tenant.to_string(), |found| found.row.row.name)))
}

/// The types of all numbers, by the lists of one type.
async fn types(twilio: &Client) -> Result<HashMap<u64, NumberKind>, Failed> {
    let of = async |number_type: NumberType| -> twilio::Result<Vec<(u64, NumberKind)>> {
        let kind = found::kind(&number_type);
        let filter = NumberFilter { number_type: Some(number_type), ..NumberFilter::default() };
        let mut pages = twilio.numbers(&filter)?;
        let mut all = Vec::new();
        while let Some(page) = pages.next_page().await? {
            let numbers = page.iter().filter_map(|number| E164::exactly(&number.phone_number));
            all.extend(numbers.map(|number| (digits(&number), kind)));
        }
        Ok(all)
    };
    let (local, free, mobile) =
        tokio::try_join!(of(NumberType::Local), of(NumberType::TollFree), of(NumberType::Mobile))?;
    Ok([local, free, mobile].into_iter().flatten().collect())
}

fn created(row: Number, is_dry: bool) -> Created {
    Created {
        id: (!is_dry).then_some(row.id),
        number: row.number,
        r#type: row.kind,
        capabilities: row.capabilities.unwrap_or_default(),
        provider_sid: row.provider_sid.unwrap_or_default(),
    }
}

/// A number's digits: there are 15 at most, which fit.
fn digits(number: &E164) -> u64 {
    number.as_str()[1..].parse().unwrap_or_default()
}
