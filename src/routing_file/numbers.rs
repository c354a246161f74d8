//! Plans the numbers of a whole file at once: a number exists once on the platform and may move between tenants.

use std::collections::{HashMap, HashSet};

use super::file::{self, Field};
use super::matching::{Match, match_rows};
use super::planner::{Planner, References, row_of, wanted};
use super::rows;
use super::values::quoted;
use crate::db::configuration::{self as db, Number};
use crate::db::{Result, Tx};
use crate::ids::TenantId;
use crate::phone::{self, E164};

impl<'f> Planner<'f> {
    pub(super) fn numbers(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let tables: Vec<(usize, &'f file::Number)> = self
            .tenants
            .iter()
            .enumerate()
            .flat_map(|(place, tenant)| tenant.table.numbers.iter().map(move |number| (place, number)))
            .collect();
        let written: Vec<Field<String>> =
            tables.iter().map(|(place, table)| self.normalised(*place, &table.number)).collect();
        let rows = self.number_rows(tx, &tables, &written)?;
        let wanted: Vec<_> = tables
            .iter()
            .zip(&written)
            .map(|((_, table), number)| wanted(table.line, &table.id, number))
            .collect();
        let named: HashMap<TenantId, usize> =
            self.tenants.iter().enumerate().map(|(place, tenant)| (tenant.row.id.clone(), place)).collect();
        let prune = self.options.prune;
        let stays = |row: &Number| !(row.archived || prune && named.contains_key(&row.tenant));
        let matches = match_rows(&mut self.mistakes, &wanted, &rows, stays);
        for ((table, want), meant) in tables.iter().zip(&wanted).zip(&matches.of) {
            self.number(*table, (&want.name, *meant), &rows);
        }
        if prune {
            let mut left: Vec<&Number> = matches.left_out(&rows).collect();
            left.sort_by_key(|row| &row.number);
            for row in left {
                if let Some(place) = named.get(&row.tenant) {
                    self.archive(*place, row);
                }
            }
        }
        Ok(())
    }

    /// A number as it is kept, if the region it is to be read by is known.
    fn normalised(&mut self, place: usize, written: &Field<String>) -> Field<String> {
        let Field::Is(text, line) = written else { return written.clone() };
        let tenant = &self.tenants[place];
        let region_unknown =
            tenant.table.region.is_wrong() || (tenant.unsure && tenant.table.region.given().is_none());
        if region_unknown && E164::exactly(text).is_none() {
            return Field::Wrong;
        }
        match phone::e164(text, &self.tenants[place].row.region) {
            Ok(number) => Field::Is(number.into(), *line),
            Err(why) => {
                self.mistakes.add(*line, why.to_string());
                Field::Wrong
            }
        }
    }

    /// The numbers of the file's tenants, and whichever of others the file names.
    fn number_rows(
        &mut self,
        tx: &mut Tx<'_>,
        tables: &[(usize, &file::Number)],
        written: &[Field<String>],
    ) -> Result<Vec<Number>> {
        let mut rows = Vec::new();
        for tenant in &self.tenants {
            if tenant.was.is_some() {
                rows.extend(db::numbers(tx, &tenant.row.id)?);
            }
        }
        let own: HashSet<&str> =
            rows.iter().filter(|row| !row.archived).map(|row| row.number.as_str()).collect();
        let numbers = written.iter().filter_map(Field::given).map(String::as_str);
        let numbers: Vec<&str> = numbers.filter(|number| !own.contains(number)).collect();
        let own: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let ids = tables.iter().filter_map(|(_, table)| table.id.given()).map(String::as_str);
        let ids: Vec<&str> = ids.filter(|id| !own.contains(id)).collect();
        let mut others = if numbers.is_empty() { Vec::new() } else { db::numbers_by_number(tx, &numbers)? };
        others.extend(if ids.is_empty() { Vec::new() } else { db::numbers_by_id(tx, &ids)? });
        others.sort_by(|a, b| a.id.cmp(&b.id));
        others.dedup_by(|a, b| a.id == b.id);
        let owners: HashSet<&TenantId> = others.iter().map(|row| &row.tenant).collect();
        for owner in owners {
            let campaigns = db::campaigns(tx, owner)?;
            let in_use = campaigns.into_iter().filter(|row| !row.archived);
            self.before.campaigns.extend(in_use.map(|row| (row.id, row.name)));
        }
        rows.extend(others);
        Ok(rows)
    }

    fn number(
        &mut self,
        (place, table): (usize, &file::Number),
        (number, meant): (&Field<String>, Match),
        rows: &[Number],
    ) {
        let was = row_of(meant, rows);
        let tenant = self.tenants[place].row.id.clone();
        let number =
            number.given().map(String::as_str).or(was.map(|was| was.number.as_str())).unwrap_or_default();
        let mut row = rows::number(table, was, (number, &tenant, self.now));
        let known = std::mem::take(&mut self.tenants[place].campaigns);
        let refer = References { known: &known, unsure: self.tenants[place].unsure };
        row.campaign = self.reference("campaign", &table.campaign, row.campaign, &refer);
        self.tenants[place].campaigns = known;
        if let Some(campaign) = &row.campaign
            && let Some(gone) = self.before.campaigns.get(campaign)
            && !self.after.campaigns.contains_key(campaign)
        {
            let (number, gone) = (quoted(&row.number), quoted(gone));
            self.mistakes.add(
                table.line,
                format!("the number {number} keeps the campaign {gone}, which --prune archives; write campaign here, or [[tenant.campaign]] with name = {gone}"),
            );
        }
        if let Some(was) = was.filter(|was| was.tenant != tenant) {
            self.touched.insert(was.tenant.clone());
        }
        self.settle(place, was, &row);
    }
}
