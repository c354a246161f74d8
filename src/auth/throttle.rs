//! How often a password may be guessed. Strangers share one count for an account, and whoever is at an address where
//! the account was signed in to has another: however much strangers guess, its owner gets in where they did before.
//!
//! An attempt is counted as failed before its password is looked at, and taken back when it was right, so that many at
//! once are no more than one after another. Counts are in the database, shared by all replicas.

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::db::{self, Tx, sign_ins};
use crate::ids::UserId;

use super::tokens::SigningKey;

/// Failures are counted for this long after the first.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);
/// An address stays known for this long after the last sign-in there.
pub const KNOWN: Duration = Duration::from_secs(90 * 24 * 3600);
/// Failures of one address, at accounts that do not know it.
pub const OF_ADDRESS: i64 = 20;
/// Failures at one account, from all addresses together that it does not know.
pub const OF_ACCOUNT: i64 = 30;
/// Failures at one account, from one address that it knows.
pub const OF_PAIR: i64 = 10;

/// What an attempt is counted for: whose account, from where. Hashed, so that the table tells neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    network: String,
    address: String,
    account: String,
    pair: String,
}

impl Marks {
    /// Of an attempt at the account of this address for mail, folded, from this address of the network.
    pub fn new(key: &SigningKey, email: &str, from: Option<IpAddr>) -> Marks {
        let network = key.digest(&format!("network\n{}", network(from)));
        Marks {
            address: key.digest(&format!("address\n{network}")),
            account: account(key, email),
            pair: pair(key, email, &network),
            network,
        }
    }

    /// What is counted, with how much of it is too much. Always in the same order, in which rows are then locked.
    fn counted(&self, is_known: bool) -> [(&str, i64); 2] {
        if is_known {
            // Still counted for the address, whose other accounts must not be guessed for free.
            [(&self.address, i64::MAX), (&self.pair, OF_PAIR)]
        } else {
            [(&self.address, OF_ADDRESS), (&self.account, OF_ACCOUNT)]
        }
    }
}

fn account(key: &SigningKey, email: &str) -> String {
    key.digest(&format!("account\n{email}"))
}

fn pair(key: &SigningKey, email: &str, network: &str) -> String {
    key.digest(&format!("pair\n{network}\n{email}"))
}

/// What is one address here: of IPv6 a household has a /64.
fn network(from: Option<IpAddr>) -> String {
    match from.map(|from| from.to_canonical()) {
        None => "nowhere".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// An attempt that may be made, and is counted as failed until [`Attempt::succeeded`] or [`Attempt::was_none`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    marks: Marks,
    is_known: bool,
}

/// Why an attempt may not be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// There were too many; the next may be made after this long.
    #[error("too many failed sign-ins")]
    TooMany(Duration),
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Begins an attempt at the account of `user`; none where there is no such account, which must make no difference.
/// What it counted before it found that there are too many is undone with the transaction.
///
/// # Errors
/// When there were too many.
pub fn begin(
    tx: &mut Tx<'_>,
    marks: Marks,
    user: Option<&UserId>,
    now: Timestamp,
) -> Result<Attempt, Refused> {
    let is_known = match user {
        Some(user) => sign_ins::is_known(tx, user, &marks.network, now.saturating_sub(KNOWN))?,
        None => false,
    };
    for (subject, most) in marks.counted(is_known) {
        if let Some(over) = sign_ins::count(tx, subject, most, WINDOW, now)? {
            return Err(Refused::TooMany(over.since(now)));
        }
    }
    Ok(Attempt { marks, is_known })
}

impl Attempt {
    /// The password was right: it is no failure, those from here are forgotten, and the account knows the address.
    /// Those of strangers stay, or whoever has an account could guess at others without end.
    pub fn succeeded(&self, tx: &mut Tx<'_>, user: &UserId, now: Timestamp) -> db::Result<()> {
        self.was_none(tx)?;
        sign_ins::clear(tx, &self.marks.pair)?;
        sign_ins::know(tx, user, &self.marks.network, now)
    }

    /// The password was not looked at.
    pub fn was_none(&self, tx: &mut Tx<'_>) -> db::Result<()> {
        for (subject, _) in self.marks.counted(self.is_known) {
            sign_ins::take_back(tx, subject)?;
        }
        Ok(())
    }
}

/// Forgets all failures at an account, wherever they came from.
pub fn forgive(tx: &mut Tx<'_>, key: &SigningKey, email: &str, user: &UserId) -> db::Result<()> {
    sign_ins::clear(tx, &account(key, email))?;
    for network in sign_ins::known(tx, user)? {
        sign_ins::clear(tx, &pair(key, email, &network))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOME: &str = "198.51.100.1";

    fn key() -> SigningKey {
        SigningKey::new(b"a-key-of-at-least-thirty-two-bytes!!")
    }

    fn marks(email: &str, from: &str) -> Marks {
        Marks::new(&key(), email, Some(from.parse().unwrap()))
    }

    #[test]
    fn a_household_is_one_address_and_what_is_kept_tells_nothing() {
        let network = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
        assert_ne!(network("198.51.100.1"), network("198.51.100.2"));
        assert_eq!(network("::ffff:198.51.100.1"), network("198.51.100.1"));
        let one = marks("ada@example.com", HOME);
        let all = [&one.network, &one.address, &one.account, &one.pair];
        for (n, text) in all.iter().enumerate() {
            assert!(text.len() == 64 && all[..n].iter().all(|other| other != text), "{all:?}");
        }
        assert_eq!(one, marks("ada@example.com", HOME));
        let other_key = SigningKey::new(b"another-key-of-thirty-two-bytes!!!!!");
        assert_ne!(one.account, account(&other_key, "ada@example.com"));
    }

    /// Attempts that fail, from these addresses in turn, until one is refused: how many were made, and the wait.
    fn until_refused(
        tx: &mut Tx<'_>,
        email: &str,
        user: Option<&UserId>,
        mut from: impl FnMut(usize) -> String,
        now: Timestamp,
    ) -> (usize, Duration) {
        for n in 0..1000 {
            match begin(tx, marks(email, &from(n)), user, now) {
                Ok(_) => {}
                Err(Refused::TooMany(wait)) => return (n, wait),
                Err(error) => panic!("{error}"),
            }
        }
        (1000, Duration::ZERO)
    }

    async fn with_database(test: impl FnOnce(&mut Tx<'_>) -> db::Result<()> + Send + 'static) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file:{}", folder.path().join("t.db").display());
        let options = db::Options { budget: Duration::from_secs(30), ..db::Options::new(url) };
        let db = db::Db::open(&options).unwrap();
        db::migrate::run(&db, NOW).await.unwrap();
        db.write(test).await.unwrap();
    }

    #[tokio::test]
    async fn an_address_an_account_and_an_owner_each_have_their_own_count() {
        with_database(|tx| {
            let (ada, later) = (UserId::from("usr_ada"), NOW.saturating_add(WINDOW));
            let home = |_| HOME.to_owned();
            let many = |n: usize| format!("203.0.113.{}", n % 200);
            // One stranger's address, whoever they guess at.
            assert_eq!(until_refused(tx, "nobody@example.com", None, home, NOW), (20, WINDOW));
            assert_eq!(until_refused(tx, "ada@example.com", Some(&ada), home, NOW).0, 0);
            assert_eq!(until_refused(tx, "ada@example.com", Some(&ada), home, later).0, 20);
            // One account, from wherever; one that is not there behaves the same.
            assert_eq!(until_refused(tx, "ada@example.com", Some(&ada), many, later).0, 10);
            assert_eq!(until_refused(tx, "nobody@example.com", None, many, later).0, 30);
            // Where she signed in before, none of that counts.
            sign_ins::know(tx, &ada, &marks("ada@example.com", HOME).network, NOW)?;
            assert_eq!(until_refused(tx, "ada@example.com", Some(&ada), home, later), (10, WINDOW));
            assert_eq!(
                until_refused(tx, "bob@example.com", None, home, later).0,
                0,
                "others are strangers there"
            );
            let much_later = NOW.saturating_add(KNOWN + WINDOW);
            assert_eq!(until_refused(tx, "ada@example.com", Some(&ada), home, much_later).0, 20);
            Ok(())
        })
        .await;
    }

    #[tokio::test]
    async fn the_right_password_is_no_failure_and_forgives_only_its_own() {
        with_database(|tx| {
            let ada = UserId::from("usr_ada");
            for _ in 0..100 {
                let attempt = begin(tx, marks("ada@example.com", HOME), Some(&ada), NOW).unwrap();
                attempt.succeeded(tx, &ada, NOW)?;
            }
            let home = |_| HOME.to_owned();
            for _ in 0..2 {
                for _ in 0..9 {
                    begin(tx, marks("ada@example.com", HOME), Some(&ada), NOW).unwrap();
                }
                let attempt = begin(tx, marks("ada@example.com", HOME), Some(&ada), NOW).unwrap();
                attempt.succeeded(tx, &ada, NOW)?;
            }
            // Eighteen were counted for the address, which has two left for others.
            assert_eq!(until_refused(tx, "bob@example.com", None, home, NOW).0, 2);
            // Locked out at home; then somebody who may lets her in.
            assert_eq!(until_refused(tx, "ada@example.com", Some(&ada), home, NOW).0, 10);
            forgive(tx, &key(), "ada@example.com", &ada)?;
            assert_eq!(until_refused(tx, "ada@example.com", Some(&ada), home, NOW).0, 10);
            Ok(())
        })
        .await;
    }

    #[tokio::test]
    async fn what_was_never_looked_at_is_not_counted() {
        with_database(|tx| {
            for _ in 0..100 {
                begin(tx, marks("ada@example.com", HOME), None, NOW).unwrap().was_none(tx)?;
            }
            let wait = NOW.saturating_add(Duration::from_secs(60));
            begin(tx, marks("ada@example.com", HOME), None, NOW).unwrap();
            let (made, left) = until_refused(tx, "ada@example.com", None, |_| HOME.to_owned(), wait);
            assert_eq!((made, left), (19, WINDOW - Duration::from_secs(60)), "from the first on");
            Ok(())
        })
        .await;
    }
}
