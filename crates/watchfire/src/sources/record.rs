//! Single records out of files, for those who look at them one by one.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use watchfire_events::Place;
use watchfire_sources::decode::{FileReport, RecordSink, RejectReason};
use watchfire_sources::normalise::RawInput;

use crate::intake::Inputs;
use crate::terminal::escape_controls;

/// Takes records until it has had enough.
pub(super) trait Taker {
    /// Takes a record; false if it wants no more.
    fn take(&mut self, record: RawInput) -> bool;
}

struct Sink<'t, T> {
    taker: &'t mut T,
    satisfied: bool,
    rejected: Vec<(Place, RejectReason)>,
}

impl<T: Taker> RecordSink for Sink<'_, T> {
    fn record(&mut self, record: RawInput) {
        if !self.satisfied {
            self.satisfied = !self.taker.take(record);
        }
    }

    fn rejected(&mut self, place: &Place, reason: RejectReason) {
        if !self.satisfied {
            self.rejected.push((place.clone(), reason));
        }
    }

    fn is_satisfied(&self) -> bool {
        self.satisfied
    }
}

/// A file's name, and who took its records.
pub(super) type Taken<T> = (Arc<str>, T);

/// Places of unreadable records that are shown.
const SHOWN: usize = 10;

/// Gives the records of files, folders and standard input (`-`) to a taker, one made for each; tells of what cannot be
/// read. The second result is whether all could be.
pub(super) fn read_each<T: Taker>(
    paths: &[PathBuf],
    log: &mut dyn Write,
    mut taker: impl FnMut() -> T,
) -> io::Result<(Vec<Taken<T>>, bool)> {
    let (inputs, reports) = Inputs::list(paths).into_parts();
    let mut clean = true;
    tell(&reports, &[], log, &mut clean)?;
    let mut taken = Vec::new();
    for input in inputs {
        let name = input.name();
        let mut own = taker();
        let mut sink = Sink { taker: &mut own, satisfied: false, rejected: Vec::new() };
        let reports = input.read(&mut sink);
        // A file that was left early is not cut off.
        let reports = if sink.satisfied { Vec::new() } else { reports };
        tell(&reports, &sink.rejected, log, &mut clean)?;
        taken.push((name, own));
    }
    Ok((taken, clean))
}

fn tell(
    reports: &[FileReport],
    rejected: &[(Place, RejectReason)],
    log: &mut dyn Write,
    clean: &mut bool,
) -> io::Result<()> {
    for report in reports {
        if let Some(problem) = &report.problem {
            *clean = false;
            let name = escape_controls(&report.name);
            writeln!(log, "{name} ({}): {}", report.format, escape_controls(problem))?;
        }
    }
    for (place, reason) in rejected.iter().take(SHOWN) {
        writeln!(log, "{}: {reason}", escape_controls(&place.to_string()))?;
    }
    if rejected.len() > SHOWN {
        writeln!(log, "{SHOWN} of {} unreadable records shown", rejected.len())?;
    }
    *clean &= rejected.is_empty();
    Ok(())
}
