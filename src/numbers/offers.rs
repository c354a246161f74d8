//! Numbers that can be bought.

use futures_util::future::try_join_all;
use serde::Serialize;
use twilio::{AvailableFilter, AvailableNumber, Client, NumberType};

use crate::tenancy::{Capabilities, NumberKind};

use super::{Failed, found};

/// Which numbers to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Two letters of ISO 3166-1.
    pub country: String,
    /// Of this type; none: of any.
    pub kind: Option<NumberKind>,
    /// Three digits; US and Canada only.
    pub area_code: Option<String>,
    /// Digits or letters that it holds; `*` stands for any digit.
    pub contains: Option<String>,
    /// How many at most, from 1 to 1000.
    pub limit: u16,
}

/// A number that can be bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// The number.
    pub number: String,
    /// What kind of line it is.
    pub r#type: NumberKind,
    /// The place.
    pub locality: Option<String>,
    /// The state or province.
    pub region: Option<String>,
    /// The country.
    pub country: Option<String>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Which address has to be registered to buy it: `none`, `any`, `local` or `foreign`.
    pub address_requirements: Option<String>,
}

impl Offer {
    /// The sort of address that has to be registered to buy it.
    pub fn needs_address(&self) -> Option<&str> {
        self.address_requirements.as_deref().filter(|sort| *sort != "none")
    }

    fn of(number: AvailableNumber) -> Offer {
        let capabilities = number.capabilities;
        Offer {
            r#type: found::kind(&number.number_type),
            number: number.phone_number,
            locality: number.locality,
            region: number.region,
            country: number.iso_country,
            capabilities: Capabilities {
                voice: capabilities.voice,
                sms: capabilities.sms,
                mms: capabilities.mms,
                fax: capabilities.fax,
            },
            address_requirements: number.address_requirements,
        }
    }
}

/// Numbers that can be bought now and can take calls; local ones first. They are kept for nobody.
///
/// # Errors
/// When what is looked for cannot be, and what Twilio says.
pub async fn search(twilio: &Client, search: &Search) -> Result<Vec<Offer>, Failed> {
    check(search)?;
    let kinds = match search.kind {
        Some(kind) => vec![kind],
        // Only numbers of a place have an area code.
        None if search.area_code.is_some() => vec![NumberKind::Local],
        None => vec![NumberKind::Local, NumberKind::Mobile, NumberKind::TollFree],
    };
    let filter = AvailableFilter {
        area_code: search.area_code.clone(),
        contains: search.contains.clone(),
        voice: true,
        limit: Some(search.limit),
        ..AvailableFilter::default()
    };
    let of = |kind| of_kind(twilio, &search.country, kind, &filter);
    let found = try_join_all(kinds.into_iter().map(of)).await?;
    Ok(found.into_iter().flatten().take(usize::from(search.limit)).map(Offer::of).collect())
}

async fn of_kind(
    twilio: &Client,
    country: &str,
    kind: NumberKind,
    filter: &AvailableFilter,
) -> twilio::Result<Vec<AvailableNumber>> {
    let number_type = match kind {
        NumberKind::Local => NumberType::Local,
        NumberKind::TollFree => NumberType::TollFree,
        NumberKind::Mobile => NumberType::Mobile,
    };
    match twilio.available_numbers(country, &number_type, filter).await {
        // The country has none of that type.
        Err(error) if error.is_gone() => Ok(Vec::new()),
        other => other,
    }
}

fn check(search: &Search) -> Result<(), Failed> {
    let wrong = |text: &str| Err(Failed::Invalid(text.to_owned()));
    if let Some(area) = &search.area_code {
        if !matches!(search.country.as_str(), "US" | "CA") {
            return wrong(
                "area codes are for the US and Canada; elsewhere narrow it by the digits it contains",
            );
        }
        if area.len() != 3 || !area.bytes().all(|b| b.is_ascii_digit()) {
            return wrong("an area code is three digits, such as 415");
        }
        if search.kind.is_some_and(|kind| kind == NumberKind::TollFree) {
            return wrong(
                "toll-free numbers have no area code of a place; narrow them by the digits they contain",
            );
        }
    }
    if let Some(contains) = &search.contains {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '*' || c == '+';
        if contains.chars().count() < 2 || !contains.chars().all(fits) {
            return wrong(
                "what a number contains is two or more digits or letters, with * for any digit, such as 555*",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_looked_for_is_said_before_twilio_is_asked() {
        let with = |country: &str, area: Option<&str>, contains: Option<&str>, kind| Search {
            country: country.to_owned(),
            kind,
            area_code: area.map(str::to_owned),
            contains: contains.map(str::to_owned),
            limit: 20,
        };
        for (search, why) in [
            (with("DE", Some("415"), None, None), "area codes are for the US and Canada"),
            (with("US", Some("41"), None, None), "three digits"),
            (with("US", Some("41x"), None, None), "three digits"),
            (with("US", Some("800"), None, Some(NumberKind::TollFree)), "toll-free"),
            (with("US", None, Some("5"), None), "two or more digits"),
            (with("US", None, Some("5 5"), None), "two or more digits"),
        ] {
            let said = check(&search).unwrap_err().to_string();
            assert!(said.contains(why), "{search:?}: {said}");
        }
        assert!(check(&with("US", Some("415"), Some("555*"), None)).is_ok());
        assert!(check(&with("GB", None, Some("TAXI"), Some(NumberKind::Mobile))).is_ok());
    }
}
