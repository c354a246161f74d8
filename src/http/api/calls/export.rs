//! All calls that fit, as a file.

use axum::extract::State;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::call::notes::Sentiment;
use crate::call::{EndReason, EndedBy};
use crate::db::calls::{self, Place};
use crate::http::problem::Problem;
use crate::views::CallView;

use super::super::access::Who;
use super::super::body::Params;
use super::super::export::{self, Exported, Format, Line};
use super::filter::Filters;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExportParams {
    #[serde(flatten)]
    filters: Filters,
    /// `csv` or `jsonl`.
    #[serde(default)]
    format: Format,
}

pub(super) async fn file(
    State(app): State<App>,
    who: Who,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    let filter = params.filters.resolve(&app, &who)?;
    export::export(&app, "calls", params.format, move |tx, after, rows| calls::list(tx, &filter, after, rows))
        .await
}

impl Exported for CallView {
    type Key = Place;
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "callSid",
        "roomName",
        "phoneNumber",
        "toNumber",
        "leadId",
        "campaignId",
        "tenantId",
        "numberId",
        "agentName",
        "status",
        "endReason",
        "endedBy",
        "duration",
        "rangAt",
        "answeredAt",
        "endedAt",
        "note",
        "tags",
        "outcome",
        "analysis.transcriptUrl",
        "analysis.recordingUrl",
        "analysis.summary",
        "analysis.sentiment",
        "analysis.successful",
        "analysis.data",
        "erasedAt",
        "revision",
        "createdAt",
        "updatedAt",
        "metadata.trunk_id",
        "carrier.callSid",
        "carrier.status",
        "carrier.duration",
        "carrier.price",
        "carrier.priceUnit",
    ];

    fn key(&self) -> Place {
        (self.rang_at, self.id.clone())
    }

    fn cells(&self, line: &mut Line<'_>) {
        line.cell(&self.id);
        line.free(self.call_sid.as_deref());
        line.free(self.room_name.as_deref());
        line.free(Some(&self.phone_number));
        line.free(Some(&self.to_number));
        line.maybe(self.lead_id.as_ref());
        line.maybe(self.campaign_id.as_ref());
        line.maybe(self.tenant_id.as_ref());
        line.maybe(self.number_id.as_ref());
        line.free(self.agent_name.as_deref());
        line.cell(self.status.as_str());
        line.maybe(self.end_reason.map(EndReason::as_str));
        line.maybe(self.ended_by.map(EndedBy::as_str));
        line.maybe(self.duration);
        line.cell(self.rang_at);
        line.maybe(self.answered_at);
        line.maybe(self.ended_at);
        line.free(self.note.as_deref());
        line.free(Some(&self.tags.join(", ")));
        line.free(self.outcome.as_deref());
        let found = self.analysis.as_ref();
        line.free(found.and_then(|found| found.transcript_url.as_deref()));
        line.free(found.and_then(|found| found.recording_url.as_deref()));
        line.free(found.and_then(|found| found.summary.as_deref()));
        line.maybe(found.and_then(|found| found.sentiment).map(Sentiment::as_str));
        line.maybe(found.and_then(|found| found.successful));
        line.maybe(found.and_then(|found| found.data.clone()).map(serde_json::Value::Object));
        line.maybe(self.erased_at);
        line.cell(self.revision);
        line.cell(self.created_at);
        line.cell(self.updated_at);
        line.free(self.metadata.trunk_id.as_deref());
        let carrier = self.carrier.as_ref();
        line.free(carrier.map(|carrier| carrier.call_sid.as_str()));
        line.free(carrier.map(|carrier| carrier.status.as_str()));
        line.maybe(carrier.and_then(|carrier| carrier.duration));
        line.maybe(carrier.and_then(|carrier| carrier.price.as_deref()).filter(|price| is_decimal(price)));
        line.free(carrier.and_then(|carrier| carrier.price_unit.as_deref()));
    }
}

/// A price is a number to a spreadsheet, though it begins with a minus.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The example of the API document.
pub(super) fn example(format: Format) -> String {
    use super::super::example::Example as _;
    export::written(format, &[CallView::example()])
}
