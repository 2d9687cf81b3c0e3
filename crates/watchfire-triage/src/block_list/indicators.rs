//! What of an alert can be blocked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use watchfire_events::{Document, parse_ip};

use crate::evidence::Evidence;
use crate::sweep::{TraceKind, traces_of};

macro_rules! indicator_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $plural:literal);* $(;)?) => {
        /// A kind of thing that can be blocked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum IndicatorKind { $($(#[$doc])* $name),* }

        impl IndicatorKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What it is called.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What several of it are called.
            pub(super) fn plural(self) -> &'static str {
                match self { $(Self::$name => $plural),* }
            }
        }
    };
}

indicator_kinds! {
    /// A domain.
    Domain = "domain", "domains";
    /// An address of IP.
    Address = "address", "addresses";
    /// A hash by SHA-256.
    Sha256 = "sha256", "hashes (SHA-256)";
    /// A hash by SHA-1.
    Sha1 = "sha1", "hashes (SHA-1)";
    /// A hash by MD5.
    Md5 = "md5", "hashes (MD5)";
}

/// Something that can be blocked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Indicator {
    /// What kind of thing.
    pub kind: IndicatorKind,
    /// The value, as lists have it.
    pub value: String,
    /// On how many hosts it was met, where that is known.
    pub hosts: Option<usize>,
}

impl Indicator {
    /// What a text is; nothing if it is none of what can be blocked. A list made of events must not be able to have lines that an
    /// attacker wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let of = |kind, value| Some(Self { kind, value, hosts: None });
        if let Some(address) = parse_ip(text) {
            return of(IndicatorKind::Address, address.to_canonical().to_string());
        }
        if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let kind = match text.len() {
                32 => IndicatorKind::Md5,
                40 => IndicatorKind::Sha1,
                64 => IndicatorKind::Sha256,
                _ => return None,
            };
            return of(kind, text.to_ascii_lowercase());
        }
        let domain = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if is_domain(&domain) { of(IndicatorKind::Domain, domain) } else { None }
    }
}

/// A name of two labels or more, in ASCII, as DNS has it (RFC 1035, with the underscores of practice).
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(is_label)
        // The last label of a domain is no number; what looks like an address and is none shall not pass as a name.
        && text.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What of an alert, and of what its process did, can be blocked; and what is left out, with the reason. `most_hosts` is on how many
/// hosts something may have been met: what many know is rarely the attacker's, and blocking it hurts.
pub fn indicators_of(
    alert: &Document,
    evidence: &Evidence,
    most_hosts: usize,
) -> (Vec<Indicator>, Vec<(String, String)>) {
    let hosts = hosts_of_values(evidence);
    let (traces, left_out) = traces_of(alert, evidence);
    let mut left_out: Vec<(String, String)> =
        left_out.into_iter().map(|(what, why)| (what, why.to_owned())).collect();
    let mut indicators = Vec::new();
    for trace in traces {
        if !matches!(trace.kind, TraceKind::Hash | TraceKind::Address | TraceKind::Domain) {
            continue;
        }
        let Some(mut indicator) = Indicator::parse(&trace.value) else {
            left_out.push((trace.value, "it cannot stand in a list".to_owned()));
            continue;
        };
        indicator.hosts = hosts.get(&trace.value.to_lowercase()).copied();
        match indicator.hosts {
            Some(hosts) if hosts > most_hosts => {
                left_out.push((indicator.value, format!("it was met on {hosts} hosts")));
            }
            _ => indicators.push(indicator),
        }
    }
    indicators.sort();
    indicators.dedup();
    left_out.sort();
    left_out.dedup();
    (indicators, left_out)
}

/// On how many hosts values were met.
fn hosts_of_values(evidence: &Evidence) -> BTreeMap<String, usize> {
    let of_identity = evidence.identity.iter().map(|fact| (Some(&fact.value), fact.weight.as_ref()));
    let of_deeds = evidence
        .deeds
        .all()
        .map(|deed| (deed.weighed.as_ref().map(|(_, value)| value), deed.weight.as_ref()));
    let mut hosts = BTreeMap::new();
    for (value, weight) in of_identity.chain(of_deeds) {
        if let (Some(value), Some(weight)) = (value, weight) {
            let number = hosts.entry(value.to_lowercase()).or_insert(0);
            *number = weight.hosts.len().max(*number);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_they_are() {
        for (text, expected) in [
            ("Evil.Example.", Some((IndicatorKind::Domain, "evil.example"))),
            ("_dmarc.evil-1.example", Some((IndicatorKind::Domain, "_dmarc.evil-1.example"))),
            ("203.0.113.7", Some((IndicatorKind::Address, "203.0.113.7"))),
            ("2001:DB8::1", Some((IndicatorKind::Address, "2001:db8::1"))),
            ("::ffff:203.0.113.7", Some((IndicatorKind::Address, "203.0.113.7"))),
            (
                "D41D8CD98F00B204E9800998ECF8427E",
                Some((IndicatorKind::Md5, "d41d8cd98f00b204e9800998ecf8427e")),
            ),
            ("localhost", None),
            ("evil.example\n0.0.0.0/0", None),
            ("evil.example # x", None),
            ("-evil.example", None),
            ("203.0.113.7/8", None),
            ("203.0.113", None),
            ("evil..example", None),
            ("' OR file:name = 'x", None),
            ("", None),
        ] {
            let found = Indicator::parse(text).map(|indicator| (indicator.kind, indicator.value));
            assert_eq!(found, expected.map(|(kind, value)| (kind, value.to_owned())), "{text}");
        }
    }
}
