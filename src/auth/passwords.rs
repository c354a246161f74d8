//! Passwords: argon2id, a few at once, away from the async threads. Whoever finds too many waiting is told to come
//! again, so that a flood of sign-ins costs a known amount of memory and time.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::Rng as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Metrics;

/// What OWASP's Password Storage Cheat Sheet asks of argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// More than so many that wait for their turn are turned away.
pub const WAITING: usize = 16;
/// Characters of a password.
const SHORTEST: usize = 12;
/// Characters of a password.
pub const LONGEST: usize = 256;

/// A password in the clear. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "password"))]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl From<String> for Password {
    fn from(text: String) -> Password {
        Password(text)
    }
}

impl Password {
    /// A new one: 20 characters that are not easily taken for one another, 99 bits.
    pub fn generate() -> Password {
        const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
        let mut random = rand::rng();
        let mut text = String::with_capacity(23);
        for n in 0..20 {
            if n > 0 && n % 5 == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[random.random_range(0..ALPHABET.len())]));
        }
        Password(text)
    }

    /// It, to be shown to whom it is for.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it may be the password of this account. Length is what counts; which characters is nobody's business.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, email: &str) -> Result<(), String> {
        let length = self.0.chars().count();
        if !(SHORTEST..=LONGEST).contains(&length) {
            return Err(format!("must be {SHORTEST} to {LONGEST} characters"));
        }
        if super::email::folded(&self.0) == super::email::folded(email) {
            return Err("must not be the e-mail address".to_owned());
        }
        Ok(())
    }
}

/// Hashes passwords, and counts it. Clones are the same one.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    /// A permit for each that runs or waits.
    queue: Arc<Semaphore>,
    /// A permit for each that runs.
    places: Arc<Semaphore>,
    metrics: Metrics,
    done: AtomicU64,
    running: AtomicU64,
    most: AtomicU64,
}

/// What was counted.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Hashings that have ended, checks included.
    pub done: u64,
    /// Hashings that run.
    pub running: u64,
    /// The most that ever ran at once.
    pub most: u64,
}

/// Too many wait already.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be checked")]
pub struct Busy;

/// A place in the queue, kept until this is dropped.
pub struct Turn {
    passwords: Passwords,
    _queued: OwnedSemaphorePermit,
}

impl Passwords {
    /// So many at once.
    pub fn new(at_once: usize, metrics: &Metrics) -> Passwords {
        let at_once = at_once.max(1);
        Passwords(Arc::new(Inner {
            queue: Arc::new(Semaphore::new(at_once + WAITING)),
            places: Arc::new(Semaphore::new(at_once)),
            metrics: metrics.clone(),
            done: AtomicU64::new(0),
            running: AtomicU64::new(0),
            most: AtomicU64::new(0),
        }))
    }

    /// A place in the queue.
    ///
    /// # Errors
    /// When it is full.
    pub fn turn(&self) -> Result<Turn, Busy> {
        let queued = self.0.queue.clone().try_acquire_owned().map_err(|_| Busy)?;
        Ok(Turn { passwords: self.clone(), _queued: queued })
    }

    /// What was counted until now.
    pub fn seen(&self) -> Seen {
        let read = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        Seen { done: read(&self.0.done), running: read(&self.0.running), most: read(&self.0.most) }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
        let place = self.0.places.clone().acquire_owned().await?;
        let inner = self.0.clone();
        // The place goes with the work: whoever asked may go away, the core is taken until it is done.
        let worked = tokio::task::spawn_blocking(move || {
            let _place = place;
            let running = inner.running.fetch_add(1, Ordering::AcqRel) + 1;
            inner.most.fetch_max(running, Ordering::AcqRel);
            let began = std::time::Instant::now();
            let done = work();
            inner.metrics.hashed(began.elapsed());
            inner.running.fetch_sub(1, Ordering::AcqRel);
            inner.done.fetch_add(1, Ordering::AcqRel);
            done
        });
        Ok(worked.await?)
    }
}

impl Turn {
    /// The hash of a password, with a salt of its own, as a PHC string.
    ///
    /// # Errors
    /// None that can happen with these parameters, short of a lack of memory.
    pub async fn hash(&self, password: &Password) -> anyhow::Result<String> {
        let password = password.clone();
        self.passwords.run(move || hash(&password)).await?
    }

    /// Whether this is the password with that hash. Without a hash the answer is no, after the same work.
    ///
    /// # Errors
    /// None that can happen, short of a lack of memory.
    pub async fn is_right(&self, hash: Option<String>, password: &Password) -> anyhow::Result<bool> {
        let password = password.clone();
        self.passwords.run(move || is_right(hash.as_deref(), &password)).await
    }
}

/// Whether a hash is not made as hashes are made now.
pub fn is_outdated(hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return true };
    let made_with = Params::try_from(&hash).map(|p| (p.m_cost(), p.t_cost(), p.p_cost()));
    hash.algorithm != ARGON2ID_IDENT
        || hash.version != Some(Version::V0x13.into())
        || made_with != Ok((MEMORY_KIB, PASSES, LANES))
}

fn argon2() -> argon2::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &Password) -> anyhow::Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    Ok(argon2()?.hash_password(password.0.as_bytes(), &salt)?.to_string())
}

fn is_right(hash: Option<&str>, password: &Password) -> bool {
    let is_given = hash.is_some();
    match verified(hash.unwrap_or(nobodys()), password) {
        Ok(is_right) => is_right && is_given,
        Err(error) => {
            tracing::error!(%error, "a kept password hash cannot be used; give its account a new password");
            false
        }
    }
}

fn verified(hash: &str, password: &Password) -> anyhow::Result<bool> {
    let hash = PasswordHash::new(hash)?;
    Ok(argon2()?.verify_password(password.0.as_bytes(), &hash).is_ok())
}

/// The hash of no password that anybody has, made with the same parameters as all: what is checked where there is
/// no account, so that it takes as long as where there is one.
fn nobodys() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let salt = STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>());
        let hash = STANDARD_NO_PAD.encode(rand::random::<[u8; 32]>());
        format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::from(text.to_owned())
    }

    #[test]
    fn a_password_is_known_again_by_its_hash() {
        let (one, other) = (password("correct horse battery"), password("correct horse batterz"));
        let hashed = hash(&one).unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(is_right(Some(&hashed), &one));
        assert!(
            !is_right(Some(&hashed), &other) && !is_right(None, &one) && !is_right(Some("nonsense"), &one)
        );
        assert_ne!(hashed, hash(&one).unwrap(), "each has a salt of its own");
    }

    #[test]
    fn where_there_is_no_account_the_same_work_is_done() {
        let parameters = |hash: &str| {
            let hash = PasswordHash::new(hash).unwrap();
            let length = |text: Option<usize>| text.unwrap();
            (
                hash.algorithm.to_string(),
                hash.version,
                hash.params.to_string(),
                length(hash.hash.map(|hash| hash.len())),
                length(hash.salt.map(|salt| salt.as_str().len())),
            )
        };
        assert_eq!(parameters(nobodys()), parameters(&hash(&password("whatever it is")).unwrap()));
        assert!(!is_outdated(nobodys()));
    }

    #[test]
    fn a_hash_made_otherwise_is_outdated() {
        let hashed = hash(&password("correct horse battery")).unwrap();
        assert!(!is_outdated(&hashed));
        for (now, then) in
            [("m=19456", "m=9216"), ("t=2", "t=3"), ("argon2id", "argon2i"), ("v=19", "v=16"), ("$", "x")]
        {
            assert!(is_outdated(&hashed.replacen(now, then, 1)), "{then}");
        }
    }

    #[test]
    fn length_is_what_counts() {
        for good in ["twelve chars", "            ", &"ä".repeat(256), "correct horse battery"] {
            assert_eq!(password(good).check("ada@example.com"), Ok(()), "{good:?}");
        }
        for bad in ["eleven char", "", &"ä".repeat(257), "ada@example.com", " ADA@Example.com "] {
            assert!(password(bad).check("ada@example.com").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn generated_ones_are_good_and_differ_and_none_is_ever_printed() {
        let (one, other) = (Password::generate(), Password::generate());
        assert_ne!(one, other);
        assert_eq!(one.check("ada@example.com"), Ok(()));
        assert_eq!((one.0.len(), one.0.matches('-').count()), (23, 3));
        assert_eq!(format!("{one:?}"), "Password(..)");
    }

    #[tokio::test]
    async fn so_many_run_so_many_wait_and_the_rest_is_turned_away() {
        let passwords = Passwords::new(2, &Metrics::new());
        let turns: Vec<Turn> = (0..2 + WAITING).map(|_| passwords.turn().unwrap()).collect();
        assert!(passwords.turn().is_err());
        let secret = password("correct horse battery");
        let checks = turns.iter().map(|turn| turn.is_right(None, &secret));
        for checked in futures_util::future::join_all(checks).await {
            assert!(!checked.unwrap());
        }
        let all = turns.len() as u64;
        let seen = passwords.seen();
        assert!(seen.done == all && seen.running == 0 && (1..=2).contains(&seen.most), "{seen:?}");
        drop(turns);
        assert!(passwords.turn().is_ok());
    }

    #[tokio::test]
    async fn who_goes_away_leaves_no_place_taken_and_frees_none_that_is() {
        let passwords = Passwords::new(1, &Metrics::new());
        let secret = password("correct horse battery");
        for _ in 0..3 {
            let turn = passwords.turn().unwrap();
            let check = turn.is_right(None, &secret);
            // Polled once, then dropped, as when a client hangs up.
            assert!(futures_util::FutureExt::now_or_never(check).is_none());
        }
        let turn = passwords.turn().unwrap();
        assert!(!turn.is_right(None, &secret).await.unwrap());
        let seen = passwords.seen();
        assert!(seen.most == 1 && seen.done >= 2, "{seen:?}");
    }
}
