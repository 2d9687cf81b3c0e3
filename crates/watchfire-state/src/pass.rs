//! One pass over stored events: what executions of several rules find.
//!
//! ```text
//! StoredEvents ─ batches ─► RuleSet ─ hits ─► HitSpill ─ ExecutionPlan of each rule ─► RuleFinds
//!        │                           └ of indicator match rules, those that an indicator says something of
//!        └ history of new terms, only for rules that had a hit
//! ```
//!
//! All that a pass needs of the state is in its tasks, and it changes none: the same tasks over the same events find the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use watchfire_detect::{
    AlertBuilder, BatchHits, CorrelationCounts, Detection, ExecutionPlan, ExecutionWindow, HitSpill,
    IndicatorIndex, IndicatorMatcher, IndicatorReader, MAX_ENRICHMENTS, RuleBook, RuleSchedule,
};
use watchfire_engine::correlate::StageExtractor;
use watchfire_engine::{Matches, RuleIndex, VALUE_CACHE_BYTES};
use watchfire_events::{BatchBuilder, Event, EventBatch, IndexPatterns};
use watchfire_ir::Catalogue;
use watchfire_rules::model::{Rule, RuleKind};

use crate::stored_events::{EventQuery, Reading as EventReading, StoredEvents};

/// The part of the memory of a pass for hits, and for what is held while they are joined: one in this many each.
const HIT_SHARE: u64 = 2;

/// The space in which alerts are made.
pub(crate) const SPACE: &str = "default";

/// What one rule of a book is to execute.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// The number of the rule in the book.
    pub(crate) rule: usize,
    pub(crate) schedule: RuleSchedule,
    pub(crate) plan: ExecutionPlan,
}

impl Task {
    /// From the start of the first window to the end of the last; `None` without an execution.
    pub(crate) fn span(&self) -> Option<ExecutionWindow> {
        let windows = || self.plan.executions.iter().map(|at| self.schedule.window(*at));
        let from = windows().map(|window| window.from).min()?;
        let to = windows().map(|window| window.to).max()?;
        Some(ExecutionWindow { from, to })
    }
}

/// What a rule found.
#[derive(Debug, Default)]
pub(crate) struct RuleFinds {
    /// In the order of executions, each naming its own.
    pub(crate) detections: Vec<Detection<Arc<Event>>>,
    pub(crate) counts: CorrelationCounts,
    /// Whether these are groups of events: a sequence of one event is one too.
    pub(crate) is_group: bool,
    /// Rows on which a part of the condition could not be evaluated, and was taken as false.
    pub(crate) errors: u64,
    /// Alerts that the rule would have made of its own.
    pub(crate) own_alerts: u64,
    /// Indicators that are missing in alerts, which have as many as there is room for.
    pub(crate) enrichments_left_out: u64,
}

/// What passes are made with.
pub(crate) struct Passes<'a> {
    book: &'a RuleBook,
    catalogue: &'a Catalogue,
    /// By the number of a rule, that of its correlation: whatever is scheduled has one.
    correlations: BTreeMap<usize, usize>,
    memory: u64,
}

impl<'a> Passes<'a> {
    pub(crate) fn new(book: &'a RuleBook, catalogue: &'a Catalogue, memory: u64) -> Self {
        let rule_of = |number: usize| book.rule_number(book.correlated(number));
        let correlations = (0..book.correlations().len()).map(|number| (rule_of(number), number)).collect();
        Self { book, catalogue, correlations, memory }
    }

    /// Whether alerts are what a rule looks at.
    pub(crate) fn reads_alerts(&self, rule: usize) -> bool {
        self.first(rule).is_some_and(|index| self.book.reads_alerts(index))
    }

    /// The data streams that a rule looks at.
    pub(crate) fn patterns(&self, rule: usize) -> Option<&'a IndexPatterns> {
        self.first(rule).map(|index| self.book.patterns(index))
    }

    /// Whether what a rule finds are groups of events.
    fn gives_groups(&self, rule: usize) -> bool {
        self.correlations.get(&rule).is_some_and(|number| self.book.correlations()[*number].gives_groups())
    }

    fn first(&self, rule: usize) -> Option<RuleIndex> {
        self.correlations.get(&rule).map(|number| self.book.correlated(*number))
    }

    /// Runs tasks over one reading of the events. `alerts` are those that rules on alerts look at.
    pub(crate) fn run(
        &self,
        tasks: &[Task],
        events: &dyn StoredEvents,
        alerts: Vec<Event>,
    ) -> io::Result<BTreeMap<usize, RuleFinds>> {
        let empty = |rule| RuleFinds { is_group: self.gives_groups(rule), ..RuleFinds::default() };
        let mut found: BTreeMap<usize, RuleFinds> =
            tasks.iter().map(|task| (task.rule, empty(task.rule))).collect();
        let by_rule: BTreeMap<usize, &Task> = tasks.iter().map(|task| (task.rule, task)).collect();
        let spans: Vec<ExecutionWindow> = tasks.iter().filter_map(Task::span).collect();
        let (Some(from), Some(to)) =
            (spans.iter().map(|span| span.from).min(), spans.iter().map(|span| span.to).max())
        else {
            return Ok(found);
        };
        let span = ExecutionWindow { from, to };
        let indicators = self.indicators(&by_rule, events)?;
        let mut matchers = indicators.as_ref().map(|index| index.matchers(1)).unwrap_or_default();
        let mut pass = Reading {
            passes: self,
            tasks: &by_rule,
            extractors: self.extractors(|rule| by_rule.contains_key(&rule)),
            hits: HitSpill::new(self.book.correlations().len(), self.memory / HIT_SHARE),
            had_hits: BTreeSet::new(),
            found: &mut found,
        };
        pass.read_events(span, events, matchers.first_mut())?;
        pass.read_alerts(alerts, matchers.first_mut())?;
        pass.read_history(span, events)?;
        let Reading { hits, .. } = pass;
        self.execute(&by_rule, hits, matchers.first_mut(), &mut found)?;
        Ok(found)
    }

    /// What makes hits, of the rules that are wanted.
    fn extractors(&self, wanted: impl Fn(usize) -> bool) -> Vec<StageExtractor> {
        let of = |(number, extractor): (usize, &StageExtractor)| {
            let rule = self.book.rule_number(self.book.correlated(number));
            if wanted(rule) { extractor.clone() } else { StageExtractor::for_nothing() }
        };
        self.book.extractors().enumerate().map(of).collect()
    }

    fn execute(
        &self,
        tasks: &BTreeMap<usize, &Task>,
        hits: HitSpill,
        mut indicators: Option<&mut IndicatorMatcher<'_>>,
        found: &mut BTreeMap<usize, RuleFinds>,
    ) -> io::Result<()> {
        let correlations = self.book.correlations();
        let rule_of = |number: usize| self.book.rule_number(self.book.correlated(number));
        let plans: Vec<Option<ExecutionPlan>> = (0..correlations.len())
            .map(|number| tasks.get(&rule_of(number)).map(|task| task.plan.clone()))
            .collect();
        let accounts = hits.execute(
            &correlations,
            &plans,
            self.memory / HIT_SHARE,
            &mut |number, detection, reader| {
                let Some(of_rule) = found.get_mut(&rule_of(number)) else { return Ok(()) };
                let mut places = reader.places(&detection.sequence)?;
                let index = self.book.correlated(number);
                if let Some(indicators) =
                    indicators.as_deref_mut().filter(|_| self.book.needs_indicator(index))
                {
                    of_rule.enrichments_left_out +=
                        indicators.enrich_places(index, &mut places, self.catalogue)?;
                }
                of_rule.detections.push(detection.with_places(places));
                Ok(())
            },
        )?;
        for (number, account) in accounts.into_iter().enumerate() {
            if let Some(of_rule) = found.get_mut(&rule_of(number)) {
                of_rule.counts = account.counts;
            }
        }
        Ok(())
    }

    /// The indicators of the rules that are wanted.
    fn indicators(
        &self,
        tasks: &BTreeMap<usize, &Task>,
        events: &dyn StoredEvents,
    ) -> io::Result<Option<IndicatorIndex>> {
        let wanted = |(index, _): &(RuleIndex, &_)| tasks.contains_key(&self.book.rule_number(*index));
        let patterns: Vec<&IndexPatterns> =
            self.book.indicator_matches().filter(wanted).map(|(_, of)| &of.patterns).collect();
        if patterns.is_empty() {
            return Ok(None);
        }
        let reader = IndicatorReader::new(self.book);
        let types = reader.catalogue(self.catalogue);
        let fields = reader.read_fields();
        let mut builder = reader.builder(self.memory / HIT_SHARE);
        let mut matcher = reader.matcher();
        let query = EventQuery {
            reading: EventReading::Indicators,
            patterns: &patterns,
            times: &[],
            window: None,
            fields: &fields,
            types: &types,
        };
        events.read(&query, &mut |batch| {
            let matches = matcher.match_batch(batch, &types);
            builder.add(reader.gather(batch, &matches))
        })?;
        Ok(Some(builder.finish()))
    }
}

/// The reading of a pass.
struct Reading<'p, 'a> {
    passes: &'p Passes<'a>,
    tasks: &'p BTreeMap<usize, &'p Task>,
    extractors: Vec<StageExtractor>,
    hits: HitSpill,
    /// The rules with hits.
    had_hits: BTreeSet<usize>,
    found: &'p mut BTreeMap<usize, RuleFinds>,
}

impl Reading<'_, '_> {
    fn read_events(
        &mut self,
        span: ExecutionWindow,
        events: &dyn StoredEvents,
        mut indicators: Option<&mut IndicatorMatcher<'_>>,
    ) -> io::Result<()> {
        let patterns: Vec<&IndexPatterns> =
            self.tasks.keys().filter_map(|rule| self.passes.patterns(*rule)).collect();
        let fields = self.passes.book.read_fields();
        let mut matcher = self.passes.book.set().matcher(VALUE_CACHE_BYTES);
        let builder = AlertBuilder::new(SPACE, self.passes.book);
        let times = times_of(self.tasks);
        let query = EventQuery {
            reading: EventReading::Window,
            patterns: &patterns,
            times: &times,
            window: Some(span),
            fields: &fields,
            types: self.passes.catalogue,
        };
        events.read(&query, &mut |batch| {
            let mut matches = matcher.match_batch(batch, self.passes.catalogue);
            self.leave_out_own(&builder, batch, &mut matches);
            self.leave_out_unknown(indicators.as_deref_mut(), batch, &mut matches)?;
            self.take(batch, &matches)
        })
    }

    fn read_alerts(
        &mut self,
        alerts: Vec<Event>,
        indicators: Option<&mut IndicatorMatcher<'_>>,
    ) -> io::Result<()> {
        if alerts.is_empty() {
            return Ok(());
        }
        let fields = self.passes.book.read_fields();
        let mut columns = BatchBuilder::selecting(self.passes.catalogue, &fields);
        alerts.into_iter().for_each(|alert| columns.push(alert));
        let batch = columns.finish();
        let mut matches = self.passes.book.set().match_batch(&batch, self.passes.catalogue);
        matches.hits.retain(|hit| self.passes.book.reads_alerts(hit.rule));
        let builder = AlertBuilder::new(SPACE, self.passes.book);
        self.leave_out_own(&builder, &batch, &mut matches);
        self.leave_out_unknown(indicators, &batch, &mut matches)?;
        self.take(&batch, &matches)
    }

    /// Reads what was before the events, for rules of new terms that have found something to look up.
    fn read_history(&mut self, span: ExecutionWindow, events: &dyn StoredEvents) -> io::Result<()> {
        let Some(history) = self.passes.book.history() else { return Ok(()) };
        let mut from = span.from;
        let mut asking: BTreeSet<usize> = BTreeSet::new();
        for (rule, task) in self.tasks.iter().filter(|(rule, _)| self.had_hits.contains(rule)) {
            let (Some(first), Some(window)) = (
                task.plan.executions.first(),
                self.passes.first(*rule).and_then(|at| history_of(self.passes.book.rule(at))),
            ) else {
                continue;
            };
            from = from.min(first.plus_nanos(-window));
            asking.insert(*rule);
        }
        if asking.is_empty() || from >= span.from {
            return Ok(());
        }
        let rule_of = |number: usize| self.passes.book.rule_number(self.passes.book.correlated(number));
        let extractors: Vec<StageExtractor> =
            history
                .extractors
                .iter()
                .enumerate()
                .map(|(number, one)| {
                    if asking.contains(&rule_of(number)) {
                        one.clone()
                    } else {
                        StageExtractor::for_nothing()
                    }
                })
                .collect();
        let patterns: Vec<&IndexPatterns> =
            asking.iter().filter_map(|rule| self.passes.patterns(*rule)).collect();
        let times = times_of(self.tasks);
        let query = EventQuery {
            reading: EventReading::History,
            patterns: &patterns,
            times: &times,
            // What was read before is known by its id and not taken twice.
            window: Some(ExecutionWindow { from, to: span.from }),
            fields: &history.fields,
            types: self.passes.catalogue,
        };
        let mut matcher = history.set.matcher(VALUE_CACHE_BYTES);
        events.read(&query, &mut |batch| {
            let matches = matcher.match_batch(batch, self.passes.catalogue);
            self.hits.push(BatchHits::new(&extractors, batch, &matches))
        })
    }

    /// A rule makes no alert of what it made itself.
    fn leave_out_own(&mut self, builder: &AlertBuilder<'_>, batch: &EventBatch, matches: &mut Matches) {
        for (rule, number) in builder.drop_own(batch, matches) {
            if let Some(of_rule) = self.found.get_mut(&self.passes.book.rule_number(rule)) {
                of_rule.own_alerts += number;
            }
        }
    }

    /// An indicator match rule makes none of what no indicator knows.
    fn leave_out_unknown(
        &self,
        indicators: Option<&mut IndicatorMatcher<'_>>,
        batch: &EventBatch,
        matches: &mut Matches,
    ) -> io::Result<()> {
        match indicators {
            Some(indicators) => indicators.in_batch(batch).retain(self.passes.book, matches),
            None => {
                matches.hits.retain(|hit| !self.passes.book.needs_indicator(hit.rule));
                Ok(())
            }
        }
    }

    fn take(&mut self, batch: &EventBatch, matches: &Matches) -> io::Result<()> {
        let book = self.passes.book;
        let errors: BTreeSet<(usize, u32)> =
            matches.errors.iter().map(|error| (book.rule_number(error.rule), error.row)).collect();
        for (rule, _) in errors {
            if let Some(of_rule) = self.found.get_mut(&rule) {
                of_rule.errors += 1;
            }
        }
        let with_hits = matches.hits.iter().map(|hit| book.rule_number(hit.rule));
        self.had_hits.extend(with_hits.filter(|rule| self.tasks.contains_key(rule)));
        self.hits.push(BatchHits::new(&self.extractors, batch, matches))
    }
}

/// The fields by whose time rules have their windows.
fn times_of<'t>(tasks: &BTreeMap<usize, &'t Task>) -> Vec<&'t str> {
    let fields = tasks.values().flat_map(|task| {
        let (field, other) = task.schedule.window_fields();
        std::iter::once(field).chain(other)
    });
    fields.collect::<BTreeSet<_>>().into_iter().collect()
}

/// How far back a rule of new terms looks for what is known, in nanoseconds.
fn history_of(rule: &Rule) -> Option<i128> {
    match &rule.kind {
        RuleKind::NewTerms(rule) => {
            Some(i128::from(rule.history_window_start.seconds_before_now()?) * 1_000_000_000)
        }
        _ => None,
    }
}

/// What there is to say of what a pass could not do to its full extent.
pub(crate) fn warnings(finds: &RuleFinds) -> Vec<String> {
    let CorrelationCounts { evicted, groups_left_out, estimated, missed, not_computed, unread, .. } =
        finds.counts;
    let left_out = format!("indicators are missing in alerts, which have {MAX_ENRICHMENTS} already");
    [
        (
            evicted,
            "events, begun sequences or known values were given up for want of room: alerts may be missing",
        ),
        (groups_left_out, "groups of one event are beyond the limit: alerts may be missing"),
        (estimated, "alerts have an estimated number of distinct values"),
        (
            not_computed,
            "values could not be computed, most often because there are several where one is needed, and were taken for nothing",
        ),
        (unread, "events could not be read again: rows are without them"),
        (missed, "events lie where no execution of this schedule looks"),
        (
            finds.errors,
            "rows on which a part of the condition could not be evaluated, and was taken as false",
        ),
        (finds.enrichments_left_out, &left_out),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{number} {what}"))
    .collect()
}
