//! The account's phone numbers.

use crate::fields::Fields;
use crate::hosts::Api;
use crate::request::{Form, Request, sid};
use crate::{Client, Error, NumberType, Pages, Result};

/// A phone number of the account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Number {
    /// `PN…`.
    pub sid: String,
    /// The number, as E.164.
    pub phone_number: String,
    /// The account that it belongs to.
    pub account_sid: Option<String>,
    /// Its name.
    pub friendly_name: Option<String>,
    /// What kind of number it is; nothing where Twilio does not say, which it does since February 2026 and never in
    /// the numbers of a trunk. A list of one type says it of each of its numbers.
    pub number_type: Option<NumberType>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The trunk that takes its calls. While it is set, Twilio asks no voice URL and no application.
    pub trunk_sid: Option<String>,
    /// The application that takes its calls. Setting a trunk takes it away, and the other way round.
    pub voice_application_sid: Option<String>,
    /// Where its calls are asked about, if by neither a trunk nor an application. It stays as it is beside them.
    pub voice_url: Option<String>,
    /// `GET` or `POST`.
    pub voice_method: Option<String>,
    /// Where its calls are asked about after an error.
    pub voice_fallback_url: Option<String>,
    /// `GET` or `POST`.
    pub voice_fallback_method: Option<String>,
    /// `voice` or `fax`.
    pub voice_receive_mode: Option<String>,
    /// Where the ends of its calls are told.
    pub status_callback: Option<String>,
    /// `GET` or `POST`.
    pub status_callback_method: Option<String>,
    /// `in-use`.
    pub status: Option<String>,
    /// `twilio` or `hosted`.
    pub origin: Option<String>,
    /// Which address has to be registered for it: `none`, `any`, `local` or `foreign`.
    pub address_requirements: Option<String>,
    /// Whether emergency calls are enabled: `Active` or `Inactive`.
    pub emergency_status: Option<String>,
    /// How its emergency address stands, such as `registered`.
    pub emergency_address_status: Option<String>,
    /// The regulatory bundle that it was bought with.
    pub bundle_sid: Option<String>,
    /// When it came to the account, in microseconds since the Unix epoch.
    pub date_created: Option<i64>,
}

/// What a number can do; nothing where Twilio does not say.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Capabilities {
    /// Calls.
    pub voice: Option<bool>,
    /// SMS.
    pub sms: Option<bool>,
    /// MMS.
    pub mms: Option<bool>,
    /// Fax.
    pub fax: Option<bool>,
}

/// Which numbers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NumberFilter {
    /// Those that hold these digits; `*` stands for any digit.
    pub phone_number: Option<String>,
    /// Those of this name.
    pub friendly_name: Option<String>,
    /// Those of this type, which is local, toll-free or mobile.
    pub number_type: Option<NumberType>,
}

/// A number to buy. What it costs is taken from the account at once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NewNumber {
    /// The number exactly, as E.164; see [`Client::available_numbers`].
    pub phone_number: String,
    /// Its name; the number, if none is given.
    pub friendly_name: Option<String>,
    /// The trunk that takes its calls from the start.
    pub trunk_sid: Option<String>,
    /// A registered address (`AD…`), where the number requires one.
    pub address_sid: Option<String>,
    /// A regulatory bundle (`BU…`), where the country requires one.
    pub bundle_sid: Option<String>,
}

/// What to change about a number. What is not named stays; `None` takes away.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NumberUpdate(Form);

impl NumberUpdate {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its name.
    pub fn friendly_name(self, name: &str) -> Self {
        self.with("FriendlyName", Some(name))
    }

    /// The trunk (`TK…`) that takes its calls. Setting it takes the voice application away.
    pub fn trunk_sid(self, trunk_sid: Option<&str>) -> Self {
        self.with("TrunkSid", trunk_sid)
    }

    /// The application (`AP…`) that takes its calls. Setting it takes the trunk away.
    pub fn voice_application_sid(self, application_sid: Option<&str>) -> Self {
        self.with("VoiceApplicationSid", application_sid)
    }

    /// Where its calls are asked about.
    pub fn voice_url(self, url: Option<&str>) -> Self {
        self.with("VoiceUrl", url)
    }

    /// `GET` or `POST`.
    pub fn voice_method(self, method: &str) -> Self {
        self.with("VoiceMethod", Some(method))
    }

    /// Where its calls are asked about after an error.
    pub fn voice_fallback_url(self, url: Option<&str>) -> Self {
        self.with("VoiceFallbackUrl", url)
    }

    /// `GET` or `POST`.
    pub fn voice_fallback_method(self, method: &str) -> Self {
        self.with("VoiceFallbackMethod", Some(method))
    }

    /// `voice` or `fax`.
    pub fn voice_receive_mode(self, mode: &str) -> Self {
        self.with("VoiceReceiveMode", Some(mode))
    }

    /// Where the ends of its calls are told.
    pub fn status_callback(self, url: Option<&str>) -> Self {
        self.with("StatusCallback", url)
    }

    fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.0.set_or_clear(name, value);
        self
    }
}

impl Number {
    pub(crate) fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            sid: fields.text("sid")?,
            phone_number: fields.text("phone_number")?,
            account_sid: fields.text("account_sid"),
            friendly_name: fields.text("friendly_name"),
            number_type: fields.text("type").as_deref().and_then(NumberType::read),
            capabilities: fields.object("capabilities").map(Capabilities::read).unwrap_or_default(),
            trunk_sid: fields.text("trunk_sid"),
            voice_application_sid: fields.text("voice_application_sid"),
            voice_url: fields.text("voice_url"),
            voice_method: fields.text("voice_method"),
            voice_fallback_url: fields.text("voice_fallback_url"),
            voice_fallback_method: fields.text("voice_fallback_method"),
            voice_receive_mode: fields.text("voice_receive_mode"),
            status_callback: fields.text("status_callback"),
            status_callback_method: fields.text("status_callback_method"),
            status: fields.text("status"),
            origin: fields.text("origin"),
            address_requirements: fields.text("address_requirements"),
            emergency_status: fields.text("emergency_status"),
            emergency_address_status: fields.text("emergency_address_status"),
            bundle_sid: fields.text("bundle_sid"),
            date_created: fields.time("date_created"),
        })
    }
}

impl Capabilities {
    pub(crate) fn read(fields: Fields<'_>) -> Self {
        let flag = |name| fields.flag_in_any_case(name);
        Self { voice: flag("voice"), sms: flag("sms"), mms: flag("mms"), fax: flag("fax") }
    }
}

impl Client {
    /// The account's numbers. Filtering by a type other than local, toll-free and mobile is an error.
    pub fn numbers(&self, filter: &NumberFilter) -> Result<Pages<Number>> {
        let query = self
            .paged()
            .with_some("PhoneNumber", filter.phone_number.as_ref())
            .with_some("FriendlyName", filter.friendly_name.as_ref());
        let number_type = filter.number_type.clone();
        let path = match &number_type {
            None => "/IncomingPhoneNumbers.json".to_owned(),
            Some(number_type) => format!("/IncomingPhoneNumbers/{}.json", segment(number_type)?),
        };
        let request = Request::get("listing numbers", Api::Core, query.after(self.of_account(&path)));
        Ok(Pages::new(self, request, "incoming_phone_numbers", move |fields| {
            let number = Number::read(fields)?;
            let number_type = number.number_type.clone().or_else(|| number_type.clone());
            Some(Number { number_type, ..number })
        }))
    }

    /// The number of that sid (`PN…`), or nothing if the account has none such.
    pub async fn number(&self, number_sid: &str) -> Result<Option<Number>> {
        const CALL: &str = "reading a number";
        self.find(&Request::get(CALL, Api::Core, self.number_path(CALL, number_sid)?), Number::read).await
    }

    /// Changes a number, and gives what became of it. Safe to repeat.
    pub async fn update_number(&self, number_sid: &str, update: &NumberUpdate) -> Result<Number> {
        const CALL: &str = "changing a number";
        let path = self.number_path(CALL, number_sid)?;
        self.ask(&Request::update(CALL, Api::Core, path, update.0.clone()), Number::read).await
    }

    /// Buys a number. After an error whose outcome is unknown, look for it with [`Client::numbers`] before buying
    /// again: whoever has it already is told 21422, not available.
    pub async fn buy_number(&self, number: &NewNumber) -> Result<Number> {
        let form = Form::default()
            .with("PhoneNumber", &number.phone_number)
            .with_some("FriendlyName", number.friendly_name.as_ref())
            .with_some("TrunkSid", number.trunk_sid.as_ref())
            .with_some("AddressSid", number.address_sid.as_ref())
            .with_some("BundleSid", number.bundle_sid.as_ref());
        let path = self.of_account("/IncomingPhoneNumbers.json");
        self.ask(&Request::create("buying a number", Api::Core, path, form), Number::read).await
    }

    /// Gives a number back to Twilio, for good. False if the account has none such, any more or at all.
    pub async fn release_number(&self, number_sid: &str) -> Result<bool> {
        const CALL: &str = "releasing a number";
        self.delete(&Request::delete(CALL, Api::Core, self.number_path(CALL, number_sid)?)).await
    }

    fn number_path(&self, call: &'static str, number_sid: &str) -> Result<String> {
        Ok(self.of_account(&format!("/IncomingPhoneNumbers/{}.json", sid(call, "PN", number_sid)?)))
    }
}

pub(crate) fn segment(number_type: &NumberType) -> Result<&'static str> {
    number_type.segment().ok_or_else(|| Error::setup("numbers are listed as local, toll-free or mobile"))
}
