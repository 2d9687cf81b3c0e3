//! The events of a lake as input: they are normalised already, and their columns lie ready.

use std::io;
use std::path::Path;

use watchfire_events::{FieldSelection, Timestamp};
use watchfire_ir::Schema;
use watchfire_lake::{LakeReader, Selection, TimeField, Window};

use super::{Account, IntakeOptions, Worker};
use crate::progress::Progress;

/// Gives all events of a lake to a worker. Those outside the window are not counted: most of them are never looked at.
pub(super) fn read<W: Worker>(
    folder: &Path,
    options: &IntakeOptions,
    schema: &(dyn Schema + Sync),
    progress: &Progress,
    worker: &mut W,
    account: &mut Account,
) -> io::Result<()> {
    if !folder.join("tables").is_dir() {
        let message = format!("`{}` is no lake: it has no folder `tables`", folder.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let failed = |error: watchfire_lake::LakeError| io::Error::other(error.to_string());
    let asked = options.window;
    let window = (asked.from.is_some() || asked.to.is_some()).then(|| Window {
        by: TimeField::Timestamp,
        from: asked.from.unwrap_or(Timestamp::from_millis(i64::MIN)),
        to: asked.to.unwrap_or(Timestamp::from_millis(i64::MAX)),
    });
    let selection = Selection { windows: window.into_iter().collect(), ..Selection::default() };
    let fields = options.fields.as_ref().map(|fields| fields as &dyn FieldSelection);
    let reader = LakeReader::open(folder).map_err(failed)?;
    let mut scan = reader.scan(schema, fields, selection).map_err(failed)?;
    while let Some(batch) = scan.next_batch().map_err(failed)? {
        account.stored(&batch);
        worker.batch(&batch)?;
        progress.events(batch.len() as u64);
    }
    scan.finish().map_err(failed)?;
    Ok(())
}
