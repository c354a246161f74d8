//! Twilio's closed sets of words, each with room for one that came later.

use std::fmt;

/// Defines an enum of Twilio's words that reads any word and writes it back.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Eq, PartialEq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$what])* $variant,)*
            /// A word that is not known here, as Twilio wrote it.
            Other(String),
        }

        impl $name {
            /// Twilio's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    _ => Self::Other(word.to_owned()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Which callers may be sent on by REFER.
    TransferMode {
        /// None.
        DisableAll = "disable-all",
        /// To telephone numbers and SIP addresses.
        EnableAll = "enable-all",
        /// To SIP addresses.
        SipOnly = "sip-only",
    }
}

words! {
    /// Whose number the target of a transfer sees.
    TransferCallerId {
        /// That of who is sent on: the caller's.
        FromTransferee = "from-transferee",
        /// That of who sends on: the number called.
        FromTransferor = "from-transferor",
    }
}

words! {
    /// What a trunk records.
    RecordingMode {
        /// Nothing.
        DoNotRecord = "do-not-record",
        /// From the first ring, both sides in one track.
        FromRinging = "record-from-ringing",
        /// From the answer, both sides in one track.
        FromAnswer = "record-from-answer",
        /// From the first ring, a track each.
        FromRingingDual = "record-from-ringing-dual",
        /// From the answer, a track each.
        FromAnswerDual = "record-from-answer-dual",
    }
}

words! {
    /// How a call stands.
    CallStatus {
        /// Waiting to be placed.
        Queued = "queued",
        /// Ringing.
        Ringing = "ringing",
        /// Answered, and going on.
        InProgress = "in-progress",
        /// Answered, and over.
        Completed = "completed",
        /// The other side was busy.
        Busy = "busy",
        /// It could not be connected.
        Failed = "failed",
        /// Nobody answered.
        NoAnswer = "no-answer",
        /// Given up before an answer.
        Canceled = "canceled",
    }
}

words! {
    /// Which way a call went.
    Direction {
        /// From a telephone, to a webhook.
        Inbound = "inbound",
        /// Placed by the API.
        OutboundApi = "outbound-api",
        /// Placed by `<Dial>`.
        OutboundDial = "outbound-dial",
        /// From a telephone, through a trunk, to us.
        TrunkingOriginating = "trunking-originating",
        /// From us, through a trunk, to a telephone.
        TrunkingTerminating = "trunking-terminating",
    }
}

/// What kind of number it is.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum NumberType {
    /// Of a place.
    Local,
    /// Free for the caller.
    TollFree,
    /// Of the mobile network.
    Mobile,
    /// Anything else (`national`, `voip`…), as Twilio wrote it.
    Other(String),
}

impl NumberType {
    /// Reads what Twilio calls it: `local`, `toll free`, `toll-free`, `tollfree`, `TollFree`, `mobile`…
    pub fn read(word: &str) -> Option<Self> {
        let letters: String = word.chars().filter(char::is_ascii_alphabetic).collect();
        match letters.to_ascii_lowercase().as_str() {
            "" => None,
            "local" => Some(Self::Local),
            "tollfree" => Some(Self::TollFree),
            "mobile" => Some(Self::Mobile),
            _ => Some(Self::Other(word.to_owned())),
        }
    }

    /// The last part of the path of its lists.
    pub(crate) fn segment(&self) -> Option<&'static str> {
        match self {
            Self::Local => Some("Local"),
            Self::TollFree => Some("TollFree"),
            Self::Mobile => Some("Mobile"),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for NumberType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::TollFree => "toll-free",
            Self::Mobile => "mobile",
            Self::Other(word) => word,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_type_is_read_however_twilio_spells_it() {
        for word in ["toll free", "toll-free", "tollfree", "TollFree", "TOLL_FREE", "toll_free"] {
            assert_eq!(NumberType::read(word), Some(NumberType::TollFree), "{word}");
        }
        assert_eq!(NumberType::read("local"), Some(NumberType::Local));
        assert_eq!(NumberType::read("Voip"), Some(NumberType::Other("Voip".to_owned())));
        assert_eq!(NumberType::read(""), None);
    }

    #[test]
    fn a_word_that_came_later_is_kept() {
        assert_eq!(CallStatus::from("in-progress"), CallStatus::InProgress);
        assert_eq!(CallStatus::from("parked").to_string(), "parked");
    }
}
