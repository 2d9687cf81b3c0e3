//! The events that answer, read as often as there are questions that depend on answers.

use std::io;
#[cfg(feature = "lake")]
use std::path::Path;
use std::path::PathBuf;

use watchfire_engine::ReadFields;
use watchfire_ir::{Catalogue, Condition};
#[cfg(feature = "lake")]
use watchfire_lake::Needed;
use watchfire_sources::normalise::catalogue_with;

#[cfg(feature = "lake")]
use crate::intake::LakeInput;
use crate::intake::{Account, Inputs, IntakeOptions, Worker, read_all};
use crate::progress::Progress;
use crate::reading::{Reading, Resources};

/// The part of the memory that records on their way may take up: one in this many.
const RECORD_SHARE: u64 = 2;

/// Where events come from, and how they are read.
#[derive(Debug, clap::Args)]
pub(crate) struct EventOptions {
    /// Files and folders with events.
    #[cfg_attr(feature = "lake", arg(required_unless_present = "lake"))]
    #[cfg_attr(not(feature = "lake"), arg(required = true))]
    paths: Vec<PathBuf>,
    /// Takes the events of the event lake in this folder too.
    #[cfg(feature = "lake")]
    #[arg(long, value_name = "FOLDER")]
    lake: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    resources: Resources,
}

impl EventOptions {
    /// What reads them.
    pub(crate) fn reader(&self) -> io::Result<EventReader<'_>> {
        let normalise = self.reading.normalise()?;
        Ok(EventReader {
            paths: &self.paths,
            #[cfg(feature = "lake")]
            lake: self.lake.as_deref(),
            catalogue: catalogue_with(&normalise.tables),
            options: IntakeOptions {
                normalise,
                enrich: self.reading.enriches(),
                threads: self.resources.threads(),
                memory: self.resources.max_memory() / RECORD_SHARE,
                window: self.reading.window()?,
                fields: None,
                timed: false,
                count_unmapped: false,
            },
        })
    }
}

/// Reads events.
pub(crate) struct EventReader<'a> {
    paths: &'a [PathBuf],
    #[cfg(feature = "lake")]
    lake: Option<&'a Path>,
    /// The types of their fields.
    pub(crate) catalogue: Catalogue,
    options: IntakeOptions,
}

impl<'a> EventReader<'a> {
    /// One of what a scan has read, in the same way.
    pub(crate) fn again(
        paths: &'a [PathBuf],
        #[cfg(feature = "lake")] lake: Option<&'a Path>,
        catalogue: Catalogue,
        options: IntakeOptions,
    ) -> Self {
        Self {
            paths,
            #[cfg(feature = "lake")]
            lake,
            catalogue,
            options,
        }
    }

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
    pub(crate) fn read<'c, W: Worker>(
        &self,
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
        let options = IntakeOptions { fields: Some(fields.clone()), ..self.options.clone() };
        let progress = Progress::new(inputs.bytes(), "found");
        let read = read_all(inputs, &options, &self.catalogue, &progress, worker);
        progress.finish();
        read
    }
}
