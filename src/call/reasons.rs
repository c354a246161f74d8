//! The closed table of how a call can end.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Where a call stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The caller hears ringback.
    Ringing,
    /// Somebody answered.
    InProgress,
    /// Answered and over.
    Completed,
    /// Nobody answered.
    Missed,
    /// We refused it.
    Rejected,
    /// It broke.
    Failed,
}

impl Status {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Ringing => "ringing",
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
            Status::Missed => "missed",
            Status::Rejected => "rejected",
            Status::Failed => "failed",
        }
    }

    /// Every status, in the order of a call's life.
    pub const ALL: [Status; 6] = [
        Status::Ringing,
        Status::InProgress,
        Status::Completed,
        Status::Missed,
        Status::Rejected,
        Status::Failed,
    ];

    /// The status with this word.
    pub fn parse(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// Who ended a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The person who rang.
    Caller,
    /// The agent who answered.
    Agent,
    /// A person who watches over calls, or a program of theirs.
    Operator,
    /// Switchboard.
    Us,
    /// The carrier, LiveKit, or the network.
    Platform,
}

impl EndedBy {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            EndedBy::Caller => "caller",
            EndedBy::Agent => "agent",
            EndedBy::Operator => "operator",
            EndedBy::Us => "us",
            EndedBy::Platform => "platform",
        }
    }

    /// Everybody who can.
    pub const ALL: [EndedBy; 5] =
        [EndedBy::Caller, EndedBy::Agent, EndedBy::Operator, EndedBy::Us, EndedBy::Platform];

    /// The one with this word.
    pub fn parse(word: &str) -> Option<EndedBy> {
        EndedBy::ALL.into_iter().find(|by| by.as_str() == word)
    }
}

macro_rules! end_reasons {
    ($($variant:ident $word:literal $status:ident $by:ident $sip:expr, $text:literal;)+) => {
        /// Why a call ended. The table in the source is the only place that knows what each one means.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EndReason {
            $(#[doc = $text] $variant,)+
        }

        impl EndReason {
            /// Every reason, in the table's order.
            pub const ALL: &'static [EndReason] = &[$(EndReason::$variant),+];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(EndReason::$variant => $word,)+ }
            }

            /// The status a call with this reason has.
            pub const fn status(self) -> Status {
                match self { $(EndReason::$variant => Status::$status,)+ }
            }

            /// Who ended it.
            pub const fn ended_by(self) -> EndedBy {
                match self { $(EndReason::$variant => EndedBy::$by,)+ }
            }

            /// The SIP status an asker is told (RFC 3261 §21), where the call was refused.
            pub const fn sip_status(self) -> Option<u16> {
                match self { $(EndReason::$variant => $sip,)+ }
            }

            /// A sentence for a person.
            pub const fn describe(self) -> &'static str {
                match self { $(EndReason::$variant => $text,)+ }
            }
        }
    };
}

end_reasons! {
    CallerHungUp "caller_hung_up" Completed Caller None, "the caller hung up";
    AgentHungUp "agent_hung_up" Completed Agent None, "the agent ended the call";
    Transferred "transferred" Completed Agent None, "the caller was transferred";
    OperatorHungUp "operator_hung_up" Completed Operator None, "an operator ended the call";
    Ended "ended" Completed Platform None, "the call ended; nobody said who ended it";
    CallerGaveUp "caller_gave_up" Missed Caller None, "the caller hung up before anybody answered";
    OperatorCancelled "operator_cancelled" Missed Operator None, "an operator ended the call before anybody answered";
    AgentNeverJoined "agent_never_joined" Missed Us None, "no agent answered in time";
    RingTimeout "ring_timeout" Missed Platform None, "the platform ended the ringing";
    NeverReachedUs "never_reached_us" Missed Platform None, "it rang at the carrier and never reached us";
    UnknownNumber "unknown_number" Rejected Us Some(404), "nobody has the number that was dialled";
    NumberInactive "number_inactive" Rejected Us Some(404), "the number that was dialled is switched off";
    UnknownTrunk "unknown_trunk" Rejected Us Some(403), "the call came over a trunk that is not ours";
    TenantInactive "tenant_inactive" Rejected Us Some(480), "the tenant is switched off";
    CampaignPaused "campaign_paused" Rejected Us Some(480), "the campaign is paused";
    CampaignFull "campaign_full" Rejected Us Some(486), "the campaign has all the calls it takes at once";
    TenantFull "tenant_full" Rejected Us Some(486), "the tenant has all the calls it takes at once";
    AgentLost "agent_lost" Failed Platform None, "the agent was lost and could not be replaced";
    PlatformError "platform_error" Failed Platform None, "the platform dropped the call";
    Reconciled "reconciled" Failed Platform None, "its room was gone and nobody had said so";
    NeverEnded "never_ended" Failed Platform None, "nobody ever said that it ended";
}

impl EndReason {
    /// The reason with this word.
    pub fn parse(word: &str) -> Option<EndReason> {
        EndReason::ALL.iter().copied().find(|reason| reason.as_str() == word)
    }
}

/// A word that the table does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown word {0}")]
pub struct UnknownWord(String);

macro_rules! words {
    ($($type:ident $all:expr, $says:expr;)+) => {$(
        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<$type, UnknownWord> {
                $type::parse(word).ok_or_else(|| UnknownWord(word.to_owned()))
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let words: Vec<_> = $all.iter().map(|one| one.as_str()).collect();
                json_schema!({"type": "string", "enum": words, "description": $says})
            }
        }
    )+};
}

words! {
    Status Status::ALL, "Where a call stands.";
    EndedBy EndedBy::ALL, "Who ended a call.";
    EndReason EndReason::ALL, described();
}

/// Every reason with its sentence.
fn described() -> String {
    let one = |reason: &EndReason| format!("`{}`: {}", reason.as_str(), reason.describe());
    let all: Vec<_> = EndReason::ALL.iter().map(one).collect();
    format!("Why a call ended. {}.", all.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_word_and_says_the_same_in_json() {
        for reason in EndReason::ALL {
            assert_eq!(EndReason::parse(reason.as_str()), Some(*reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(EndedBy::parse(reason.ended_by().as_str()), Some(reason.ended_by()));
        }
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    #[test]
    fn only_refusals_have_a_sip_status() {
        for reason in EndReason::ALL {
            assert_eq!(reason.sip_status().is_some(), reason.status() == Status::Rejected, "{reason:?}");
        }
    }
}
