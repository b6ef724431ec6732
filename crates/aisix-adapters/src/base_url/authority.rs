//! The authority: host and port, nothing else.

use aisix_domain::Invalid;

use super::host::Host;
use super::refused;
use super::scheme::Scheme;

/// Where a connection goes.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) host: Host,
    /// `None` stands for the default port of the scheme.
    pub(super) port: Option<u16>,
}

impl Authority {
    pub(super) fn parse(text: &str, scheme: Scheme) -> Result<Self, Invalid> {
        if text.contains('@') {
            return Err(refused(
                "userinfo_not_allowed",
                "there is an \"@\" before the path: a credential in the URL ends up in logs, and hides which host \
                 is meant; write the key into \"secret\" and only the host here",
            ));
        }
        let (host, port) = split_port(text).ok_or_else(invalid_host)?;
        let host = Host::parse(host).ok_or_else(invalid_host)?;
        let port = parse_port(port)?.filter(|port| *port != scheme.default_port());
        Ok(Self { host, port })
    }
}

/// Host and port; `None` when the colons leave open which is which.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at(end);
    let port = if rest.is_empty() { "" } else { rest.strip_prefix(':')? };
    (!port.contains(':')).then_some((host, port))
}

fn parse_port(digits: &str) -> Result<Option<u16>, Invalid> {
    if digits.is_empty() {
        return Ok(None);
    }
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse() {
        Ok(port) if is_number && port != 0 => Ok(Some(port)),
        _ => Err(refused("invalid_port", "the port after \":\" must be a number from 1 to 65535")),
    }
}

fn invalid_host() -> Invalid {
    refused(
        "invalid_host",
        "the host must be a DNS name, an IPv4 address of four decimal numbers, or an IPv6 address in brackets \
         without a zone, such as http://[fd00::1]:8000/v1",
    )
}
