//! What a rule asks for, as events to be found: how many, what each satisfies, what they share.

use watchfire_engine::correlate::spread_key_constraints;
use watchfire_events::{Document, IndexPatterns};
use watchfire_ir::{Condition, EqlPlan, FieldRef, Schema, StagePlan};
use watchfire_rules::model::{EventSource, Rule, RuleKind};
use watchfire_rules::testing::{MAX_TEST_EVENTS, TestEvent};

use super::search::Wanted;
use super::stream::data_stream;
use super::{STEP_MS, set_time};
use crate::compile::CompileOptions;
use crate::query::{QueryOptions, read_filters, read_query};
use crate::rule_book::RuleBook;

/// Events to be found for one alert of a rule.
pub(super) struct Asked {
    /// One for each different event.
    pub(super) wanted: Vec<Wanted>,
    /// How many times each event happens; what is wanted beyond these are indicators.
    times: Vec<usize>,
    /// The longest time from the first event to the last.
    maxspan_ms: Option<u64>,
    patterns: IndexPatterns,
}

impl Asked {
    /// What a rule asks for; what it is of which no events can be made, if there is such a thing.
    pub(super) fn of(
        rule: &Rule,
        book: &RuleBook,
        schema: &dyn Schema,
        options: &CompileOptions,
    ) -> Result<Self, String> {
        let kind = &rule.kind;
        let query_options =
            QueryOptions { now: options.now, event_category_field: kind.event_category_field() };
        let filters: Vec<Condition> =
            read_filters(kind.source().map_or(&[], EventSource::filters), schema, &query_options)
                .into_iter()
                .filter_map(|read| read.condition)
                .collect();
        let plan = match kind.query() {
            Some(query) => {
                let read = read_query(&query.text, query.language, schema, &query_options);
                read.plan.ok_or_else(|| "a query in this language".to_owned())?
            }
            None => EqlPlan::Event(watchfire_ir::EventPlan {
                condition: Condition::constant(true),
                pipes: Vec::new(),
            }),
        };
        let index = kind.source().map(EventSource::index).unwrap_or_default();
        let mut asked = Self {
            wanted: Vec::new(),
            times: Vec::new(),
            maxspan_ms: None,
            patterns: IndexPatterns::new(index.iter().map(String::as_str)),
        };
        match plan {
            EqlPlan::Event(plan) => asked.add_event(&plan.condition, &filters),
            EqlPlan::Sequence(mut plan) => {
                spread_key_constraints(&mut plan.stages);
                asked.maxspan_ms = plan.maxspan_ms;
                let missing = plan.stages.iter().filter(|stage| stage.missing);
                let avoid: Vec<Condition> =
                    missing.chain(&plan.until).map(|stage| narrowed(&stage.condition, &filters)).collect();
                asked.add_stages(&plan.stages, &filters, &avoid);
            }
            EqlPlan::Sample(mut plan) => {
                spread_key_constraints(&mut plan.stages);
                asked.add_stages(&plan.stages, &filters, &[]);
            }
        }
        asked.add_what_the_type_needs(kind, book, schema)?;
        Ok(asked)
    }

    fn add_event(&mut self, condition: &Condition, filters: &[Condition]) {
        let condition = narrowed(condition, filters);
        self.wanted.push(Wanted { condition, avoid: Vec::new(), shared: Vec::new(), distinct: Vec::new() });
        self.times.push(1);
    }

    fn add_stages(&mut self, stages: &[StagePlan], filters: &[Condition], avoid: &[Condition]) {
        for stage in stages.iter().filter(|stage| !stage.missing) {
            let keys = stage.keys.iter().enumerate();
            let shared = keys.filter_map(|(at, key)| Some((key.field.clone()?, at))).collect();
            self.wanted.push(Wanted {
                condition: narrowed(&stage.condition, filters),
                avoid: avoid.to_vec(),
                shared,
                distinct: Vec::new(),
            });
            self.times.push(stage.runs as usize);
        }
    }

    /// What makes an alert of events that satisfy the query, by the type of the rule.
    fn add_what_the_type_needs(
        &mut self,
        kind: &RuleKind,
        book: &RuleBook,
        schema: &dyn Schema,
    ) -> Result<(), String> {
        let field = |name: &str| match schema.resolve(name) {
            watchfire_ir::Resolution::Field(field) => Ok(field),
            _ => Err(format!("a list of objects `{name}`")),
        };
        match kind {
            RuleKind::Threshold(rule) => {
                let threshold = &rule.threshold;
                let count = usize::try_from(threshold.value).unwrap_or(usize::MAX);
                let shared: Vec<FieldRef> =
                    threshold.field.iter().map(|name| field(name)).collect::<Result<_, _>>()?;
                let mut distinct = Vec::new();
                for cardinality in threshold.cardinality.iter().flatten() {
                    let different = usize::try_from(cardinality.value).unwrap_or(usize::MAX);
                    distinct.push((field(&cardinality.field)?, different));
                }
                let different = distinct.iter().map(|(_, different)| *different).max().unwrap_or(1).max(1);
                if count.max(different) > MAX_TEST_EVENTS {
                    return Err(format!("a threshold of {} events", count.max(different)));
                }
                let [event] = &self.wanted[..] else { return Ok(()) };
                let event = event.clone();
                self.wanted = (0..different)
                    .map(|number| Wanted {
                        shared: shared.iter().cloned().enumerate().map(|(at, field)| (field, at)).collect(),
                        distinct: distinct.iter().map(|(field, _)| (field.clone(), number)).collect(),
                        ..event.clone()
                    })
                    .collect();
                self.times = vec![1; different];
                self.times[0] += count.saturating_sub(different);
            }
            RuleKind::NewTerms(rule) => {
                let fields: Vec<FieldRef> =
                    rule.new_terms_fields.iter().map(|name| field(name)).collect::<Result<_, _>>()?;
                for wanted in &mut self.wanted {
                    wanted.shared.extend(fields.iter().cloned().enumerate().map(|(at, field)| (field, at)));
                }
            }
            RuleKind::ThreatMatch(_) => {
                let Some((_, program)) = book.indicator_matches().next() else { return Ok(()) };
                let mut indicator = Wanted {
                    condition: program.indicators.clone(),
                    avoid: Vec::new(),
                    shared: Vec::new(),
                    distinct: Vec::new(),
                };
                let equal = program.groups.first().into_iter().flatten().filter(|entry| !entry.negate);
                for (at, entry) in equal.enumerate() {
                    for wanted in &mut self.wanted {
                        wanted.shared.push((field(&entry.event_field)?, at));
                    }
                    indicator.shared.push((field(&entry.indicator_field)?, at));
                }
                self.wanted.push(indicator);
            }
            RuleKind::Query(_)
            | RuleKind::SavedQuery(_)
            | RuleKind::Eql(_)
            | RuleKind::Esql(_)
            | RuleKind::MachineLearning(_) => {}
        }
        Ok(())
    }

    /// Whether there is anything that is only better avoided.
    pub(super) fn avoids(&self) -> bool {
        self.wanted.iter().any(|wanted| !wanted.avoid.is_empty())
    }

    /// The same events, without what is only better avoided.
    pub(super) fn wanted_without_avoiding(&self) -> Vec<Wanted> {
        self.wanted.iter().map(|wanted| Wanted { avoid: Vec::new(), ..wanted.clone() }).collect()
    }

    /// Takes the indicators from the documents that were found for [`Self::wanted`].
    pub(super) fn indicators(&self, documents: &mut Vec<Document>) -> Vec<TestEvent> {
        let behind = documents.split_off(self.times.len().min(documents.len()));
        // They name no data stream: so they count for every rule.
        let indicator = |document| TestEvent { data_stream: String::new(), document: set_time(document, 0) };
        behind.into_iter().map(indicator).collect()
    }

    /// The events, from the documents that were found for [`Self::wanted`].
    pub(super) fn events(&self, documents: Vec<Document>) -> Vec<TestEvent> {
        let count: usize = self.times.iter().sum();
        let step = self.maxspan_ms.map_or(STEP_MS, |maxspan| STEP_MS.min(maxspan / count.max(1) as u64));
        let mut events = Vec::new();
        for (document, times) in documents.into_iter().zip(&self.times) {
            let stream = data_stream(&self.patterns, &document);
            for _ in 0..*times {
                let document = set_time(document.clone(), events.len() as u64 * step);
                events.push(TestEvent { data_stream: stream.clone(), document });
            }
        }
        events
    }
}

fn narrowed(condition: &Condition, filters: &[Condition]) -> Condition {
    Condition::all(std::iter::once(condition.clone()).chain(filters.iter().cloned()))
}
