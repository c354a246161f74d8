//! Where webhooks may go: to the public internet only, unless the operator allows more. What a tenant gives as an
//! address must not let it reach what only this server can: this machine, its network, its cloud's metadata.
//!
//! A literal address is judged when it is given and before every try, a name when it is resolved: the client connects
//! to nothing but what was judged.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The longest URL.
pub const LONGEST_URL: usize = 2048;

/// Checks a URL that webhooks are to be sent to; otherwise says what it must be, to follow its name.
///
/// # Errors
/// In words for a person.
pub fn check(url: &str, allow_private: bool) -> Result<Url, &'static str> {
    let url = before_a_try(url, allow_private)?;
    if !allow_private && url.host_str().is_some_and(is_local_name) {
        return Err(NOT_HERE);
    }
    Ok(url)
}

const NOT_HERE: &str =
    "must be reachable on the public internet: private and reserved addresses are not allowed here";

/// Checks all of a URL but what its name means: that shows when it is resolved.
pub(super) fn before_a_try(url: &str, allow_private: bool) -> Result<Url, &'static str> {
    if url.len() > LONGEST_URL {
        return Err("must be at most 2048 characters");
    }
    let url = Url::parse(url).map_err(|_| "must be a URL such as https://example.com/webhooks")?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        "http" => return Err("must be https, so that nobody on the way can read or change what is sent"),
        _ => return Err("must be a URL such as https://example.com/webhooks"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "must not hold a name or a password: what is sent is signed, check the signature instead",
        );
    }
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Err("must name a host, as in https://example.com/webhooks");
    }
    if allow_private || literal(host).is_none_or(is_public) { Ok(url) } else { Err(NOT_HERE) }
}

/// The address a URL's host is, if it is no name. Shorthands (`127.1`, `0x7f000001`) are written out by then.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Names that mean this machine wherever they are resolved (RFC 6761).
fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}

/// Whether an address is one of the public internet: not of this machine or a private network, not reserved for
/// anything else, and not another one in disguise.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// What is not public (IANA's registry of special-purpose addresses), as address and length of the prefix.
const RESERVED_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carriers' NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, and clouds' metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24), // AS112
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, and broadcast
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within =
        |(network, length): &(Ipv4Addr, u32)| (address.to_bits() ^ network.to_bits()) >> (32 - length) == 0;
    !RESERVED_V4.iter().any(within)
}

/// What is not public of the only block that is given out, 2000::/3.
const RESERVED_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments; Teredo, benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4: any IPv4 address in disguise
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

fn is_public_v6(address: Ipv6Addr) -> bool {
    // NAT64: how a network without IPv4 reaches it. As public as what is behind.
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        return is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    let within =
        |(network, length): &(Ipv6Addr, u32)| (address.to_bits() ^ network.to_bits()) >> (128 - length) == 0;
    address.segments()[0] >> 13 == 1 && !RESERVED_V6.iter().any(within)
}

/// An address that webhooks may not go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host is not on the public internet, and private addresses are not allowed here")
    }
}

impl std::error::Error for NotPublic {}

/// Resolves names, and knows only the public ones of their addresses.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "3ffe::1",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for not in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:c0a8:101::1",
            "2002:808:808::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(not.parse().unwrap()), "{not}");
        }
    }

    #[test]
    fn a_url_is_https_to_a_public_host_and_holds_no_password() {
        let long = format!("https://example.com/{}", "x".repeat(LONGEST_URL));
        for (url, says) in [
            ("https://example.com", None),
            ("https://example.com:8443/hooks?tenant=1", None),
            ("HTTPS://EXAMPLE.com/", None),
            ("https://8.8.8.8/", None),
            ("https://[2606:4700:4700::1111]/", None),
            ("https://localhost.example.com/", None),
            ("http://example.com", Some("must be https")),
            ("ftp://example.com", Some("must be a URL")),
            ("file:///etc/passwd", Some("must be a URL")),
            ("example.com/hooks", Some("must be a URL")),
            ("", Some("must be a URL")),
            ("https://", Some("must be a URL")),
            ("https:///hooks", None),
            ("https://user@example.com", Some("must not hold a name")),
            ("https://:secret@example.com", Some("must not hold a name")),
            (long.as_str(), Some("must be at most 2048")),
            ("https://localhost/", Some("must be reachable")),
            ("https://LOCALHOST./", Some("must be reachable")),
            ("https://a.localhost/", Some("must be reachable")),
            ("https://127.0.0.1/", Some("must be reachable")),
            ("https://127.1/", Some("must be reachable")),
            ("https://2130706433/", Some("must be reachable")),
            ("https://0x7f000001/", Some("must be reachable")),
            ("https://0177.0.0.1/", Some("must be reachable")),
            ("https://127.0.0.1./", Some("must be reachable")),
            ("https://%31%32%37.0.0.1/", Some("must be reachable")),
            ("https://１２７.0.0.1/", Some("must be reachable")),
            ("https://169.254.169.254/latest/meta-data", Some("must be reachable")),
            ("https://[::1]/", Some("must be reachable")),
            ("https://[::ffff:127.0.0.1]/", Some("must be reachable")),
            ("https://[::ffff:7f00:1]/", Some("must be reachable")),
            ("https://[fd00::1]:8443/", Some("must be reachable")),
        ] {
            let checked = check(url, false);
            match says {
                None => assert!(checked.is_ok(), "{url}: {checked:?}"),
                Some(words) => {
                    assert!(checked.as_ref().is_err_and(|e| e.starts_with(words)), "{url}: {checked:?}")
                }
            }
        }
    }

    #[test]
    fn an_operator_may_allow_private_hosts_and_no_tls() {
        for url in
            ["http://127.0.0.1:8080/", "http://localhost/", "https://10.0.0.1/", "http://receiver:80/x"]
        {
            assert!(check(url, true).is_ok(), "{url}");
        }
        for url in ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "nonsense"] {
            assert!(check(url, true).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_of_this_machine_resolves_to_nothing() {
        let name: Name = "localhost".parse().unwrap();
        let Err(error) = PublicOnly.resolve(name).await else { panic!("localhost is public") };
        assert!(error.is::<NotPublic>(), "{error}");
    }
}
