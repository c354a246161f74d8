//! Who a caller is: their numbers, their leads, and the texts by which they were told to us.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::hear::ATTEND;
use crate::ids::{CallId, LeadId, TenantId};
use crate::phone::E164;

use super::{Group, Json, Result, Scope, Tx};

/// A call that is over is cleared up after within this.
const CLEARED_UP: Duration = Duration::from_secs(600);

/// How a tenant's national numbers are read; none where there is no such tenant.
pub fn region(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Option<String>> {
    tx.first("select region from tenants where id = $1", &[tenant], |row| row.get("region"))
}

/// The number of a lead that was not erased.
pub fn number_of(tx: &mut Tx<'_>, lead: &LeadId) -> Result<Option<E164>> {
    let number =
        tx.first("select phone_number from leads where id = $1 and erased_at is null", &[lead], |row| {
            row.get::<String>("phone_number")
        })?;
    Ok(number.as_deref().and_then(E164::exactly))
}

/// Whether one of these is a number that the tenant itself has.
pub fn is_own_number(tx: &mut Tx<'_>, tenant: &TenantId, numbers: &[E164]) -> Result<bool> {
    for number in numbers {
        let own = tx.first(
            "select 1 as one from phone_numbers where number = $1 and tenant_id = $2 and archived_at is null",
            &[&number.as_str(), tenant],
            |_| Ok(()),
        )?;
        if own.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The caller with this number: whoever was merged is one, with all the numbers of all of them.
pub fn group(tx: &mut Tx<'_>, tenant: &TenantId, number: &E164) -> Result<Group> {
    let (mut numbers, mut leads) = (BTreeSet::new(), BTreeSet::new());
    let mut new = vec![number.clone()];
    while let Some(number) = new.pop() {
        if !numbers.insert(number.clone()) {
            continue;
        }
        let targets: Vec<LeadId> = tx.all(
            "select coalesce(merged_into, id) as id from leads
             where tenant_id = $1 and phone_number = $2 and erased_at is null",
            &[tenant, &number.as_str()],
            |row| row.get("id"),
        )?;
        for target in targets {
            let merged: Vec<(LeadId, String)> = tx.all(
                "select id, phone_number from leads where id = $1
                 union all select id, phone_number from leads where merged_into = $1",
                &[&target],
                |row| Ok((row.get("id")?, row.get("phone_number")?)),
            )?;
            for (lead, number) in merged {
                leads.insert(lead);
                new.extend(E164::exactly(&number));
            }
        }
    }
    Ok(Group { numbers: numbers.into_iter().collect(), leads: leads.into_iter().collect() })
}

/// What is needed of a call's ring.
#[derive(Deserialize)]
struct Told {
    caller: String,
}

/// The texts by which the calls from these numbers named their caller.
pub fn told_as(tx: &mut Tx<'_>, tenant: &TenantId, numbers: &[E164]) -> Result<BTreeSet<String>> {
    let mut texts = BTreeSet::new();
    for number in numbers {
        tx.each(
            "select ring from calls where caller = $1 and tenant_id = $2 and ended_at is not null",
            &[&number.as_str(), tenant],
            |row| {
                texts.insert(row.get::<Json<Told>>("ring")?.0.caller);
                Ok(())
            },
        )?;
    }
    Ok(texts)
}

/// A call of the caller's, or with one of their numbers in it, that is not over; or that is, and somebody clears up
/// after it.
pub fn unfinished(tx: &mut Tx<'_>, scope: &Scope, now: Timestamp) -> Result<Option<CallId>> {
    let numbers = &scope.group.numbers;
    let mut open = None;
    tx.each(
        "select id, caller, ring, evidence from calls where tenant_id = $1 and ended_at is null",
        &[&scope.tenant],
        |row| {
            let caller: Option<String> = row.get("caller")?;
            let is_theirs = caller.is_some_and(|caller| numbers.iter().any(|number| **number == *caller));
            let (ring, evidence): (String, String) = (row.get("ring")?, row.get("evidence")?);
            let is_in = |text: &str| scope.needles.taken_from_json(text).is_some();
            if is_theirs || is_in(&ring) || is_in(&evidence) {
                open = Some(row.get("id")?);
            }
            Ok(())
        },
    )?;
    let since = now.saturating_sub(CLEARED_UP);
    for number in numbers {
        if open.is_some() {
            break;
        }
        open = tx.first(
            "select calls.id from calls join jobs on jobs.kind = $1 and jobs.subject = calls.id
             where calls.caller = $2 and calls.tenant_id = $3 and calls.ended_at is not null and calls.updated_at > $4
             limit 1",
            &[&ATTEND, &number.as_str(), &scope.tenant, &since],
            |row| row.get("id"),
        )?;
    }
    Ok(open)
}
