//! Names and values of SIP headers as LiveKit allows them in a trunk (`livekit.ValidateHeaderName` and
//! `ValidateHeaderValue`, RFC 3261 §25.1).

use super::InboundTrunk;

/// Headers that LiveKit writes itself, and their short forms.
const RESERVED: [&str; 26] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "allow",
    "allow-events",
    "call-id",
    "contact",
    "content-encoding",
    "content-length",
    "content-type",
    "cseq",
    "event",
    "expires",
    "from",
    "max-forwards",
    "record-route",
    "refer-to",
    "reply-to",
    "k",
    "l",
    "m",
    "o",
    "r",
    "t",
    "u",
    "v",
];

/// The first header of a trunk that LiveKit does not allow.
pub(super) fn unusable(trunk: &InboundTrunk) -> Option<&str> {
    let set =
        trunk.headers.iter().filter(|(name, value)| !is_name(name) || is_reserved(name) || !is_value(value));
    let read = trunk.headers_to_attributes.keys().filter(|name| !is_name(name));
    let sent = trunk.attributes_to_headers.values().filter(|name| !is_name(name));
    set.map(|(name, _)| name).chain(read).chain(sent).map(String::as_str).next()
}

fn is_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    (1..=255).contains(&name.len()) && name.bytes().all(token)
}

fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

fn is_value(value: &str) -> bool {
    value.len() <= 1024 && !value.chars().any(|letter| letter.is_ascii_control() && letter != '\t')
}
