//! The words for what is told to the outside: in webhooks, in the live stream, and in the outbox where a change
//! says what it means.

/// A call rings and is to be answered.
pub const CALL_RINGING: &str = "call.ringing";
/// A call was answered.
pub const CALL_ANSWERED: &str = "call.answered";
/// A call ended, however; told again when what is known of the end is corrected.
pub const CALL_ENDED: &str = "call.ended";
/// A call ended without anybody having answered it.
pub const CALL_MISSED: &str = "call.missed";
/// A call was refused.
pub const CALL_REJECTED: &str = "call.rejected";
/// Somebody called for the first time.
pub const LEAD_CREATED: &str = "lead.created";
/// A caller's record changed.
pub const LEAD_UPDATED: &str = "lead.updated";
/// There is something to be done about a lead.
pub const TASK_CREATED: &str = "task.created";
/// An endpoint was given up on; told to the tenant's other endpoints.
pub const ENDPOINT_DISABLED: &str = "webhook_endpoint.disabled";
/// Somebody changed by hand what `provision` had set up at Twilio or LiveKit.
pub const TRUNK_DRIFTED: &str = "trunk.drifted";
/// A trunk is as it was set up again.
pub const TRUNK_DRIFT_ENDED: &str = "trunk.drift_ended";
/// Somebody wants to see whether an endpoint works. Nobody can choose it, and everybody gets it who asks.
pub const TEST: &str = "webhook.test";

/// What an endpoint can choose from.
pub const ALL: [&str; 11] = [
    CALL_RINGING,
    CALL_ANSWERED,
    CALL_ENDED,
    CALL_MISSED,
    CALL_REJECTED,
    LEAD_CREATED,
    LEAD_UPDATED,
    TASK_CREATED,
    ENDPOINT_DISABLED,
    TRUNK_DRIFTED,
    TRUNK_DRIFT_ENDED,
];

/// Stands for all of them, those that are yet to come too.
pub const ANY: &str = "*";

/// Whether who chose these wants this one.
pub fn wants(chosen: &[String], event: &str) -> bool {
    chosen.iter().any(|one| one == ANY || one == event)
}
