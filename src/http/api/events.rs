//! The live stream (server-sent events, WHATWG HTML §9.2): changes of the tenant as they are committed.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::app::App;
use crate::auth::{self, Role};
use crate::db::changes::{Kind, Position};
use crate::http::problem::Problem;
use crate::ids::TenantId;
use crate::live::{Item, Refused, Subscription};

use super::access::Who;
use super::body::Params;
use super::route::Route;

/// A comment is sent after this long without an event, so that nobody in between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The credential is looked at again this often: one that was revoked is told nothing more within a second.
const CHECK_EVERY: Duration = Duration::from_millis(700);
/// Who was cut off comes again after this long.
const RETRY: Duration = Duration::from_secs(2);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

const EXAMPLE: &str = "\
retry: 2000

id: 0-42
event: call
data: {\"position\":\"0-42\",\"kind\":\"call\",\"id\":\"call_0199c9a41c0a7d3e8f00112233445505\",\"revision\":1,\
\"events\":[\"call.ringing\"],\"data\":{\"id\":\"call_0199c9a41c0a7d3e8f00112233445505\",\"status\":\"ringing\"}}

: still here

event: dropped
data: {\"reason\":\"too_slow\",\"detail\":\"events came faster than they were read; connect again with the last id to go on\"}
";

const ABOUT: &str = "\
Each event has the `id` of its place in the stream; its name is what changed (`call`, `lead`, `task`, `trunk`; for owners \
also `webhook_endpoint`) and its data is that thing as the API shows it now, with the revision of this change and what it \
means (`events`, the words of webhooks). Give the last id as `Last-Event-ID` to go on where you were: nothing is \
missed and nothing comes twice, on whichever replica you land. `reset` says that what you missed is no longer there to \
be told: read anew. `dropped` is the last event, with a reason: `too_slow`, `stopping`, `failed`, or `unauthenticated` \
when the token ran out or the key was revoked. A comment comes every 15 s.";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/events", listen)
            .named("streamEvents", "events", "Follow what changes, live")
            .says(ABOUT)
            .needs(Role::Viewer)
            .query::<ListenParams>()
            .text("text/event-stream", EXAMPLE, "The stream; it does not end by itself."),
    ]
}

/// What to listen to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListenParams {
    /// Only of this tenant; the platform's own people hear everything otherwise.
    tenant_id: Option<TenantId>,
    /// As the header `Last-Event-ID`, for whoever cannot set it.
    #[schemars(length(max = 64))]
    last_event_id: Option<String>,
}

async fn listen(
    State(app): State<App>,
    who: Who,
    headers: HeaderMap,
    Params(params): Params<ListenParams>,
) -> Result<Response, Problem> {
    let tenant = who.narrowed_to(params.tenant_id)?;
    let header = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let after = position(header.or(params.last_event_id).as_deref())?;
    let subscription = app.live().subscribe(tenant, after).await.map_err(|refused| match refused {
        Refused::Full => Problem::Busy { retry_after: Duration::from_secs(30) },
        Refused::Database(error) => error.into(),
    })?;
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bearer = bearer.split_once(' ').map_or("", |(_, token)| token.trim()).to_owned();
    let listener = Listener {
        app,
        bearer,
        role: who.role,
        subscription,
        check_at: Instant::now() + CHECK_EVERY,
        over: false,
    };
    // The id of where it begins: who hears nothing for a while can come again with that.
    let begin = Event::default().id(listener.subscription.position().to_string()).retry(RETRY);
    let begin = begin.comment("listening");
    let events = stream::unfold((Some(begin), listener), |(begin, mut listener)| async move {
        let event = match begin {
            Some(begin) => Some(begin),
            None => listener.next().await,
        };
        event.map(|event| (Ok::<_, Infallible>(event), (None, listener)))
    });
    let beat = KeepAlive::new().interval(HEARTBEAT).text("still here");
    let headers = [(CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((StatusCode::OK, headers, Sse::new(events).keep_alive(beat)).into_response())
}

fn position(given: Option<&str>) -> Result<Option<Position>, Problem> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(None) };
    let wrong = || {
        Problem::invalid_header(
            "Last-Event-ID",
            "is not the id of an event: give the last one that came, as it is",
        )
    };
    given.parse().map(Some).map_err(|_| wrong())
}

struct Listener {
    app: App,
    bearer: String,
    /// Endpoints are their owners' business.
    role: Role,
    subscription: Subscription,
    check_at: Instant,
    over: bool,
}

impl Listener {
    /// The next event; none after the last.
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        loop {
            // Looked at first also while events come without a pause.
            if Instant::now() >= self.check_at {
                if !self.is_still_let_in().await {
                    let detail = "the token ran out or the key was revoked; sign in and connect again with the last id";
                    return Some(self.last("unauthenticated", detail));
                }
                self.check_at = Instant::now() + CHECK_EVERY;
            }
            tokio::select! {
                item = self.subscription.next() => match item {
                    Some(Item::Event(event)) if event.kind == Kind::WebhookEndpoint && self.role < Role::Owner => {}
                    item => return item.map(|item| self.told(item)),
                },
                () = tokio::time::sleep_until(self.check_at) => {}
            }
        }
    }

    fn told(&mut self, item: Item) -> Event {
        match item {
            Item::Event(event) => {
                Event::default().id(event.position.to_string()).event(event.kind.as_str()).data(event.json())
            }
            Item::Reset => {
                let detail = "what you missed is no longer there to be told: read anew what you keep";
                Event::default().event("reset").data(json!({ "detail": detail }).to_string())
            }
            Item::Dropped(reason) => self.last(reason.as_str(), reason.describe()),
        }
    }

    fn last(&mut self, reason: &str, detail: &str) -> Event {
        self.over = true;
        Event::default().event("dropped").data(json!({ "reason": reason, "detail": detail }).to_string())
    }

    /// While the database does not answer nobody is put out.
    async fn is_still_let_in(&self) -> bool {
        !matches!(auth::authenticate(&self.app, &self.bearer).await, Ok(None))
    }
}
