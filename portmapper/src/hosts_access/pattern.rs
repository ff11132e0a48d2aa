//! Patterns for names and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Host, UNKNOWN};

/// A pattern for a text, whatever its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TextPattern {
    /// `ALL`
    All,
    /// `KNOWN`: anything but `unknown`.
    Known,
    /// `.example.com`: what ends so and is longer.
    Suffix(String),
    /// `192.0.2.`: what begins so.
    Prefix(String),
    /// `node?.*`: `?` stands for a character, `*` for any number of them.
    Glob(String),
    /// Anything else: itself. `UNKNOWN` and `PARANOID` are of this kind.
    Exact(String),
}

/// A pattern for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    /// `KNOWN`: address and name are known.
    Known,
    /// `LOCAL`: the name is known and has no dot.
    Local,
    /// `192.0.2.0/24`, `192.0.2.0/255.255.255.0`
    Network4 { network: u32, mask: u32 },
    /// `[2001:db8::]/32`; without a length all of it counts.
    Network6 { network: u128, mask: u128 },
    /// The address, or the name.
    Text { text: TextPattern, is_name: bool },
    /// The patterns of a file.
    Any(Vec<Self>),
    /// What cannot be understood, or not be found out here.
    Nobody,
}

impl TextPattern {
    pub(super) fn parse(token: &str) -> Self {
        let lower = token.to_ascii_lowercase();
        if token.contains(['*', '?']) {
            Self::Glob(lower)
        } else if token.starts_with('.') {
            Self::Suffix(lower)
        } else if lower == "all" {
            Self::All
        } else if lower == "known" {
            Self::Known
        } else if token.ends_with('.') {
            Self::Prefix(lower)
        } else {
            Self::Exact(lower)
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        match self {
            Self::All => true,
            Self::Known => text != UNKNOWN,
            Self::Suffix(suffix) => text.len() > suffix.len() && text.ends_with(suffix),
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Glob(glob) => glob_matches(glob.as_bytes(), text.as_bytes()),
            Self::Exact(exact) => text == *exact,
        }
    }
}

/// Compares in time of the product of both lengths: only the last star ever takes more.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star = None;
    while from < text.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at + 1, from));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((behind, taken)) = star else {
                    return false;
                };
                star = Some((behind, taken + 1));
                (at, from) = (behind, taken + 1);
            }
        }
    }
    glob[at..].iter().all(|&byte| byte == b'*')
}

impl HostPattern {
    /// A pattern that is no file; or why it matches nobody.
    pub(super) fn parse(token: &str) -> Result<Self, &'static str> {
        if token.starts_with('@') {
            return Err("netgroups are not looked up");
        }
        if token.eq_ignore_ascii_case("KNOWN") {
            return Ok(Self::Known);
        }
        if token.eq_ignore_ascii_case("LOCAL") {
            return Ok(Self::Local);
        }
        let (address, mask) = match super::split_at(token, '/') {
            Some((address, mask)) => (address, Some(mask)),
            None => (token, None),
        };
        let bracketed = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        match (bracketed, mask) {
            (Some(address), mask) => network6(address, mask),
            (None, Some(mask)) => network4(address, mask),
            (None, None) => Ok(Self::Text {
                text: TextPattern::parse(token),
                is_name: !token.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
            }),
        }
    }

    pub(super) fn matches(&self, host: &Host<'_>) -> bool {
        match self {
            Self::Known => host.address.is_some() && host.name.is_some(),
            Self::Local => host.name.is_some_and(|name| !name.contains('.')),
            Self::Network4 { network, mask } => matches!(
                host.address,
                Some(IpAddr::V4(address)) if address.to_bits() & mask == *network
            ),
            Self::Network6 { network, mask } => matches!(
                host.address,
                Some(IpAddr::V6(address)) if address.to_bits() & mask == *network & mask
            ),
            Self::Text { text, is_name } => {
                let by_address = match host.address {
                    Some(address) => text.matches(&address.to_string()),
                    None => text.matches(UNKNOWN),
                };
                by_address || (*is_name && text.matches(host.name.unwrap_or(UNKNOWN)))
            }
            Self::Any(patterns) => patterns.iter().any(|pattern| pattern.matches(host)),
            Self::Nobody => false,
        }
    }

    /// Whether the answer may depend on a host's name.
    pub(super) fn asks_for_names(&self) -> bool {
        match self {
            Self::Known | Self::Local => true,
            Self::Text { text, is_name } => *is_name && *text != TextPattern::All,
            Self::Any(patterns) => patterns.iter().any(Self::asks_for_names),
            Self::Network4 { .. } | Self::Network6 { .. } | Self::Nobody => false,
        }
    }
}

/// An IPv4 network. As in libwrap one whose address has bits beyond the mask holds nobody, and the length is
/// at least 1; a mask may be anything.
fn network4(address: &str, mask: &str) -> Result<HostPattern, &'static str> {
    let wrong = "no IPv4 network such as 192.0.2.0/24";
    let address = dotted_quad(address).ok_or(wrong)?;
    let mask = match dotted_quad(mask) {
        Some(mask) => mask,
        None => match mask.parse() {
            Ok(len @ 1..=Ipv4Addr::BITS) => u32::MAX << (Ipv4Addr::BITS - len),
            _ => return Err(wrong),
        },
    };
    if address & !mask != 0 {
        return Err("the address has bits beyond the mask");
    }
    Ok(HostPattern::Network4 {
        network: address,
        mask,
    })
}

/// Four numbers, in which leading zeros count for nothing.
fn dotted_quad(text: &str) -> Option<u32> {
    let mut numbers = text.split('.');
    let mut bits = 0_u32;
    for _ in 0..4 {
        let number = numbers.next().filter(|text| text.len() <= 3)?;
        let is_number = number.bytes().all(|b| b.is_ascii_digit());
        let number: u8 = number.parse().ok().filter(|_| is_number)?;
        bits = bits << 8 | u32::from(number);
    }
    numbers.next().is_none().then_some(bits)
}

fn network6(address: &str, mask: Option<&str>) -> Result<HostPattern, &'static str> {
    let wrong = "no IPv6 network such as [2001:db8::]/32";
    let address: Ipv6Addr = address.parse().map_err(|_| wrong)?;
    let mask = match mask.map(str::parse) {
        None => u128::MAX,
        Some(Ok(0)) => 0,
        Some(Ok(len @ 1..=Ipv6Addr::BITS)) => u128::MAX << (Ipv6Addr::BITS - len),
        Some(_) => return Err(wrong),
    };
    Ok(HostPattern::Network6 {
        network: address.to_bits(),
        mask,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, address: &str, name: Option<&str>) -> bool {
        let pattern = HostPattern::parse(pattern).unwrap_or(HostPattern::Nobody);
        let address = Some(address.parse().unwrap());
        pattern.matches(&Host { address, name })
    }

    #[test]
    fn addresses_match_by_network_prefix_or_text() {
        let v4 = "192.0.2.1";
        for (pattern, expected) in [
            ("192.0.2.1", true),
            ("192.0.2.", true),
            ("192.0.2.0/24", true),
            ("192.0.2.0/255.255.255.0", true),
            ("128.0.0.0/1", true),
            ("0.0.0.0/0.0.0.0", true),
            ("192.000.002.001/32", true),
            ("192.0.*", true),
            ("1*2*1", true),
            ("192.0.2.?", true),
            (".2.1", true),
            ("ALL", true),
            ("unknown", true),
            ("192.0.2.1/24", false),
            ("192.0.2.0/33", false),
            ("0.0.0.0/0", false),
            ("192.0.2.1/", false),
            ("192.0.2/24", false),
            ("KNOWN", false),
            ("LOCAL", false),
            ("PARANOID", false),
            ("@group", false),
            ("[::]/0", false),
            ("[192.0.2.1]", false),
        ] {
            assert_eq!(matches(pattern, v4, None), expected, "{pattern}");
        }
        let v6 = "2001:db8::1";
        for (pattern, expected) in [
            ("[2001:db8::1]", true),
            ("[2001:db8:0::1]", true),
            ("[2001:db8::]/32", true),
            ("[2001:db8:ffff::]/32", true),
            ("[::]/0", true),
            ("2001*", true),
            ("[2001:db8::1]/129", false),
            ("[2001:db8::1]/x", false),
            ("[2001:db8:]", false),
            ("0.0.0.0/0.0.0.0", false),
        ] {
            assert_eq!(matches(pattern, v6, None), expected, "{pattern}");
        }
    }

    #[test]
    fn names_match_where_they_are_known() {
        let name = Some("node7.Example.com");
        for (pattern, expected) in [
            ("NODE7.example.com", true),
            (".example.com", true),
            ("node?.*.com", true),
            ("KNOWN", true),
            ("LOCAL", false),
            ("UNKNOWN", false),
            ("example.com", false),
        ] {
            assert_eq!(matches(pattern, "192.0.2.7", name), expected, "{pattern}");
        }
        assert!(matches("LOCAL", "127.0.0.1", Some("localhost")));
    }

    #[test]
    fn what_asks_for_names_says_so() {
        let asks = |pattern| HostPattern::parse(pattern).unwrap().asks_for_names();
        for pattern in ["KNOWN", "LOCAL", "UNKNOWN", "example", ".example", "*"] {
            assert!(asks(pattern), "{pattern}");
        }
        for pattern in ["ALL", "192.0.2.", "192.0.2.1", "192.0.2.0/24", "[::1]"] {
            assert!(!asks(pattern), "{pattern}");
        }
    }
}
