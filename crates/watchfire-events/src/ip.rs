//! Addresses in one 128-bit space, as Elasticsearch's `ip` type keeps them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An address in the IPv6 space; IPv4 is mapped (`::ffff:a.b.c.d`), so both families compare and match CIDR blocks.
pub fn parse_ip(text: &str) -> Option<Ipv6Addr> {
    let text = text.split_once('%').map_or(text, |(address, _zone)| address);
    match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => Some(address.to_ipv6_mapped()),
        IpAddr::V6(address) => Some(address),
    }
}

/// A CIDR block in the IPv6 space. Host bits are ignored (eql-semantics §10, `cidrMatch`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpBlock {
    first: u128,
    prefix: u8,
}

impl IpBlock {
    /// A block `address/bits`; `None` if either part is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let v4 = !address.contains(':');
        let bits: u8 = bits.parse().ok()?;
        if bits > if v4 { 32 } else { 128 } {
            return None;
        }
        let prefix = if v4 { bits + 96 } else { bits };
        Some(Self::new(parse_ip(address)?, prefix))
    }

    /// A block; of a text without `/`, that of one address.
    pub fn of(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| parse_ip(text).map(Self::single))
    }

    /// The block of one address.
    pub fn single(address: Ipv6Addr) -> Self {
        Self::new(address, 128)
    }

    /// The block of so many leading bits (of 128) that the address lies in.
    pub fn around(address: Ipv6Addr, prefix: u8) -> Self {
        Self::new(address, prefix.min(128))
    }

    /// The number of leading bits that its addresses share, of 128: for a block of IPv4 96 more than is written.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    fn new(address: Ipv6Addr, prefix: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
        Self { first: u128::from(address) & mask, prefix }
    }

    /// Whether the address lies in the block.
    pub fn contains(self, address: Ipv6Addr) -> bool {
        Self::new(address, self.prefix) == self
    }

    /// Lowest and highest address.
    pub fn bounds(self) -> (Ipv6Addr, Ipv6Addr) {
        let hosts = u128::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        (Ipv6Addr::from(self.first), Ipv6Addr::from(self.first | hosts))
    }
}

impl fmt::Display for IpBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from(self.first);
        match address.to_ipv4_mapped() {
            Some(v4) if self.prefix >= 96 => write!(f, "{v4}/{}", self.prefix - 96),
            _ => write!(f, "{address}/{}", self.prefix),
        }
    }
}

impl fmt::Debug for IpBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_both_families() {
        let ip = |text| parse_ip(text).expect("an address");
        let block = IpBlock::parse("10.6.48.157/8").expect("a block");
        assert!(block.contains(ip("10.255.0.1")) && block.contains(ip("::ffff:10.1.1.1")));
        assert!(!block.contains(ip("11.0.0.1")));
        assert!(IpBlock::parse("::/0").expect("a block").contains(ip("1.2.3.4")));
        assert!(IpBlock::parse("fe80::/10").expect("a block").contains(ip("fe80::1%eth0")));
        assert_eq!(IpBlock::parse("1.2.3.4/33"), None);
        assert_eq!(block.to_string(), "10.0.0.0/8");
    }
}
