//! Hosts, and what kind of destination they are.
//!
//! The kinds serve the base URL rules and the check of a resolved address before a connection alike: a name
//! that looks public may resolve to an address that is not.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use idna::AsciiDenyList;

/// Longest DNS name and label (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// Names that no public DNS zone delegates, or that are private by convention.
const PRIVATE_SUFFIXES: [&str; 8] =
    ["corp", "home.arpa", "internal", "intranet", "lan", "local", "svc", "test"];

/// Names under which clouds hand out credentials of the machine.
const METADATA_NAMES: [&str; 5] = [
    "instance-data.ec2.internal",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.tencentyun.com",
];

/// Addresses under which clouds hand out credentials of the machine, outside the link-local range: Alibaba,
/// Azure, Oracle.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// The same for IPv6: AWS, Google.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// A host of a URL in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name in ASCII, lower case, without a dot at the end.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

/// What kind of destination a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostClass {
    /// This machine.
    Loopback,
    /// A private network, by address range or by name.
    Private,
    /// Anything else.
    Public,
    /// Never a legitimate upstream: unspecified, link-local, multicast, reserved, or a metadata service.
    Forbidden,
}

// === impl Host ===

impl Host {
    /// Reads a host as it stands in a URL, an IPv6 address in brackets. `None` for what is neither a DNS name
    /// nor an address in its usual spelling: `0x7f.1`, `127.1` and `2130706433` hide an address from readers.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(address.into()));
        }
        let ascii = idna::domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::URL).ok()?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        if ends_in_number(name) {
            return name.parse().ok().filter(|_| text.is_ascii()).map(|v4: Ipv4Addr| Self::Ip(v4.into()));
        }
        is_dns_name(name).then(|| Self::Name(name.to_owned()))
    }

    /// The kind of destination.
    pub fn class(&self) -> HostClass {
        match self {
            Self::Name(name) => HostClass::of_name(name),
            Self::Ip(address) => HostClass::of_ip(*address),
        }
    }

    /// The DNS name, if it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Ip(_) => None,
        }
    }

    /// The name or the address, without brackets.
    pub fn to_text(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Ip(address) => address.to_string(),
        }
    }
}

/// As in a URL: IPv6 in brackets, in the form of RFC 5952.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Whether a resolver may read the name as an IPv4 address (WHATWG URL, "ends in a number").
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_hex = |rest: &str| rest.bytes().all(|b| b.is_ascii_hexdigit());
    !last.is_empty()
        && (last.bytes().all(|b| b.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(is_hex))
}

/// Underscores are no host name letters (RFC 952), but container networks use them.
fn is_dns_name(name: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label)
}

// === impl HostClass ===

impl HostClass {
    /// By name, without asking a resolver. The name is in canonical form.
    pub fn of_name(name: &str) -> Self {
        let is_under = |suffix: &str| {
            name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if METADATA_NAMES.contains(&name) {
            Self::Forbidden
        } else if is_under("localhost") {
            Self::Loopback
        } else if !name.contains('.') || PRIVATE_SUFFIXES.into_iter().any(is_under) {
            Self::Private
        } else {
            Self::Public
        }
    }

    /// By address. An IPv6 address that carries an IPv4 address is what the latter is.
    pub fn of_ip(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => embedded_v4(v6).map_or_else(|| Self::of_v6(v6), Self::of_v4),
        }
    }

    fn of_v4(v4: Ipv4Addr) -> Self {
        let [a, b, ..] = v4.octets();
        let is_carrier_grade_nat = a == 100 && (64..128).contains(&b);
        // "This network", multicast and the reserved block up to broadcast are never destinations.
        if a == 0 || a >= 224 || v4.is_link_local() || METADATA_V4.contains(&v4) {
            Self::Forbidden
        } else if v4.is_loopback() {
            Self::Loopback
        } else if v4.is_private() || is_carrier_grade_nat {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(v6: Ipv6Addr) -> Self {
        let is_forbidden = v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local();
        if is_forbidden || METADATA_V6.contains(&v6) {
            Self::Forbidden
        } else if v6.is_loopback() {
            Self::Loopback
        } else if v6.is_unique_local() {
            Self::Private
        } else {
            Self::Public
        }
    }
}

/// The IPv4 address inside an IPv6 address: mapped (`::ffff:0:0/96`), compatible (`::/96`, less `::` and `::1`),
/// NAT64 (`64:ff9b::/96`) and 6to4 (`2002::/16`).
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(class: HostClass, hosts: &[&str]) {
        for host in hosts {
            assert_eq!(Host::parse(host).map(|host| host.class()), Some(class), "{host}");
        }
    }

    #[test]
    fn loopback() {
        check(
            HostClass::Loopback,
            &["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"],
        );
    }

    #[test]
    fn private() {
        check(
            HostClass::Private,
            &[
                "vllm",
                "my_service",
                "box.local",
                "llm.corp",
                "a.svc",
                "a.svc.cluster.local",
                "nas.home.arpa",
                "ci.test",
                "host.docker.internal",
                "10.1.2.3",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "100.64.0.1",
                "100.127.255.254",
                "[fd00::1]",
                "[fc00::1]",
                "[::ffff:10.0.0.1]",
                "[64:ff9b::c0a8:101]",
            ],
        );
    }

    #[test]
    fn public() {
        check(
            HostClass::Public,
            &[
                "api.openai.com",
                "llm.corp.example",
                "not.mylocal",
                "172.32.0.1",
                "100.63.255.255",
                "100.128.0.1",
                "192.169.0.1",
                "8.8.8.8",
                "[2001:db8::1]",
                "[2606:4700::1111]",
                "mylocal.example",
            ],
        );
    }

    #[test]
    fn forbidden() {
        check(
            HostClass::Forbidden,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "169.254.169.254",
                "169.254.0.1",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "metadata.google.internal",
                "METADATA.google.internal.",
                "metadata.goog",
                "[::]",
                "[fe80::1]",
                "[febf::1]",
                "[ff02::1]",
                "[fd00:ec2::254]",
                "[fd20:ce::254]",
                "[::ffff:169.254.169.254]",
                "[::ffff:0:0]",
                "[::a9fe:a9fe]",
                "[64:ff9b::a9fe:a9fe]",
                "[2002:a9fe:a9fe::1]",
            ],
        );
    }

    #[test]
    fn neither_name_nor_address() {
        for host in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a.b..",
            "-a.example",
            "a-.example",
            "a b",
            "a%20b",
            "a/b",
            "a:b",
            "0x7f.1",
            "127.1",
            "2130706433",
            "0177.0.0.1",
            "127.0.0.01",
            "256.1.1.1",
            "1.2.3.4.5",
            "a.1",
            "1.0xff",
            "::1",
            "[::1",
            "[::1%25eth0]",
            "[fe80::1%eth0]",
            "[v1.a]",
            "[1.2.3.4]",
            "[]",
            "１２７.0.0.1",
            "xn--a",
            "a!b",
        ] {
            assert_eq!(Host::parse(host), None, "{host}");
        }
        assert_eq!(Host::parse(&format!("{}.example", "a".repeat(64))), None);
        assert_eq!(Host::parse(&["a"; 128].join(".")), None);
    }

    #[test]
    fn canonical_forms() {
        for (text, canonical) in [
            ("API.Example", "api.example"),
            ("api.example.", "api.example"),
            ("münchen.example", "xn--mnchen-3ya.example"),
            ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
            ("[FD00:0:0:0:0:0:0:1]", "[fd00::1]"),
            ("[::ffff:a00:1]", "[::ffff:10.0.0.1]"),
            ("127.0.0.1.", "127.0.0.1"),
        ] {
            assert_eq!(Host::parse(text).map(|host| host.to_string()).as_deref(), Some(canonical), "{text}");
        }
    }
}
