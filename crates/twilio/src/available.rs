//! Numbers that can be bought, and where.

use serde_json::Value;

use crate::error::Cause;
use crate::fields::Fields;
use crate::hosts::Api;
use crate::numbers::segment;
use crate::request::{Form, Request};
use crate::{Capabilities, Client, Error, NumberType, Result};

/// A number that can be bought.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AvailableNumber {
    /// The number, as E.164.
    pub phone_number: String,
    /// The number as people write it.
    pub friendly_name: Option<String>,
    /// The type that it was found as.
    pub number_type: NumberType,
    /// The place, as Twilio's rate centres have it.
    pub locality: Option<String>,
    /// The state or province.
    pub region: Option<String>,
    /// The country, as two letters of ISO 3166-1.
    pub iso_country: Option<String>,
    /// Which address has to be registered to buy it: `none`, `any`, `local` or `foreign`.
    pub address_requirements: Option<String>,
    /// Whether it is new to Twilio.
    pub beta: Option<bool>,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// Which numbers to look for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AvailableFilter {
    /// Three digits; US and Canada only.
    pub area_code: Option<String>,
    /// Digits or letters that it holds; `*` stands for any digit. At least two of them.
    pub contains: Option<String>,
    /// The state or province; US and Canada only.
    pub in_region: Option<String>,
    /// The place; US and Canada only.
    pub in_locality: Option<String>,
    /// Only such that can take calls.
    pub voice: bool,
    /// No such that require an address of any sort.
    pub without_address: bool,
    /// How many at most, 1 to 1000; Twilio's default is 50.
    pub limit: Option<u16>,
}

/// A country that has numbers to buy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Country {
    /// Two letters of ISO 3166-1.
    pub country_code: String,
    /// Its name in English.
    pub name: Option<String>,
    /// Whether all of its numbers are new to Twilio.
    pub beta: Option<bool>,
    /// The types that can be looked for.
    pub types: Vec<NumberType>,
}

impl AvailableNumber {
    fn read(fields: Fields<'_>, number_type: &NumberType) -> Option<Self> {
        Some(Self {
            phone_number: fields.text("phone_number")?,
            friendly_name: fields.text("friendly_name"),
            number_type: number_type.clone(),
            locality: fields.text("locality"),
            region: fields.text("region"),
            iso_country: fields.text("iso_country"),
            address_requirements: fields.text("address_requirements"),
            beta: fields.flag("beta"),
            capabilities: fields.object("capabilities").map(Capabilities::read).unwrap_or_default(),
        })
    }
}

impl Country {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let types =
            fields.object("subresource_uris").map(|uris| uris.names().filter_map(NumberType::read).collect());
        Some(Self {
            country_code: fields.text("country_code")?,
            name: fields.text("country"),
            beta: fields.flag("beta"),
            types: types.unwrap_or_default(),
        })
    }
}

impl Client {
    /// Numbers of a country (two letters of ISO 3166-1) that can be bought now; they are not kept for anybody. The
    /// type is local, toll-free or mobile; Twilio answers 404 where the country has none such.
    pub async fn available_numbers(
        &self,
        country: &str,
        number_type: &NumberType,
        filter: &AvailableFilter,
    ) -> Result<Vec<AvailableNumber>> {
        const CALL: &str = "looking for numbers";
        let path =
            format!("/AvailablePhoneNumbers/{}/{}.json", country_code(country)?, segment(number_type)?);
        let query = Form::default()
            .with_some("PageSize", filter.limit.map(|limit| limit.clamp(1, 1000)))
            .with_some("AreaCode", filter.area_code.as_ref())
            .with_some("Contains", filter.contains.as_ref())
            .with_some("InRegion", filter.in_region.as_ref())
            .with_some("InLocality", filter.in_locality.as_ref())
            .with_some("VoiceEnabled", filter.voice.then_some(true))
            .with_some("ExcludeAllAddressRequired", filter.without_address.then_some(true));
        let request = Request::get(CALL, Api::Core, query.after(self.of_account(&path)));
        let read = |fields: Fields<'_>| AvailableNumber::read(fields, number_type);
        list(&request, &self.send(&request).await?, "available_phone_numbers", read)
    }

    /// The countries that have numbers to buy.
    pub async fn countries(&self) -> Result<Vec<Country>> {
        let path = self.of_account("/AvailablePhoneNumbers.json");
        let request = Request::get("listing countries", Api::Core, path);
        list(&request, &self.send(&request).await?, "countries", Country::read)
    }

    /// The country of that code (two letters of ISO 3166-1), or nothing if it has no numbers to buy.
    pub async fn country(&self, country: &str) -> Result<Option<Country>> {
        let path = self.of_account(&format!("/AvailablePhoneNumbers/{}.json", country_code(country)?));
        self.find(&Request::get("reading a country", Api::Core, path), Country::read).await
    }
}

fn country_code(country: &str) -> Result<&str> {
    let is_code = country.len() == 2 && country.bytes().all(|letter| letter.is_ascii_uppercase());
    is_code.then_some(country).ok_or_else(|| Error::setup("a country is two capital letters, such as US"))
}

/// The items of an answer that has all of them.
fn list<T>(
    request: &Request,
    answer: &Value,
    key: &str,
    read: impl Fn(Fields<'_>) -> Option<T>,
) -> Result<Vec<T>> {
    let unreadable = |what: &str| request.fails(Cause::Unreadable(what.to_owned()));
    let items = answer.get(key).and_then(Value::as_array).ok_or_else(|| unreadable("it has no list"))?;
    let one = |item| {
        Fields::of(item).and_then(&read).ok_or_else(|| unreadable("an item lacks what it is known by"))
    };
    items.iter().map(one).collect()
}
