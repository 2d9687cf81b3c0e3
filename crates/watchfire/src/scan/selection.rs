//! Which rules run: by id, tag and ATT&CK technique.

use watchfire_ir::{Fold, Pattern};
use watchfire_rules::model::Rule;

/// The options that say it. Without any, every rule runs.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Which rules run")]
pub(crate) struct Selection {
    /// Only rules with one of these ids.
    #[arg(long = "rule-id", value_name = "ID")]
    rule_ids: Vec<String>,
    /// Only rules with one of these tags, in any case, with `*` and `?` as wildcards: `Use Case: *`.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only rules for one of these ATT&CK tactics, techniques (with their sub-techniques) or sub-techniques.
    #[arg(long = "technique", value_name = "ID")]
    techniques: Vec<String>,
    /// No rule with one of these ids.
    #[arg(long = "exclude-rule-id", value_name = "ID")]
    excluded_rule_ids: Vec<String>,
    /// No rule with one of these tags.
    #[arg(long = "exclude-tag", value_name = "TAG")]
    excluded_tags: Vec<String>,
    /// No rule for one of these ATT&CK tactics, techniques or sub-techniques.
    #[arg(long = "exclude-technique", value_name = "ID")]
    excluded_techniques: Vec<String>,
}

/// Whether a rule has what an option names.
type Fits = fn(&Rule, &str) -> bool;

impl Selection {
    /// Whether a rule runs: it has what is asked for of each kind, and nothing that is excluded.
    pub(crate) fn takes(&self, rule: &Rule) -> bool {
        let wanted = |list: &[String], fits: Fits| list.is_empty() || list.iter().any(|one| fits(rule, one));
        let refused = |list: &[String], fits: Fits| list.iter().any(|one| fits(rule, one));
        wanted(&self.rule_ids, has_id)
            && wanted(&self.tags, has_tag)
            && wanted(&self.techniques, has_technique)
            && !refused(&self.excluded_rule_ids, has_id)
            && !refused(&self.excluded_tags, has_tag)
            && !refused(&self.excluded_techniques, has_technique)
    }

    /// What was asked for that no rule has, most likely misspelt: the option and its value.
    pub(crate) fn unknown<'a>(&'a self, rules: &[&Rule]) -> Vec<(&'static str, &'a str)> {
        let options: [(&'static str, &[String], Fits); 6] = [
            ("--rule-id", &self.rule_ids, has_id),
            ("--tag", &self.tags, has_tag),
            ("--technique", &self.techniques, has_technique),
            ("--exclude-rule-id", &self.excluded_rule_ids, has_id),
            ("--exclude-tag", &self.excluded_tags, has_tag),
            ("--exclude-technique", &self.excluded_techniques, has_technique),
        ];
        let mut unknown = Vec::new();
        for (option, values, fits) in options {
            let absent = values.iter().filter(|value| !rules.iter().any(|rule| fits(rule, value)));
            unknown.extend(absent.map(|value| (option, value.as_str())));
        }
        unknown
    }
}

fn has_id(rule: &Rule, id: &str) -> bool {
    rule.rule_id.as_ref().is_some_and(|own| own.to_string() == id)
}

fn has_tag(rule: &Rule, tag: &str) -> bool {
    rule.tags().iter().any(|own| fits_tag(own, tag))
}

/// Whether a tag fits a pattern, in any case.
fn fits_tag(tag: &str, pattern: &str) -> bool {
    Pattern::from_eql(pattern).folded(Fold::Lowercase).fits(&Fold::Lowercase.apply(tag))
}

fn has_technique(rule: &Rule, id: &str) -> bool {
    let is = |own: &str| own.eq_ignore_ascii_case(id);
    rule.threat().iter().any(|entry| {
        let technique = |of: &watchfire_rules::model::Technique| {
            is(&of.id) || of.subtechniques.iter().any(|narrower| is(&narrower.id))
        };
        is(&entry.tactic.id) || entry.techniques.iter().any(technique)
    })
}

#[cfg(test)]
mod tests {
    use super::fits_tag;

    #[test]
    fn tags_fit_in_any_case_and_with_wildcards() {
        for (text, pattern, fits) in [
            ("os: windows", "os: windows", true),
            ("os: windows", "os: *", true),
            ("os: windows", "*windows", true),
            ("os: windows", "*: win*", true),
            ("os: windows", "*win*win*", false),
            ("os: windows", "windows", false),
            ("", "*", true),
            ("aba", "ab*ba", false),
            ("Tactic: Execution", "TACTIC: *", true),
        ] {
            assert_eq!(fits_tag(text, pattern), fits, "{text} {pattern}");
        }
    }
}
