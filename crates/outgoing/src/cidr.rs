//! Networks in CIDR form (RFC 4632, RFC 4291 §2.3).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::Deserialize;

/// A network such as `10.1.0.0/16` or `fd00::/8`. A bare address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// The text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a network: expected an IP address, `/` and a prefix length, with no bits set behind the prefix"
)]
pub struct MalformedCidr;

impl Cidr {
    /// Whether `address` lies inside. IPv4 addresses mapped into IPv6 count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    fn has_host_bits(&self) -> bool {
        match self.network {
            IpAddr::V4(network) => {
                network
                    .to_bits()
                    .checked_shl(u32::from(self.prefix))
                    .unwrap_or(0)
                    != 0
            }
            IpAddr::V6(network) => {
                network
                    .to_bits()
                    .checked_shl(u32::from(self.prefix))
                    .unwrap_or(0)
                    != 0
            }
        }
    }
}

impl FromStr for Cidr {
    type Err = MalformedCidr;

    fn from_str(text: &str) -> Result<Self, MalformedCidr> {
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(a, p)| (a, Some(p)));
        let network: IpAddr = address.parse().map_err(|_| MalformedCidr)?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| MalformedCidr)?
            }
            Some(_) => return Err(MalformedCidr),
        };
        let cidr = Self { network, prefix };
        // A mapped network would silently match nothing, since addresses are compared in canonical form.
        if prefix > longest || cidr.has_host_bits() || network != network.to_canonical() {
            return Err(MalformedCidr);
        }
        Ok(cidr)
    }
}

impl TryFrom<String> for Cidr {
    type Error = MalformedCidr;

    fn try_from(text: String) -> Result<Self, MalformedCidr> {
        text.parse()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cidr: &str, inside: &[&str], outside: &[&str]) {
        let cidr: Cidr = cidr.parse().unwrap();
        for address in inside {
            assert!(cidr.contains(address.parse().unwrap()), "{cidr} {address}");
        }
        for address in outside {
            assert!(!cidr.contains(address.parse().unwrap()), "{cidr} {address}");
        }
    }

    #[test]
    fn a_network_holds_what_shares_its_prefix() {
        check(
            "10.1.0.0/16",
            &["10.1.255.255", "::ffff:10.1.2.3"],
            &["10.2.0.0", "::1"],
        );
        check("10.1.2.3", &["10.1.2.3"], &["10.1.2.2"]);
        check("0.0.0.0/0", &["255.255.255.255", "0.0.0.0"], &["::1"]);
        check("fd00::/8", &["fdff::1"], &["fe80::1", "127.0.0.1"]);
        check("::/0", &["2001:db8::1"], &["::ffff:10.1.2.3"]);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "fd00::/129",
            "10/8",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "::ffff:10.0.0.0/104",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(MalformedCidr), "{text}");
        }
    }
}
