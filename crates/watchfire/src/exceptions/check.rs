//! `watchfire exceptions check`: what is wrong with exceptions, by themselves and for the rules that take them.
//!
//! ```text
//!  exceptions, value lists ──ExceptionBook::new──► what they mean, and what is wrong with that
//!  rules ──► searches ──► fields that no data stream has, demands that exclude each other   (EXC104, EXC112)
//!       └──► tests beside them, with the exceptions ──► tests that then fail                (EXC108)
//! ```

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use watchfire_detect::{
    CompileOptions, ExceptionBook, ItemState, exception_codes as codes, tests_hidden_by_exceptions,
};
use watchfire_diagnostics::{Diagnostic, Severity, SourceText};
use watchfire_events::Timestamp;
use watchfire_ir::{Catalogue, Condition, contradictions};
use watchfire_rules::format::RuleFile;
use watchfire_rules::lint::Places;
use watchfire_rules::load::{Fate, LoadedFile};
use watchfire_rules::model::{EntryTest, ExceptionEntry, Rule};
use watchfire_rules::testing::{load_tests, tests_path};
use watchfire_sources::normalise::catalogue;

use crate::check::{Checked, Examination, FailOn, Search, report};
use crate::destination::Destination;
use crate::exception_options::ExceptionOptions;
use crate::exit::Exit;
use crate::rule_paths::load_paths;
use crate::time_argument::now;

/// Checks exceptions and value lists: their files, what they mean, and whether they fit the rules that take them.
///
/// With --rules it also tells of items that no rule takes, that can hide nothing of what their rules look for, that ask for
/// fields which no data stream of their rules has, and that hide an event which a test beside a rule
/// (`NAME.tests.toml`) needs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire exceptions check exceptions/
  watchfire exceptions check exceptions/ --value-lists lists/ --rules rules/ --fail-on warning
  watchfire exceptions check export.ndjson --rules export.ndjson --format json

Exit codes:
  0  done
  1  done, and there is a diagnostic of the severity of --fail-on or a worse one
  2  wrong usage")]
pub(super) struct Check {
    /// Exception lists and items: JSON, NDJSON, TOML, and folders of these.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Value lists that they ask for: files with one value a line, and folders of them.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    value_lists: Vec<PathBuf>,
    /// The rules that take them.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// How the diagnostics are written: for people, or as JSON lines with the keys that `watchfire check` has.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    destination: Destination,
    /// Ends with exit code 1 if there is a diagnostic of this severity or a worse one.
    #[arg(long, value_enum, default_value_t = FailOn::Error, value_name = "SEVERITY")]
    fail_on: FailOn,
}

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people, with the lines of the file.
    Text,
    /// One JSON object a line.
    Json,
}

/// A rule that takes items.
struct RuleWithItems {
    content: RuleFile,
    source: SourceText,
    search: Option<Search>,
    items: Vec<usize>,
}

impl Check {
    pub(super) fn check(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let mut out = self.destination.open()?;
        let catalogue = catalogue();
        let options =
            ExceptionOptions { exceptions: self.paths.clone(), value_lists: self.value_lists.clone() };
        let now = now();
        let mut book = options.book(&catalogue, now);
        let mut of_rules = Vec::new();
        if !self.rules.is_empty() {
            of_rules = self.with_rules(&mut book, &catalogue, now)?;
        }
        let mut checked: Vec<Checked> = Vec::new();
        for text in book.sources().iter().filter(|text| !text.diagnostics.is_empty()) {
            let mut diagnostics = text.diagnostics.clone();
            diagnostics.sort_by_key(|found| found.primary_span().map(|span| span.start));
            checked.push(Checked { source: text.source.clone(), rule: None, diagnostics });
        }
        checked.append(&mut of_rules);
        match self.format {
            Format::Text => report::text(&checked, self.destination.colour(), &mut *out)?,
            Format::Json => report::json(&checked, &mut *out)?,
        }
        out.flush()?;
        let all = || checked.iter().flat_map(|file| &file.diagnostics);
        let of = |severity| all().filter(|found| found.severity == severity).count();
        writeln!(
            log,
            "exceptions: {} items in {} lists, {} value lists",
            book.items().len(),
            book.number_of_lists(),
            book.value_lists().len()
        )?;
        writeln!(
            log,
            "diagnostics: {} errors, {} warnings, {} notes",
            of(Severity::Error),
            of(Severity::Warning),
            of(Severity::Note)
        )?;
        let fails = all().any(|found| self.fail_on.fails(found.severity));
        Ok(if fails { Exit::Problems } else { Exit::Success })
    }

    /// Looks at the items together with the rules that take them; what is to be said of rules is given back.
    fn with_rules(
        &self,
        book: &mut ExceptionBook,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> io::Result<Vec<Checked>> {
        let mut of_rules = Vec::new();
        let mut examination = Examination::new(catalogue);
        let mut all: Vec<Rule> = Vec::new();
        let mut taking: Vec<RuleWithItems> = Vec::new();
        for LoadedFile { source, fate, content, diagnostics, .. } in load_paths(&self.rules)? {
            let Some(content) = content else {
                if fate == Fate::Failed {
                    of_rules.push(Checked { source, rule: None, diagnostics });
                }
                continue;
            };
            let own = book.of_rule(&content.rule);
            if !own.absent.is_empty() {
                let places = Places::of(source.text());
                let diagnostics = own.absent.iter().map(|list| {
                    let message = format!("the exception list `{list}` is absent");
                    let place = places.value("/exceptions_list").unwrap_or_else(|| places.rule());
                    Diagnostic::warning(codes::ABSENT_LIST, message).at(place, "named here")
                });
                of_rules.push(Checked {
                    diagnostics: diagnostics.collect(),
                    source: source.clone(),
                    rule: None,
                });
            }
            all.push(content.rule.clone());
            if !own.items.is_empty() {
                let search = examination.search(&content, &source, &[]);
                taking.push(RuleWithItems { content, source, search, items: own.items });
            }
        }
        unused(book, &all);
        for at in 0..book.items().len() {
            let rules: Vec<&RuleWithItems> = taking.iter().filter(|rule| rule.items.contains(&at)).collect();
            if !rules.is_empty() {
                against_rules(book, at, &rules, catalogue);
            }
        }
        for rule in &taking {
            hidden_tests(book, rule, catalogue, now)?;
        }
        Ok(of_rules)
    }
}

/// Tells of the items that no rule takes.
fn unused(book: &mut ExceptionBook, rules: &[Rule]) {
    let named = book.items_named_by(&rules.iter().collect::<Vec<_>>());
    for at in (0..book.items().len()).filter(|at| !named.contains(at)) {
        let message = format!("no rule takes the list `{}` of this item", book.items()[at].item.list_id);
        book.report(at, None, Diagnostic::new(codes::NOT_USED, Severity::Note, message));
    }
}

/// Looks at one item together with all rules that take it. What is true of some of them alone is no fault of a list that
/// several share.
fn against_rules(book: &mut ExceptionBook, at: usize, rules: &[&RuleWithItems], catalogue: &Catalogue) {
    let item = &book.items()[at];
    let (condition, entries) = (item.condition.clone(), item.item.entries.clone());
    let is_known =
        |rule: &&RuleWithItems| rule.search.as_ref().is_some_and(|search| search.sources.are_all_known());
    let mut is_told = false;
    if rules.iter().all(is_known) {
        for (number, entry) in entries.iter().enumerate() {
            let mut fields = Vec::new();
            fields_of(entry, "", &mut fields);
            let gives = |field: &String| {
                let of = |rule: &&RuleWithItems| {
                    rule.search.as_ref().is_some_and(|search| search.sources.give(field))
                };
                rules.iter().any(of)
            };
            for field in fields.iter().filter(|field| !gives(field)) {
                let message = format!("no data stream of the rules that take this item has `{field}`");
                book.report(at, Some(number), Diagnostic::warning(codes::NOT_GIVEN, message));
                is_told = true;
            }
        }
    }
    let excludes = |wanted: &Condition| {
        let both = Condition::all([wanted.clone(), condition.clone()]);
        contradictions(&both, catalogue).iter().any(|found| found.decides)
    };
    let never = |rule: &&RuleWithItems| {
        rule.search
            .as_ref()
            .is_some_and(|search| search.stages.iter().all(|stage| excludes(&stage.condition)))
    };
    let by_itself = excludes(&Condition::constant(true));
    if !is_told && !by_itself && condition != Condition::constant(false) && rules.iter().all(never) {
        let message = match rules {
            [only] => format!("the item hides nothing that the rule `{}` looks for", only.content.rule.name),
            _ => format!("the item hides nothing that any of its {} rules looks for", rules.len()),
        };
        book.report(at, None, Diagnostic::warning(codes::NEVER_MATCHES, message));
    }
}

/// The full names of the fields of an entry.
fn fields_of(entry: &ExceptionEntry, before: &str, fields: &mut Vec<String>) {
    let field = format!("{before}{}", entry.field);
    match &entry.test {
        EntryTest::Nested(inner) => {
            inner.iter().for_each(|entry| fields_of(entry, &format!("{field}."), fields));
        }
        _ => fields.push(field),
    }
}

/// Runs the tests beside a rule with its exceptions, and tells of those that then fail.
fn hidden_tests(
    book: &mut ExceptionBook,
    rule: &RuleWithItems,
    catalogue: &Catalogue,
    now: Timestamp,
) -> io::Result<()> {
    let path = tests_path(Path::new(rule.source.name()));
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(()) };
    let (Some(tests), _) = load_tests(&text) else { return Ok(()) };
    let name = &rule.content.rule.name;
    let options = CompileOptions { now: Some(now) };
    let hidden = tests_hidden_by_exceptions(&rule.content.rule, &tests, catalogue, &options, book)?;
    for test in hidden {
        for item in test.items {
            debug_assert!(book.items()[item].state == ItemState::Active);
            let message = format!("the item hides what the rule `{name}` finds in its test `{}`", test.name);
            let note = format!("the test: `{}`", path.display());
            book.report(item, None, Diagnostic::error(codes::HIDES_TESTED_EVENT, message).with_note(note));
        }
    }
    Ok(())
}
