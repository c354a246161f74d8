//! The SIP addresses that carriers are given, as far as they go wrong there (RFC 3261 §19.1).

/// `sip:user@host:port;transport=tcp`, in parts.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SipUri<'a> {
    /// `sip` or `sips`.
    pub scheme: &'a str,
    /// Who at the host; a carrier fills in the called number where there is none.
    pub user: Option<&'a str>,
    /// The host, without its port.
    pub host: &'a str,
    /// How to get there, in small letters as a rule; Twilio's default is UDP.
    pub transport: Option<&'a str>,
}

impl<'a> SipUri<'a> {
    /// Reads what looks like one.
    pub fn read(text: &'a str) -> Option<SipUri<'a>> {
        let (scheme, rest) = text.trim().split_once(':')?;
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            return None;
        }
        let rest = rest.split(['?']).next().unwrap_or_default();
        let (address, parameters) = rest.split_once(';').unwrap_or((rest, ""));
        let (user, host) = match address.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, address),
        };
        let host = match host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((inner, _)) => inner,
            None => host.split(':').next().unwrap_or_default(),
        };
        let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
        let transport = parameters.find(|(name, _)| name.eq_ignore_ascii_case("transport"));
        Some(SipUri { scheme, user, host, transport: transport.map(|(_, value)| value) })
    }

    /// The same host, however it is written?
    pub fn is_at(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host)
    }

    /// Gets there by TCP or TLS?
    pub fn is_reliable(&self) -> bool {
        self.transport.is_some_and(|how| how.eq_ignore_ascii_case("tcp") || how.eq_ignore_ascii_case("tls"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let whole = SipUri::read("sip:+1415@Abc.sip.livekit.cloud:5060;edge=ashburn;transport=tcp").unwrap();
        assert_eq!((whole.scheme, whole.user), ("sip", Some("+1415")));
        assert!(whole.is_at("abc.sip.livekit.cloud") && whole.is_reliable());
        let bare = SipUri::read("sip:abc.sip.livekit.cloud").unwrap();
        assert_eq!((bare.user, bare.transport, bare.is_reliable()), (None, None, false));
        assert_eq!(SipUri::read("sips:[2001:db8::1]:5061").unwrap().host, "2001:db8::1");
        for text in ["", "abc", "https://a", "tel:+1"] {
            assert_eq!(SipUri::read(text), None, "{text}");
        }
    }
}
