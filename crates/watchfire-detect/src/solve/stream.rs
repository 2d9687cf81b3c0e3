//! A data stream for an event, of those that a rule looks at.

use watchfire_events::{DataStream, Document, IndexPatterns, get_field};

/// The dataset of events that name none.
const ANY_DATASET: &str = "generic";
/// What stands for `*` at the end of a pattern.
const NAMESPACE: &str = "default";

/// A data stream that the patterns select: the dataset that the event names itself, if that can be; else one whose name
/// has the category of the event in it; else the first, those of Elastic's integrations before others.
pub(super) fn data_stream(patterns: &IndexPatterns, document: &Document) -> String {
    let text = |name: &str| {
        let value = get_field(document, name)?;
        value.as_str().or_else(|| value.as_array()?.first()?.as_str())
    };
    let category = text("event.category").unwrap_or(ANY_DATASET);
    let named = ["event.dataset", "data_stream.dataset"]
        .into_iter()
        .filter_map(text)
        .map(|dataset| format!("logs-{dataset}-{NAMESPACE}"));
    let included = patterns.iter().filter(|pattern| !pattern.excludes());
    let mut from_patterns: Vec<String> =
        included.map(|pattern| instance(pattern.as_str(), category)).collect();
    from_patterns.sort_by_key(|name| (!name.contains(category), !name.starts_with("logs-")));
    let mut all = named.chain(from_patterns);
    all.find(|name| patterns.select(&DataStream::new(name.as_str())))
        .unwrap_or_else(|| format!("logs-{ANY_DATASET}-{NAMESPACE}"))
}

/// A name that fits a pattern.
fn instance(pattern: &str, category: &str) -> String {
    let local = pattern.rsplit_once(':').map_or(pattern, |(_, local)| local);
    let Some(begin) = local.strip_suffix('*') else { return local.replace('*', NAMESPACE) };
    let begin = begin.replace('*', NAMESPACE);
    match &*begin {
        // The dataset is left open, too.
        "logs-" | "metrics-" | "traces-" | "" => {
            let kind = if begin.is_empty() { "logs-" } else { &*begin };
            format!("{kind}{ANY_DATASET}-{NAMESPACE}")
        }
        _ if begin.ends_with(".events.") => format!("{begin}{category}-{NAMESPACE}"),
        _ if begin.ends_with(|last: char| last.is_alphanumeric()) => format!("{begin}-{NAMESPACE}"),
        _ => format!("{begin}{NAMESPACE}"),
    }
}

#[cfg(test)]
mod tests {
    use watchfire_events::set_field;

    use super::*;

    fn stream(patterns: &[&str], fields: &[(&str, &str)]) -> String {
        let mut document = Document::new();
        for (name, value) in fields {
            set_field(&mut document, name, (*value).into());
        }
        data_stream(&IndexPatterns::new(patterns.iter().copied()), &document)
    }

    #[test]
    fn a_stream_is_one_of_the_rule() {
        let process = [("event.category", "process")];
        let cloudtrail = [("event.dataset", "aws.cloudtrail")];
        for (patterns, fields, expected) in [
            (
                &["winlogbeat-*", "logs-endpoint.events.process-*"][..],
                &[][..],
                "logs-endpoint.events.process-default",
            ),
            (&["logs-endpoint.events.*"], &process, "logs-endpoint.events.process-default"),
            (
                &["logs-system.*", "logs-endpoint.events.process-*"],
                &process,
                "logs-endpoint.events.process-default",
            ),
            (&["filebeat-*", "logs-aws.cloudtrail-*"], &cloudtrail, "logs-aws.cloudtrail-default"),
            (&["filebeat-*"], &cloudtrail, "filebeat-default"),
            (&["logs-*", "-logs-generic*", "auditbeat-*"], &[], "auditbeat-default"),
            (&["apm-*-transaction*"], &[], "apm-default-transaction-default"),
            (&["*:logs-okta*"], &[], "logs-okta-default"),
            (&["*"], &[], "logs-generic-default"),
            (&[], &[], "logs-generic-default"),
        ] {
            assert_eq!(stream(patterns, fields), expected, "{patterns:?}");
        }
    }
}
