//! Software versions, ordered as Elasticsearch's `version` type orders them.

use std::cmp::Ordering;

/// A version with the order of eql-semantics §9: numeric parts by value, pre-release before release, texts that are no
/// version after all that are, by text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    text: String,
    parsed: Option<Parsed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parsed {
    numbers: Vec<u64>,
    pre_release: Option<Vec<Identifier>>,
    build: String,
}

/// One dot-separated part of a pre-release: numbers come before texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Text(String),
}

impl Version {
    /// Any text is a version; one that is not valid only sorts behind.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), parsed: parse(text) }
    }

    /// The text as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Appends bytes that sort as versions do.
    pub fn write_ordered(&self, out: &mut Vec<u8>) {
        // What ends a list is less than whatever goes on with it.
        const END: u8 = 0;
        match &self.parsed {
            Some(Parsed { numbers, pre_release, build }) => {
                out.push(0);
                for number in numbers {
                    out.push(1);
                    out.extend(number.to_be_bytes());
                }
                out.push(END);
                match pre_release {
                    Some(identifiers) => {
                        out.push(0);
                        for identifier in identifiers {
                            match identifier {
                                Identifier::Number(number) => {
                                    out.push(1);
                                    out.extend(number.to_be_bytes());
                                }
                                // Neither it nor what is built has a zero.
                                Identifier::Text(text) => {
                                    out.push(2);
                                    out.extend(text.as_bytes());
                                    out.push(END);
                                }
                            }
                        }
                        out.push(END);
                    }
                    None => out.push(1),
                }
                out.extend(build.as_bytes());
                out.push(END);
            }
            None => out.push(1),
        }
        out.extend(self.text.as_bytes());
    }
}

fn parse(text: &str) -> Option<Parsed> {
    let (rest, build) = text.split_once('+').unwrap_or((text, ""));
    let (numbers, pre_release) = match rest.split_once('-') {
        Some((numbers, pre_release)) => (numbers, Some(pre_release)),
        None => (rest, None),
    };
    let numbers = numbers.split('.').map(number).collect::<Option<Vec<_>>>()?;
    let identifier = |part: &str| {
        let valid = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        valid.then(|| number(part).map_or_else(|| Identifier::Text(part.to_owned()), Identifier::Number))
    };
    let pre_release = match pre_release {
        Some(parts) => Some(parts.split('.').map(identifier).collect::<Option<Vec<_>>>()?),
        None => None,
    };
    Some(Parsed { numbers, pre_release, build: build.to_owned() })
}

fn number(part: &str) -> Option<u64> {
    (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok()).flatten()
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.parsed, &other.parsed) {
            (Some(a), Some(b)) => a
                .numbers
                .cmp(&b.numbers)
                .then_with(|| match (&a.pre_release, &b.pre_release) {
                    (Some(a), Some(b)) => a.cmp(b),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => Ordering::Equal,
                })
                .then_with(|| a.build.cmp(&b.build))
                .then_with(|| self.text.cmp(&other.text)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.text.cmp(&other.text),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_as_elasticsearch() {
        let texts =
            ["1.2.3-alpha.2", "1.2.3-alpha.10", "1.2.3-alpha.b", "1.2.3", "1.2.10", "2.0.0", "bad", "worse"];
        for pair in texts.windows(2) {
            assert!(Version::new(pair[0]) < Version::new(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }
}
