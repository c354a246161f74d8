//! Numbers at Twilio and here: importing what an account has, searching, buying, releasing, moving.
//!
//! `found` reads a number of Twilio's into our words, `plan` says what becomes of it here (pure), `imported` is what
//! came of many, `import` does it page by page; `offers`, `buy`, `release` and `moving` are the other deeds, `write`
//! is how all of them change rows, and `account` looks numbers up at Twilio.

mod account;
mod buy;
mod found;
mod import;
mod imported;
mod moving;
mod offers;
mod plan;
mod release;
#[cfg(test)]
mod tests;
mod write;

pub use buy::{Bought, Buy, Quote, buy, quote};
pub use found::Found;
pub use import::{Import, import};
pub use imported::{Changed, Conflict, Counts, Created, FieldChange, Flag, FlagKind, Gone, Imported, Listed};
pub use moving::{Move, Moved, Put, move_number};
pub use offers::{Offer, Search, search};
pub use release::{About, Released, about, release};

use crate::db;

/// Why something about numbers was not done. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// There is no such tenant any more.
    #[error("there is no such tenant")]
    NoTenant,
    /// The tenant has no such campaign.
    #[error("the tenant has no such campaign; a number goes to a campaign of its own tenant only")]
    NoCampaign,
    /// Nobody here has it.
    #[error("no tenant has the number {0}")]
    NotHere(String),
    /// Another tenant has it. Whose it is, is nobody else's business.
    #[error("the number {0} is in use on this platform")]
    Taken(String),
    /// It was not bought at Twilio.
    #[error("the number {0} is not of Twilio's: give it up where it was bought, and archive it here")]
    NotOfTwilio(String),
    /// Calls to it are open.
    #[error("{} open: wait for the end, or hang up", open(.0))]
    OpenCalls(i64),
    /// What was asked for cannot be; the text says what to write instead.
    #[error("{0}")]
    Invalid(String),
    /// Twilio does not sell it now.
    #[error("Twilio does not sell {0} now; `switchboard numbers search` lists what it does")]
    NotForSale(String),
    /// Nobody knows whether it was bought.
    #[error(
        "it is not known whether {number} was bought ({why}): run the same command again, it looks first and buys \
         nothing twice"
    )]
    Unclear {
        /// Which number.
        number: String,
        /// What Twilio's answer was, or that there was none.
        why: String,
    },
    /// It was bought, and that could not be written down.
    #[error(
        "{number} WAS BOUGHT ({sid}), but it is not in the database: {why}. Put it there with `switchboard numbers \
         import --tenant {tenant} --number {number}`"
    )]
    NotRecorded {
        /// Which number.
        number: String,
        /// Twilio's name for it.
        sid: String,
        /// Whose it was to be.
        tenant: String,
        /// Why not.
        why: Box<Failed>,
    },
    /// It was released, and that could not be written down.
    #[error(
        "{number} WAS RELEASED at Twilio, but it is still in the database: {why}. Run the same command again"
    )]
    NotArchived {
        /// Which number.
        number: String,
        /// Why not.
        why: Box<Failed>,
    },
    /// An import ended before its time.
    #[error(
        "{why}. Before that, {done} numbers were done: they stay, and running it again goes on from there"
    )]
    Partly {
        /// How many were imported, or were there already.
        done: u64,
        /// Why no more.
        why: Box<Failed>,
    },
    /// What Twilio said.
    #[error(transparent)]
    Twilio(#[from] twilio::Error),
    /// What the database said.
    #[error(transparent)]
    Database(#[from] db::Error),
}

fn open(calls: &i64) -> String {
    if *calls == 1 { "1 call to it is".to_owned() } else { format!("{calls} calls to it are") }
}
