//! The counts at the end of a check.

use std::collections::BTreeMap;
use std::io::{self, Write};

use watchfire_diagnostics::{Code, Diagnostic, Severity};
use watchfire_rules::load::Fate;

use crate::reference::find_code;

/// How many of what.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rules: usize,
    failed: usize,
    not_rules: usize,
    by_code: BTreeMap<(Code, Severity), usize>,
    not_selected: usize,
    not_run_yet: BTreeMap<String, usize>,
    /// Rules with data streams whose fields are not known.
    pub(super) with_unknown_streams: usize,
}

impl Tally {
    /// Counts a file.
    pub(super) fn file(&mut self, fate: Fate) {
        match fate {
            Fate::Loaded => self.rules += 1,
            Fate::NotARule => self.not_rules += 1,
            Fate::Failed => self.failed += 1,
        }
    }

    /// Counts diagnostics that are shown, and how many are not.
    pub(super) fn diagnostics(&mut self, shown: &[Diagnostic], not_selected: usize) {
        for diagnostic in shown {
            *self.by_code.entry((diagnostic.code, diagnostic.severity)).or_default() += 1;
        }
        self.not_selected += not_selected;
    }

    /// Counts a rule that `scan` would not run, for want of this.
    pub(super) fn not_run_yet(&mut self, what: &str) {
        *self.not_run_yet.entry(what.to_owned()).or_default() += 1;
    }

    /// Writes the counts for a person.
    pub(super) fn write(&self, log: &mut dyn Write) -> io::Result<()> {
        let files = self.rules + self.failed + self.not_rules;
        writeln!(
            log,
            "files: {files} = {} rules + {} failed + {} not rules",
            self.rules, self.failed, self.not_rules
        )?;
        let of = |severity: Severity| -> usize {
            self.by_code.iter().filter(|((_, found), _)| *found == severity).map(|(_, number)| number).sum()
        };
        let (errors, warnings, notes) = (of(Severity::Error), of(Severity::Warning), of(Severity::Note));
        let all = errors + warnings + notes;
        writeln!(log, "diagnostics: {all} = {errors} errors + {warnings} warnings + {notes} notes")?;
        for ((code, severity), number) in &self.by_code {
            let title = find_code(code.as_str()).map_or("", |(_, info)| info.title);
            writeln!(log, "  {number:>5} {severity:7} {code} {title}")?;
        }
        if self.not_selected > 0 {
            writeln!(log, "not selected: {} diagnostics", self.not_selected)?;
        }
        for (what, number) in &self.not_run_yet {
            writeln!(log, "not run yet: {what}: {number} rules")?;
        }
        if self.with_unknown_streams > 0 {
            writeln!(
                log,
                "fields not held against data streams: {} rules, which name some whose fields are not known here",
                self.with_unknown_streams
            )?;
        }
        Ok(())
    }
}
