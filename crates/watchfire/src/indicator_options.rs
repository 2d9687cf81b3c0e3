//! Indicators, and the time that rules take for now: the options of every command that runs rules over events.

use std::path::PathBuf;

use watchfire_events::Timestamp;

use crate::time_argument;

/// The options.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct IndicatorOptions {
    /// Indicators for indicator match rules: documents with `threat.indicator.*` in any form that logs are read in, STIX
    /// 2.1, and tables (`.csv`, `.tsv`); files and folders.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub(crate) indicators: Vec<PathBuf>,
    /// What `now` stands for in the dates of rules, such as `2026-03-02T14:30:00Z`: with indicators of the past, the day
    /// on which they were current. [default: the time of the run]
    #[arg(long, value_name = "TIME", value_parser = time_argument::instant)]
    now: Option<Timestamp>,
}

impl IndicatorOptions {
    /// What `now` stands for.
    pub(crate) fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(time_argument::now)
    }
}
