//! Which addresses belong to the public internet (IANA special-purpose registries, RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is globally reachable unicast. IPv4 inside IPv6 (mapped, 6to4, NAT64, Teredo) never slips through:
/// mapped addresses are judged as IPv4, the other forms are refused whole.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // this network, private, loopback, multicast and reserved with broadcast
        [0 | 10 | 127 | 224..=255, ..]
        // shared address space of carriers (RFC 6598)
        | [100, 64..=127, ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        // a cloud's inner service under a public address: DHCP, DNS and credentials of its machines
        | [168, 63, 129, 16]
        // protocol assignments, documentation
        | [192, 0, 0 | 2, _]
        // 6to4 relays (RFC 7526)
        | [192, 88, 99, _]
        | [192, 168, ..]
        // benchmarks
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3 (RFC 4291 §2.4); everything outside is loopback, local, multicast, NAT64 or unassigned.
    match address.segments() {
        // protocol assignments with Teredo and ORCHID (2001::/23), documentation
        [0x2001, 0..=0x01ff | 0x0db8, ..]
        // 6to4
        | [0x2002, ..]
        // documentation (RFC 9637)
        | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(addresses: &[&str], expected: Range) {
        for address in addresses {
            let range = if is_public(address.parse().unwrap()) {
                Range::Public
            } else {
                Range::Special
            };
            assert_eq!(range, expected, "{address}");
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Range {
        Public,
        Special,
    }

    #[test]
    fn addresses_of_the_public_internet() {
        check(
            &[
                "8.8.8.8",
                "100.63.255.255",
                "100.128.0.0",
                "172.15.0.1",
                "172.32.0.1",
                "192.0.1.1",
                "223.255.255.255",
            ],
            Range::Public,
        );
        check(
            &["2a00:1450::1", "2001:4860:4860::8888", "::ffff:8.8.8.8"],
            Range::Public,
        );
    }

    #[test]
    fn private_and_special_addresses() {
        check(
            &[
                "0.0.0.0",
                "10.0.0.1",
                "127.0.0.1",
                "127.255.255.254",
                "100.64.0.1",
                "100.127.255.255",
            ],
            Range::Special,
        );
        check(
            &[
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "198.18.0.1",
                "192.0.2.1",
            ],
            Range::Special,
        );
        check(
            &[
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "203.0.113.7",
                "192.0.0.8",
            ],
            Range::Special,
        );
        check(
            &[
                "::",
                "::1",
                "fe80::1",
                "fc00::1",
                "fdff::1",
                "ff02::1",
                "fec0::1",
                "2001:db8::1",
            ],
            Range::Special,
        );
    }

    #[test]
    fn services_that_give_machines_their_credentials() {
        check(
            &[
                "169.254.169.254",
                "169.254.170.2",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "fd00:ec2::254",
                "fe80::a9fe:a9fe",
                "::ffff:169.254.169.254",
                "::ffff:168.63.129.16",
                "64:ff9b::169.254.169.254",
                "2002:a9fe:a9fe::",
            ],
            Range::Special,
        );
        check(&["168.63.129.15", "168.63.129.17"], Range::Public);
    }

    #[test]
    fn private_addresses_in_the_clothes_of_ipv6() {
        check(
            &[
                "::ffff:127.0.0.1",
                "::ffff:10.0.0.1",
                "::127.0.0.1",
                "64:ff9b::a00:1",
                "64:ff9b:1::1",
            ],
            Range::Special,
        );
        check(&["2002:7f00:1::", "2001:0:53aa:64c::1"], Range::Special);
    }
}
