//! What an erased thing looks like: the JSON that is kept of calls and of what was told of them. Pure.

use serde_json::{Map, Value, json};

use crate::db::leads::ERASED;
use crate::phone::E164;

use super::needles::Needles;

/// What is left of a webhook that came in.
pub const FACT: &str = r#"{"erased":true}"#;

/// A decision in which a number may have been taken out, such that it can be read: a number or none.
pub fn readable_decision(text: String) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(&text) else { return text };
    for name in ["caller", "called"] {
        if value[name].as_str().is_some_and(|number| E164::exactly(number).is_none()) {
            value[name] = Value::Null;
        }
    }
    value.to_string()
}

/// A caller's own call.
pub fn ring(needles: &Needles, ring: &mut Value) {
    needles.take_from(ring);
    ring["caller"] = json!(ERASED);
    if ring["identity"].is_string() {
        ring["identity"] = json!(ERASED);
    }
}

/// What was told of a caller's own call.
pub fn evidence(needles: &Needles, evidence: &mut Value) {
    needles.take_from(evidence);
    if evidence["identities"].is_array() {
        evidence["identities"] = json!([ERASED]);
    }
}

/// What was decided of a caller's own call.
pub fn decision(needles: &Needles, text: &str) -> String {
    let taken = needles.taken_from_json(text).unwrap_or_else(|| text.to_owned());
    readable_decision(taken)
}

/// What is told of a lead, call or task that is the caller's: without what people wrote of it, too.
pub fn event(needles: &Needles, kind: &str, body: &str) -> String {
    let Ok(mut body) = serde_json::from_str::<Value>(body) else { return FACT.to_owned() };
    needles.take_from(&mut body);
    if let Some(data) = body.get_mut("data").and_then(Value::as_object_mut) {
        let blanks: &[(&str, Value)] = match kind.split('.').next().unwrap_or_default() {
            "lead" => &[("phoneNumber", json!(ERASED)), ("name", json!(ERASED)), ("metadata", json!({}))],
            "call" => &[
                ("phoneNumber", json!(ERASED)),
                ("note", Value::Null),
                ("tags", json!([])),
                ("outcome", Value::Null),
                ("analysis", Value::Null),
            ],
            "task" => &[("title", json!(ERASED))],
            _ => &[],
        };
        blank(data, blanks);
    }
    body.to_string()
}

fn blank(data: &mut Map<String, Value>, blanks: &[(&str, Value)]) {
    for (name, left) in blanks {
        if let Some(value) = data.get_mut(*name) {
            *value = left.clone();
        }
    }
}

/// Whether an answer is about something of this tenant's.
pub fn is_of_tenant(body: &str, tenant: &str) -> bool {
    let body: Option<Value> = serde_json::from_str(body).ok();
    body.is_some_and(|body| body["tenantId"] == tenant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_of_a_caller_is_not_told_any_more() {
        let needles = Needles::of(&[E164::exactly("+14155550123").unwrap()], []).unwrap();
        let told = |kind: &str, data: Value| {
            let body = json!({"type": kind, "timestamp": "2025-10-09T15:30:00Z", "data": data}).to_string();
            serde_json::from_str::<Value>(&event(&needles, kind, &body)).unwrap()["data"].clone()
        };
        let lead = json!({"id": "lead_1", "phoneNumber": "+14155550123", "name": "Ada", "metadata": {"a": 1}, "status": "missed"});
        assert_eq!(
            told("lead.updated", lead),
            json!({"id": "lead_1", "phoneNumber": "erased", "name": "erased", "metadata": {}, "status": "missed"})
        );
        let call = json!({"phoneNumber": "Ada", "note": "x", "tags": ["x"], "analysis": {"summary": "x"}, "metadata": {"call_type": "inbound"}});
        assert_eq!(
            told("call.ended", call),
            json!({"phoneNumber": "erased", "note": null, "tags": [], "analysis": null, "metadata": {"call_type": "inbound"}})
        );
        assert_eq!(told("task.created", json!({"title": "Call Ada"})), json!({"title": "erased"}));
        assert_eq!(event(&needles, "call.ended", "no JSON +14155550123"), FACT);
    }

    #[test]
    fn a_decision_can_be_read_whatever_was_taken_out_of_it() {
        let left =
            readable_decision(json!({"caller": "erased", "called": "+14155550124", "steps": []}).to_string());
        assert_eq!(left, json!({"caller": null, "called": "+14155550124", "steps": []}).to_string());
    }
}
