//! Running a search that was read.

use std::ops::ControlFlow;
use std::time::Duration;

use watchfire_engine::{ReadFields, VALUE_CACHE_BYTES};
use watchfire_events::{DataStream, EventBatch};
use watchfire_ir::Schema;

use super::Prepared;
use super::time_steps::time_steps;
use crate::aggregations::{AggregationForm, BatchView, Collecting, State};
use crate::body::Object;
use crate::call::Call;
use crate::prune::{Pruning, pruning};
use crate::query::Answers;
use crate::rows::Rows;
use crate::source::Source;
use crate::top::Top;
use crate::{Scan, SearchError, Searcher, TimeWindow};

/// What a search found.
pub(super) struct Found {
    pub(super) top: Top,
    pub(super) states: Vec<State>,
    pub(super) count: u64,
    pub(super) timed_out: bool,
    pub(super) terminated_early: bool,
}

impl Found {
    fn new(prepared: &Prepared) -> Self {
        Self {
            top: Top::default(),
            states: Collecting::new_states(&prepared.forms),
            count: 0,
            timed_out: false,
            terminated_early: false,
        }
    }
}

/// What is the same for all readings of a search.
struct Reading<'a> {
    call: &'a Call<'a>,
    limit: Duration,
    streams: &'a [DataStream],
    prepared: &'a Prepared,
    pruning: &'a Pruning,
    fields: &'a ReadFields,
}

impl Searcher {
    pub(super) fn run(
        &self,
        call: &Call<'_>,
        body: &Object,
        streams: &[DataStream],
        prepared: &Prepared,
    ) -> Result<Found, SearchError> {
        let schema: &dyn Schema = &*self.schema;
        let limit = call.limit(body)?;
        let pruning = if self.options.prunes {
            pruning(&prepared.query, &prepared.conditions.list, schema)
        } else {
            Pruning::default()
        };
        if pruning.never || streams.is_empty() {
            return Ok(Found::new(prepared));
        }
        let mut fields = prepared.conditions.read.clone();
        let top = &prepared.top;
        let collapsed = top.collapse.iter().map(|(_, source)| source);
        let in_top_hits = prepared.forms.iter().flat_map(AggregationForm::top_hits_sources);
        let read = top.order.sources().chain(collapsed).chain(&prepared.sources).chain(in_top_hits);
        read.flat_map(Source::column_names).for_each(|name| fields.add_field(name));
        let reading = Reading { call, limit, streams, prepared, pruning: &pruning, fields: &fields };

        // Where all hits are counted, or put into buckets, nothing can be left unread.
        let needs_all = prepared.total == Some(u64::MAX) || !prepared.forms.is_empty();
        if self.options.prunes && !needs_all && prepared.terminate_after.is_none() {
            let steps = time_steps(top, prepared.total.is_some(), &pruning.windows, schema, call.now);
            for (at, step) in steps.iter().enumerate() {
                let found = self.read(&reading, std::slice::from_ref(&step.window))?;
                let is_counted = prepared.total.is_none_or(|limit| found.count > limit);
                if found.timed_out || (is_counted && top.has_all(&found.top)) {
                    return Ok(found);
                }
                // Where hits are too few to be counted to the end soon, all is read at once.
                let next = steps.get(at + 1).map_or(1.0, |next| next.nanos as f64 / step.nanos as f64);
                if prepared.total.is_some_and(|limit| found.count as f64 * next <= limit as f64) {
                    break;
                }
            }
        }
        self.read(&reading, &pruning.windows)
    }

    fn read(&self, reading: &Reading<'_>, windows: &[TimeWindow]) -> Result<Found, SearchError> {
        let schema: &dyn Schema = &*self.schema;
        let Reading { call, limit, streams, prepared, pruning, fields } = *reading;
        let Prepared { query, conditions, top, forms, sources, asked, total, terminate_after, .. } = prepared;
        let mut found = Found::new(prepared);
        let mut matcher = conditions.set.matcher(VALUE_CACHE_BYTES);
        let mut collecting = Collecting::default();
        let mut failed = None;
        let mut take = |batch: &EventBatch| -> ControlFlow<()> {
            let answers = Answers::new(conditions, &mut matcher, batch, schema);
            let mut rows = answers.rows(query);
            if let Some(most) = terminate_after {
                let room = (most - found.count.min(*most)) as usize;
                if rows.count() >= room {
                    let mut kept = Rows::none(batch.len());
                    rows.iter().take(room).for_each(|row| kept.insert(row));
                    rows = kept;
                    found.terminated_early = true;
                }
            }
            found.count += rows.count() as u64;
            top.add(&mut found.top, batch, &rows);
            if !forms.is_empty() {
                let view = BatchView {
                    batch,
                    sources: sources.iter().map(|source| source.in_batch(batch)).collect(),
                    queries: asked.iter().map(|query| answers.rows(query)).collect(),
                };
                if let Err(error) = collecting.add(forms, &mut found.states, &view, &rows) {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            let is_counted = total.is_none_or(|limit| found.count > limit);
            let needs_no_more = top.size + top.from == 0 || top.is_full(&found.top);
            if found.terminated_early || (forms.is_empty() && is_counted && needs_no_more) {
                return ControlFlow::Break(());
            }
            if (call.elapsed)() >= limit {
                found.timed_out = true;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let scan = Scan {
            streams,
            windows,
            needed: &pruning.needed,
            ids: pruning.ids.as_deref(),
            fields: Some(fields),
            schema,
        };
        self.store.scan(&scan, &mut take)?;
        match failed {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }
}
