//! Elastic SIP trunks.

use crate::fields::Fields;
use crate::hosts::Api;
use crate::request::{Form, Request, sid};
use crate::{Client, Pages, RecordingMode, Result, TransferCallerId, TransferMode};

/// An Elastic SIP trunk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trunk {
    /// `TK…`.
    pub sid: String,
    /// The account that it belongs to.
    pub account_sid: Option<String>,
    /// Its name, which need not be the only one of its kind.
    pub friendly_name: Option<String>,
    /// Its domain, `….pstn.twilio.com`: one of its kind in all of Twilio. Only calls to telephones need it.
    pub domain_name: Option<String>,
    /// Whether it takes TLS and SRTP only.
    pub secure: Option<bool>,
    /// Which callers may be sent on by REFER.
    pub transfer_mode: Option<TransferMode>,
    /// Whose number the target of a transfer sees.
    pub transfer_caller_id: Option<TransferCallerId>,
    /// Whether the caller's name is looked up, which costs.
    pub cnam_lookup_enabled: Option<bool>,
    /// Whether media go to where media come from. It can be read here, and changed only in Twilio's console.
    pub symmetric_rtp_enabled: Option<bool>,
    /// How calls to telephones are let in: `IP_ACL`, `CREDENTIAL_LIST`. Empty: not at all.
    pub auth_types: Vec<String>,
    /// Where calls are asked about that cannot be delivered.
    pub disaster_recovery_url: Option<String>,
    /// `GET` or `POST`.
    pub disaster_recovery_method: Option<String>,
    /// What it records, where Twilio says so.
    pub recording: Option<Recording>,
    /// When it was made, in microseconds since the Unix epoch.
    pub date_created: Option<i64>,
}

/// What a trunk records.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recording {
    /// What.
    pub mode: Option<RecordingMode>,
    /// `trim-silence` or `do-not-trim`.
    pub trim: Option<String>,
}

/// How a trunk is to be. What is not named is Twilio's default in a new trunk and stays as it is in another; `None`
/// takes away.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrunkSettings(Form);

impl TrunkSettings {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its name, at most 64 characters.
    pub fn friendly_name(self, name: &str) -> Self {
        self.with("FriendlyName", Some(name))
    }

    /// Its domain, which ends with `.pstn.twilio.com` and must be nobody's yet.
    pub fn domain_name(self, domain: Option<&str>) -> Self {
        self.with("DomainName", domain)
    }

    /// Whether it takes TLS and SRTP only.
    pub fn secure(self, secure: bool) -> Self {
        self.with("Secure", Some(if secure { "true" } else { "false" }))
    }

    /// Which callers may be sent on by REFER.
    pub fn transfer_mode(self, mode: &TransferMode) -> Self {
        self.with("TransferMode", Some(mode.as_str()))
    }

    /// Whose number the target of a transfer sees.
    pub fn transfer_caller_id(self, caller_id: &TransferCallerId) -> Self {
        self.with("TransferCallerId", Some(caller_id.as_str()))
    }

    /// Whether the caller's name is looked up, which costs.
    pub fn cnam_lookup_enabled(self, enabled: bool) -> Self {
        self.with("CnamLookupEnabled", Some(if enabled { "true" } else { "false" }))
    }

    /// Where calls are asked about that cannot be delivered.
    pub fn disaster_recovery_url(self, url: Option<&str>) -> Self {
        self.with("DisasterRecoveryUrl", url)
    }

    fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.0.set_or_clear(name, value);
        self
    }
}

impl Trunk {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            sid: fields.text("sid")?,
            account_sid: fields.text("account_sid"),
            friendly_name: fields.text("friendly_name"),
            domain_name: fields.text("domain_name"),
            secure: fields.flag("secure"),
            transfer_mode: fields.text("transfer_mode").as_deref().map(TransferMode::from),
            transfer_caller_id: fields.text("transfer_caller_id").as_deref().map(TransferCallerId::from),
            cnam_lookup_enabled: fields.flag("cnam_lookup_enabled"),
            symmetric_rtp_enabled: fields.flag("symmetric_rtp_enabled"),
            auth_types: fields.texts("auth_type_set"),
            disaster_recovery_url: fields.text("disaster_recovery_url"),
            disaster_recovery_method: fields.text("disaster_recovery_method"),
            recording: fields.object("recording").and_then(Recording::read),
            date_created: fields.time("date_created"),
        })
    }
}

impl Recording {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let mode = fields.text("mode").as_deref().map(RecordingMode::from);
        Some(Self { mode, trim: fields.text("trim") })
    }
}

impl Client {
    /// The account's trunks; at most 100.
    pub fn trunks(&self) -> Pages<Trunk> {
        let path = self.paged().after("/v1/Trunks".to_owned());
        Pages::new(self, Request::get("listing trunks", Api::Trunking, path), "trunks", Trunk::read)
    }

    /// The trunk of that sid (`TK…`), or nothing if the account has none such.
    pub async fn trunk(&self, trunk_sid: &str) -> Result<Option<Trunk>> {
        const CALL: &str = "reading a trunk";
        self.find(&Request::get(CALL, Api::Trunking, path(CALL, trunk_sid, "")?), Trunk::read).await
    }

    /// Makes a trunk. Not idempotent: after an error whose outcome is unknown, look through [`Client::trunks`] for
    /// the name or the domain, and take what is there.
    pub async fn create_trunk(&self, settings: &TrunkSettings) -> Result<Trunk> {
        let path = "/v1/Trunks".to_owned();
        let request = Request::create("making a trunk", Api::Trunking, path, settings.0.clone());
        self.ask(&request, Trunk::read).await
    }

    /// Changes a trunk, and gives what became of it. Safe to repeat.
    pub async fn update_trunk(&self, trunk_sid: &str, settings: &TrunkSettings) -> Result<Trunk> {
        const CALL: &str = "changing a trunk";
        let path = path(CALL, trunk_sid, "")?;
        self.ask(&Request::update(CALL, Api::Trunking, path, settings.0.clone()), Trunk::read).await
    }

    /// Takes a trunk away. Its numbers are detached, and stay the account's. False if the account has none such, any
    /// more or at all.
    pub async fn delete_trunk(&self, trunk_sid: &str) -> Result<bool> {
        const CALL: &str = "deleting a trunk";
        self.delete(&Request::delete(CALL, Api::Trunking, path(CALL, trunk_sid, "")?)).await
    }

    /// What a trunk records, or nothing if the account has none such.
    pub async fn recording(&self, trunk_sid: &str) -> Result<Option<Recording>> {
        const CALL: &str = "reading what a trunk records";
        let path = path(CALL, trunk_sid, "/Recording")?;
        self.find(&Request::get(CALL, Api::Trunking, path), Recording::read).await
    }

    /// Has a trunk record this of its calls from now on, and gives what became of it. Safe to repeat.
    pub async fn set_recording(&self, trunk_sid: &str, mode: &RecordingMode) -> Result<Recording> {
        const CALL: &str = "changing what a trunk records";
        let path = path(CALL, trunk_sid, "/Recording")?;
        let form = Form::default().with("Mode", mode.as_str());
        self.ask(&Request::update(CALL, Api::Trunking, path, form), Recording::read).await
    }
}

/// The path of a trunk and what is below it.
pub(crate) fn path(call: &'static str, trunk_sid: &str, rest: &str) -> Result<String> {
    Ok(format!("/v1/Trunks/{}{rest}", sid(call, "TK", trunk_sid)?))
}
