//! The events that answer, read as often as there are questions that depend on answers.

use std::io;
#[cfg(feature = "lake")]
use std::path::Path;
use std::path::PathBuf;

use watchfire_engine::ReadFields;
use watchfire_ir::{Catalogue, Condition};
#[cfg(feature = "lake")]
use watchfire_lake::Needed;

#[cfg(feature = "lake")]
use crate::intake::LakeInput;
use crate::intake::{Account, Inputs, IntakeOptions, Worker, read_all};
use crate::progress::Progress;

/// Where events come from.
pub(crate) struct EventReader<'a> {
    pub(crate) paths: &'a [PathBuf],
    #[cfg(feature = "lake")]
    pub(crate) lake: Option<&'a Path>,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) options: IntakeOptions,
}

impl EventReader<'_> {
    /// Whether workers see all events, whatever is asked of them.
    #[cfg(feature = "lake")]
    pub(crate) fn reads_all(&self) -> bool {
        self.lake.is_none()
    }

    /// Whether workers see all events, whatever is asked of them.
    #[cfg(not(feature = "lake"))]
    #[expect(clippy::unused_self, reason = "with lakes it depends")]
    pub(crate) fn reads_all(&self) -> bool {
        true
    }

    /// Gives all events to workers. Those of a lake of which no condition can hold may be left out.
    pub(crate) fn read<'c, W: Worker + Send>(
        &mut self,
        fields: &ReadFields,
        conditions: impl IntoIterator<Item = &'c Condition>,
        worker: impl FnMut() -> W,
    ) -> io::Result<(Vec<W>, Account)> {
        let inputs = Inputs::list(self.paths);
        #[cfg(feature = "lake")]
        let inputs = inputs.with_lake(self.lake.map(|folder| LakeInput {
            folder: folder.to_owned(),
            fields: fields.clone(),
            needed: Needed::by_any(conditions),
        }));
        #[cfg(not(feature = "lake"))]
        drop(conditions.into_iter());
        self.options.fields = Some(fields.clone());
        let progress = Progress::new(inputs.bytes(), "found");
        let read = read_all(inputs, &self.options, self.catalogue, &progress, worker);
        progress.finish();
        read
    }
}
