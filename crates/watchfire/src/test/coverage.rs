//! Which rules have no tests, and which parts of rules no test tries out.

use std::io::{self, Write};

use watchfire_detect::{LeafCoverage, RuleCoverage};

use super::TestedRule;
use crate::terminal::escape_controls;

/// Longest text of a part that is shown.
const MAX_SHOWN: usize = 160;

/// The coverage of all rules that run.
pub(super) struct Coverage {
    rules: Vec<(String, bool, RuleCoverage)>,
    /// Rules that do not run, and so have no parts.
    cannot_run: usize,
}

impl Coverage {
    /// Of tested rules.
    pub(super) fn of(tested: &[TestedRule]) -> Self {
        let counted = || tested.iter().filter(|rule| !rule.suite.is_left_out);
        let rules = counted().filter_map(|rule| {
            let name = rule.suite.source.name().to_owned();
            Some((name, rule.suite.tests.is_some(), rule.coverage.clone()?))
        });
        Self { rules: rules.collect(), cannot_run: counted().filter(|rule| rule.coverage.is_none()).count() }
    }

    fn seen(&self) -> usize {
        self.rules.iter().map(|(_, _, coverage)| coverage.seen()).sum()
    }

    fn outcomes(&self) -> usize {
        self.rules.iter().map(|(_, _, coverage)| coverage.outcomes()).sum()
    }

    /// The share of all outcomes that tests bring about.
    pub(super) fn percent(&self) -> f64 {
        percent(self.seen(), self.outcomes())
    }

    /// The whole in a line.
    pub(super) fn sum(&self) -> String {
        let parts = self.outcomes() / 2;
        let cannot_run = match self.cannot_run {
            0 => String::new(),
            number => format!("; {number} rules do not run"),
        };
        format!("{:.1} % of {parts} parts made true and made false{cannot_run}", self.percent())
    }

    /// Each rule of which not all is tried out.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for (file, has_tests, coverage) in &self.rules {
            let file = escape_controls(file);
            if !has_tests {
                writeln!(out, "  0.0 %  {file}: no tests")?;
                continue;
            }
            writeln!(out, "{:5.1} %  {file}", percent(coverage.seen(), coverage.outcomes()))?;
            let of_several = coverage.leaves.iter().any(|leaf| leaf.stage > 1);
            for leaf in &coverage.leaves {
                let what = match leaf {
                    LeafCoverage { made_true: true, made_false: true, .. } => continue,
                    LeafCoverage { made_true: true, .. } => "never false",
                    LeafCoverage { made_false: true, .. } => "never true",
                    LeafCoverage { .. } => "never asked",
                };
                let stage = if of_several { format!("stage {}: ", leaf.stage) } else { String::new() };
                let shown: String = leaf.leaf.chars().take(MAX_SHOWN).collect();
                let cut = if shown.len() < leaf.leaf.len() { "…" } else { "" };
                writeln!(out, "         {what}: {stage}{}{cut}", escape_controls(&shown))?;
            }
        }
        Ok(())
    }
}

/// A share in per cent; of nothing, everything.
pub(super) fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * part as f64 / whole as f64 }
}
