//! All leads that fit, as a file.

use axum::extract::State;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::auth::Role;
use crate::db::leads::{self, Lead};
use crate::http::api::access::Who;
use crate::http::api::body::Params;
use crate::http::api::example::Example as _;
use crate::http::api::export::{self, CSV, Exported, Format, JSONL, Line};
use crate::http::api::route::Route;
use crate::http::problem::Problem;
use crate::ids::LeadId;

use super::Filters;

pub(super) fn routes() -> Vec<Route> {
    let example = |format| export::written(format, &[Lead::example()]);
    vec![
        Route::get("/api/v1/leads/export", file)
            .named("exportLeads", "leads", "Export leads as a file")
            .says("The same leads as the list, streamed, however many there are. A body that breaks off is not the whole.")
            .needs(Role::Viewer)
            .query::<ExportParams>()
            .text(CSV, &example(Format::Csv), "The leads.")
            .text(JSONL, &example(Format::Jsonl), "The leads."),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ExportParams {
    #[serde(flatten)]
    filters: Filters,
    /// `csv` or `jsonl`.
    #[serde(default)]
    format: Format,
}

async fn file(
    State(app): State<App>,
    who: Who,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    let filter = params.filters.resolve(&app, &who)?;
    export::export(&app, "leads", params.format, move |tx, after, rows| leads::page(tx, &filter, after, rows))
        .await
}

impl Exported for Lead {
    type Key = LeadId;
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "tenantId",
        "campaignId",
        "phoneNumber",
        "name",
        "status",
        "attempts",
        "lastCallAt",
        "lastCallId",
        "metadata",
        "revision",
        "createdAt",
        "updatedAt",
    ];

    fn key(&self) -> LeadId {
        self.id.clone()
    }

    fn cells(&self, line: &mut Line<'_>) {
        line.cell(&self.id);
        line.cell(&self.tenant_id);
        line.maybe(self.campaign_id.as_ref());
        line.free(Some(&self.phone_number));
        line.free(Some(&self.name));
        line.free(Some(&self.status));
        line.cell(self.attempts);
        line.cell(self.last_call_at);
        line.cell(&self.last_call_id);
        line.cell(serde_json::Value::Object(self.metadata.clone()));
        line.cell(self.revision);
        line.cell(self.created_at);
        line.cell(self.updated_at);
    }
}
