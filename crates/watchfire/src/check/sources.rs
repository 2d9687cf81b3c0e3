//! Which of the known sources a rule reads, by its index patterns, and which fields they give.

use std::collections::BTreeSet;

use watchfire_ir::{Condition, FieldTarget, Leaf, Node};
use watchfire_sources::normalise::{SourceFields, TableRef, fields};

/// Fields that do not come from the source itself: whoever ships or receives an event adds them, or a processor that
/// any stream may have. A name that ends in a dot stands for all fields below it.
const ADDED_ON_THE_WAY: [&str; 16] = [
    "@timestamp",
    "_id",
    "_index",
    "agent.",
    "cloud.",
    "container.",
    "data_stream.",
    "ecs.",
    "elastic_agent.",
    "event.ingested",
    "host.",
    "labels.",
    "message",
    "observer.",
    "orchestrator.",
    "tags",
];

/// Parts of names that enrichment adds below fields such as `source` and `destination`.
const ENRICHMENTS: [&str; 4] = [".geo.", ".as.", ".risk.", "threat.enrichments"];

/// The data streams of a package whose sources are known here one by one; together they stand for the whole package.
const WHOLE_PACKAGES: [&str; 1] = ["logs-windows."];

/// The packages that bring nothing but data streams of their own. Others may add fields to the streams of any package,
/// as those with a trained model do.
const PACKAGES_OF_STREAMS: [&str; 4] = ["endpoint", "sysmon_linux", "system", "windows"];

/// The sources that a rule's index patterns select.
#[derive(Debug)]
pub(crate) struct NamedSources {
    patterns: Vec<String>,
    known: Vec<&'static SourceFields>,
    complete: bool,
}

impl NamedSources {
    /// The sources of a rule's `index`, where the rule says that it needs these packages. An empty index stands for a
    /// server's default patterns, of which nothing is known.
    pub(super) fn of(index: &[String], packages: &[String]) -> Self {
        Self::with(index, packages, &[])
    }

    /// As [`NamedSources::of`], with sources of the user's own.
    pub(super) fn with(index: &[String], packages: &[String], own: &[TableRef]) -> Self {
        let patterns: Vec<&str> = index
            .iter()
            .flat_map(|text| text.split(','))
            .map(|pattern| pattern.trim().rsplit_once(':').map_or(pattern.trim(), |(_, local)| local))
            .filter(|pattern| !pattern.is_empty() && !pattern.starts_with('-'))
            .collect();
        let selected = |source: &&SourceFields| {
            patterns.iter().any(|pattern| overlap(pattern.as_bytes(), source.data_stream_pattern.as_bytes()))
        };
        let complete = !patterns.is_empty()
            && patterns.iter().all(|pattern| is_known(pattern))
            && packages.iter().all(|package| PACKAGES_OF_STREAMS.contains(&package.as_str()));
        let all = fields().iter().chain(own.iter().map(|table| table.fields()));
        let known = all.filter(selected).collect();
        Self { patterns: patterns.into_iter().map(str::to_owned).collect(), known, complete }
    }

    /// The sources whose fields are known.
    pub(crate) fn known(&self) -> impl Iterator<Item = &'static SourceFields> {
        self.known.iter().copied()
    }

    /// The patterns that select known sources, and those that select others.
    pub(crate) fn patterns(&self) -> (Vec<String>, Vec<String>) {
        let selects = |pattern: &&String| {
            self.known.iter().any(|source| overlap(pattern.as_bytes(), source.data_stream_pattern.as_bytes()))
        };
        let (known, unknown): (Vec<_>, Vec<_>) = self.patterns.iter().partition(selects);
        (known.into_iter().cloned().collect(), unknown.into_iter().cloned().collect())
    }

    /// Whether a field does not come from sources: shippers and processors add it.
    pub(crate) fn is_added_on_the_way(name: &str) -> bool {
        let added =
            |field: &&str| field.strip_suffix('.').map_or(name == *field, |_| name.starts_with(*field));
        ADDED_ON_THE_WAY.iter().any(added) || ENRICHMENTS.iter().any(|part| name.contains(part))
    }

    /// Whether each pattern selects nothing but sources whose fields are known.
    pub(crate) fn are_all_known(&self) -> bool {
        self.complete
    }

    /// Whether one of the sources gives the field, or it is added on the way.
    pub(crate) fn give(&self, name: &str) -> bool {
        Self::is_added_on_the_way(name) || self.known.iter().any(|source| source.gives(name))
    }

    /// The names of the sources, for a person.
    pub(super) fn names(&self) -> String {
        let names: BTreeSet<String> =
            self.known.iter().map(|source| format!("`{}`", source.source)).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// Whether the pattern selects only what the table of sources describes.
fn is_known(pattern: &str) -> bool {
    let begins = |known: &str| pattern.strip_suffix('*').unwrap_or(pattern).starts_with(known);
    // `logs-system.security*` and `logs-system.security-*` name the same data set.
    let whole =
        |source: &SourceFields| source.data_stream_pattern.trim_end_matches('*').trim_end_matches('-');
    WHOLE_PACKAGES.iter().any(|package| begins(package))
        || fields().iter().any(|source| begins(whole(source)))
}

/// Whether some name fits both patterns, in which `*` stands for any run of characters.
fn overlap(a: &[u8], b: &[u8]) -> bool {
    // `row[j]`: whether the rest of `a` and `b[j..]` overlap, filled from the end.
    let mut row = vec![false; b.len() + 1];
    for i in (0..=a.len()).rev() {
        let below = row.clone();
        for j in (0..=b.len()).rev() {
            row[j] = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some(b'*'), _) if below[j] => true,
                (_, Some(b'*')) if row[j + 1] => true,
                (Some(b'*'), Some(_)) => row[j + 1],
                (Some(_), Some(b'*')) => below[j],
                (Some(one), Some(other)) => one == other && below[j + 1],
                _ => false,
            };
        }
    }
    row[0]
}

/// The condition as it is for events that have none of the fields that `absent` names.
pub(super) fn without(condition: &Condition, absent: &dyn Fn(&str) -> bool) -> Condition {
    let each = |operands: &[Condition]| -> Vec<Condition> {
        operands.iter().map(|operand| without(operand, absent)).collect()
    };
    match condition.node() {
        Node::Constant(_) => condition.clone(),
        Node::Not(inner) => without(inner, absent).negate(),
        Node::And(operands) => Condition::all(each(operands)),
        Node::Or(operands) => Condition::any(each(operands)),
        Node::Leaf(leaf) => {
            let is_absent = match leaf {
                Leaf::Field(leaf) => match &leaf.target {
                    FieldTarget::Field(field) => absent(&field.name),
                    FieldTarget::Names(_) | FieldTarget::Below(_) => false,
                },
                Leaf::Nested(leaf) => absent(&leaf.path),
                Leaf::AnyField(_) | Leaf::Computed(_) => false,
            };
            if is_absent { Condition::constant(false) } else { condition.clone() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(patterns: &[&str]) -> NamedSources {
        NamedSources::of(&patterns.iter().map(ToString::to_string).collect::<Vec<_>>(), &[])
    }

    #[test]
    fn patterns_select_sources() {
        let defend = sources(&["logs-endpoint.events.process-*"]);
        assert!(defend.are_all_known());
        assert_eq!(defend.names(), "`endpoint`");
        assert!(sources(&["logs-system.security*", "winlogbeat-*", "logs-windows.*"]).are_all_known());
        assert!(!sources(&["logs-system.*"]).are_all_known());
        assert!(!sources(&["winlogbeat-*", "logs-unheard_of.log*"]).are_all_known());
        assert!(!sources(&["logs-*"]).are_all_known());
        assert!(!sources(&[]).are_all_known());
        assert!(sources(&["remote:winlogbeat-*,-*secret"]).are_all_known());
    }

    #[test]
    fn patterns_overlap() {
        for (a, b, expected) in [
            ("a*", "ab", true),
            ("a*c", "ab*", true),
            ("*", "x-*", true),
            ("a-*", "b-*", false),
            ("logs-endpoint.events.*", "logs-endpoint.*", true),
            ("logs-end", "logs-endpoint.*", false),
            ("", "*", true),
        ] {
            assert_eq!(overlap(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
            assert_eq!(overlap(b.as_bytes(), a.as_bytes()), expected, "{b} {a}");
        }
    }

    #[test]
    fn what_shippers_add_is_given() {
        let security = sources(&["logs-system.security-*"]);
        assert!(security.give("user.name") && security.give("host.ip") && security.give("source.geo.name"));
        assert!(!security.give("registry.path"));
    }
}
