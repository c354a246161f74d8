//! How much is let in: requests under way at once, and bytes of a body.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::app::App;

use super::problem::Problem;

/// A sender that takes longer than this for its body is not waited for.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// The requests under way.
#[derive(Clone)]
pub struct InFlight {
    app: App,
    places: Arc<Semaphore>,
}

impl InFlight {
    /// As many places as the configuration says.
    pub fn new(app: &App) -> InFlight {
        InFlight { app: app.clone(), places: Arc::new(Semaphore::new(app.doors.max_in_flight)) }
    }
}

/// Answers 503 at once when every place is taken: whoever asks may ask again, and no queue grows.
pub async fn refuse_when_full(State(requests): State<InFlight>, request: Request, next: Next) -> Response {
    let Ok(_place) = requests.places.try_acquire() else {
        requests.app.metrics.busy("webhooks");
        return Problem::busy().into_response();
    };
    let _counted = requests.app.metrics.in_flight();
    next.run(request).await
}

/// The whole body, up to `most` bytes.
pub async fn body(body: Body, most: usize) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(body, most)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(Problem::TooLarge(most)),
        Ok(Err(_)) => Err(Problem::BadRequest("the body broke off".into())),
        Err(_) => Err(Problem::BadRequest("the body did not come within 10 s".into())),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        source = error.source();
    }
    false
}
