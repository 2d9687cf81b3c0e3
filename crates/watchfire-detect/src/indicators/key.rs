//! What makes a value of an event equal to one of an indicator.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::net::Ipv6Addr;

use serde_json::Value;
use watchfire_events::{IpBlock, Scalar, ValueRef, parse_ip};

/// A value in the form in which values are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// An address, whatever the way it is written, and whether its field is one for addresses or for texts.
    Ip(Ipv6Addr),
    /// A network of addresses; only indicators are such.
    Block(IpBlock),
    /// Any other value, as text.
    Text(String),
}

/// Whether values of these two fields are equal whatever their case: hashes, names of hosts, mail addresses.
pub(super) fn ignores_case(field: &str) -> bool {
    const LAST: [&str; 5] = ["domain", "registered_domain", "subdomain", "imphash", "hostname"];
    let last = field.rsplit('.').next().unwrap_or(field);
    field.contains(".hash.")
        || LAST.contains(&last)
        || field.starts_with("dns.question.")
        || (last == "address" && field.contains("email."))
}

impl Key {
    /// Of a value in a column.
    pub(super) fn of(value: ValueRef<'_>, ignore_case: bool) -> Self {
        match value {
            ValueRef::Ip(address) => Self::Ip(address),
            value => Self::of_text(&value.to_text(), ignore_case),
        }
    }

    /// Of a value in a document; `None` of what is no scalar.
    pub(super) fn of_json(value: &Value, ignore_case: bool) -> Option<Self> {
        let value = match Scalar::of(value)? {
            Scalar::Text(text) => ValueRef::Text(text),
            Scalar::Integer(number) => ValueRef::Integer(number),
            Scalar::Unsigned(number) => ValueRef::Unsigned(number),
            Scalar::Double(number) => ValueRef::Double(number),
            Scalar::Boolean(value) => ValueRef::Boolean(value),
        };
        Some(Self::of(value, ignore_case))
    }

    fn of_text(text: &str, ignore_case: bool) -> Self {
        if may_be_address(text) {
            if let Some(address) = parse_ip(text) {
                return Self::Ip(address);
            }
            if let Some(block) = IpBlock::parse(text) {
                return Self::Block(block);
            }
        }
        Self::Text(if ignore_case { text.to_lowercase() } else { text.to_owned() })
    }

    /// Whether a value of an event is this of an indicator, or lies in it.
    pub(super) fn takes(&self, event: &Self) -> bool {
        match (self, event) {
            (Self::Block(block), Self::Ip(address)) => block.contains(*address),
            _ => self == event,
        }
    }

    /// The hash under which it is found. It is the same in every run.
    pub(super) fn hash(&self) -> u64 {
        match self {
            Self::Ip(address) => hash_of_address(*address),
            Self::Block(block) => hash_of_block(*block),
            // Its case is as it counts.
            Self::Text(text) => hash_of_text(text, false),
        }
    }
}

/// The hash of a value where it lies: no key is made for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hashed {
    /// That of its [`Key`].
    pub(super) hash: u64,
    /// The address that it is, if it is one.
    pub(super) address: Option<Ipv6Addr>,
}

impl Hashed {
    /// Of a value in a column.
    pub(super) fn of(value: ValueRef<'_>, ignore_case: bool) -> Self {
        let of_address = |address| Self { hash: hash_of_address(address), address: Some(address) };
        match value {
            ValueRef::Ip(address) => of_address(address),
            ValueRef::Text(text) if !may_be_address(text) => {
                Self { hash: hash_of_text(text, ignore_case), address: None }
            }
            value => match Key::of(value, ignore_case) {
                Key::Ip(address) => of_address(address),
                key => Self { hash: key.hash(), address: None },
            },
        }
    }
}

/// Nearly no text is an address, and most differ from one in their first byte.
fn may_be_address(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_hexdigit() || first == b':')
        && text.bytes().any(|byte| matches!(byte, b'.' | b':'))
}

fn hash_of_address(address: Ipv6Addr) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(0);
    hasher.write(&address.octets());
    hasher.finish()
}

/// Bytes of a text that are hashed at a time.
const HASHED_TOGETHER: usize = 64;

/// The hash of a text, or of the same in small letters.
fn hash_of_text(text: &str, ignore_case: bool) -> u64 {
    if ignore_case && !text.is_ascii() {
        return hash_of_text(&text.to_lowercase(), false);
    }
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(2);
    for part in text.as_bytes().chunks(HASHED_TOGETHER) {
        let mut folded = [0; HASHED_TOGETHER];
        let folded = &mut folded[..part.len()];
        folded.copy_from_slice(part);
        if ignore_case {
            folded.make_ascii_lowercase();
        }
        hasher.write(folded);
    }
    hasher.finish()
}

/// The hash under which a network is found.
pub(super) fn hash_of_block(block: IpBlock) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(1);
    hasher.write_u8(block.prefix());
    hasher.write(&block.bounds().0.octets());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::of_text(text, true)
    }

    #[test]
    fn addresses_are_equal_in_any_form() {
        assert_eq!(key("2001:db8::1"), key("2001:0DB8:0:0:0:0:0:1"));
        assert_eq!(key("10.0.0.1"), Key::of(ValueRef::Ip(parse_ip("10.0.0.1").expect("one")), false));
        assert_eq!(key("10.0.0.1").hash(), key("::ffff:10.0.0.1").hash());
        for text in ["face", "a.b", "1.2.3", "::x", "10.0.0.1:80", ""] {
            assert_eq!(key(text), Key::Text(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_value_has_the_same_hash_where_it_lies() {
        let long = "Ab".repeat(HASHED_TOGETHER);
        for text in ["AbC", "ÄbC", "10.0.0.1", "::FFFF:10.0.0.1", "face.b00c", "10.1.0.0/16", "", &long] {
            for ignore_case in [false, true] {
                let (value, key) = (ValueRef::Text(text), Key::of_text(text, ignore_case));
                let address = if let Key::Ip(address) = key { Some(address) } else { None };
                assert_eq!(Hashed::of(value, ignore_case), Hashed { hash: key.hash(), address }, "{text}");
            }
        }
        let number = ValueRef::Integer(7);
        assert_eq!(Hashed::of(number, true).hash, Hashed::of(ValueRef::Text("7"), true).hash);
    }

    #[test]
    fn networks_take_their_addresses() {
        let network = key("10.1.0.0/16");
        assert!(network.takes(&key("10.1.255.1")) && !network.takes(&key("10.2.0.1")));
        assert!(network.takes(&key("10.1.7.7/16")), "the same network written otherwise");
    }

    #[test]
    fn case_counts_unless_the_field_says_otherwise() {
        assert_eq!(Key::of_text("AbC", true), Key::of_text("aBc", true));
        assert_ne!(Key::of_text("AbC", false), Key::of_text("aBc", false));
        for field in
            ["file.hash.sha256", "threat.indicator.url.domain", "email.from.address", "dns.question.name"]
        {
            assert!(ignores_case(field), "{field}");
        }
        for field in ["url.full", "registry.path", "source.address", "file.name"] {
            assert!(!ignores_case(field), "{field}");
        }
    }
}
