//! Running a query: hits of its stages, and what they join to.
//!
//! Of single events only as many are held as the limit can select. Of sequences and samples all hits of stages are held
//! until all are known, with their documents as text; beyond [`MAX_STAGE_HITS`] or the bytes that they may have together the
//! search is refused, since what would be left out could change any result.

use std::ops::ControlFlow;
use std::time::Duration;

use rustc_hash::FxHashMap;
use serde_json::Value;
use watchfire_engine::correlate::{
    Extraction, KeyTuple, Ordinal, ResultPosition, SampleCorrelator, SampleSettings, Sequence,
    SequenceCorrelator, SequencePlace, SequenceSettings, SequenceShape, StageExtractor, StageHit,
};
use watchfire_engine::{ReadFields, RuleIndex, RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_events::{DataStream, Event, EventBatch, EventId, IndexPatterns, Place};
use watchfire_ir::{EqlPlan, Schema};

use super::Prepared;
use crate::call::Call;
use crate::prune::Pruning;
use crate::query::{Answers, Conditions};
use crate::{SearchError, Searcher};

/// Most hits of the stages of a sequence or sample.
pub const MAX_STAGE_HITS: usize = 1_000_000;
/// Most bytes that the documents of these hits have together.
const MAX_HELD_BYTES: usize = 512 << 20;

/// An event, or events that belong together.
pub(super) struct Group {
    pub(super) keys: KeyTuple,
    pub(super) places: Vec<SequencePlace<Event>>,
}

/// How a search went.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Results before the limit.
    pub(super) found: u64,
    pub(super) timed_out: bool,
    pub(super) warnings: Vec<String>,
}

impl Searcher {
    /// The results that the limit selects, in order.
    pub(super) fn run_eql(
        &self,
        call: &Call<'_>,
        limit: Duration,
        streams: &[DataStream],
        prepared: &Prepared,
        filters: &Conditions,
    ) -> Result<(Vec<Group>, Account), SearchError> {
        let schema: &dyn Schema = &*self.schema;
        let mut builder = RuleSetBuilder::new();
        let mut fields = filters.read.clone();
        let add = |builder: &mut RuleSetBuilder, fields: &mut ReadFields| -> Vec<RuleIndex> {
            let conditions = prepared.plan.conditions().into_iter();
            conditions
                .map(|condition| {
                    fields.add(&IndexPatterns::default(), condition);
                    builder.add(IndexPatterns::default(), condition.clone())
                })
                .collect()
        };
        let rules = add(&mut builder, &mut fields);
        let extractor = match &prepared.plan {
            EqlPlan::Event(_) => StageExtractor::for_events(rules[0], prepared.order.clone()),
            EqlPlan::Sequence(plan) => StageExtractor::for_sequence(plan, &rules, prepared.order.clone()),
            EqlPlan::Sample(plan) => StageExtractor::for_sample(plan, &rules),
        };
        extractor.fields().for_each(|name| fields.add_field(name));
        let set = builder.build();

        let mut pruning = Pruning::default();
        if self.options.prunes {
            let conditions = prepared.plan.conditions();
            pruning = Pruning::of_any(&conditions, &prepared.filter, &filters.list, schema);
        }
        let mut account = Account::default();
        let mut hits = match &prepared.plan {
            EqlPlan::Event(_) => Hits::Events { kept: prepared.kept, best: Vec::new() },
            EqlPlan::Sequence(_) | EqlPlan::Sample(_) => Hits::Stages(StageHits::default()),
        };
        if pruning.never || streams.is_empty() {
            return Ok((Vec::new(), account));
        }
        let mut matcher = set.matcher(VALUE_CACHE_BYTES);
        let mut filter_matcher = filters.set.matcher(VALUE_CACHE_BYTES);
        let mut extracted = Extraction::default();
        let mut errors: FxHashMap<String, u64> = FxHashMap::default();
        let mut read = 0;
        let mut failed = None;
        let mut take = |batch: &EventBatch| -> ControlFlow<()> {
            let mut matches = matcher.match_batch(batch, schema);
            for error in &matches.errors {
                *errors.entry(error.error.to_string()).or_default() += 1;
            }
            let allowed = Answers::new(filters, &mut filter_matcher, batch, schema).rows(&prepared.filter);
            matches.hits.retain(|hit| allowed.contains(hit.row as usize));
            let mut found: Vec<StageHit<usize>> = Vec::new();
            extracted += extractor.extract(batch, &matches, |row| (read + row as u64, row), &mut found);
            read += batch.len() as u64;
            if let Err(error) = hits.add(batch, found, &mut account) {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            if (call.elapsed)() >= limit {
                account.timed_out = true;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        self.store.scan(&pruning.scan(streams, &fields, schema), &mut take)?;
        if let Some(error) = failed {
            return Err(error);
        }
        let mut errors: Vec<(String, u64)> = errors.into_iter().collect();
        errors.sort_unstable();
        for (error, number) in errors {
            account
                .warnings
                .push(format!("the query could not be evaluated in part on {number} events: {error}"));
        }
        for (number, what) in [
            (extracted.without_time, "events have no time, and so take no part"),
            (extracted.tuples_left_out, "combinations of key values were left out: results may be missing"),
        ] {
            if number > 0 {
                account.warnings.push(format!("{number} {what}"));
            }
        }
        let groups = match hits {
            Hits::Events { best, .. } => {
                let best: Vec<Group> = best
                    .into_iter()
                    .map(|(_, event)| Group { keys: [].into(), places: vec![SequencePlace::Event(event)] })
                    .collect();
                prepared.limit.apply(best)
            }
            // What was not read could be a missing event, or come before another one.
            Hits::Stages(_) if account.timed_out => Vec::new(),
            Hits::Stages(stages) => stages.join(prepared, &mut account)?,
        };
        Ok((groups, account))
    }
}

/// What has been found so far.
enum Hits {
    /// The first or last so many events, in order.
    Events {
        kept: (usize, ResultPosition),
        best: Vec<(Ordinal, Event)>,
    },
    Stages(StageHits),
}

impl Hits {
    fn add(
        &mut self,
        batch: &EventBatch,
        mut found: Vec<StageHit<usize>>,
        account: &mut Account,
    ) -> Result<(), SearchError> {
        match self {
            Self::Stages(stages) => stages.add(batch, found),
            Self::Events { kept: (most, position), best } => {
                account.found += found.len() as u64;
                found.sort_unstable_by(|one, other| one.ordinal.cmp(&other.ordinal));
                let most = *most;
                match position {
                    ResultPosition::Head => found.truncate(most),
                    ResultPosition::Tail => {
                        found.drain(..found.len().saturating_sub(most));
                    }
                }
                if best.len() == most {
                    // Events that cannot come among those kept are not made.
                    match position {
                        ResultPosition::Head => {
                            found.retain(|hit| best.last().is_some_and(|(last, _)| hit.ordinal < *last));
                        }
                        ResultPosition::Tail => {
                            found.retain(|hit| best.first().is_some_and(|(first, _)| hit.ordinal > *first));
                        }
                    }
                }
                best.extend(found.into_iter().map(|hit| (hit.ordinal, batch.event(hit.payload).clone())));
                best.sort_by(|one, other| one.0.cmp(&other.0));
                match position {
                    ResultPosition::Head => best.truncate(most),
                    ResultPosition::Tail => {
                        best.drain(..best.len().saturating_sub(most));
                    }
                }
                Ok(())
            }
        }
    }
}

/// Hits of stages, with the documents of their events.
#[derive(Default)]
struct StageHits {
    hits: Vec<StageHit<u32>>,
    events: Vec<HeldEvent>,
    bytes: usize,
}

/// An event that may become part of a result.
struct HeldEvent {
    stream: DataStream,
    id: EventId,
    document: Box<str>,
}

impl StageHits {
    fn add(&mut self, batch: &EventBatch, found: Vec<StageHit<usize>>) -> Result<(), SearchError> {
        let mut by_row: FxHashMap<usize, u32> = FxHashMap::default();
        for hit in found {
            let event = *by_row.entry(hit.payload).or_insert_with(|| {
                let event = batch.event(hit.payload);
                let document = Value::Object(event.document.clone()).to_string().into_boxed_str();
                self.bytes += document.len();
                self.events.push(HeldEvent {
                    stream: event.data_stream.clone(),
                    id: event.id.clone(),
                    document,
                });
                self.events.len() as u32 - 1
            });
            let StageHit { ordinal, stage, keys, .. } = hit;
            self.hits.push(StageHit { ordinal, stage, keys, payload: event });
        }
        if self.hits.len() > MAX_STAGE_HITS || self.bytes > MAX_HELD_BYTES {
            return Err(SearchError::new(
                429,
                "circuit_breaking_exception",
                format!(
                    "the stages have more than {MAX_STAGE_HITS} hits, or more than {MAX_HELD_BYTES} bytes of them; \
                     a shorter time or a narrower query has fewer"
                ),
            ));
        }
        Ok(())
    }

    fn join(mut self, prepared: &Prepared, account: &mut Account) -> Result<Vec<Group>, SearchError> {
        let bug = |error: &dyn std::fmt::Display| {
            SearchError::new(500, "search_phase_execution_exception", format!("a hit was refused: {error}"))
        };
        let mut found: Vec<Sequence<u32>> = Vec::new();
        match &prepared.plan {
            EqlPlan::Event(_) => {}
            EqlPlan::Sequence(plan) => {
                self.hits.sort_unstable_by(StageHit::feeding_order);
                let shape = SequenceShape::of_plan(plan).map_err(|error| bug(&error))?;
                let settings =
                    SequenceSettings { max_held: 2 * MAX_STAGE_HITS, ..SequenceSettings::default() };
                let mut correlator = SequenceCorrelator::new(shape, settings);
                for hit in self.hits.drain(..) {
                    correlator.push(hit, &mut found).map_err(|error| bug(&error))?;
                }
                let evicted = correlator.finish(&mut found);
                let evicted = evicted.partials + evicted.candidates + evicted.leading;
                if evicted > 0 {
                    account
                        .warnings
                        .push(format!("{evicted} begun sequences were given up: results may be missing"));
                }
                found.sort_by(Sequence::order_of_results);
            }
            EqlPlan::Sample(plan) => {
                let settings = SampleSettings {
                    max_samples_per_key: prepared.samples_per_key,
                    max_held: MAX_STAGE_HITS,
                };
                let mut correlator =
                    SampleCorrelator::new(plan.stages.len(), settings).map_err(|error| bug(&error))?;
                for hit in self.hits.drain(..) {
                    correlator.push(hit).map_err(|error| bug(&error))?;
                }
                found = correlator.finish();
            }
        }
        account.found = found.len() as u64;
        let events = &self.events;
        let group = |sequence: Sequence<u32>| {
            let place = |place: &SequencePlace<u32>| {
                Ok(match place {
                    SequencePlace::Missing => SequencePlace::Missing,
                    SequencePlace::Event(at) => {
                        let held = &events[*at as usize];
                        let document = serde_json::from_str(&held.document).map_err(|error| bug(&error))?;
                        SequencePlace::Event(Event {
                            id: held.id.clone(),
                            data_stream: held.stream.clone(),
                            document,
                            // Answers do not show places.
                            place: Place { input: "".into(), record: 0, line: None, offset: None },
                        })
                    }
                })
            };
            let places = sequence.places.iter().map(place).collect::<Result<_, SearchError>>()?;
            Ok(Group { keys: sequence.keys, places })
        };
        prepared.limit.apply(found).into_iter().map(group).collect()
    }
}
