//! ES|QL rules of the public repository against tests of our own (`esql_rules/`, a file for each rule, by the name of the rule's).
//!
//! Which rules have tests is no matter of choice: those whose ids come first by their SHA-256, and as many more as it takes until
//! every command, function and aggregate that runnable rules use is in one that has tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use watchfire_detect::{RuleState, TestOutcome, run_tests};
use watchfire_esql::ast::{Arguments, CommandKind, Expr, ExprKind, Query};
use watchfire_rules::model::{Rule, RuleKind};
use watchfire_rules::testing::{Expectation, load_tests};

use crate::corpus::{self, Corpus};
use crate::own_rules::check;
use crate::report::{Section, Table};

/// How many rules that run have tests, by the order of their ids' SHA-256.
const FIRST: usize = 60;

/// A rule of the repository that runs.
struct Runnable<'c> {
    stem: String,
    rule: &'c Rule,
    uses: BTreeSet<String>,
}

/// Every tested rule, and how many of its tests pass.
pub(crate) fn section(corpus: &Corpus) -> Section {
    let mut section = Section::new("ES|QL rules and tests of our own");
    let states = corpus.by_id();
    let mut runnable: BTreeMap<[u8; 32], Runnable<'_>> = BTreeMap::new();
    for file in &corpus.files {
        let Some(content) = &file.content else { continue };
        let rule = &content.rule;
        let (RuleKind::Esql(esql), Some(id)) = (&rule.kind, &rule.rule_id) else { continue };
        if !matches!(states.get(id.as_str()), Some((_, RuleState::Ready))) {
            continue;
        }
        let stem =
            Path::new(file.source.name()).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let uses =
            watchfire_esql::parse(&esql.query.text).query.map(|query| uses(&query)).unwrap_or_default();
        runnable.insert(Sha256::digest(id.as_str()).into(), Runnable { stem, rule, uses });
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("esql_rules");
    let mut table = Table::new(["rule", "tests", "that expect alerts", "passed"]);
    let (mut tested, mut covered, mut used) = (0, BTreeSet::new(), BTreeSet::new());
    for (number, of) in runnable.values().enumerate() {
        used.extend(of.uses.iter().cloned());
        let path = folder.join(format!("{}.tests.toml", of.stem));
        if !path.exists() {
            if number < FIRST {
                section.fail(format!("{}: has no tests, and is among the first {FIRST}", of.stem));
            }
            continue;
        }
        covered.extend(of.uses.iter().cloned());
        tested += 1;
        if let Some(outcomes) = outcomes(of, &path, corpus, &mut section) {
            let expects = |outcome: &&TestOutcome| matches!(outcome.expected, Expectation::Match { .. });
            let positive = outcomes.iter().filter(expects).count();
            if positive == 0 || positive == outcomes.len() {
                section.fail(format!("{}: some tests expect alerts, and others none", of.stem));
            }
            check(of.rule, &outcomes, &mut section);
            let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
            let [all, positive, passed] = [outcomes.len(), positive, passed].map(|number| number.to_string());
            table.row([of.stem.clone(), all, positive, passed]);
        }
    }
    for path in files(&folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !runnable.values().any(|of| name == format!("{}.tests.toml", of.stem)) {
            section.fail(format!("{name}: there is no such rule that runs"));
        }
    }
    for what in used.difference(&covered) {
        section.fail(format!("no rule with {what} has tests"));
    }
    table.sums(1);
    section.require(tested, FIRST, "rules with tests");
    section.say(format!(
        "Of {} rules that run: the first {FIRST} by the SHA-256 of their ids, and others until all {} commands, functions and \
         aggregates that they use are covered.",
        runnable.len(),
        used.len()
    ));
    section.table(&table);
    section
}

fn outcomes(
    of: &Runnable<'_>,
    path: &Path,
    corpus: &Corpus,
    section: &mut Section,
) -> Option<Vec<TestOutcome>> {
    let text = std::fs::read_to_string(path).expect("a file of tests can be read");
    let (tests, diagnostics) = load_tests(&text);
    for problem in diagnostics {
        section.fail(format!("{}: {}", of.stem, problem.message));
    }
    let options = corpus::options();
    Some(
        run_tests(of.rule, &tests?, &corpus.catalogue, &options)
            .expect("the events of a test fit into memory"),
    )
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the tests are there");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.sort();
    paths
}

/// The commands, functions and aggregates of a query.
fn uses(query: &Query) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for command in &query.commands {
        let name = match &command.kind {
            CommandKind::Where(condition) => {
                functions(condition, &mut found);
                "WHERE"
            }
            CommandKind::Eval(fields) => {
                fields.iter().for_each(|field| functions(&field.value, &mut found));
                "EVAL"
            }
            CommandKind::Stats { aggregates, by, inline } => {
                for aggregate in aggregates {
                    functions(&aggregate.field.value, &mut found);
                    if let Some(filter) = &aggregate.filter {
                        functions(filter, &mut found);
                        found.insert("an aggregate with WHERE".to_owned());
                    }
                }
                by.iter().for_each(|field| functions(&field.value, &mut found));
                if *inline { "INLINE STATS" } else { "STATS" }
            }
            CommandKind::Keep(_) => "KEEP",
            CommandKind::Drop(_) => "DROP",
            CommandKind::Rename(_) => "RENAME",
            CommandKind::Sort(_) => "SORT",
            CommandKind::Limit(_) => "LIMIT",
            CommandKind::MvExpand(_) => "MV_EXPAND",
            CommandKind::Dissect { .. } => "DISSECT",
            CommandKind::Grok { .. } => "GROK",
            CommandKind::Completion { .. } => "COMPLETION",
            CommandKind::Unsupported(_) => continue,
        };
        found.insert(name.to_owned());
    }
    found
}

fn functions(expression: &Expr, found: &mut BTreeSet<String>) {
    let mut of = |list: &[Expr]| list.iter().for_each(|inner| functions(inner, found));
    match &expression.kind {
        ExprKind::Constant(_) | ExprKind::Column(_) => {}
        ExprKind::Cast(inner, to) => {
            of(std::slice::from_ref(inner));
            found.insert(format!("::{to}"));
        }
        ExprKind::Negate(inner) | ExprKind::Not(inner) | ExprKind::Match(inner, _) => {
            of(std::slice::from_ref(inner));
        }
        ExprKind::IsNull { value, .. } => of(std::slice::from_ref(value)),
        ExprKind::Like { value, kind, .. } => {
            of(std::slice::from_ref(value));
            found.insert(kind.text().to_owned());
        }
        ExprKind::Arithmetic(_, a, b) | ExprKind::Compare(_, a, b) => {
            of(std::slice::from_ref(a));
            of(std::slice::from_ref(b));
        }
        ExprKind::In { value, list, .. } => {
            of(std::slice::from_ref(value));
            of(list);
        }
        ExprKind::And(list) | ExprKind::Or(list) => of(list),
        ExprKind::Call { name, arguments } => {
            if let Arguments::List(list, _) = arguments {
                of(list);
            }
            found.insert(format!("{}()", name.to_ascii_uppercase()));
        }
    }
}
