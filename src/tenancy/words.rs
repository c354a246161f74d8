//! Words that are one of a few, the same in the database, in the routing file and on the wire.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of a few words.
pub trait Word: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The word.
    fn word(self) -> &'static str;
}

/// A word that is none of those.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a word that is known here")]
pub struct UnknownWord(String);

macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident { $($variant:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[doc = $doc])+
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        #[expect(missing_docs, reason = "the names say it, and without more the schema is a plain list")]
        pub enum $name {
            $(#[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word.
            pub const fn as_str(&self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl Word for $name {
            const ALL: &'static [Self] = &[$($name::$variant),+];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err(UnknownWord(text.chars().take(32).collect())),
                }
            }
        }
    )+};
}

words! {
    /// Whether a campaign takes calls.
    CampaignStatus { Active = "active", Paused = "paused" }

    /// Whose a number is: where it was bought.
    Provider { Twilio = "TWILIO", LiveKit = "LIVEKIT", Other = "OTHER" }

    /// What a number is to the one who pays for it. `LOCAL` is a line with an area code, and all that number plans cannot
    /// tell apart (every US and Canadian number).
    NumberKind { Local = "LOCAL", TollFree = "TOLL_FREE", Mobile = "MOBILE" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_is_written_everywhere() {
        for kind in NumberKind::ALL {
            assert_eq!(kind.word().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
        assert!("local".parse::<NumberKind>().is_err() && "".parse::<CampaignStatus>().is_err());
    }
}
