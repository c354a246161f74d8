//! What Twilio's debugger noted, such as 32010 (no origination URI) and 32011 (the other side does not answer).

use crate::fields::{self, Fields};
use crate::hosts::Api;
use crate::request::Request;
use crate::{Client, Pages};

/// An entry of Twilio's debugger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alert {
    /// `NO…`.
    pub sid: String,
    /// What happened, as one of Twilio's codes.
    pub error_code: Option<u32>,
    /// `error`, `warning`, `notice` or `debug`.
    pub log_level: Option<String>,
    /// What happened, in Twilio's words; often a query string.
    pub alert_text: Option<String>,
    /// When it happened, in microseconds since the Unix epoch.
    pub date_generated: Option<i64>,
    /// The call, number… that it is about.
    pub resource_sid: Option<String>,
    /// The URL that Twilio was asking, or that was asked of Twilio.
    pub request_url: Option<String>,
    /// The page about the code.
    pub more_info: Option<String>,
}

/// Which alerts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AlertFilter {
    /// Those of this level.
    pub log_level: Option<String>,
    /// Those from this moment on, in microseconds since the Unix epoch. Twilio may round it down, to its day at most.
    pub since: Option<i64>,
    /// Those up to this moment, in the same way.
    pub until: Option<i64>,
}

impl Alert {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            sid: fields.text("sid")?,
            error_code: fields.count("error_code"),
            log_level: fields.text("log_level"),
            alert_text: fields.text("alert_text"),
            date_generated: fields.time("date_generated"),
            resource_sid: fields.text("resource_sid"),
            request_url: fields.text("request_url"),
            more_info: fields.text("more_info"),
        })
    }
}

impl Client {
    /// The debugger's alerts, the newest first.
    pub fn alerts(&self, filter: &AlertFilter) -> Pages<Alert> {
        let query = self
            .paged()
            .with_some("LogLevel", filter.log_level.as_ref())
            .with_some("StartDate", filter.since.and_then(fields::as_asked))
            .with_some("EndDate", filter.until.and_then(fields::as_asked));
        let request = Request::get("listing alerts", Api::Monitor, query.after("/v1/Alerts".to_owned()));
        Pages::new(self, request, "alerts", Alert::read)
    }
}
