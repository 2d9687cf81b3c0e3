//! The forms in which dates are shown.

use serde_json::{Value, json};
use watchfire_events::Timestamp;

use crate::SearchError;

/// A form of dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DateFormat {
    /// ISO 8601 with milliseconds, in UTC.
    #[default]
    Iso,
    /// The day alone.
    Day,
    /// Milliseconds since 1970.
    EpochMillis,
    /// Seconds since 1970.
    EpochSeconds,
}

impl DateFormat {
    /// By Elasticsearch's name; of several with `||` between, the first is the one that shows.
    pub(crate) fn parse(text: &str) -> Result<Self, SearchError> {
        match text.split("||").next().unwrap_or_default() {
            "strict_date_optional_time"
            | "date_optional_time"
            | "strict_date_time"
            | "date_time"
            | "strict_date_optional_time_nanos"
            | "iso8601"
            | "yyyy-MM-dd'T'HH:mm:ss.SSSX"
            | "yyyy-MM-dd'T'HH:mm:ss.SSSXXX" => Ok(Self::Iso),
            "strict_date" | "date" | "yyyy-MM-dd" | "strict_year_month_day" => Ok(Self::Day),
            "epoch_millis" => Ok(Self::EpochMillis),
            "epoch_second" => Ok(Self::EpochSeconds),
            other => Err(SearchError::unsupported(format!("the date format `{other}`"))),
        }
    }

    /// An instant in this form.
    pub(crate) fn show(self, at: Timestamp) -> String {
        match self {
            Self::Iso => at.to_iso_millis(),
            Self::Day => at.to_iso_millis().split('T').next().unwrap_or_default().to_owned(),
            Self::EpochMillis => at.millis().to_string(),
            Self::EpochSeconds => at.millis().div_euclid(1_000).to_string(),
        }
    }

    /// As [`Self::show`], as JSON.
    pub(crate) fn value(self, at: Timestamp) -> Value {
        json!(self.show(at))
    }
}
