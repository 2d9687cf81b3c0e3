//! Keys that a rule has although only rules of other types can: `index` in an ES|QL rule, for example.

use watchfire_diagnostics::Diagnostic;

use super::kind::{
    EqlRule, EsqlRule, EventSource, MachineLearningRule, NewTermsRule, QueryRule, RuleType, SavedQueryRule,
    ThreatMatchRule, ThresholdRule,
};
use crate::codes;
use crate::document::reader::{Context, TableReader};

/// The keys of a type, besides those that all rules have.
fn keys_of(rule_type: RuleType) -> impl Iterator<Item = &'static str> {
    let own = match rule_type {
        RuleType::Query => QueryRule::KEYS,
        RuleType::SavedQuery => SavedQueryRule::KEYS,
        RuleType::Eql => EqlRule::KEYS,
        RuleType::Threshold => ThresholdRule::KEYS,
        RuleType::ThreatMatch => ThreatMatchRule::KEYS,
        RuleType::NewTerms => NewTermsRule::KEYS,
        RuleType::Esql => EsqlRule::KEYS,
        RuleType::MachineLearning => MachineLearningRule::KEYS,
    };
    let source = if own.contains(&"") { EventSource::KEYS } else { &[] };
    own.iter().chain(source).copied().filter(|key| !key.is_empty())
}

/// Warns of keys that only other types have.
pub(super) fn report_keys_of_other_types(
    rule_type: RuleType,
    reader: &mut TableReader<'_>,
    cx: &mut Context<'_>,
) {
    let foreign: Vec<_> = reader
        .unasked()
        .filter_map(|entry| {
            let owners: Vec<RuleType> = RuleType::ALL
                .iter()
                .copied()
                .filter(|other| keys_of(*other).any(|key| key == entry.key))
                .collect();
            let key = owners.first().and_then(|first| keys_of(*first).find(|key| *key == entry.key))?;
            (!owners.contains(&rule_type)).then_some((entry, key, owners))
        })
        .collect();
    for (entry, key, owners) in foreign {
        reader.allow(&[key]);
        let path = reader.path_of(key);
        let message = format!("`{path}` has no effect: rules of type `{rule_type}` do not have it");
        let owners: Vec<String> = owners.iter().map(|owner| format!("`{owner}`")).collect();
        cx.report(
            Diagnostic::warning(codes::KEY_OF_OTHER_TYPE, message)
                .at(entry.key_span, format!("belongs to {}", owners.join(", "))),
        );
    }
}
