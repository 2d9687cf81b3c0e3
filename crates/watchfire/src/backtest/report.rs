//! The difference of two sets of alerts, and the forms in which it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Value, json};

use super::alert_set::{AlertFacts, AlertSet};
use crate::terminal::escape_controls;

/// The difference of two sets of alerts, by rule.
#[derive(Debug)]
pub(super) struct Difference {
    rules: BTreeMap<String, OfRule>,
}

/// The difference in the alerts of one rule.
#[derive(Debug, Default)]
struct OfRule {
    name: String,
    sums: Sums,
    new: Vec<AlertFacts>,
    gone: Vec<AlertFacts>,
    /// Before and after.
    changed: Vec<(AlertFacts, AlertFacts)>,
}

/// Numbers of alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) before: usize,
    pub(super) after: usize,
    /// Those of both that are alike, and those that are not.
    pub(super) kept: usize,
    /// Of the kept ones, those with another severity or risk score.
    pub(super) changed: usize,
    pub(super) new: usize,
    pub(super) gone: usize,
}

impl Difference {
    /// What became of the alerts.
    pub(super) fn of(mut before: AlertSet, mut after: AlertSet) -> Self {
        let ids: BTreeSet<String> = before.rules.keys().chain(after.rules.keys()).cloned().collect();
        let of_rule = |id: String| {
            let mut old = before.rules.remove(&id).unwrap_or_default();
            let new = after.rules.remove(&id).unwrap_or_default();
            let name = if new.name.is_empty() { old.name } else { new.name };
            let mut found = OfRule { name, ..OfRule::default() };
            found.sums.before = old.alerts.len();
            found.sums.after = new.alerts.len();
            for (about, alert) in new.alerts {
                match old.alerts.remove(&about) {
                    None => found.new.push(alert),
                    Some(was) => {
                        found.sums.kept += 1;
                        if (&was.severity, &was.risk_score) != (&alert.severity, &alert.risk_score) {
                            found.changed.push((was, alert));
                        }
                    }
                }
            }
            found.gone.extend(old.alerts.into_values());
            for list in [&mut found.new, &mut found.gone] {
                list.sort_by(|a, b| a.line.cmp(&b.line));
            }
            found.changed.sort_by(|(_, a), (_, b)| a.line.cmp(&b.line));
            (found.sums.new, found.sums.gone) = (found.new.len(), found.gone.len());
            found.sums.changed = found.changed.len();
            (id, found)
        };
        Self { rules: ids.into_iter().map(of_rule).collect() }
    }

    /// The numbers of all rules.
    pub(super) fn sums(&self) -> Sums {
        let mut all = Sums::default();
        for Sums { before, after, kept, changed, new, gone } in
            self.rules.values().map(|of_rule| of_rule.sums)
        {
            all.before += before;
            all.after += after;
            all.kept += kept;
            all.changed += changed;
            all.new += new;
            all.gone += gone;
        }
        all
    }
}

/// A difference with what there is to say about it.
pub(super) struct Report<'a> {
    pub(super) difference: &'a Difference,
    /// The rules of both sides by what they are matched by.
    pub(super) old: &'a BTreeMap<String, String>,
    pub(super) new: &'a BTreeMap<String, String>,
    /// Whether the old ones are known by their alerts alone: then a rule that is not among them may have been there.
    pub(super) is_baseline: bool,
    /// Alerts that are shown of each kind and rule.
    pub(super) examples: usize,
}

impl Report<'_> {
    /// The names of the rules that were there only before, and only after.
    fn one_sided(&self) -> [Vec<String>; 2] {
        let only_in = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| -> Vec<String> {
            one.iter().filter(|(id, _)| !other.contains_key(*id)).map(|(_, name)| name.clone()).collect()
        };
        let added = if self.is_baseline { Vec::new() } else { only_in(self.new, self.old) };
        [only_in(self.old, self.new), added]
    }

    fn in_both(&self) -> usize {
        self.old.keys().filter(|id| self.new.contains_key(*id)).count()
    }

    /// The rules whose alerts differ.
    fn differing(&self) -> impl Iterator<Item = (&String, &OfRule)> {
        let differs = |of_rule: &OfRule| of_rule.sums.new + of_rule.sums.gone + of_rule.sums.changed > 0;
        self.difference.rules.iter().filter(move |(_, of_rule)| differs(of_rule))
    }

    /// For people.
    pub(super) fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let [removed, added] = self.one_sided();
        writeln!(
            out,
            "rules: {} in both, {} only before, {} only after",
            self.in_both(),
            removed.len(),
            added.len()
        )?;
        for (mark, names) in [("-", removed), ("+", added)] {
            for name in names {
                writeln!(out, "  {mark} {}", escape_controls(&name))?;
            }
        }
        writeln!(out, "alerts: {}", sums_text(self.difference.sums()))?;
        for (id, of_rule) in self.differing() {
            writeln!(out, "\n{} ({})", escape_controls(&of_rule.name), escape_controls(id))?;
            writeln!(out, "  {}", sums_text(of_rule.sums))?;
            for (mark, list) in [("+", &of_rule.new), ("-", &of_rule.gone)] {
                for alert in list.iter().take(self.examples) {
                    writeln!(out, "  {mark} {}", escape_controls(&alert.line))?;
                }
                let rest = list.len().saturating_sub(self.examples);
                if rest > 0 {
                    writeln!(out, "  {mark} {rest} more")?;
                }
            }
            for (was, alert) in of_rule.changed.iter().take(self.examples) {
                writeln!(out, "  ~ {}", escape_controls(&changed_text(was, alert)))?;
            }
            let rest = of_rule.changed.len().saturating_sub(self.examples);
            if rest > 0 {
                writeln!(out, "  ~ {rest} more")?;
            }
        }
        Ok(())
    }

    /// For a comment on a change.
    pub(super) fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let [removed, added] = self.one_sided();
        writeln!(out, "## Backtest\n")?;
        writeln!(out, "Alerts: {}.", sums_text(self.difference.sums()))?;
        for (what, names) in [("Only before", removed), ("Only after", added)] {
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(|name| in_markdown(name)).collect();
                writeln!(out, "\n{what}: {}.", names.join(", "))?;
            }
        }
        if self.differing().next().is_none() {
            return Ok(());
        }
        writeln!(out, "\n| rule | before | after | new | gone | changed |\n|---|--:|--:|--:|--:|--:|")?;
        for (_, of_rule) in self.differing() {
            let Sums { before, after, new, gone, changed, .. } = of_rule.sums;
            let name = in_markdown(&of_rule.name);
            writeln!(out, "| {name} | {before} | {after} | {new} | {gone} | {changed} |")?;
        }
        for (_, of_rule) in self.differing() {
            writeln!(out, "\n### {}\n", in_markdown(&of_rule.name))?;
            for (what, list) in [("new", &of_rule.new), ("gone", &of_rule.gone)] {
                for alert in list.iter().take(self.examples) {
                    writeln!(out, "- {what}: {}", in_markdown(&alert.line))?;
                }
                let rest = list.len().saturating_sub(self.examples);
                if rest > 0 {
                    writeln!(out, "- {what}: {rest} more")?;
                }
            }
            for (was, alert) in of_rule.changed.iter().take(self.examples) {
                writeln!(out, "- changed: {}", in_markdown(&changed_text(was, alert)))?;
            }
            let rest = of_rule.changed.len().saturating_sub(self.examples);
            if rest > 0 {
                writeln!(out, "- changed: {rest} more")?;
            }
        }
        Ok(())
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        let sums = |sums: Sums| {
            let Sums { before, after, kept, changed, new, gone } = sums;
            json!({
                "before": before, "after": after, "kept": kept, "changed": changed, "new": new, "gone": gone,
            })
        };
        let alert = |alert: &AlertFacts| json!({ "what": alert.line, "severity": alert.severity, "risk_score": alert.risk_score });
        let alerts = |list: &[AlertFacts]| list.iter().take(self.examples).map(alert).collect::<Vec<_>>();
        let rule = |(id, of_rule): (&String, &OfRule)| {
            let changed = of_rule.changed.iter().take(self.examples);
            let changed: Vec<Value> =
                changed.map(|(was, is)| json!({ "before": alert(was), "after": alert(is) })).collect();
            json!({
                "rule_id": id,
                "name": of_rule.name,
                "alerts": sums(of_rule.sums),
                "examples": {
                    "new": alerts(&of_rule.new), "gone": alerts(&of_rule.gone), "changed": changed,
                },
            })
        };
        let [removed, added] = self.one_sided();
        json!({
            "rules": {
                "in_both": self.in_both(),
                "only_before": removed,
                "only_after": added,
            },
            "alerts": sums(self.difference.sums()),
            "by_rule": self.difference.rules.iter().map(rule).collect::<Vec<_>>(),
        })
    }
}

fn sums_text(sums: Sums) -> String {
    let Sums { before, after, kept, changed, new, gone } = sums;
    format!("{before} before, {after} after: {new} new, {gone} gone, {kept} kept ({changed} of them changed)")
}

fn changed_text(was: &AlertFacts, is: &AlertFacts) -> String {
    format!("{}: {} {} → {} {}", is.line, was.severity, was.risk_score, is.severity, is.risk_score)
}

/// A text that Markdown takes for nothing else, in one line.
fn in_markdown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in escape_controls(text).chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '!' | '@') {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}
