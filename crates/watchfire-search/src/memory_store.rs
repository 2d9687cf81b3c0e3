//! Events in memory: documents that are few, such as alerts, and tests.

use std::ops::ControlFlow;
use std::sync::{PoisonError, RwLock};

use rustc_hash::FxHashSet;
use watchfire_engine::{Matcher, RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_events::{
    BatchBuilder, DataStream, Document, Event, EventBatch, EventId, IndexPatterns, Place, Timestamp, ValueRef,
};
use watchfire_ir::{Node, Schema};

use crate::{Scan, SearchStore, StoreError, StoredField, StoredFields, TimeWindow};

/// Events of a batch.
const BATCH_EVENTS: usize = 1_024;

/// Events in memory, in the order in which they were put in.
#[derive(Debug, Default)]
pub struct MemoryStore {
    events: RwLock<Vec<Event>>,
}

impl MemoryStore {
    /// A store of these events.
    pub fn new(events: Vec<Event>) -> Self {
        Self { events: RwLock::new(events) }
    }

    /// Adds an event; one of the same id in the same data stream is replaced.
    pub fn put(&self, event: Event) {
        let mut events = self.events.write().unwrap_or_else(PoisonError::into_inner);
        let same = |other: &&mut Event| other.id == event.id && other.data_stream == event.data_stream;
        match events.iter_mut().find(same) {
            Some(other) => *other = event,
            None => events.push(event),
        }
    }
}

impl MemoryStore {
    /// Adds a document as [`Self::put`] does an event. `number` counts the documents of whatever they are from.
    pub fn put_document(&self, stream: &DataStream, id: &str, document: Document, number: u64) {
        let place = Place { input: stream.as_str().into(), record: number, line: None, offset: None };
        self.put(Event { id: EventId::given(id), data_stream: stream.clone(), document, place });
    }
}

impl SearchStore for MemoryStore {
    fn streams(&self) -> Result<Vec<DataStream>, StoreError> {
        let events = self.events.read().unwrap_or_else(PoisonError::into_inner);
        let mut streams: Vec<DataStream> = events.iter().map(|event| event.data_stream.clone()).collect();
        streams.sort_unstable();
        streams.dedup();
        Ok(streams)
    }

    fn fields(&self, stream: &DataStream, schema: &dyn Schema) -> Result<Vec<StoredField>, StoreError> {
        let events = self.events.read().unwrap_or_else(PoisonError::into_inner);
        let mut fields = StoredFields::default();
        for event in events.iter().filter(|event| event.data_stream == *stream) {
            fields.add_document(&event.document, schema);
        }
        Ok(fields.into_list())
    }

    fn scan(
        &self,
        scan: &Scan<'_>,
        take: &mut dyn FnMut(&EventBatch) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let ids: Option<FxHashSet<&str>> = scan.ids.map(|ids| ids.iter().map(String::as_str).collect());
        let mut needed = RuleSetBuilder::new();
        needed.add(IndexPatterns::default(), scan.needed.clone());
        let needed = needed.build();
        let mut matcher = needed.matcher(VALUE_CACHE_BYTES);
        let wanted = |event: &&Event| is_wanted(event, ids.as_ref(), scan, &mut matcher);
        // Whoever takes batches may put events meanwhile.
        let events: Vec<Event> = {
            let all = self.events.read().unwrap_or_else(PoisonError::into_inner);
            all.iter().filter(wanted).cloned().collect()
        };
        let mut builder = scan.batches();
        for event in events {
            builder.push(event);
            if builder.len() == BATCH_EVENTS && take(&builder.finish()).is_break() {
                return Ok(());
            }
        }
        if !builder.is_empty() {
            let _ = take(&builder.finish());
        }
        Ok(())
    }
}

/// Whether the data stream, the window, what is needed and the ids let an event through.
fn is_wanted(
    event: &Event,
    ids: Option<&FxHashSet<&str>>,
    scan: &Scan<'_>,
    needed: &mut Matcher<'_>,
) -> bool {
    let narrow = !scan.windows.is_empty() || !matches!(scan.needed.node(), Node::Constant(true));
    scan.streams.contains(&event.data_stream)
        && ids.is_none_or(|ids| ids.contains(event.id.as_str()))
        && (!narrow || {
            let mut builder = BatchBuilder::new(scan.schema);
            builder.push(event.clone());
            let batch = builder.finish();
            let found = needed.match_batch(&batch, scan.schema);
            (scan.windows.is_empty() || scan.windows.iter().any(|window| lies_within(&batch, *window)))
                && !(found.hits.is_empty() && found.errors.is_empty())
        })
}

fn lies_within(batch: &EventBatch, window: TimeWindow) -> bool {
    let holds = |at: Timestamp| window.from <= at && at <= window.to;
    values(batch, window.of.field()).any(|value| matches!(value, ValueRef::Instant(at) if holds(at)))
}

/// The values of a field in the one row of a batch.
fn values<'b>(batch: &'b EventBatch, name: &str) -> impl Iterator<Item = ValueRef<'b>> {
    let column = batch.column(name);
    column.into_iter().flat_map(|column| column.codes(0).iter().map(|&code| column.value(code)))
}
