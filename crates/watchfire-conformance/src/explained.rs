//! Whether an explanation names what is in the way: of the event made for a rule one necessary value is changed, and the
//! verdict must name the leaf that asks for it, and no other.
//!
//! A value is changed so that one leaf comes out the other way and no other does, wherever there is such a value; so
//! there is but one right answer. Of a sequence, the event of one stage is changed.

mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use watchfire_detect::RuleState;
use watchfire_detect::explain::{RuleQuestions, WhyNot};
use watchfire_engine::explain::{Explained, Parts, Seen, Verdict, verdict};
use watchfire_events::Event;
use watchfire_ir::{Catalogue, Node};
use watchfire_rules::model::Rule;
use watchfire_test_support::read_json_lines;

use self::changes::changed_documents;
use crate::Corpus;
use crate::corpus;
use crate::expected::Expected;
use crate::fired;
use crate::positive_events::events;
use crate::report::{Section, Table};

const COUNTS: &str = include_str!("../expected/explain-counts.tsv");
const MISSED: &str = include_str!("../expected/explain-missed.tsv");

/// What is expected of each row of the table, in its order.
const COLUMNS: [&str; 7] = [
    "rules",
    "leaves",
    "changed alone",
    "named exactly",
    "changed with others",
    "named among them",
    "not changed",
];

#[derive(Default)]
struct Counts {
    rules: BTreeSet<String>,
    leaves: usize,
    alone: usize,
    exactly: usize,
    with_others: usize,
    among: usize,
    unchanged: usize,
}

/// The section of this part.
pub(crate) fn section(corpus: &Corpus, shared: &Path) -> Section {
    let mut section = Section::new("Explanations name the leaf that decides");
    let rules = corpus.by_id();
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let mut missed = BTreeMap::new();
    let mut silent: BTreeMap<String, usize> = BTreeMap::new();
    for entry in read_json_lines(&shared.join("corpus/positive-events.ndjson.gz")) {
        let id = entry["rule_id"].as_str().expect("an entry has a rule id");
        let Some((rule, _)) = rules.get(id) else { continue };
        let questions = match RuleQuestions::of(rule, &corpus.catalogue, &corpus::options()) {
            Ok(questions) => questions,
            Err(RuleState::Unsupported(what)) => {
                *silent.entry(what).or_default() += 1;
                continue;
            }
            Err(_) => {
                *silent.entry("a query that is wrong".to_owned()).or_default() += 1;
                continue;
            }
        };
        let events = events(&entry["events"], &entry["indices"]);
        let Some(stages) = filled_stages(&questions, &events, &corpus.catalogue) else {
            *silent.entry("an event that does not fire the rule".to_owned()).or_default() += 1;
            continue;
        };
        let count = counts.entry(row(rule, &questions)).or_default();
        count.rules.insert(id.to_owned());
        let asked = Asked { questions: &questions, events: &events, catalogue: &corpus.catalogue };
        for (position, stage) in stages {
            asked.each_leaf(position, stage, count, &mut |what, why| {
                missed.insert(format!("{id} {what}"), why);
            });
        }
    }
    let mut table = Table::new([
        "rules for",
        COLUMNS[0],
        COLUMNS[1],
        COLUMNS[2],
        COLUMNS[3],
        COLUMNS[4],
        COLUMNS[5],
        COLUMNS[6],
    ]);
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (name, count) in &counts {
        let Counts { rules, leaves, alone, exactly, with_others, among, unchanged } = count;
        let numbers = [rules.len(), *leaves, *alone, *exactly, *with_others, *among, *unchanged];
        let [rules, leaves, alone, exactly, with_others, among, unchanged] =
            numbers.map(|number| number.to_string());
        found.insert(
            name.clone(),
            [&rules, &leaves, &alone, &exactly, &with_others, &among, &unchanged]
                .map(String::as_str)
                .join(" "),
        );
        table.row([name.clone(), rules, leaves, alone, exactly, with_others, among, unchanged]);
    }
    table.sums(1);
    section.table(&table);
    section.say(
        "A leaf counts if no event can fire the rule without it. *Changed alone*: another value turns it and no other \
         leaf; then the verdict must name it alone. *Changed with others*: no value turns it alone, since others ask \
         for the same; then it must be among the fewest that have to turn. *Not changed*: no value was found that turns \
         it.",
    );
    section.list(
        "Rules that are left out, by what is in the way:",
        silent.into_iter().map(|(what, number)| format!("{number} × {what}")),
    );
    section.require(counts.values().map(|count| count.exactly).sum(), 5_000, "leaves that are named");
    compare_counts(&found, &mut section);
    Expected::parse("explain-missed.tsv", MISSED, 2).compare(&missed, &mut section);
    section
}

/// The numbers of each row are those of the file.
fn compare_counts(found: &BTreeMap<String, String>, section: &mut Section) {
    let lines = COUNTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let expected: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, numbers)| (name.to_owned(), numbers.replace('\t', " ")))
        .collect();
    for name in found.keys().chain(expected.keys()).collect::<BTreeSet<_>>() {
        let (is, should) = (found.get(name), expected.get(name));
        if is != should {
            let shown = |numbers: Option<&String>| numbers.map_or("nothing", String::as_str).to_owned();
            section.fail(format!(
                "{name}: {}, where expected/explain-counts.tsv has {}",
                shown(is),
                shown(should)
            ));
        }
    }
}

fn row(rule: &Rule, questions: &RuleQuestions) -> String {
    let language = rule.kind.language().map_or_else(String::new, |language| language.to_string());
    format!("{} {language} {}", rule.kind.rule_type(), questions.form_name())
}

/// Which event of a list is for which stage; `None` if one does not fill it. Of a rule for single events the first event
/// is asked alone.
fn filled_stages(
    questions: &RuleQuestions,
    events: &[Event],
    catalogue: &Catalogue,
) -> Option<Vec<(usize, usize)>> {
    if questions.joins() {
        let found = questions.correlate(events, catalogue, 1, &|_| false).ok()??;
        // Places of the first result are those of the stages, with repetitions spelled out.
        let result = found.found.first()?;
        let mut filled = Vec::new();
        for event in result.iter().flatten() {
            let batch = fired::batch(&events[*event..=*event], catalogue);
            let fits = |stage: &usize| {
                questions.stages()[*stage].is_filled && questions.answer(*stage, &batch, 0, catalogue).fires()
            };
            let taken = filled.last().map_or(0, |(_, stage): &(usize, usize)| *stage);
            let stage = (taken..questions.stages().len())
                .find(fits)
                .or_else(|| (0..questions.stages().len()).find(fits))?;
            filled.push((*event, stage));
        }
        // Of a stage that repeats, each event is as good as the next.
        filled.dedup_by_key(|(_, stage)| *stage);
        return Some(filled);
    }
    let batch = fired::batch(events.get(..1)?, catalogue);
    questions.answer(0, &batch, 0, catalogue).fires().then(|| vec![(0, 0)])
}

/// A rule and events that fire it.
struct Asked<'a> {
    questions: &'a RuleQuestions,
    events: &'a [Event],
    catalogue: &'a Catalogue,
}

impl Asked<'_> {
    /// Changes the value of each necessary leaf of a stage, and counts what is named. `miss` is told of each miss.
    fn each_leaf(
        &self,
        position: usize,
        stage: usize,
        count: &mut Counts,
        miss: &mut dyn FnMut(String, String),
    ) {
        let event = &self.events[position];
        let batch = fired::batch(std::slice::from_ref(event), self.catalogue);
        let answer = self.questions.answer(stage, &batch, 0, self.catalogue);
        let mut leaves = Vec::new();
        necessary(&answer.explained, true, &mut leaves);
        let mut seen_before = BTreeSet::new();
        leaves.retain(|(seen, _)| seen_before.insert(seen.number));
        let before = truths(&answer.explained);
        for (seen, wanted) in leaves {
            count.leaves += 1;
            let (mut alone, mut with_others) = (None, None);
            for document in changed_documents(event, seen, wanted) {
                let changed = Event { document, ..event.clone() };
                let batch = fired::batch(std::slice::from_ref(&changed), self.catalogue);
                let after = self.questions.answer(stage, &batch, 0, self.catalogue);
                let after = truths(&after.explained);
                let turned: Vec<usize> =
                    before.keys().copied().filter(|number| before.get(number) != after.get(number)).collect();
                if turned == [seen.number] {
                    alone = Some(changed);
                    break;
                }
                if turned.contains(&seen.number) && with_others.is_none() {
                    with_others = Some(changed);
                }
            }
            let what = format!("{stage}:{}", seen.number);
            let leaf = seen.leaf.to_string();
            let names =
                |leaves: &[&Seen<'_>]| leaves.iter().map(|seen| seen.leaf.to_string()).collect::<Vec<_>>();
            if let Some(changed) = alone {
                count.alone += 1;
                let told = self.verdict_after(position, stage, changed, |verdict| names(&verdict.decisive));
                if told.as_deref() == Ok(&[leaf]) {
                    count.exactly += 1;
                } else {
                    miss(what, format!("{}: changed alone, and told of: {told:?}", seen.leaf));
                }
            } else if let Some(changed) = with_others {
                count.with_others += 1;
                let told = self.verdict_after(position, stage, changed, |verdict| {
                    let all = [names(&verdict.decisive), names(&verdict.fewest)];
                    all.concat()
                });
                if told.as_ref().is_ok_and(|names| names.contains(&leaf)) {
                    count.among += 1;
                } else {
                    miss(what, format!("{}: changed with others, and told of: {told:?}", seen.leaf));
                }
            } else {
                count.unchanged += 1;
            }
        }
    }

    /// What the explanation says of the events after one was changed; or why it does not speak of that event.
    fn verdict_after(
        &self,
        position: usize,
        stage: usize,
        changed: Event,
        tell: impl Fn(&Verdict<'_, '_>) -> Vec<String>,
    ) -> Result<Vec<String>, String> {
        let mut events = self.events.to_vec();
        events[position] = changed;
        if !self.questions.joins() {
            let batch = fired::batch(&events[position..=position], self.catalogue);
            let answer = self.questions.answer(stage, &batch, 0, self.catalogue);
            return Ok(tell(&verdict(&answer.explained)));
        }
        let answer = self
            .questions
            .correlate(&events, self.catalogue, 1, &|_| false)
            .map_err(|error| error.to_string())?;
        let partial = answer.and_then(|answer| answer.partial).ok_or("it fires all the same")?;
        if partial.awaited != Some(stage) {
            return Err(format!("awaits {:?} and not {stage}", partial.awaited));
        }
        let nearest = partial.nearest.first().ok_or("no event is near")?;
        if nearest.event != position {
            return Err(format!("event {} is said to be nearest, not {position}", nearest.event));
        }
        if nearest.why != WhyNot::Condition {
            return Err(format!("{:?}", nearest.why));
        }
        Ok(tell(&verdict(&nearest.answer.explained)))
    }
}

/// The leaves without which the condition cannot come out as wanted, and how each has to be.
fn necessary<'e, 'c>(explained: &'e Explained<'c>, wanted: bool, leaves: &mut Vec<(&'e Seen<'c>, bool)>) {
    match &explained.parts {
        Parts::Constant => {}
        Parts::Leaf(seen) => leaves.push((seen, wanted)),
        Parts::Operands(operands) => match explained.condition.node() {
            Node::Not(_) => necessary(&operands[0], !wanted, leaves),
            Node::And(_) if wanted => operands.iter().for_each(|operand| necessary(operand, true, leaves)),
            Node::Or(_) if !wanted => operands.iter().for_each(|operand| necessary(operand, false, leaves)),
            _ => {}
        },
    }
}

/// Whether each leaf holds, by its number.
fn truths(explained: &Explained<'_>) -> BTreeMap<usize, bool> {
    fn walk(explained: &Explained<'_>, truths: &mut BTreeMap<usize, bool>) {
        match &explained.parts {
            Parts::Constant => {}
            Parts::Leaf(seen) => {
                truths.insert(seen.number, explained.holds);
            }
            Parts::Operands(operands) => operands.iter().for_each(|operand| walk(operand, truths)),
        }
    }
    let mut found = BTreeMap::new();
    walk(explained, &mut found);
    found
}
