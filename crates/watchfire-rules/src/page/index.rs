//! The page that leads to the pages of rules: by tactic, in the order of an intrusion.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::text::{link, plain};
use crate::format::RuleFile;
use crate::model::tactic_place;

/// The index of pages, each with the file it was written to, which must be one of [`file_stem`](super::file_stem) with
/// an extension. A rule stands under each of its tactics.
pub fn index(pages: &[(&RuleFile, String)]) -> String {
    let mut tactics: BTreeMap<(usize, &str), (&str, &str, Vec<usize>)> = BTreeMap::new();
    let mut without = Vec::new();
    for (at, (file, _)) in pages.iter().enumerate() {
        if file.rule.threat().is_empty() {
            without.push(at);
        }
        for entry in file.rule.threat() {
            let tactic = &entry.tactic;
            let (_, _, rules) = tactics.entry((tactic_place(&tactic.id), &tactic.id)).or_insert((
                &tactic.name,
                &tactic.reference,
                Vec::new(),
            ));
            if rules.last() != Some(&at) {
                rules.push(at);
            }
        }
    }
    let mut out = format!("# Rules\n\n{} rules, by what an attacker wants.\n", pages.len());
    let list = |rules: &mut Vec<usize>, out: &mut String| {
        rules.sort_by_key(|at| &pages[*at].0.rule.name);
        for at in rules.iter() {
            let (file, address) = &pages[*at];
            let rule = &file.rule;
            let _ = write!(out, "- [{}]({address}): {}", plain(&rule.name), rule.severity);
            let _ = write!(out, ", {}", rule.kind.rule_type());
            out.push_str(if rule.is_building_block() { ", building block\n" } else { "\n" });
        }
    };
    for ((_, id), (name, reference, mut rules)) in tactics {
        let _ = writeln!(out, "\n## {} {}\n", link(id, reference), plain(name));
        list(&mut rules, &mut out);
    }
    if !without.is_empty() {
        out.push_str("\n## No tactic\n\n");
        list(&mut without, &mut out);
    }
    out
}
