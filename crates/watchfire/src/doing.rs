//! Who does something, and when.

use watchfire_events::Timestamp;

use crate::time_argument::{moment, now};

/// Who does something, and when.
#[derive(Debug, clap::Args)]
pub(crate) struct Doing {
    /// Who does it. [default: the user of this process]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// When it was done. [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
}

impl Doing {
    pub(crate) fn at(&self) -> Timestamp {
        self.at.unwrap_or_else(now)
    }

    pub(crate) fn by(&self) -> String {
        let of_system =
            || ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        self.by.clone().or_else(of_system).unwrap_or_else(|| "unknown".to_owned())
    }
}
