//! Source addresses as LiveKit compares them with a trunk's `allowed_addresses` (`sip.matchAddrMasks` of protocol
//! v1.54.0). That of livekit-server 1.13.5 knows no brackets, and lets in whose From header claims an allowed address.

use std::net::IpAddr;

/// What an entry of `allowed_addresses` lets in.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Mask {
    /// An address or a range (CIDR).
    Range(IpAddr, u8),
    /// Anything else: LiveKit takes it for the host that the caller's From header may claim.
    Host(String),
}

/// The `allowed_addresses` of a trunk. Entries that LiveKit cannot use are as good as absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(Vec<Mask>);

impl Addresses {
    pub(super) fn of(entries: &[String]) -> Self {
        Self(entries.iter().filter(|entry| is_usable(entry)).map(|entry| Mask::of(entry)).collect())
    }

    /// Whether a call from there is let in. LiveKit lets in a call whose source it does not know.
    pub(super) fn let_in(&self, source: Option<IpAddr>, from_host: &str) -> bool {
        let Some(source) = source else { return true };
        self.0.is_empty()
            || self.0.iter().any(|mask| match mask {
                Mask::Range(base, bits) => contains(*base, *bits, source),
                Mask::Host(host) => host == from_host,
            })
    }

    /// Whether no call can be let in by both: each has only ranges, and none of them meet.
    pub(super) fn exclude(&self, other: &Self) -> bool {
        let ranges = |one: &Self| one.0.iter().all(|mask| matches!(mask, Mask::Range(..)));
        if self.0.is_empty() || other.0.is_empty() || !ranges(self) || !ranges(other) {
            return false;
        }
        let meet = |a: &Mask, b: &Mask| match (a, b) {
            (Mask::Range(a, a_bits), Mask::Range(b, b_bits)) => {
                contains(*a, *a_bits, *b) || contains(*b, *b_bits, *a)
            }
            _ => true,
        };
        !self.0.iter().any(|a| other.0.iter().any(|b| meet(a, b)))
    }
}

impl Mask {
    fn of(entry: &str) -> Self {
        range(entry).map_or_else(|| Self::Host(entry.to_owned()), |(base, bits)| Self::Range(base, bits))
    }
}

/// What LiveKit ignores: entries with a port list, a scheme, a wildcard or a blank in them.
fn is_usable(entry: &str) -> bool {
    !entry.contains(['(', ')', '+', '*', ';', ',', ' ', '\t', '\n', '\r']) && !entry.contains("://")
}

/// `1.2.3.4`, `1.2.3.0/24`, `::1`, `[::1]`, `[2001:db8::]/32`.
fn range(entry: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match entry.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (entry, None),
    };
    let address = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
    let Some(bits) = bits else {
        let address: IpAddr = without_zone(address)?.parse().ok()?;
        return Some((address, width(address)));
    };
    let address: IpAddr = address.parse().ok()?;
    // As Go reads it: no sign, no leading zero.
    let plain = bits.bytes().all(|byte| byte.is_ascii_digit()) && (bits.len() == 1 || !bits.starts_with('0'));
    let bits: u8 = bits.parse().ok().filter(|bits| plain && *bits <= width(address))?;
    Some((address, bits))
}

/// An IPv6 address may name the interface it is meant on; LiveKit compares without it.
fn without_zone(address: &str) -> Option<&str> {
    match address.split_once('%') {
        Some((_, "")) => None,
        Some((address, _)) => address.contains(':').then_some(address),
        None => Some(address),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An IPv4 address is never in a range of IPv6 addresses, nor the other way round.
fn contains(base: IpAddr, bits: u8, address: IpAddr) -> bool {
    let shift = u32::from(width(base) - bits);
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            (base.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or_default() == 0
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            (base.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or_default() == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn let_in(entries: &[&str], source: &str, host: &str) -> bool {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        Addresses::of(&entries).let_in(source.parse().ok(), host)
    }

    #[test]
    fn addresses_let_in_whom_livekit_lets_in() {
        for (entries, source, host, expected) in [
            (&[][..], "1.2.3.4", "", true),
            (&["1.2.3.4"], "1.2.3.4", "", true),
            (&["1.2.3.4"], "1.2.3.5", "", false),
            (&["1.2.3.4"], "1.2.3.5", "1.2.3.4", false),
            (&["1.2.3.0/24", "5.6.7.8"], "1.2.3.99", "", true),
            (&["0.0.0.0/0"], "9.9.9.9", "", true),
            (&["::/0"], "9.9.9.9", "", false),
            (&["[2001:db8::]/32"], "2001:db8::1", "", true),
            (&["[::1]"], "::1", "", true),
            (&["fe80::1%eth0"], "fe80::1", "", true),
            (&["carrier.example"], "1.2.3.4", "carrier.example", true),
            (&["carrier.example"], "1.2.3.4", "other.example", false),
            (&["sip:1.2.3.4;transport=tcp"], "9.9.9.9", "", true),
            (&["sip:1.2.3.4;transport=tcp", "1.2.3.4"], "9.9.9.9", "", false),
            (&["1.2.3.4/08"], "1.2.3.4", "", false),
            (&["1.2.3.4/33"], "1.2.3.4", "", false),
            (&["1.2.3.4"], "an unknown source", "", true),
        ] {
            assert_eq!(let_in(entries, source, host), expected, "{entries:?} {source} {host}");
        }
    }

    #[test]
    fn ranges_exclude_each_other_only_where_none_meet() {
        let of =
            |entries: &[&str]| Addresses::of(&entries.iter().map(|&one| one.into()).collect::<Vec<String>>());
        assert!(of(&["1.2.3.0/24"]).exclude(&of(&["1.2.4.0/24", "5.6.7.8"])));
        assert!(!of(&["1.2.3.0/24"]).exclude(&of(&["1.2.0.0/16"])));
        assert!(!of(&["1.2.3.0/24"]).exclude(&of(&["carrier.example"])));
        assert!(!of(&["1.2.3.0/24"]).exclude(&of(&[])));
    }
}
