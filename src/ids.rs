//! The only source of new ids: a prefix that says what it names, then a UUIDv7 of the injected time,
//! so that ids sort by when they were made. Ids given from outside are kept as they are.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A new id, such as `call_0199c9a41c0a7d3e8f00112233445566`.
///
/// It holds `now` to the microsecond (0.24 µs steps) and 62 random bits.
pub fn new(prefix: &str, now: Timestamp) -> String {
    let mut rest: [u8; 10] = rand::random();
    // RFC 9562, section 6.2, method 3: the 12 bits after the milliseconds hold their fraction.
    let fraction = now.micros().rem_euclid(1_000) * 4_096 / 1_000;
    let [.., high, low] = fraction.to_be_bytes();
    (rest[0], rest[1]) = (high, low);
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid();
    let mut text = [0; uuid::fmt::Simple::LENGTH];
    [prefix, "_", uuid.as_simple().encode_lower(&mut text)].concat()
}

/// What all ids with this prefix that were made before `time` sort before, and all others do not.
pub fn least(prefix: &str, time: Timestamp) -> String {
    let millis = u64::try_from(time.millis()).unwrap_or(0);
    format!("{prefix}_{millis:012x}")
}

macro_rules! id {
    ($(#[doc = $doc:literal] $name:ident = $prefix:literal;)+) => {$(
        #[doc = $doc]
        #[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(String);

        impl $name {
            /// What ids made here begin with, before the `_`.
            pub const PREFIX: &str = $prefix;

            /// A new id, made at `now`.
            pub fn new(now: Timestamp) -> Self {
                $name(new(Self::PREFIX, now))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id as text of its own.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl From<String> for $name {
            fn from(given: String) -> Self {
                $name(given)
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(given: &str) -> Result<Self, Infallible> {
                Ok($name(given.to_owned()))
            }
        }

        impl From<&str> for $name {
            fn from(given: &str) -> Self {
                $name(given.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )+};
}

id! {
    /// Whose data it is.
    TenantId = "tnt";
    /// A campaign of a tenant.
    CampaignId = "cmp";
    /// An agent that answers.
    AgentId = "agt";
    /// A phone number.
    NumberId = "num";
    /// A platform's trunk.
    TrunkId = "trk";
    /// A call, from its first ring to its end.
    CallId = "call";
    /// Somebody who called a campaign.
    LeadId = "lead";
    /// A piece of work that outlives its request.
    JobId = "job";
    /// Somebody who signs in.
    UserId = "usr";
    /// A sign-in and what follows from it.
    SessionId = "ses";
    /// A key of the API.
    ApiKeyId = "key";
    /// An entry of the audit.
    AuditId = "aud";
    /// A note on a lead.
    NoteId = "note";
    /// Something to be done about a lead.
    TaskId = "task";
    /// An erasure.
    ErasureId = "ers";
    /// A tenant's address for webhooks.
    EndpointId = "whe";
    /// Long work that somebody asked for.
    OperationId = "op";
    /// What a webhook tells.
    EventId = "evt";
    /// One event for one endpoint.
    DeliveryId = "dlv";
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_id_says_what_it_names_and_holds_its_time() {
        let now = Timestamp::from_millis(1_760_011_200_123);
        let id = CallId::new(now);
        let uuid: uuid::Uuid = id.strip_prefix("call_").unwrap().parse().unwrap();
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(uuid.get_timestamp().unwrap().to_unix(), (1_760_011_200, 123_000_000));
        assert_ne!(id, CallId::new(now));
    }

    #[test]
    fn ids_sort_by_the_microsecond_they_were_made_in() {
        let mut now = Timestamp::from_millis(1_760_011_200_000);
        let mut last = new("job", now);
        for _ in 0..3_000 {
            now = now.saturating_add(Duration::from_micros(1));
            let next = new("job", now);
            assert!(last < next, "{last} {next}");
            last = next;
        }
    }

    #[test]
    fn ids_made_before_a_time_are_told_from_later_ones() {
        let at = Timestamp::from_millis(1_760_011_200_123);
        let least = least("dlv", at);
        assert!(new("dlv", at.saturating_sub(Duration::from_micros(1))) < least);
        assert!(new("dlv", at) > least && new("dlv", at.saturating_add(Duration::from_secs(1))) > least);
    }

    #[test]
    fn a_given_id_is_kept_and_is_plain_text_on_the_wire() {
        let id: TenantId = serde_json::from_str(r#""acme""#).unwrap();
        assert_eq!(id, "acme");
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""acme""#);
        assert_eq!(format!("{id} {id:?} {id:>6}"), "acme acme   acme");
    }
}
