//! Calls, as the carrier's side of the ledger.

use crate::fields::{self, Fields};
use crate::hosts::Api;
use crate::request::{Request, sid};
use crate::{CallStatus, Client, Direction, Pages, Result};

/// A call as Twilio has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// `CA…`.
    pub sid: String,
    /// The leg that this one was placed by.
    pub parent_call_sid: Option<String>,
    /// Who called: a number, a client or a SIP address.
    pub from: Option<String>,
    /// Who was called.
    pub to: Option<String>,
    /// How it stands.
    pub status: Option<CallStatus>,
    /// Which way it went.
    pub direction: Option<Direction>,
    /// When it started, in microseconds since the Unix epoch; nothing if it never did.
    pub start_time: Option<i64>,
    /// When it ended, in microseconds since the Unix epoch.
    pub end_time: Option<i64>,
    /// How long it took, in whole seconds.
    pub duration_s: Option<u32>,
    /// What it cost, as a decimal number; negative, as it is taken from the account. It comes some time after the
    /// end.
    pub price: Option<String>,
    /// The currency of the price, as of ISO 4217.
    pub price_unit: Option<String>,
    /// The trunk it went through.
    pub trunk_sid: Option<String>,
    /// The number of ours that it was to.
    pub phone_number_sid: Option<String>,
    /// What groups calls that belong together.
    pub group_sid: Option<String>,
}

/// Which calls.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallFilter {
    /// Those to this number.
    pub to: Option<String>,
    /// Those from this number.
    pub from: Option<String>,
    /// Those that stand like this.
    pub status: Option<CallStatus>,
    /// Those that started at this moment or later, in microseconds since the Unix epoch. Twilio documents days only
    /// and may round it down to its day: earlier calls are to be passed over by whoever asked.
    pub started_since: Option<i64>,
    /// Those that started at this moment or earlier, in microseconds since the Unix epoch; Twilio may round it down
    /// to its day as well.
    pub started_until: Option<i64>,
}

impl Call {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            sid: fields.text("sid")?,
            parent_call_sid: fields.text("parent_call_sid"),
            from: fields.text("from"),
            to: fields.text("to"),
            status: fields.text("status").as_deref().map(CallStatus::from),
            direction: fields.text("direction").as_deref().map(Direction::from),
            start_time: fields.time("start_time"),
            end_time: fields.time("end_time"),
            duration_s: fields.count("duration"),
            price: fields.text("price"),
            price_unit: fields.text("price_unit"),
            trunk_sid: fields.text("trunk_sid"),
            phone_number_sid: fields.text("phone_number_sid"),
            group_sid: fields.text("group_sid"),
        })
    }
}

impl Client {
    /// Calls, the newest first.
    pub fn calls(&self, filter: &CallFilter) -> Pages<Call> {
        let query = self
            .paged()
            .with_some("To", filter.to.as_ref())
            .with_some("From", filter.from.as_ref())
            .with_some("Status", filter.status.as_ref())
            .with_some("StartTime>", filter.started_since.and_then(fields::as_asked))
            .with_some("StartTime<", filter.started_until.and_then(fields::as_asked));
        let path = query.after(self.of_account("/Calls.json"));
        Pages::new(self, Request::get("listing calls", Api::Core, path), "calls", Call::read)
    }

    /// The call of that sid (`CA…`), or nothing if there is none.
    pub async fn call(&self, call_sid: &str) -> Result<Option<Call>> {
        const CALL: &str = "reading a call";
        let path = self.of_account(&format!("/Calls/{}.json", sid(CALL, "CA", call_sid)?));
        self.find(&Request::get(CALL, Api::Core, path), Call::read).await
    }
}
