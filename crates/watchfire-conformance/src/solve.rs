//! First tests of every rule of the public repository: events solved from what the rule asks for, run to be sure.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use watchfire_detect::{NoFirstTests, RuleState, Unsolved, first_tests};
use watchfire_events::EventId;
use watchfire_rules::model::{QueryLanguage, Rule};

use crate::Corpus;
use crate::expected::Expected;
use crate::report::{Section, Table};

const UNSOLVED: &str = include_str!("../expected/solve-unsolved.tsv");
const COUNTS: &str = include_str!("../expected/solve-counts.tsv");

/// How many rules are drawn by the hash of their ids.
const DRAWN: usize = 200;
/// The least share of rules in EQL, KQL and Lucene that are solved, in per cent.
const LEAST_PERCENT: f64 = 95.0;

/// What came of the rules of one type and language.
#[derive(Default)]
struct Counts {
    rules: usize,
    solved: usize,
    cannot_run: usize,
    unsolved: usize,
}

/// The table of all rules, and what is not solved.
pub(crate) fn section(corpus: &Corpus) -> Section {
    let mut section = Section::new("First tests, solved from the conditions of rules");
    let rules: Vec<(&Rule, &RuleState)> = corpus.book.rules().collect();
    let results = solve_all(corpus, &rules);
    let mut counts: BTreeMap<(String, String), Counts> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut unsolved: BTreeMap<String, String> = BTreeMap::new();
    let (mut asked, mut solved) = (0_usize, 0_usize);
    for ((rule, _), result) in rules.iter().zip(&results) {
        let language = rule.kind.language();
        let name = language.map_or_else(|| "none".to_owned(), |language| language.to_string());
        let count = counts.entry((rule.kind.rule_type().to_string(), name)).or_default();
        count.rules += 1;
        let is_asked = is_solvable(rule);
        match result {
            Ok(()) => count.solved += 1,
            Err(NoFirstTests::CannotRun(_)) => count.cannot_run += 1,
            Err(_) => count.unsolved += 1,
        }
        let runs = !matches!(result, Err(NoFirstTests::CannotRun(_)));
        asked += usize::from(is_asked && runs);
        solved += usize::from(is_asked && result.is_ok());
        if let Err(why) = result {
            *reasons.entry(reason(why)).or_default() += 1;
            if runs && is_asked {
                unsolved.insert(id(rule), format!("{}: {why}", rule.name));
            }
        }
    }
    let mut table = Table::new(["type", "language", "rules", "solved", "does not run", "not solved"]);
    let mut found = BTreeMap::new();
    for ((rule_type, language), count) in &counts {
        let numbers = [count.rules, count.solved, count.cannot_run, count.unsolved];
        let [all, solved, cannot_run, unsolved] = numbers.map(|number| number.to_string());
        found.insert(format!("{rule_type} {language}"), solved.clone());
        table.row([rule_type.clone(), language.clone(), all, solved, cannot_run, unsolved]);
    }
    table.sums(2);
    section.table(&table);
    let mut table = Table::new(["why there are no first tests", "rules"]);
    for (reason, number) in reasons {
        table.row([reason, number.to_string()]);
    }
    section.table(&table);
    let percent = 100.0 * solved as f64 / asked.max(1) as f64;
    section.say(format!(
        "{solved} of the {asked} rules in EQL, KQL and Lucene that run are solved: {percent:.1} %."
    ));
    if percent < LEAST_PERCENT {
        section.fail(format!("{percent:.1} % of rules are solved, where {LEAST_PERCENT} % are expected"));
    }
    drawn(&rules, &results, &mut section);
    section.require(asked, 1_300, "rules that run");
    compare_counts(&found, &mut section);
    Expected::parse("solve-unsolved.tsv", UNSOLVED, 1).compare(&unsolved, &mut section);
    section
}

/// Whether events can be made for a query in the language of the rule.
fn is_solvable(rule: &Rule) -> bool {
    rule.kind.language().is_some_and(|language| language != QueryLanguage::Esql)
}

/// The rules drawn by hash.
fn drawn(rules: &[(&Rule, &RuleState)], results: &[Result<(), NoFirstTests>], section: &mut Section) {
    let mut drawn: Vec<(EventId, bool)> = rules
        .iter()
        .zip(results)
        .filter(|((rule, _), result)| is_solvable(rule) && !matches!(result, Err(NoFirstTests::CannotRun(_))))
        .map(|((rule, _), result)| (EventId::from_content("drawn", 0, id(rule).as_bytes()), result.is_ok()))
        .collect();
    drawn.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    drawn.truncate(DRAWN);
    let solved = drawn.iter().filter(|(_, is_solved)| *is_solved).count();
    section.say(format!(
        "Of {} rules drawn by the hash of their ids, {solved} have a positive that fires and a negative that does not.",
        drawn.len()
    ));
}

/// As many of each type and language must be solved as the file says.
fn compare_counts(found: &BTreeMap<String, String>, section: &mut Section) {
    let expected: BTreeMap<String, String> = COUNTS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once('\t'))
        .map(|(key, count)| (key.replace('\t', " "), count.to_owned()))
        .collect();
    for (key, count) in found {
        if expected.get(key) != Some(count) {
            let said = expected.get(key).map_or("nothing", String::as_str);
            section.fail(format!("{key}: {count} are solved, where expected/solve-counts.tsv says {said}"));
        }
    }
}

fn solve_all(corpus: &Corpus, rules: &[(&Rule, &RuleState)]) -> Vec<Result<(), NoFirstTests>> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let solve = |(rule, _): &(&Rule, &RuleState)| first_tests(rule, &corpus.catalogue).map(|_| ());
    std::thread::scope(|scope| {
        // Every so many, since rules of one kind stand together and differ in cost.
        let handles: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || rules.iter().skip(first).step_by(threads).map(solve).collect::<Vec<_>>())
            })
            .collect();
        let mut parts: Vec<_> = handles
            .into_iter()
            .map(|handle| handle.join().expect("solving does not panic").into_iter())
            .collect();
        (0..rules.len()).filter_map(|at| parts[at % threads].next()).collect()
    })
}

fn id(rule: &Rule) -> String {
    rule.rule_id.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// The reason without what differs from rule to rule.
fn reason(why: &NoFirstTests) -> String {
    match why {
        NoFirstTests::CannotRun(RuleState::Unsupported(what)) => format!("does not run: {what}"),
        NoFirstTests::CannotRun(_) => "the rule is wrong".to_owned(),
        NoFirstTests::Unsolved(Unsolved::Field(_)) => "no value of a field satisfies all".to_owned(),
        NoFirstTests::Unsolved(Unsolved::Computed(_)) => "no values for a computed part".to_owned(),
        NoFirstTests::Unsolved(Unsolved::Nested(_)) => "no object for a list of objects".to_owned(),
        other => other.to_string(),
    }
}
