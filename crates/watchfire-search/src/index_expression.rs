//! Which data streams an index expression selects.
//!
//! An expression is a list of names and patterns between commas. A part with `-` in front, behind a pattern, takes out of
//! what the parts before it selected. Names that begin with a dot are hidden: a pattern selects them if it begins with one
//! itself, or if `expand_wildcards` says so.

use watchfire_events::{DataStream, IndexPattern};

use crate::SearchError;

/// How an expression is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexOptions {
    /// A name that is not there is no error.
    pub(crate) ignore_unavailable: bool,
    /// That a pattern selects nothing is no error.
    pub(crate) allow_no_indices: bool,
    /// Patterns select hidden names.
    pub(crate) hidden: bool,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self { ignore_unavailable: false, allow_no_indices: true, hidden: false }
    }
}

/// The data streams, of those that there are, in order of name.
pub(crate) fn select(
    expression: &str,
    options: IndexOptions,
    streams: &[DataStream],
) -> Result<Vec<DataStream>, SearchError> {
    let mut selected: Vec<&DataStream> = Vec::new();
    let mut has_pattern = false;
    let parts = expression.split(',').map(str::trim).filter(|part| !part.is_empty());
    for part in parts {
        if part.starts_with('<') {
            return Err(SearchError::unsupported(format!("the date in the index name `{part}`")));
        }
        if part.contains(':') {
            return Err(SearchError::unsupported(format!("the other cluster in `{part}`")));
        }
        if has_pattern && part.starts_with('-') {
            let pattern = IndexPattern::new(part);
            selected.retain(|stream| !pattern.fits(stream));
            continue;
        }
        let is_all = part == "_all";
        if !is_all && !part.contains('*') {
            match streams.iter().find(|stream| stream.as_str() == part || is_behind(part, stream)) {
                Some(stream) => selected.push(stream),
                None if options.ignore_unavailable => {}
                None => return Err(SearchError::no_index(part)),
            }
            continue;
        }
        has_pattern = true;
        let pattern = IndexPattern::new(if is_all { "*" } else { part });
        let sees_hidden = options.hidden || part.starts_with('.');
        let is_seen = |stream: &&DataStream| sees_hidden || !stream.as_str().starts_with('.');
        // No name begins with `-`, and the pattern would take it for an exclusion.
        let can_fit = !part.starts_with('-');
        let fitting: Vec<&DataStream> =
            streams.iter().filter(is_seen).filter(|stream| can_fit && pattern.fits(stream)).collect();
        if fitting.is_empty() && !options.allow_no_indices {
            return Err(SearchError::no_index(part));
        }
        selected.extend(fitting);
    }
    let mut selected: Vec<DataStream> = selected.into_iter().cloned().collect();
    selected.sort_unstable();
    selected.dedup();
    Ok(selected)
}

/// Whether a name is that of an index behind a data stream.
fn is_behind(name: &str, stream: &DataStream) -> bool {
    name.starts_with(".ds-") && IndexPattern::new(stream.as_str()).fits(&DataStream::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_streams() {
        let names = [".alerts-security.alerts-default", "logs-a-default", "logs-b-default", "winlogbeat-8"];
        let streams = names.map(DataStream::new);
        let usual = IndexOptions::default();
        let select = |expression: &str, options| match select(expression, options, &streams) {
            Ok(found) => found.iter().map(|stream| stream.as_str().to_owned()).collect::<Vec<_>>().join(" "),
            Err(error) => format!("{} {}", error.status, error.reason),
        };
        assert_eq!(select("_all", usual), "logs-a-default logs-b-default winlogbeat-8");
        assert_eq!(select("*", IndexOptions { hidden: true, ..usual }), names.join(" "));
        assert_eq!(select("logs-*,-logs-b*", usual), "logs-a-default");
        assert_eq!(select("-logs-b*", usual), "", "an exclusion needs a pattern before it");
        assert_eq!(
            select(".alerts-security.alerts-*,winlogbeat-8", usual),
            format!("{} {}", names[0], names[3])
        );
        assert_eq!(select("logs-a-default,nope", usual), "404 no such index [nope]");
        let ignoring = IndexOptions { ignore_unavailable: true, ..usual };
        assert_eq!(select("logs-a-default,nope", ignoring), "logs-a-default");
        assert_eq!(select("nope-*", usual), "");
        let strict = IndexOptions { allow_no_indices: false, ..usual };
        assert_eq!(select("nope-*", strict), "404 no such index [nope-*]");
        assert_eq!(select(".ds-logs-a-default-2026.01.05-000001", usual), "logs-a-default");
        assert!(select("<logs-{now/d}>", usual).starts_with("400"));
        assert!(select("other:logs-*", usual).starts_with("400"));
    }
}
