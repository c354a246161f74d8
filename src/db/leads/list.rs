//! Lists of leads. Those that were merged into others or erased are not in them.

use crate::clock::Timestamp;
use crate::ids::{CampaignId, LeadId, TenantId};

use super::{Lead, Result, Tx};

/// After every id that there can be, in any collation: where a list without a cursor begins.
const AFTER_ALL: &str = "lead_zzz";

/// What is looked for in leads: part of a name, or of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    name: String,
    digits: Option<String>,
    /// What `lower` of a database may not know of: letters of the name beyond ASCII, and their capitals.
    small: String,
    capital: String,
}

impl Search {
    /// Reads what somebody typed. What can be a number, however it is written, is also looked for as one.
    pub fn of(text: &str) -> Search {
        let (text, small) = (text.trim(), text.trim().to_lowercase());
        let pairs = small.chars().filter_map(|c| {
            let mut capital = c.to_uppercase();
            let capital = capital.next().filter(|_| capital.next().is_none())?;
            (!c.is_ascii() && capital != c).then_some((c, capital))
        });
        let (small_letters, capital) = pairs.unzip();
        Search {
            name: pattern(&small),
            digits: digits(text).map(|digits| pattern(&digits)),
            small: small_letters,
            capital,
        }
    }
}

/// The digits of what can be part of a number. A zero in front is how its own country dials it, and not part of it.
fn digits(text: &str) -> Option<String> {
    let can_be = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-./()".contains(c);
    if !text.chars().all(can_be) {
        return None;
    }
    let digits: String = text.replace("(0)", "").chars().filter(char::is_ascii_digit).collect();
    Some(digits.trim_start_matches('0').to_owned()).filter(|digits| !digits.is_empty())
}

/// A pattern for `like … escape '\'` that finds a text anywhere.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// What a list is narrowed to. What is not set does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant; none: of the whole platform.
    pub tenant: Option<TenantId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// With this status.
    pub status: Option<String>,
    /// With this in the name or number.
    pub search: Option<Search>,
    /// With a task that is open at this time, or without one.
    pub open_task: Option<(bool, Timestamp)>,
}

macro_rules! page {
    ($tenant:literal, $campaign:literal) => {
        concat!(
            "select * from leads where ",
            $tenant,
            " and ",
            $campaign,
            " and merged_into is null and erased_at is null and id < $3
              and (cast($4 as text) is null or status = $4)
              and (cast($5 as text) is null or translate(lower(name), $6, $7) like $5 escape '\\'
                  or phone_number like $8 escape '\\')
              and (cast($9 as bigint) is null or cast($9 as bigint) = (select count(*) from (
                  select 1 as one from tasks where lead_id = leads.id
                  and (status = 'open' or status = 'snoozed' and snoozed_until <= $10) limit 1) as part))
              order by id desc limit $11"
        )
    };
}

impl Filter {
    /// A text for each way in, so that each finds its rows by an index.
    fn sql(&self) -> &'static str {
        match (&self.tenant, &self.campaign) {
            (Some(_), None) => page!("tenant_id = $1", "cast($2 as text) is null"),
            (Some(_), Some(_)) => page!("tenant_id = $1", "campaign_id = $2"),
            (None, None) => page!("cast($1 as text) is null", "cast($2 as text) is null"),
            (None, Some(_)) => page!("cast($1 as text) is null", "campaign_id = $2"),
        }
    }
}

/// Leads, newest first; those older than `before`.
pub fn page(tx: &mut Tx<'_>, filter: &Filter, before: Option<&LeadId>, limit: i64) -> Result<Vec<Lead>> {
    let search = filter.search.as_ref();
    let at = filter.open_task.map_or(Timestamp::EPOCH, |(_, at)| at);
    tx.all(
        filter.sql(),
        &[
            &filter.tenant,
            &filter.campaign,
            &before.map_or(AFTER_ALL, LeadId::as_str),
            &filter.status,
            &search.map(|search| &search.name),
            &search.map_or("", |search| &search.capital),
            &search.map_or("", |search| &search.small),
            &search.and_then(|search| search.digits.as_ref()),
            &filter.open_task.map(|(has, _)| i64::from(has)),
            &at,
            &limit,
        ],
        Lead::from_row,
    )
}

/// Leads, the one that called last first.
pub fn list(
    tx: &mut Tx<'_>,
    tenant: Option<&TenantId>,
    number: Option<&str>,
    status: Option<&str>,
    limit: i64,
) -> Result<Vec<Lead>> {
    tx.all(
        "select * from leads where merged_into is null and erased_at is null
         and (cast($1 as text) is null or tenant_id = $1)
         and (cast($2 as text) is null or phone_number = $2) and (cast($3 as text) is null or status = $3)
         order by last_call_at desc, id desc limit $4",
        &[&tenant, &number, &status, &limit],
        Lead::from_row,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_a_number_is_compared_by_its_digits() {
        for (text, found) in [
            ("+1 555-123-4567", Some("15551234567")),
            ("(555) 123", Some("555123")),
            ("020 7946 0958", Some("2079460958")),
            ("+44 (0)20 7946 0958", Some("442079460958")),
            ("0044.20", Some("4420")),
            ("12", Some("12")),
            ("0", None),
            ("+", None),
            ("", None),
            ("Bob 2", None),
            ("tel:555", None),
        ] {
            assert_eq!(digits(text).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn nothing_in_a_search_is_a_wildcard() {
        assert_eq!(Search::of(" 50%_A\\b ").name, "%50\\%\\_a\\\\b%");
    }

    #[test]
    fn letters_that_a_database_may_not_know_are_looked_for_in_both_sizes() {
        let search = Search::of("Öl für Łódź, ß 5");
        assert_eq!((search.small.as_str(), search.capital.as_str()), ("öüłóź", "ÖÜŁÓŹ"));
        assert_eq!(search.name, "%öl für łódź, ß 5%");
    }
}
