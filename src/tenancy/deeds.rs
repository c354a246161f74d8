//! What is done to tenants and to what they have, as the audit calls it: `phone_number.archived`.

use crate::db::configuration::Kind;

/// What is done to one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is new.
    Created,
    /// Some of its fields changed.
    Updated,
    /// It is out of use.
    Archived,
    /// It was archived and is in use again.
    Revived,
    /// It went from one tenant to another, and each of them has an entry of its own half.
    Moved,
}

/// What the audit calls the thing.
pub const fn subject(kind: Kind) -> &'static str {
    match kind {
        Kind::Tenant => "tenant",
        Kind::Agent => "agent",
        Kind::Campaign => "campaign",
        Kind::Number => "phone_number",
        Kind::Trunk => "trunk",
    }
}

macro_rules! deeds {
    ($deed:expr, $noun:literal) => {
        match $deed {
            Deed::Created => concat!($noun, ".created"),
            Deed::Updated => concat!($noun, ".updated"),
            Deed::Archived => concat!($noun, ".archived"),
            Deed::Revived => concat!($noun, ".revived"),
            Deed::Moved => concat!($noun, ".moved"),
        }
    };
}

/// What the audit calls what was done.
pub const fn action(kind: Kind, deed: Deed) -> &'static str {
    match kind {
        Kind::Tenant => deeds!(deed, "tenant"),
        Kind::Agent => deeds!(deed, "agent"),
        Kind::Campaign => deeds!(deed, "campaign"),
        Kind::Number => deeds!(deed, "phone_number"),
        Kind::Trunk => deeds!(deed, "trunk"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_begins_with_its_subject() {
        for kind in [Kind::Tenant, Kind::Agent, Kind::Campaign, Kind::Number, Kind::Trunk] {
            for deed in [Deed::Created, Deed::Updated, Deed::Archived, Deed::Revived, Deed::Moved] {
                assert_eq!(action(kind, deed).split_once('.').unwrap().0, subject(kind));
            }
        }
    }
}
