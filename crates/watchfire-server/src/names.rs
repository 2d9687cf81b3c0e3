//! Names of indices and data streams.

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use watchfire_events::Timestamp;

use crate::error::ApiError;

/// Longest name in bytes.
const MOST_BYTES: usize = 255;
/// What a name cannot have, as it is part of patterns and paths.
const FORBIDDEN: &[char] = &['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'];

/// Whether events can be written to an index of this name.
pub(crate) fn check(name: &str) -> Result<(), ApiError> {
    let problem = if name.is_empty() {
        Some("is empty".to_owned())
    } else if name.len() > MOST_BYTES {
        Some(format!("has more than {MOST_BYTES} bytes"))
    } else if name == "." || name == ".." {
        Some("is no name".to_owned())
    } else if name.starts_with(['-', '_', '+']) {
        Some("begins with `-`, `_` or `+`".to_owned())
    } else if name.chars().any(char::is_uppercase) {
        Some("has capital letters".to_owned())
    } else {
        name.chars()
            .find(|letter| FORBIDDEN.contains(letter) || letter.is_control())
            .map(|letter| format!("has the character {letter:?}"))
    };
    match problem {
        None => Ok(()),
        Some(problem) => Err(ApiError::new(
            axum::http::StatusCode::BAD_REQUEST,
            "invalid_index_name_exception",
            format!("the index name `{name}` {problem}"),
        )),
    }
}

/// The name of the index behind a data stream that an event of today goes to.
pub(crate) fn backing_index(stream: &str, now: Timestamp) -> String {
    let instant = Instant::from_millisecond(now.millis()).unwrap_or(Instant::UNIX_EPOCH);
    let day = TimeZone::UTC.to_datetime(instant).date().strftime("%Y.%m.%d").to_string();
    format!(".ds-{stream}-{day}-000001")
}
