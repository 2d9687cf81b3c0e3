//! The community id of a flow: one name for it, whichever tool saw it and in whichever direction (version 1 of the
//! specification of Corelight).

use std::net::IpAddr;

use sha1::{Digest, Sha1};

/// Numbers of protocols that have ports.
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// Kinds of ICMP messages that ask, and the kinds that answer them.
const ICMP_ANSWERS: [(u16, u16); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];
const ICMP6_ANSWERS: [(u16, u16); 6] =
    [(128, 129), (133, 134), (135, 136), (130, 131), (144, 145), (139, 140)];

/// The id of a flow; of ICMP the ports are kind and code.
pub(crate) fn community_id(
    transport: &str,
    addresses: [Option<IpAddr>; 2],
    ports: [Option<u16>; 2],
) -> Option<String> {
    let [source, destination] = addresses;
    let (source, destination) = (source?, destination?);
    let protocol = match transport {
        "tcp" => TCP,
        "udp" => UDP,
        "sctp" => SCTP,
        "icmp" if source.is_ipv6() => ICMP6,
        "icmp" => ICMP,
        "ipv6-icmp" | "icmp6" => ICMP6,
        _ => return None,
    };
    let [from, to] = ports;
    let (mut from, mut to, mut both_ways) = (from?, to?, true);
    if matches!(protocol, ICMP | ICMP6) {
        let answers: &[(u16, u16)] = if protocol == ICMP { &ICMP_ANSWERS } else { &ICMP6_ANSWERS };
        let pair = answers.iter().find_map(|&(ask, answer)| match from {
            kind if kind == ask => Some(answer),
            kind if kind == answer => Some(ask),
            _ => None,
        });
        match pair {
            Some(other) => to = other,
            None => both_ways = false,
        }
    }
    let (mut first, mut second) = (bytes_of(source), bytes_of(destination));
    if both_ways && (&second, to) < (&first, from) {
        std::mem::swap(&mut first, &mut second);
        std::mem::swap(&mut from, &mut to);
    }
    let mut hash = Sha1::new();
    // The seed.
    hash.update([0, 0]);
    hash.update(&first);
    hash.update(&second);
    hash.update([protocol, 0]);
    hash.update(from.to_be_bytes());
    hash.update(to.to_be_bytes());
    Some(format!("1:{}", base64(&hash.finalize())))
}

fn bytes_of(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(transport: &str, source: (&str, u16), destination: (&str, u16)) -> Option<String> {
        let addresses = [source.0.parse().ok(), destination.0.parse().ok()];
        community_id(transport, addresses, [Some(source.1), Some(destination.1)])
    }

    #[test]
    fn both_directions_are_one_flow() {
        // The examples of the specification.
        let expected = Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg=".to_owned());
        assert_eq!(id("tcp", ("128.232.110.120", 34_855), ("66.35.250.204", 80)), expected);
        assert_eq!(id("tcp", ("66.35.250.204", 80), ("128.232.110.120", 34_855)), expected);
        let ping = id("icmp", ("192.168.0.89", 8), ("192.168.0.1", 0));
        assert_eq!(ping.as_deref(), Some("1:X0snYXpgwiv9TZtqg64sgzUn6Dk="));
        assert_eq!(id("icmp", ("192.168.0.1", 0), ("192.168.0.89", 8)), ping);
    }

    #[test]
    fn what_has_no_ports_has_no_id() {
        assert_eq!(community_id("tcp", [None, None], [Some(1), Some(2)]), None);
        assert_eq!(id("unknown_transport", ("192.0.2.1", 1), ("192.0.2.2", 2)), None);
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }
}
