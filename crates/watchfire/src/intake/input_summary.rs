//! The part of a summary that tells of the input: for people, and as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::Account;
use crate::terminal::{escape_controls, write_counts};

/// What was read, and what became of it. The JSON has these names, and only ever gains some.
#[derive(Debug, Default, Serialize)]
pub(crate) struct InputSummary {
    pub(crate) files: Files,
    pub(crate) records: Records,
    pub(crate) events: Events,
    /// What fields were filled in from; only where records of the input told of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filled_in_from: Option<FilledInFrom>,
}

/// What records of the input told of others.
#[derive(Debug, Serialize)]
pub(crate) struct FilledInFrom {
    pub(crate) hosts: u64,
    pub(crate) users: u64,
    pub(crate) processes: u64,
    /// Records that told of what was not remembered, because it did not fit.
    pub(crate) records_left_out: u64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Files {
    /// Files given or found in folders.
    pub(crate) read: u64,
    /// What could not be read, or not to its end; members of archives count for themselves.
    pub(crate) problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) name: String,
    pub(crate) format: &'static str,
    pub(crate) what: String,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Records {
    pub(crate) read: u64,
    pub(crate) normalised: u64,
    pub(crate) rejected: u64,
    pub(crate) rejected_by_reason: BTreeMap<String, u64>,
    /// The first ones.
    pub(crate) rejected_places: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Events {
    pub(crate) searched: u64,
    /// Not in the time that was asked for.
    pub(crate) outside_window: u64,
    pub(crate) without_time: u64,
    /// Whose time names no year, so that the one of `--year` was taken, or else the current one.
    pub(crate) without_year: u64,
    /// Of no known source; they are searched as they are.
    pub(crate) unrecognised: u64,
    pub(crate) by_data_stream: BTreeMap<String, u64>,
    /// By field, values that cannot be found because they do not fit the field's type.
    pub(crate) values_of_wrong_type: BTreeMap<String, u64>,
    /// By raw field, the events in which no mapping reads it; only where this was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) unmapped_fields: BTreeMap<String, u64>,
}

impl InputSummary {
    /// Of an account.
    pub(crate) fn new(account: &Account) -> Self {
        let problem = |report: &watchfire_sources::decode::FileReport| Problem {
            name: report.name.to_string(),
            format: report.format,
            what: report.problem.clone().unwrap_or_default(),
        };
        let streams = account.coverage.streams();
        Self {
            files: Files { read: account.files, problems: account.problems.iter().map(problem).collect() },
            records: Records {
                read: account.records,
                normalised: account.normalised,
                rejected: account.rejections(),
                rejected_by_reason: account.rejected.clone(),
                rejected_places: account
                    .places
                    .iter()
                    .map(|(place, reason)| format!("{place}: {reason}"))
                    .collect(),
            },
            events: Events {
                searched: account.searched(),
                outside_window: account.outside_window,
                without_time: account.without_time,
                without_year: account.without_year,
                unrecognised: account.unrecognised,
                by_data_stream: streams.map(|(stream, events)| (stream.to_string(), events)).collect(),
                values_of_wrong_type: account.misfits.clone(),
                unmapped_fields: account.unmapped.clone(),
            },
            filled_in_from: account.known.map(|known| FilledInFrom {
                hosts: known.hosts,
                users: known.users,
                processes: known.processes,
                records_left_out: known.left_out,
            }),
        }
    }

    /// Whether all of the input could be used.
    pub(crate) fn is_clean(&self) -> bool {
        self.files.problems.is_empty()
            && self.records.rejected == 0
            && self.filled_in_from.as_ref().is_none_or(|from| from.records_left_out == 0)
    }

    /// The sums that must hold (design, promise 3): what, the whole, its parts.
    pub(crate) fn sums(&self) -> [(&'static str, u64, u64); 4] {
        let (records, events) = (&self.records, &self.events);
        [
            ("records read", records.read, records.normalised + records.rejected),
            ("records rejected", records.rejected, records.rejected_by_reason.values().sum()),
            ("records normalised", records.normalised, events.searched + events.outside_window),
            ("events searched", events.searched, events.by_data_stream.values().sum()),
        ]
    }

    /// Writes it for people; problems come first.
    pub(crate) fn write(&self, log: &mut dyn Write) -> io::Result<()> {
        for problem in &self.files.problems {
            let name = escape_controls(&problem.name);
            writeln!(log, "{name} ({}): {}", problem.format, escape_controls(&problem.what))?;
        }
        let (records, events) = (&self.records, &self.events);
        writeln!(log, "files: {} read, {} with problems", self.files.read, self.files.problems.len())?;
        writeln!(
            log,
            "records: {} = {} normalised + {} rejected",
            records.read, records.normalised, records.rejected
        )?;
        for (reason, number) in &records.rejected_by_reason {
            writeln!(log, "  rejected: {number} {}", escape_controls(reason))?;
        }
        for place in &records.rejected_places {
            writeln!(log, "    {}", escape_controls(place))?;
        }
        if records.rejected > records.rejected_places.len() as u64 {
            writeln!(log, "    {} of {} places shown", records.rejected_places.len(), records.rejected)?;
        }
        if events.outside_window > 0 {
            writeln!(
                log,
                "events: {} = {} searched + {} outside the time asked for",
                records.normalised, events.searched, events.outside_window
            )?;
        }
        for (stream, number) in &events.by_data_stream {
            writeln!(log, "  {number} events of {}", escape_controls(stream))?;
        }
        if let Some(from) = &self.filled_in_from {
            writeln!(
                log,
                "  fields filled in from what other records tell of {} hosts, {} users, {} processes",
                from.hosts, from.users, from.processes
            )?;
            if from.records_left_out > 0 {
                writeln!(log, "  {} records tell of more than can be remembered", from.records_left_out)?;
            }
        }
        if events.unrecognised > 0 {
            writeln!(log, "  {} events of no known source, searched as they are", events.unrecognised)?;
        }
        if events.without_year > 0 {
            let number = events.without_year;
            writeln!(
                log,
                "  {number} events have no year in their times; that of --year is taken, or else the current one"
            )?;
        }
        if events.without_time > 0 {
            writeln!(log, "  {} events without a time", events.without_time)?;
        }
        write_counts(log, &events.values_of_wrong_type, |field, number| {
            format!("  {number} values of `{field}` do not fit its type and cannot be found")
        })?;
        write_counts(log, &events.unmapped_fields, |field, number| {
            format!("  {number} events with `{field}`, which no mapping reads")
        })
    }
}
