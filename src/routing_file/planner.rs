//! Works out what applying a file changes: matches its tables with the rows there are, checks that what refers to
//! one another is there, and notes what is to be written.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::file::{self, Field, RoutingFile};
use super::matching::{Match, Matches, Wanted, match_rows};
use super::plan::{Action, Change, FieldChange, Summary};
use super::rows::{self, Existing};
use super::values::{no_such, quoted};
use super::write::Writes;
use super::{Mistakes, Options};
use crate::clock::Timestamp;
use crate::db::configuration::{self as db, Agent, Campaign, Kind, Tenant, Trunk};
use crate::db::{Result, Tx};
use crate::ids::{AgentId, CampaignId, TenantId};
use crate::tenancy::rows::{Names, Row};

/// Everything found out so far.
pub(super) struct Planner<'f> {
    pub(super) options: &'f Options,
    pub(super) now: Timestamp,
    pub(super) mistakes: Mistakes,
    pub(super) summary: Summary,
    pub(super) changes: Vec<Change>,
    pub(super) writes: Writes,
    /// Tenants whose routing changes.
    pub(super) touched: BTreeSet<TenantId>,
    /// What things are called before and after.
    pub(super) before: Names,
    pub(super) after: Names,
    /// The file's tenants.
    pub(super) tenants: Vec<Planned<'f>>,
}

/// A tenant of the file.
pub(super) struct Planned<'f> {
    pub(super) table: &'f file::Tenant,
    pub(super) was: Option<Tenant>,
    pub(super) row: Tenant,
    /// Nobody knows which tenant is meant, so what it has in the database is not known.
    pub(super) unsure: bool,
    /// Its campaigns afterwards, by name.
    pub(super) campaigns: HashMap<String, CampaignId>,
}

impl<'f> Planner<'f> {
    pub(super) fn new(file: &'f RoutingFile, options: &'f Options, now: Timestamp) -> Planner<'f> {
        Planner {
            options,
            now,
            mistakes: file.mistakes.clone(),
            summary: Summary::default(),
            changes: Vec::new(),
            writes: Writes::default(),
            touched: BTreeSet::new(),
            before: Names::default(),
            after: Names::default(),
            tenants: Vec::new(),
        }
    }

    /// Plans all that the file says.
    pub(super) fn plan(&mut self, tx: &mut Tx<'_>, file: &'f RoutingFile) -> Result<()> {
        self.match_tenants(tx, file)?;
        for place in 0..self.tenants.len() {
            self.tenant(tx, place)?;
        }
        self.numbers(tx)?;
        // Stable: within a tenant and kind, what the file says comes in its order and then what it leaves out.
        self.changes.sort_by_key(|change| (change.place, change.kind));
        Ok(())
    }

    fn match_tenants(&mut self, tx: &mut Tx<'_>, file: &'f RoutingFile) -> Result<()> {
        let rows = db::tenants(tx)?;
        let wanted: Vec<_> = file.tenants.iter().map(|t| wanted(t.line, &t.id, &t.name)).collect();
        let matches = match_rows(&mut self.mistakes, &wanted, &rows, |row| !row.archived);
        self.before.tenants = rows.iter().map(|row| (row.id.clone(), row.name.clone())).collect();
        self.after.tenants = self.before.tenants.clone();
        for (table, meant) in file.tenants.iter().zip(&matches.of) {
            let was = row_of(*meant, &rows).cloned();
            let row = rows::tenant(table, was.as_ref(), (&self.options.default_region, self.now));
            self.after.tenants.insert(row.id.clone(), row.name.clone());
            let unsure = *meant == Match::Unsure;
            self.tenants.push(Planned { table, was, row, unsure, campaigns: HashMap::new() });
        }
        Ok(())
    }

    /// A tenant with all but its numbers.
    fn tenant(&mut self, tx: &mut Tx<'_>, place: usize) -> Result<()> {
        let Planned { table, ref was, ref row, unsure, .. } = self.tenants[place];
        let (was, mut row) = (was.clone(), row.clone());
        let agents = self.agents(tx, place, &row.id, table)?;
        let refer = References { known: &agents, unsure };
        row.default_agent = self.reference("default_agent", &table.default_agent, row.default_agent, &refer);
        self.keeps(("default_agent", table.line, "the tenant", &row.name), row.default_agent.as_ref());
        self.campaigns(tx, place, &row.id, (table, &refer))?;
        self.trunks(tx, place, &row.id, table)?;
        self.settle(place, was.as_ref(), &row);
        self.tenants[place].row = row;
        Ok(())
    }

    /// Plans the agents; what they are called afterwards.
    fn agents(
        &mut self,
        tx: &mut Tx<'_>,
        place: usize,
        tenant: &TenantId,
        table: &'f file::Tenant,
    ) -> Result<HashMap<String, AgentId>> {
        let rows = db::agents(tx, tenant)?;
        let wanted: Vec<_> = table.agents.iter().map(|a| wanted(a.line, &a.id, &a.name)).collect();
        let matches = self.matches(tx, &wanted, &rows)?;
        let in_use = rows.iter().filter(|row| !row.archived);
        self.before.agents.extend(in_use.map(|row| (row.id.clone(), row.name.clone())));
        let mut after: Vec<Agent> = Vec::new();
        for (table, meant) in table.agents.iter().zip(&matches.of) {
            let was = row_of(*meant, &rows);
            let row = rows::agent(table, was, (tenant, self.now));
            self.settle(place, was, &row);
            after.push(row);
        }
        after.extend(self.left_out(place, &rows, &matches));
        self.after.agents.extend(after.iter().map(|row| (row.id.clone(), row.name.clone())));
        Ok(after.into_iter().map(|row| (row.name, row.id)).collect())
    }

    fn campaigns(
        &mut self,
        tx: &mut Tx<'_>,
        place: usize,
        tenant: &TenantId,
        (table, refer): (&'f file::Tenant, &References<'_, AgentId>),
    ) -> Result<()> {
        let rows = db::campaigns(tx, tenant)?;
        let wanted: Vec<_> = table.campaigns.iter().map(|c| wanted(c.line, &c.id, &c.name)).collect();
        let matches = self.matches(tx, &wanted, &rows)?;
        let in_use = rows.iter().filter(|row| !row.archived);
        self.before.campaigns.extend(in_use.map(|row| (row.id.clone(), row.name.clone())));
        let mut after: Vec<Campaign> = Vec::new();
        for (table, meant) in table.campaigns.iter().zip(&matches.of) {
            let was = row_of(*meant, &rows);
            let mut row = rows::campaign(table, was, (tenant, self.now));
            row.agent = self.reference("agent", &table.agent, row.agent, refer);
            self.keeps(("agent", table.line, "the campaign", &row.name), row.agent.as_ref());
            row.fallback_agent =
                self.reference("fallback_agent", &table.fallback_agent, row.fallback_agent, refer);
            self.keeps(
                ("fallback_agent", table.line, "the campaign", &row.name),
                row.fallback_agent.as_ref(),
            );
            self.settle(place, was, &row);
            after.push(row);
        }
        after.extend(self.left_out(place, &rows, &matches));
        self.after.campaigns.extend(after.iter().map(|row| (row.id.clone(), row.name.clone())));
        self.tenants[place].campaigns = after.into_iter().map(|row| (row.name, row.id)).collect();
        Ok(())
    }

    fn trunks(
        &mut self,
        tx: &mut Tx<'_>,
        place: usize,
        tenant: &TenantId,
        table: &'f file::Tenant,
    ) -> Result<()> {
        let rows: Vec<Trunk> = db::trunks(tx, tenant)?;
        let wanted: Vec<_> = table.trunks.iter().map(|t| wanted(t.line, &t.id, &t.name)).collect();
        let matches = self.matches(tx, &wanted, &rows)?;
        for (table, meant) in table.trunks.iter().zip(&matches.of) {
            let was = row_of(*meant, &rows);
            let row = rows::trunk(table, was, (tenant, self.now));
            self.settle(place, was, &row);
        }
        self.left_out(place, &rows, &matches);
        Ok(())
    }

    /// Matches the tables of one kind in one tenant.
    fn matches<R: Existing>(
        &mut self,
        tx: &mut Tx<'_>,
        wanted: &[Wanted<'_>],
        rows: &[R],
    ) -> Result<Matches> {
        let prune = self.options.prune;
        let matches = match_rows(&mut self.mistakes, wanted, rows, |row| !row.is_archived() && !prune);
        for (want, meant) in wanted.iter().zip(&matches.of) {
            let (Field::Is(id, line), Match::New) = (want.id, meant) else { continue };
            if let Some(owner) = db::owner(tx, R::KIND, id)? {
                let (id, noun) = (quoted(id), R::NOUN);
                let owner = quoted(self.before.tenants.get(&owner).map_or(&*owner, |name| name));
                self.mistakes.add(
                    *line,
                    format!("{id} is the id of another {noun}, of the tenant {owner}; leave id out and one is made"),
                );
            }
        }
        Ok(matches)
    }

    /// The rows that no table means: those that stay. The others are archived.
    fn left_out<R: Existing + Into<Row>>(&mut self, place: usize, rows: &[R], matches: &Matches) -> Vec<R> {
        let mut left: Vec<&R> = matches.left_out(rows).collect();
        left.sort_by_key(|row| row.name());
        if !self.options.prune {
            return left.into_iter().cloned().collect();
        }
        for row in left {
            self.archive(place, row);
        }
        Vec::new()
    }

    pub(super) fn archive<R: Existing + Into<Row>>(&mut self, place: usize, row: &R) {
        self.summary.archive += 1;
        self.touched.insert(self.tenants[place].row.id.clone());
        self.writes.gone.push(row.clone().into());
        self.changes.push(Change {
            action: Action::Archive,
            kind: R::KIND,
            id: Some(row.id().to_owned()),
            name: row.name().to_owned(),
            tenant: self.tenants[place].row.name.clone(),
            fields: Vec::new(),
            place,
        });
    }

    /// Notes what becomes of a row that the file means.
    pub(super) fn settle<R: Existing + Into<Row>>(&mut self, place: usize, was: Option<&R>, row: &R) {
        let fields = if was == Some(row) { Vec::new() } else { self.compared(was, row) };
        let action = match was {
            None => Action::Create,
            Some(was) if was.is_archived() => Action::Revive,
            Some(_) if fields.is_empty() => {
                self.summary.unchanged += 1;
                return;
            }
            Some(_) => Action::Change,
        };
        match action {
            Action::Create => self.summary.create += 1,
            Action::Revive => self.summary.revive += 1,
            Action::Change | Action::Archive => self.summary.change += 1,
        }
        self.touched.insert(self.tenants[place].row.id.clone());
        if was.is_some_and(|was| !was.is_archived() && was.name() != row.name()) {
            self.writes.renamed.entry(R::KIND).or_default().push(row.id().to_owned());
        }
        self.writes.saved.push((was.cloned().map(Into::into), row.clone().into()));
        self.changes.push(Change {
            action,
            kind: R::KIND,
            id: Some(row.id().to_owned()),
            name: row.name().to_owned(),
            tenant: self.tenants[place].row.name.clone(),
            fields,
            place,
        });
    }

    /// Ids that were made for a dry run are nobody's.
    pub(super) fn forget_made_ids(&mut self) {
        let given: HashSet<(Kind, &str)> =
            self.tenants.iter().flat_map(|tenant| given_ids(tenant.table)).collect();
        for change in self.changes.iter_mut().filter(|change| change.action == Action::Create) {
            change.id = change.id.take().filter(|id| given.contains(&(change.kind, id)));
        }
    }

    fn compared<R: Existing>(&self, was: Option<&R>, row: &R) -> Vec<FieldChange> {
        let old = was.map(|was| was.keys(&self.before)).unwrap_or_default();
        let mut old = old.into_iter();
        let new = row.keys(&self.after).into_iter();
        let pairs = new.map(|new| (old.next(), new));
        let changed = pairs.filter(|(old, new)| old.as_ref().is_none_or(|old| old.is != new.is));
        let fields = changed.map(|(old, new)| FieldChange {
            key: new.key,
            old: old.map(|old| old.shown).unwrap_or_default(),
            new: new.shown,
        });
        // Of a new row, nothing is nothing to tell; its tenant stands above it.
        fields.filter(|field| was.is_some() || (!field.new.is_null() && field.key != "tenant")).collect()
    }

    /// What a key refers to.
    pub(super) fn reference<I: Clone>(
        &mut self,
        key: &str,
        field: &Field<Option<String>>,
        kept: Option<I>,
        refer: &References<'_, I>,
    ) -> Option<I> {
        let Field::Is(name, line) = field else { return kept };
        let name = name.as_deref()?;
        let found = refer.known.get(name).cloned();
        if found.is_none() && !refer.unsure {
            let noun = if key == "campaign" { "campaign" } else { "agent" };
            let known = refer.known.keys().map(String::as_str);
            let why = no_such(noun, name, known, &format!("write it as [[tenant.{noun}]] too"));
            self.mistakes.add(*line, format!("{key} {why}"));
        }
        found
    }

    /// A row that keeps its agent must not find it archived by the same file.
    fn keeps(&mut self, (key, line, noun, name): (&str, usize, &str, &str), agent: Option<&AgentId>) {
        let Some(agent) = agent else { return };
        if let Some(gone) = self.before.agents.get(agent).filter(|_| !self.after.agents.contains_key(agent)) {
            let (name, gone) = (quoted(name), quoted(gone));
            self.mistakes.add(
                line,
                format!("{noun} {name} keeps the {key} {gone}, which --prune archives; write {key} here, or [[tenant.agent]] with name = {gone}"),
            );
        }
    }
}

/// What a reference may name.
pub(super) struct References<'r, I> {
    pub(super) known: &'r HashMap<String, I>,
    pub(super) unsure: bool,
}

pub(super) fn wanted<'f>(line: usize, id: &'f Field<String>, name: &Field<String>) -> Wanted<'f> {
    Wanted { line, id, name: name.clone() }
}

/// The ids that a tenant's tables give.
fn given_ids(tenant: &file::Tenant) -> impl Iterator<Item = (Kind, &str)> {
    let tenants = std::iter::once((Kind::Tenant, &tenant.id));
    let agents = tenant.agents.iter().map(|row| (Kind::Agent, &row.id));
    let campaigns = tenant.campaigns.iter().map(|row| (Kind::Campaign, &row.id));
    let numbers = tenant.numbers.iter().map(|row| (Kind::Number, &row.id));
    let trunks = tenant.trunks.iter().map(|row| (Kind::Trunk, &row.id));
    let all = tenants.chain(agents).chain(campaigns).chain(numbers).chain(trunks);
    all.filter_map(|(kind, id)| Some((kind, id.given()?.as_str())))
}

pub(super) fn row_of<R>(meant: Match, rows: &[R]) -> Option<&R> {
    match meant {
        Match::Row(row) => rows.get(row),
        Match::New | Match::Unsure => None,
    }
}
