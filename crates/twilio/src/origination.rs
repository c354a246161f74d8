//! Where a trunk sends its calls.

use crate::fields::Fields;
use crate::hosts::Api;
use crate::request::{Form, Request, sid};
use crate::trunks::path;
use crate::{Client, Pages, Result};

/// One place that a trunk sends its calls to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginationUrl {
    /// `OU…`.
    pub sid: String,
    /// The trunk.
    pub trunk_sid: Option<String>,
    /// The SIP address.
    pub sip_url: String,
    /// Its share of the calls among those of the same priority, 1 to 65535.
    pub weight: u32,
    /// The lowest is tried first, 0 to 65535.
    pub priority: u32,
    /// Whether it is used.
    pub enabled: bool,
    /// Its name.
    pub friendly_name: Option<String>,
}

/// One more place for a trunk to send its calls to; at most 10.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewOriginationUrl {
    /// The SIP address, which begins with `sip:`. Without `;transport=`, Twilio uses UDP.
    pub sip_url: String,
    /// Its name.
    pub friendly_name: String,
    /// Its share of the calls among those of the same priority, 1 to 65535.
    pub weight: u16,
    /// The lowest is tried first, 0 to 65535.
    pub priority: u16,
    /// Whether it is used.
    pub enabled: bool,
}

impl NewOriginationUrl {
    /// A place that is used, with the weight and the priority of Twilio's console: 10 and 10.
    pub fn new(sip_url: impl Into<String>, friendly_name: impl Into<String>) -> Self {
        let (sip_url, friendly_name) = (sip_url.into(), friendly_name.into());
        Self { sip_url, friendly_name, weight: 10, priority: 10, enabled: true }
    }
}

/// What to change about such a place. What is nothing stays.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OriginationUpdate {
    /// The SIP address, which begins with `sip:`.
    pub sip_url: Option<String>,
    /// Its name.
    pub friendly_name: Option<String>,
    /// Its share of the calls among those of the same priority, 1 to 65535.
    pub weight: Option<u16>,
    /// The lowest is tried first, 0 to 65535.
    pub priority: Option<u16>,
    /// Whether it is used.
    pub enabled: Option<bool>,
}

impl OriginationUrl {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            sid: fields.text("sid")?,
            trunk_sid: fields.text("trunk_sid"),
            sip_url: fields.text("sip_url")?,
            weight: fields.count("weight").unwrap_or_default(),
            priority: fields.count("priority").unwrap_or_default(),
            enabled: fields.flag("enabled").unwrap_or_default(),
            friendly_name: fields.text("friendly_name"),
        })
    }
}

impl Client {
    /// Where a trunk (`TK…`) sends its calls; at most 10.
    pub fn origination_urls(&self, trunk_sid: &str) -> Result<Pages<OriginationUrl>> {
        const CALL: &str = "listing origination URLs";
        let path = self.paged().after(path(CALL, trunk_sid, "/OriginationUrls")?);
        let request = Request::get(CALL, Api::Trunking, path);
        Ok(Pages::new(self, request, "origination_urls", OriginationUrl::read))
    }

    /// Adds a place to send calls to. Not idempotent: after an error whose outcome is unknown, look through
    /// [`Client::origination_urls`] for the address, and take what is there.
    pub async fn create_origination_url(
        &self,
        trunk_sid: &str,
        url: &NewOriginationUrl,
    ) -> Result<OriginationUrl> {
        const CALL: &str = "making an origination URL";
        let form = Form::default()
            .with("Weight", url.weight)
            .with("Priority", url.priority)
            .with("Enabled", url.enabled)
            .with("FriendlyName", &url.friendly_name)
            .with("SipUrl", &url.sip_url);
        let path = path(CALL, trunk_sid, "/OriginationUrls")?;
        self.ask(&Request::create(CALL, Api::Trunking, path, form), OriginationUrl::read).await
    }

    /// Changes such a place (`OU…`), and gives what became of it. Safe to repeat.
    pub async fn update_origination_url(
        &self,
        trunk_sid: &str,
        url_sid: &str,
        update: &OriginationUpdate,
    ) -> Result<OriginationUrl> {
        const CALL: &str = "changing an origination URL";
        let form = Form::default()
            .with_some("Weight", update.weight)
            .with_some("Priority", update.priority)
            .with_some("Enabled", update.enabled)
            .with_some("FriendlyName", update.friendly_name.as_ref())
            .with_some("SipUrl", update.sip_url.as_ref());
        let path = url_path(CALL, trunk_sid, url_sid)?;
        self.ask(&Request::update(CALL, Api::Trunking, path, form), OriginationUrl::read).await
    }

    /// Takes such a place away. False if the trunk has none such, any more or at all.
    pub async fn delete_origination_url(&self, trunk_sid: &str, url_sid: &str) -> Result<bool> {
        const CALL: &str = "deleting an origination URL";
        self.delete(&Request::delete(CALL, Api::Trunking, url_path(CALL, trunk_sid, url_sid)?)).await
    }
}

fn url_path(call: &'static str, trunk_sid: &str, url_sid: &str) -> Result<String> {
    path(call, trunk_sid, &format!("/OriginationUrls/{}", sid(call, "OU", url_sid)?))
}
