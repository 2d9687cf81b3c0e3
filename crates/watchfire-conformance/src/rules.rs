//! What becomes of every rule of the public repository: loaded, parsed, resolved, compiled, run.

use std::collections::{BTreeMap, BTreeSet};

use watchfire_detect::{RuleState, compile_rule};
use watchfire_diagnostics::{Code, Severity};
use watchfire_rules::load::{Fate, LoadedFile};
use watchfire_rules::model::{Rule, RuleKind};

use crate::expected::Expected;
use crate::report::{Section, Table};
use crate::{Corpus, corpus};

const FAILED: &str = include_str!("../expected/rules-failed.tsv");

/// The most rules that may fail, each for a reason in `expected/rules-failed.tsv`.
const MOST_FAILED: usize = 5;

/// Counts of one type and language.
#[derive(Default)]
struct Counts {
    files: usize,
    parsed: usize,
    resolved: usize,
    compiled: usize,
    runs: usize,
    unsupported: usize,
    failed: usize,
}

/// The state of every rule file.
pub(crate) fn section(all: &Corpus) -> Section {
    let mut section = Section::new("Rules of detection-rules");
    let expected = Expected::parse("rules-failed.tsv", FAILED, 1);
    if expected.iter().count() > MOST_FAILED {
        section.fail(format!("expected/rules-failed.tsv excuses more than {MOST_FAILED} rules"));
    }
    let parser_codes = parser_codes();
    let mut counts: BTreeMap<(String, String), Counts> = BTreeMap::new();
    let mut features: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failed = BTreeMap::new();
    let mut states = all.book.rules();
    for file in &all.files {
        let Some(content) = &file.content else {
            let count = counts.entry(("not loaded".to_owned(), String::new())).or_default();
            count.files += 1;
            count.failed += usize::from(file.fate == Fate::Failed);
            failed.insert(file_name(file), messages(file.diagnostics.iter().map(|found| &*found.message)));
            continue;
        };
        let (rule, state) = states.next().expect("the book has every rule that loaded, in the same order");
        assert_eq!(rule.rule_id, content.rule.rule_id, "the book keeps the order of the files");
        let count = counts.entry((rule.kind.rule_type().to_string(), language(rule))).or_default();
        count.files += 1;
        if has_grammar(rule) {
            let compiled = compile_rule(rule, &all.catalogue, &corpus::options());
            let errors: Vec<_> =
                compiled.diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
            count.parsed += usize::from(!errors.iter().any(|error| parser_codes.contains(&error.code)));
            count.resolved += usize::from(errors.is_empty());
            count.compiled += usize::from(!matches!(state, RuleState::Failed(_)));
        }
        match state {
            RuleState::Ready => count.runs += 1,
            RuleState::Unsupported(feature) => {
                count.unsupported += 1;
                *features.entry(feature).or_default() += 1;
            }
            RuleState::Failed(diagnostics) => {
                count.failed += 1;
                let reasons = messages(diagnostics.iter().map(|found| &*found.message));
                failed.insert(file_name(file), reasons);
            }
        }
    }
    let mut table = Table::new([
        "type",
        "language",
        "files",
        "parse",
        "resolve",
        "compile",
        "run in a scan",
        "unsupported",
        "failed",
    ]);
    for ((rule_type, language), count) in &counts {
        let numbers = [
            count.files,
            count.parsed,
            count.resolved,
            count.compiled,
            count.runs,
            count.unsupported,
            count.failed,
        ];
        let [files, parsed, resolved, compiled, runs, unsupported, failed] =
            numbers.map(|number| number.to_string());
        table.row([
            rule_type.clone(),
            language.clone(),
            files,
            parsed,
            resolved,
            compiled,
            runs,
            unsupported,
            failed,
        ]);
        if count.files != count.runs + count.unsupported + count.failed {
            section.fail(format!("{rule_type} {language}: the counts do not add up"));
        }
    }
    table.sums(2);
    section.table(&table);
    section.say("Machine-learning rules have no query: these are not counted as parsed.");
    let mut table = Table::new(["unsupported in a scan", "rules"]);
    for (feature, number) in features {
        table.row([feature.to_owned(), number.to_string()]);
    }
    section.table(&table);
    section.require(all.files.len(), 1_800, "rule files");
    expected.compare(&failed, &mut section);
    section
}

/// Whether the language of the rule's query is one that is parsed.
fn has_grammar(rule: &Rule) -> bool {
    rule.kind.language().is_some()
}

fn language(rule: &Rule) -> String {
    match &rule.kind {
        RuleKind::MachineLearning(_) => "none".to_owned(),
        kind => kind.language().map_or_else(|| "none".to_owned(), |language| language.to_string()),
    }
}

fn parser_codes() -> BTreeSet<Code> {
    let all =
        [watchfire_eql::CODES, watchfire_esql::CODES, watchfire_kql::CODES, watchfire_kql::lucene::CODES];
    all.into_iter().flatten().map(|info| info.code).collect()
}

/// The path of a file inside the repository of rules.
fn file_name(file: &LoadedFile) -> String {
    let path = file.source.name();
    path.split_once("/detection-rules/").map_or(path, |(_, inside)| inside).to_owned()
}

fn messages<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.collect::<Vec<_>>().join("; ")
}
