//! Rules made ready to run, and the state of every one.

use std::collections::BTreeSet;
use std::sync::Arc;

use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_engine::correlate::StageExtractor;
use watchfire_engine::{Coverage, Matches, ReadFields, RuleIndex, RuleSet, RuleSetBuilder};
use watchfire_events::IndexPatterns;
use watchfire_ir::{Condition, Schema};
use watchfire_rules::model::{EventSource, Rule};

use crate::compile::{CompileOptions, CompiledRule, RuleProgram, compile_rule};
use crate::correlation::Correlation;
use crate::exceptions::{ExceptionBook, RuleExceptions, rows_lost};
use crate::indicators::IndicatorMatch;

/// What can be done with a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleState {
    /// It runs.
    Ready,
    /// It needs something that is not supported yet: what.
    Unsupported(String),
    /// Its query is wrong: why.
    Failed(Vec<Diagnostic>),
}

/// Rules and what can be done with them.
#[derive(Debug)]
pub struct RuleBook {
    rules: Vec<(Arc<Rule>, RuleState)>,
    /// By the number of a condition in the set.
    conditions: Vec<RuleCondition>,
    correlations: Vec<RuleCorrelation>,
    indicator_matches: Vec<(RuleIndex, IndicatorMatch)>,
    /// By the number of the rule.
    exceptions: Vec<RuleExceptions>,
    excepting: Vec<Excepting>,
    set: RuleSet,
}

/// A condition of the set that exceptions narrow, and the same without them, which is there to be counted by.
#[derive(Debug)]
struct Excepting {
    rule: usize,
    kept: RuleIndex,
    bare: RuleIndex,
}

/// A condition of the set.
#[derive(Debug)]
struct RuleCondition {
    rule: usize,
    first: RuleIndex,
    patterns: IndexPatterns,
    condition: Condition,
    is_alert: bool,
    reads_alerts: bool,
}

/// What a history is asked.
#[derive(Debug)]
pub struct History {
    /// The conditions.
    pub set: RuleSet,
    /// What makes hits of what they find, for each of [`RuleBook::correlations`].
    pub extractors: Vec<StageExtractor>,
    /// The fields that are looked at.
    pub fields: ReadFields,
}

/// A rule whose hits are joined.
#[derive(Debug)]
struct RuleCorrelation {
    rule: usize,
    first: RuleIndex,
    patterns: IndexPatterns,
    /// What it joins, in the order of its conditions.
    stages: Vec<RuleIndex>,
    correlation: Correlation,
    extractor: StageExtractor,
    /// What the exceptions of the rule leave out of its history too.
    exclusion: Option<Condition>,
}

impl RuleBook {
    /// Compiles rules against a schema.
    pub fn compile(
        rules: impl IntoIterator<Item = Rule>,
        schema: &dyn Schema,
        options: &CompileOptions,
    ) -> Self {
        Self::of(rules.into_iter().map(|rule| {
            let compiled = compile_rule(&rule, schema, options);
            (rule, compiled)
        }))
    }

    /// The book of rules that were compiled one by one.
    pub fn of(rules: impl IntoIterator<Item = (Rule, CompiledRule)>) -> Self {
        Self::with_exceptions(rules, None)
    }

    /// As [`RuleBook::of`], where each rule leaves out the events that its exceptions name: of all types, in all stages.
    pub fn with_exceptions(
        rules: impl IntoIterator<Item = (Rule, CompiledRule)>,
        exceptions: Option<&ExceptionBook>,
    ) -> Self {
        let mut builder = RuleSetBuilder::new();
        let (mut all, mut conditions, mut correlations) = (Vec::new(), Vec::new(), Vec::new());
        let mut indicator_matches = Vec::new();
        let (mut of_rules, mut excepting) = (Vec::new(), Vec::new());
        for (rule, compiled) in rules {
            let own = exceptions.map_or_else(|| RuleExceptions::none_of(&rule), |book| book.of_rule(&rule));
            let exclusion = exceptions.and_then(|book| book.exclusion(&own.items));
            of_rules.push(own);
            let index = rule.kind.source().map(EventSource::index).unwrap_or_default();
            let of_query = match &compiled.program {
                Some(RuleProgram::Correlation(correlation)) => {
                    correlation.program().map(|program| program.patterns().clone())
                }
                _ => None,
            };
            let patterns = of_query.unwrap_or_else(|| IndexPatterns::new(index.iter().map(String::as_str)));
            let first = RuleIndex(conditions.len() as u32);
            let reads_alerts = names_alerts(&patterns);
            let mut push = |condition: Condition, is_alert| {
                let patterns = patterns.clone();
                conditions.push(RuleCondition {
                    rule: all.len(),
                    first,
                    patterns: patterns.clone(),
                    condition: condition.clone(),
                    is_alert,
                    reads_alerts,
                });
                builder.add(patterns, condition)
            };
            let mut add = |condition: &Condition, is_alert| match &exclusion {
                None => push(condition.clone(), is_alert),
                Some(exclusion) => {
                    let kept = push(Condition::all([condition.clone(), exclusion.clone()]), is_alert);
                    let bare = push(condition.clone(), false);
                    excepting.push(Excepting { rule: all.len(), kept, bare });
                    kept
                }
            };
            let state = match compiled.program {
                Some(RuleProgram::Events(condition)) => {
                    add(&condition, true);
                    RuleState::Ready
                }
                Some(RuleProgram::Correlation(correlation)) => {
                    let stages: Vec<RuleIndex> =
                        correlation.conditions().into_iter().map(|condition| add(condition, false)).collect();
                    let extractor = correlation.extractor(&stages);
                    correlations.push(RuleCorrelation {
                        rule: all.len(),
                        first,
                        patterns,
                        stages,
                        correlation: *correlation,
                        extractor,
                        exclusion: exclusion.clone(),
                    });
                    RuleState::Ready
                }
                Some(RuleProgram::Indicators(mut program)) => {
                    // Of events and indicators alike, as upstream.
                    if let Some(exclusion) = &exclusion {
                        program.indicators = Condition::all([program.indicators, exclusion.clone()]);
                    }
                    let joined = program.joined.take();
                    let index = add(&program.events, joined.is_none());
                    indicator_matches.push((index, *program));
                    if let Some(correlation) = joined {
                        let extractor = correlation.extractor(&[index]);
                        let exclusion = exclusion.clone();
                        let rule = all.len();
                        correlations.push(RuleCorrelation {
                            rule,
                            first,
                            patterns,
                            stages: vec![index],
                            correlation,
                            extractor,
                            exclusion,
                        });
                    }
                    RuleState::Ready
                }
                Some(RuleProgram::Unsupported(what)) => RuleState::Unsupported(what),
                None => {
                    let errors = |found: &Diagnostic| found.severity == Severity::Error;
                    RuleState::Failed(compiled.diagnostics.into_iter().filter(errors).collect())
                }
            };
            all.push((Arc::new(rule), state));
        }
        let set = builder.build();
        Self { rules: all, conditions, correlations, indicator_matches, exceptions: of_rules, excepting, set }
    }

    /// What is excepted from rules: the number of the rule and the row, in order.
    pub fn excepted(&self, matches: &Matches) -> BTreeSet<(usize, u32)> {
        let lost = |of: &Excepting| {
            let rule = of.rule;
            rows_lost(matches, of.bare, of.kept).into_iter().map(move |row| (rule, row))
        };
        self.excepting.iter().flat_map(lost).collect()
    }

    /// Number of rows, each counted once for a rule, that conditions take which exceptions narrow, as if they did not.
    pub fn taken(&self, matches: &Matches) -> usize {
        let mut rows: BTreeSet<(usize, u32)> = BTreeSet::new();
        for of in &self.excepting {
            let start = matches.hits.partition_point(|hit| hit.rule < of.bare);
            let hits = matches.hits[start..].iter().take_while(|hit| hit.rule == of.bare);
            rows.extend(hits.map(|hit| (of.rule, hit.row)));
        }
        rows.len()
    }

    /// Whether a condition of the set is only there so that what exceptions take out can be counted.
    pub fn only_counts(&self, index: RuleIndex) -> bool {
        self.excepting.iter().any(|of| of.bare == index)
    }

    /// The numbers of the exception items of the rule of this number.
    pub fn exception_items(&self, rule: usize) -> &[usize] {
        &self.exceptions[rule].items
    }

    /// The ids of the exception lists that the rule of this number names and that are absent, so that they are not applied.
    pub fn absent_exception_lists(&self, rule: usize) -> &[String] {
        &self.exceptions[rule].absent
    }

    /// The rules in the order given, each with its state.
    pub fn rules(&self) -> impl Iterator<Item = (&Rule, &RuleState)> {
        self.rules.iter().map(|(rule, state)| (&**rule, state))
    }

    /// The conditions of all rules that run, as one set: one of a rule for events, one for each stage of others.
    pub fn set(&self) -> &RuleSet {
        &self.set
    }

    /// The fields that the rules look at: no other has to be in the columns of a batch.
    pub fn read_fields(&self) -> ReadFields {
        let mut fields = ReadFields::default();
        for of in &self.conditions {
            fields.add(&of.patterns, &of.condition);
        }
        self.extractors().flat_map(StageExtractor::fields).for_each(|name| fields.add_field(name));
        let entries = self.indicator_matches.iter().flat_map(|(_, of)| of.groups.iter().flatten());
        entries.for_each(|entry| fields.add_field(&entry.event_field));
        fields
    }

    /// The rule that a condition of the set is of.
    pub fn rule(&self, index: RuleIndex) -> &Rule {
        &self.rules[self.conditions[index.0 as usize].rule].0
    }

    /// The number of that rule among [`Self::rules`].
    pub fn rule_number(&self, index: RuleIndex) -> usize {
        self.conditions[index.0 as usize].rule
    }

    /// The data streams that a condition of the set is asked of.
    pub fn patterns(&self, index: RuleIndex) -> &IndexPatterns {
        &self.conditions[index.0 as usize].patterns
    }

    /// A condition of the set, filters included.
    pub fn condition(&self, index: RuleIndex) -> &Condition {
        &self.conditions[index.0 as usize].condition
    }

    /// Whether an event that satisfies the condition is an alert, and not only one part of something to be joined.
    pub fn is_alert(&self, index: RuleIndex) -> bool {
        self.conditions[index.0 as usize].is_alert
    }

    /// Whether such an event alerts, or takes part in what is joined, only if an indicator says something of it.
    pub fn needs_indicator(&self, index: RuleIndex) -> bool {
        self.indicator_matches.binary_search_by_key(&index, |(of, _)| *of).is_ok()
    }

    /// The first condition of the same rule, which stands for all of them.
    pub fn first(&self, index: RuleIndex) -> RuleIndex {
        self.conditions[index.0 as usize].first
    }

    /// What makes hits for [`Self::correlations`], in their order.
    pub fn extractors(&self) -> impl Iterator<Item = &StageExtractor> {
        self.correlations.iter().map(|of| &of.extractor)
    }

    /// What makes hits of a history, and the conditions that its events must satisfy; `None` if no rule asks for one.
    pub fn history(&self) -> Option<History> {
        let mut builder = RuleSetBuilder::new();
        let mut history = History {
            set: RuleSetBuilder::new().build(),
            extractors: Vec::new(),
            fields: ReadFields::default(),
        };
        let mut number = 0;
        for of in &self.correlations {
            let extractor = of.correlation.history_extractor(RuleIndex(number));
            if extractor.is_some() {
                for condition in of.correlation.conditions() {
                    let condition = Condition::all(std::iter::once(condition).chain(&of.exclusion).cloned());
                    history.fields.add(&of.patterns, &condition);
                    builder.add(of.patterns.clone(), condition);
                    number += 1;
                }
            }
            history.extractors.push(extractor.unwrap_or_else(StageExtractor::for_nothing));
        }
        for field in history.extractors.iter().flat_map(StageExtractor::fields) {
            history.fields.add_field(field);
        }
        history.set = builder.build();
        (number > 0).then_some(history)
    }

    /// Whether a condition is asked of alerts: its rule names their data streams. What names none, or all, means events.
    pub fn reads_alerts(&self, index: RuleIndex) -> bool {
        self.conditions[index.0 as usize].reads_alerts
    }

    /// Whether some rule is asked of alerts.
    pub fn has_rules_on_alerts(&self) -> bool {
        self.conditions.iter().any(|of| of.reads_alerts)
    }

    /// What joins hits.
    pub fn correlations(&self) -> Vec<&Correlation> {
        self.correlations.iter().map(|of| &of.correlation).collect()
    }

    /// What indicator match rules ask for, each with its condition on events in the set: a hit of that is an alert only
    /// if it shares a value with an indicator ([`IndicatorReader`](crate::IndicatorReader)).
    pub fn indicator_matches(&self) -> impl Iterator<Item = (RuleIndex, &IndicatorMatch)> {
        self.indicator_matches.iter().map(|(index, program)| (*index, program))
    }

    /// The conditions of the set that the correlation of this number joins, each with whether there is no result without an
    /// event that satisfies it.
    pub fn stages(&self, number: usize) -> Vec<(RuleIndex, bool)> {
        let of = &self.correlations[number];
        of.stages.iter().copied().zip(of.correlation.required()).collect()
    }

    /// The first condition of the rule that the correlation of this number is of.
    pub fn correlated(&self, number: usize) -> RuleIndex {
        self.correlations[number].first
    }

    /// The rules that ran over data of which `coverage` took note, but could not match in it, each with the reason.
    pub fn could_not_match(&self, coverage: &Coverage) -> Vec<(&Rule, String)> {
        let alone = self.conditions.iter().filter(|of| of.is_alert);
        let alone = alone.map(|of| (of.rule, why_not(&of.patterns, &of.condition, coverage)));
        let joined = self.correlations.iter();
        let joined = joined.map(|of| (of.rule, of.correlation.why_not(&of.patterns, coverage)));
        let mut found: Vec<(usize, String)> =
            alone.chain(joined).filter_map(|(rule, why)| Some((rule, why?))).collect();
        found.sort_unstable();
        found.into_iter().map(|(rule, why)| (&*self.rules[rule].0, why)).collect()
    }
}

/// What alerts are called, in whatever space.
const ALERTS: &str = ".alerts-security.";

/// Whether patterns name the data streams of alerts.
fn names_alerts(patterns: &IndexPatterns) -> bool {
    patterns.iter().any(|pattern| !pattern.excludes() && pattern.as_str().starts_with(ALERTS))
}

/// Why no event can satisfy a condition in this data, if something is known to be in the way.
pub(crate) fn why_not(
    patterns: &IndexPatterns,
    condition: &Condition,
    coverage: &Coverage,
) -> Option<String> {
    if coverage.events(patterns) == 0 {
        return Some("no event of its data streams".to_owned());
    }
    let fields = coverage.absent_fields(patterns, condition)?;
    Some(format!("no event has {}", names(&fields)))
}

fn names(fields: &BTreeSet<Arc<str>>) -> String {
    fields.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}
