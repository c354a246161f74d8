//! Who was found to ask a moment ago. Clients ask many times a second, and who they are need not be looked up each time.
//!
//! What this process changes shows at once ([`crate::db::Db::access_version`]); what another one does, within
//! [`GOOD_FOR`]: half of the second in which a revoked key has to be refused by every replica.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

use super::Principal;

/// How long it is relied upon.
const GOOD_FOR: Duration = Duration::from_millis(500);
/// How many are kept; beyond it those of the last half second go too.
const AT_MOST: usize = 10_000;

/// What somebody shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A key, by its hash.
    Key(String),
    /// A sign-in, by a token that was found to be ours and good.
    Session(SessionId, UserId),
}

/// Who showed what, lately.
#[derive(Default)]
pub struct Known(Mutex<HashMap<Credential, Found>>);

struct Found {
    principal: Principal,
    version: u64,
    at: Timestamp,
    // The clock may be set; this one runs on.
    kept: Instant,
}

impl Found {
    fn is_good(&self, version: u64, now: Timestamp) -> bool {
        self.version == version
            && self.kept.elapsed() < GOOD_FOR
            && self.at <= now
            && now < self.at.saturating_add(GOOD_FOR)
            && self.principal.expires_at.is_none_or(|until| until > now)
    }
}

impl Known {
    /// Whom this belongs to, if that was found out a moment ago and nothing has changed since.
    pub fn get(&self, credential: &Credential, version: u64, now: Timestamp) -> Option<Principal> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(credential).filter(|found| found.is_good(version, now)).map(|found| found.principal.clone())
    }

    /// Keeps what was found out after `version` was seen.
    pub fn keep(&self, credential: Credential, principal: Principal, version: u64, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= AT_MOST {
            all.retain(|_, found| found.is_good(version, now));
        }
        if all.len() >= AT_MOST {
            all.clear();
        }
        all.insert(credential, Found { principal, version, at: now, kept: Instant::now() });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PrincipalKind, Role};
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_760_011_200);

    fn principal(expires_at: Option<Timestamp>) -> Principal {
        Principal {
            kind: PrincipalKind::Key,
            id: "key_1".into(),
            name: "a key".into(),
            role: Role::Viewer,
            tenant: None,
            session: None,
            used_at: None,
            expires_at,
        }
    }

    fn key(n: usize) -> Credential {
        Credential::Key(n.to_string())
    }

    fn later(millis: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_millis(millis))
    }

    #[test]
    fn what_was_found_is_good_for_a_moment_while_nothing_changes() {
        let known = Known::default();
        known.keep(key(1), principal(None), 7, NOW);
        assert_eq!(known.get(&key(1), 7, later(499)), Some(principal(None)));
        for (why, credential, version, now) in [
            ("another one's", key(2), 7, NOW),
            ("something has changed", key(1), 8, NOW),
            ("it is too long ago", key(1), 7, later(500)),
            ("the clock was set back", key(1), 7, NOW.saturating_sub(Duration::from_secs(1))),
        ] {
            assert_eq!(known.get(&credential, version, now), None, "{why}");
        }
    }

    #[test]
    fn a_key_that_runs_out_meanwhile_is_not_known() {
        let known = Known::default();
        known.keep(key(1), principal(Some(later(100))), 7, NOW);
        assert!(known.get(&key(1), 7, later(99)).is_some());
        assert_eq!(known.get(&key(1), 7, later(100)), None);
    }

    #[test]
    fn no_more_are_kept_than_so_many() {
        let known = Known::default();
        for n in 0..=AT_MOST {
            known.keep(key(n), principal(None), 7, NOW);
        }
        assert!(known.0.lock().unwrap().len() <= AT_MOST);
        assert!(known.get(&key(AT_MOST), 7, NOW).is_some(), "the newest is there");
    }
}
