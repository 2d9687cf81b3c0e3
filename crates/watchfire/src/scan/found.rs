//! Alerts between the pass over the input and the output: in order, in bounded memory.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use watchfire_detect::{AlertBuilder, RuleBook, SortedSpill};
use watchfire_engine::RuleIndex;
use watchfire_events::{EventBatch, Timestamp, get_field};
use watchfire_ir::Catalogue;
use watchfire_rules::model::Severity;

use crate::intake::Worker;
use crate::progress::Progress;

/// An alert as it is kept until it is written.
pub(crate) struct Found {
    /// The rule.
    pub(super) rule: RuleIndex,
    /// Severity after overrides.
    pub(crate) severity: Severity,
    /// The time of its event, if it has one.
    pub(crate) time: Option<Timestamp>,
    /// `host.name`, or nothing.
    pub(crate) host: String,
    /// The document as JSON text.
    pub(super) document: Vec<u8>,
}

impl Found {
    /// One line of facts, and the document.
    fn encode(&self) -> Vec<u8> {
        let time = self.time.map(|time| time.nanos().to_string()).unwrap_or_default();
        let mut bytes = format!("{} {} {time} {} ", self.rule.0, self.severity, self.host.len()).into_bytes();
        bytes.extend_from_slice(self.host.as_bytes());
        bytes.extend_from_slice(&self.document);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> io::Result<Self> {
        let broken =
            || io::Error::new(io::ErrorKind::InvalidData, "a temporary file has changed under our hands");
        let mut parts = bytes.splitn(5, |&byte| byte == b' ');
        let mut text = || parts.next().and_then(|part| std::str::from_utf8(part).ok()).ok_or_else(broken);
        let rule = RuleIndex(text()?.parse().map_err(|_| broken())?);
        let severity = Severity::from_str(text()?).map_err(|_| broken())?;
        let time = text()?.parse().ok().map(Timestamp::from_nanos);
        let host_length: usize = text()?.parse().map_err(|_| broken())?;
        let rest = parts.next().ok_or_else(broken)?;
        let (host, document) = rest.split_at_checked(host_length).ok_or_else(broken)?;
        let host = String::from_utf8(host.to_vec()).map_err(|_| broken())?;
        Ok(Self { rule, severity, time, host, document: document.to_vec() })
    }

    /// Writes the document as a line.
    pub(crate) fn write_line(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.document)?;
        out.write_all(b"\n")
    }

    /// The document as a map.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.document).unwrap_or_default()
    }
}

/// Matches batches and keeps the alerts.
pub(super) struct Alerting<'a> {
    pub(super) book: &'a RuleBook,
    pub(super) catalogue: &'a Catalogue,
    pub(super) builder: &'a AlertBuilder,
    pub(super) progress: &'a Progress,
    /// Of all threads.
    pub(super) alerts: &'a Mutex<SortedSpill>,
    /// By rule, the events on which a part of its condition could not be evaluated and was taken as false.
    pub(super) errors: BTreeMap<RuleIndex, u64>,
    /// The length of the longest host name.
    pub(super) host_width: usize,
}

impl Worker for Alerting<'_> {
    fn batch(&mut self, batch: EventBatch) -> io::Result<()> {
        let mut matches = self.book.set().match_batch(&batch, self.catalogue);
        matches.errors.dedup_by_key(|error| (error.rule, error.row));
        for error in matches.errors {
            *self.errors.entry(error.rule).or_default() += 1;
        }
        self.progress.found(matches.hits.len() as u64);
        let mut entries = Vec::with_capacity(matches.hits.len());
        for hit in matches.hits {
            let event = &batch.events()[hit.row as usize];
            let alert = self.builder.of_event(self.book.rule(hit.rule), event);
            let host = get_field(&event.document, "host.name").and_then(Value::as_str).unwrap_or_default();
            self.host_width = self.host_width.max(host.chars().count());
            let mut key = alert.time.to_ordered_bytes().to_vec();
            key.extend_from_slice(alert.id.as_str().as_bytes());
            let has_time = get_field(&event.document, "@timestamp").is_some();
            let found = Found {
                rule: hit.rule,
                severity: alert.severity,
                time: has_time.then_some(alert.time),
                host: host.to_owned(),
                document: Value::Object(alert.document).to_string().into_bytes(),
            };
            entries.push((key, found.encode()));
        }
        let mut alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner);
        entries.into_iter().try_for_each(|(key, payload)| alerts.push(key, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for (host, time) in [("WS 07 ä", Some(Timestamp::from_millis(-5))), ("", None)] {
            let found = Found {
                rule: RuleIndex(7),
                severity: Severity::High,
                time,
                host: host.to_owned(),
                document: b"{\"a b\":\" \"}".to_vec(),
            };
            let back = Found::decode(&found.encode()).expect("it was just encoded");
            assert_eq!((back.rule, back.severity, back.time), (RuleIndex(7), Severity::High, time));
            assert_eq!((back.host.as_str(), &back.document), (host, &found.document));
        }
        assert!(Found::decode(b"7 high").is_err());
    }
}
