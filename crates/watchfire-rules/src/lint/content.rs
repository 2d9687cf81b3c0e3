//! What a rule says of itself: its weight, its indicators, its guide, its place in ATT&CK.

use std::collections::BTreeSet;

use watchfire_diagnostics::{Diagnostic, Span};

use super::places::Places;
use super::{QueryFacts, value_or_rule};
use crate::codes;
use crate::format::RuleFile;
use crate::guide::{PlaceholderKind, placeholders};
use crate::model::{RuleKind, ThreatEntry};

/// The framework whose ids and pages are known.
const ATTACK: &str = "MITRE ATT&CK";

pub(super) fn check(file: &RuleFile, facts: &QueryFacts, places: &Places, found: &mut Vec<Diagnostic>) {
    let rule = &file.rule;
    severity(file, places, found);
    if facts.sequence && rule.kind.alert_suppression().is_some() {
        found.push(
            Diagnostic::warning(codes::SUPPRESSED_SEQUENCE, "a sequence has `alert_suppression`")
                .at(value_or_rule(places, "/alert_suppression"), ""),
        );
    }
    negated_mappings(file, places, found);
    unused_tables(file, places, found);
    let attack = rule.threat().iter().enumerate().filter(|(_, entry)| entry.framework == ATTACK);
    attack.for_each(|(at, entry)| attack_ids(entry, &format!("/threat/{at}"), places, found));
}

fn severity(file: &RuleFile, places: &Places, found: &mut Vec<Diagnostic>) {
    let rule = &file.rule;
    let (least, most) = rule.severity.usual_risk_scores();
    if rule.risk_score < least || rule.risk_score > most {
        let message =
            format!("a risk score of {} does not go with `{}`", rule.risk_score.get(), rule.severity);
        let usual = format!("`{}` goes with {} to {}", rule.severity, least.get(), most.get());
        found.push(
            Diagnostic::warning(codes::SEVERITY_AND_RISK, message)
                .at(value_or_rule(places, "/risk_score"), usual)
                .at(value_or_rule(places, "/severity"), ""),
        );
    }
}

fn negated_mappings(file: &RuleFile, places: &Places, found: &mut Vec<Diagnostic>) {
    let RuleKind::ThreatMatch(rule) = &file.rule.kind else { return };
    for (at, group) in rule.threat_mapping.iter().enumerate() {
        let negated = group.entries.iter().all(|entry| entry.negate == Some(true));
        if negated && !group.entries.is_empty() {
            let place = value_or_rule(places, &format!("/threat_mapping/{at}/entries"));
            let message = "all entries of a group of `threat_mapping` are negated";
            found.push(
                Diagnostic::error(codes::NEGATED_MAPPING, message)
                    .at(place, "nothing is left for them to narrow"),
            );
        }
    }
}

fn unused_tables(file: &RuleFile, places: &Places, found: &mut Vec<Diagnostic>) {
    let Some(transform) = &file.transform else { return };
    let named: BTreeSet<_> = placeholders(file.rule.note.as_deref().unwrap_or_default())
        .into_iter()
        .filter_map(|placeholder| Some((placeholder.kind, placeholder.number?)))
        .collect();
    for (kind, count) in [
        (PlaceholderKind::Investigate, transform.investigate.len()),
        (PlaceholderKind::Osquery, transform.osquery.len()),
    ] {
        for number in 0..count {
            if named.contains(&(kind, number)) {
                continue;
            }
            let pointer = format!("/transform/{kind}/{number}");
            let place = places.top_value(&format!("{pointer}/label")).or_else(|| places.top_value(&pointer));
            let message = format!("the guide does not name `${kind}_{number}`, so its query is never shown");
            found.push(
                Diagnostic::warning(codes::UNUSED_TABLE, message)
                    .at(place.unwrap_or_else(|| places.rule()), format!("`${kind}_{number}`")),
            );
        }
    }
}

fn attack_ids(entry: &ThreatEntry, at: &str, places: &Places, found: &mut Vec<Diagnostic>) {
    let mut check = |pointer: String, id: &str, reference: &str, is_id: bool, form: &str| {
        let mut report = |message: String, place: Span| {
            found.push(Diagnostic::warning(codes::TECHNIQUE_IDENTITY, message).at(place, ""));
        };
        if !is_id {
            report(format!("`{id}` is not {form}"), value_or_rule(places, &format!("{pointer}/id")));
        } else if !reference.trim_end_matches('/').ends_with(&id.replace('.', "/")) {
            let place = value_or_rule(places, &format!("{pointer}/reference"));
            report(format!("the reference of `{id}` is the page of something else"), place);
        }
    };
    let tactic = &entry.tactic;
    let is_tactic = digits_behind(&tactic.id, "TA", 4);
    let form = "the id of a tactic, such as `TA0002`";
    check(format!("{at}/tactic"), &tactic.id, &tactic.reference, is_tactic, form);
    for (number, technique) in entry.techniques.iter().enumerate() {
        let pointer = format!("{at}/technique/{number}");
        let is_technique = digits_behind(&technique.id, "T", 4);
        let form = "the id of a technique, such as `T1059`";
        check(pointer.clone(), &technique.id, &technique.reference, is_technique, form);
        for (number, narrower) in technique.subtechniques.iter().enumerate() {
            let is_narrower = digits_behind(&narrower.id, &format!("{}.", technique.id), 3);
            let form = format!("the id of a sub-technique of `{}`", technique.id);
            let pointer = format!("{pointer}/subtechnique/{number}");
            check(pointer, &narrower.id, &narrower.reference, is_narrower, &form);
        }
    }
}

fn digits_behind(id: &str, prefix: &str, count: usize) -> bool {
    id.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == count && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
