//! Several stores as one.

use std::ops::ControlFlow;
use std::sync::Arc;

use watchfire_events::{DataStream, EventBatch};
use watchfire_ir::Schema;

use crate::{Scan, SearchStore, StoreError, StoredField, StoredFields};

/// Several stores, read one after the other. A data stream may be in more than one.
#[derive(Clone, Debug)]
pub struct UnionStore(Vec<Arc<dyn SearchStore>>);

impl UnionStore {
    /// Of these stores.
    pub fn new(stores: Vec<Arc<dyn SearchStore>>) -> Self {
        Self(stores)
    }
}

impl SearchStore for UnionStore {
    fn streams(&self) -> Result<Vec<DataStream>, StoreError> {
        let mut streams = Vec::new();
        for store in &self.0 {
            streams.extend(store.streams()?);
        }
        streams.sort_unstable();
        streams.dedup();
        Ok(streams)
    }

    fn fields(&self, stream: &DataStream, schema: &dyn Schema) -> Result<Vec<StoredField>, StoreError> {
        let mut fields = StoredFields::default();
        for store in &self.0 {
            store.fields(stream, schema)?.into_iter().for_each(|field| fields.add(field));
        }
        Ok(fields.into_list())
    }

    fn scan(
        &self,
        scan: &Scan<'_>,
        take: &mut dyn FnMut(&EventBatch) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut ended = false;
        for store in &self.0 {
            store.scan(scan, &mut |batch| {
                let flow = take(batch);
                ended |= flow.is_break();
                flow
            })?;
            if ended {
                break;
            }
        }
        Ok(())
    }
}
