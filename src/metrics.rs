//! stub
use std::time::Duration;
use crate::db;
#[derive(Clone)] pub struct Metrics;
pub fn router(_m: Metrics) -> axum::Router { axum::Router::new() }
impl Metrics {
 pub fn new() -> Metrics { Metrics }
 pub fn database_observer(&self) -> db::Observer { db::Observer::default() }
 pub fn answered(&self, _d: Duration) {}
 pub fn call_ended(&self, _s: &str, _r: &str) {}
 pub fn jobs(&self, _a: i64, _b: i64) {}
 pub fn dispatched(&self, _o: &str, _d: Duration) {}
 pub fn reconciled(&self, _f: &str) {}
 pub fn busy(&self) {}
 pub fn in_flight(&self) -> u8 { 0 }
 pub fn asked(&self, _d: Duration) {}
 pub fn webhook(&self, _e: &str, _o: &str) {}
}
