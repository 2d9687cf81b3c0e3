//! A case in a file: a sentence, a query whose stages ask for letters, events in a table, and what is found.
//!
//! ```text
//! A newer start replaces the one that waits.
//!
//! sequence [A] by host [B] by host with runs=2     stages; `![M]` is a missing clause, `?host` an optional key
//! maxspan 5                                        in milliseconds, as all times
//!
//! | event | time | is | host |                      `is`: the letters; other columns are fields, `name:type` if not
//! | a1    | 1    | A  | x    |                      keyword; a comma separates values, and an empty cell has none
//!
//! finds
//! a1 b2 b3 by x                                    `-` is a missing event
//! ```
//!
//! Behind its letter a stage may ask for fields: `[A host=x]`, `[A host!=x]`, and alternatives `[A host=x|user=y]`.
//!
//! Further settings, a line each: `until [U]`, `pipes head 2 tail 1`, `size 2`, `position head`, `tiebreaker FIELD`,
//! `samples per key 2`, `hold at most 3` (then the last line found says what was given up), `watermarks 3 9` (then each
//! line found begins with the watermark by which it was decided) and `decide at once`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use watchfire_engine::correlate::{MissingDecision, ResultPosition};
use watchfire_events::{
    BatchBuilder, DataStream, Event, EventBatch, EventId, FieldType, FieldTypes, Place, Timestamp,
};
use watchfire_ir::{Condition, FieldLeaf, FieldRef, JoinKey, Pipe, Predicate, StagePlan, TextMatch};

const NANOS_PER_MILLI: f64 = 1e6;

#[derive(Default)]
pub(super) struct Case {
    pub(super) is_sample: bool,
    pub(super) stages: Vec<StagePlan>,
    pub(super) until: Option<StagePlan>,
    pub(super) maxspan_ms: Option<u64>,
    pub(super) tiebreaker: Option<String>,
    pub(super) pipes: Vec<Pipe>,
    pub(super) size: Option<u64>,
    pub(super) position: ResultPosition,
    pub(super) samples_per_key: usize,
    pub(super) max_held: Option<usize>,
    pub(super) watermarks: Vec<Timestamp>,
    pub(super) missing: MissingDecision,
    pub(super) names: Vec<String>,
    documents: Vec<Value>,
    types: BTreeMap<String, FieldType>,
    pub(super) expected: Vec<String>,
}

impl FieldTypes for Case {
    fn field_type(&self, name: &str) -> FieldType {
        self.types.get(name).copied().unwrap_or(FieldType::Dynamic)
    }
}

impl Case {
    pub(super) fn parse(text: &str) -> Self {
        let mut case = Self { samples_per_key: 1, ..Self::default() };
        let (before, expected) = text.split_once("\nfinds\n").expect("a line `finds`");
        case.expected = expected.lines().map(str::to_owned).collect();
        let (table, head): (Vec<&str>, Vec<&str>) =
            before.lines().partition(|line| line.trim_start().starts_with('|'));
        case.read_table(&table);
        let (title, settings) = head.split_first().expect("a sentence");
        assert!(title.ends_with('.'), "a case begins with a sentence: {title}");
        for line in settings.iter().filter(|line| !line.is_empty()) {
            case.read_setting(line);
        }
        case
    }

    /// The events of these rows, as a batch.
    pub(super) fn batch(&self, rows: &[usize]) -> EventBatch {
        let mut builder = BatchBuilder::new(self);
        for &row in rows {
            builder.push(Event {
                id: EventId::given(self.names[row].as_str()),
                data_stream: DataStream::new("logs-case-default"),
                document: self.documents[row].as_object().expect("an object").clone(),
                place: Place { input: "case".into(), record: row as u64 + 1, line: None, offset: None },
            });
        }
        builder.finish()
    }

    fn read_table(&mut self, lines: &[&str]) {
        let cells = |line: &str| -> Vec<String> {
            line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        let (header, rows) = lines.split_first().expect("a table");
        let header = cells(header);
        let mut fields = Vec::new();
        for column in &header[3..] {
            let (name, field_type) = column.split_once(':').unwrap_or((column, "keyword"));
            let field_type = FieldType::from_mapping_name(field_type).unwrap_or(FieldType::Dynamic);
            self.types.insert(name.to_owned(), field_type);
            fields.push(name.to_owned());
        }
        assert_eq!(header[..3], ["event", "time", "is"]);
        self.types.insert("is".into(), FieldType::Keyword);
        self.types.insert("@timestamp".into(), FieldType::DateNanos);
        for row in rows {
            let row = cells(row);
            assert_eq!(row.len(), header.len(), "{row:?}");
            let letters: Vec<String> = row[2].chars().map(String::from).collect();
            let mut document = serde_json::Map::from_iter([("is".to_owned(), json!(letters))]);
            if !row[1].is_empty() {
                document.insert("@timestamp".into(), json!(iso(instant(&row[1]))));
            }
            for (name, cell) in fields.iter().zip(&row[3..]) {
                let values: Vec<&str> =
                    cell.split(',').map(str::trim).filter(|value| !value.is_empty()).collect();
                document.insert(name.clone(), json!(values));
            }
            self.names.push(row[0].clone());
            self.documents.push(Value::Object(document));
        }
    }

    fn read_setting(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("a number: {line}"));
        match word {
            "sequence" | "sample" => {
                self.is_sample = word == "sample";
                self.stages = self.read_stages(rest);
            }
            "until" => self.until = self.read_stages(rest).pop(),
            "maxspan" => self.maxspan_ms = Some(number(rest)),
            "tiebreaker" => self.tiebreaker = Some(rest.to_owned()),
            "size" => self.size = Some(number(rest)),
            "position" => {
                self.position = if rest == "head" { ResultPosition::Head } else { ResultPosition::Tail };
            }
            "pipes" => {
                let words: Vec<&str> = rest.split(' ').collect();
                for pair in words.chunks(2) {
                    self.pipes.push(match pair[0] {
                        "head" => Pipe::Head(number(pair[1])),
                        "tail" => Pipe::Tail(number(pair[1])),
                        other => panic!("no pipe: {other}"),
                    });
                }
            }
            "samples" => self.samples_per_key = number(rest.trim_start_matches("per key ")) as usize,
            "hold" => self.max_held = Some(number(rest.trim_start_matches("at most ")) as usize),
            "watermarks" => self.watermarks = rest.split(' ').map(instant).collect(),
            "decide" => self.missing = MissingDecision::AtOnce,
            other => panic!("no such setting: {other}"),
        }
    }

    fn read_stages(&self, text: &str) -> Vec<StagePlan> {
        let mut stages = Vec::new();
        for part in text.split_inclusive(']').collect::<Vec<_>>().windows(2) {
            stages.push(self.read_stage(part[0], part[1]));
        }
        let parts: Vec<&str> = text.split_inclusive(']').collect();
        if parts.last().is_some_and(|last| last.ends_with(']')) {
            stages.push(self.read_stage(parts[parts.len() - 1], ""));
        }
        stages
    }

    /// A stage from the text up to its bracket, and the text behind, up to the next bracket.
    fn read_stage(&self, up_to: &str, behind: &str) -> StagePlan {
        let (_, letter) = up_to.trim_end_matches(']').rsplit_once('[').expect("a bracket");
        let missing = up_to.trim_end_matches(']').trim_end_matches(letter).ends_with("![");
        let behind = behind.split(['[', '!']).next().unwrap_or_default().trim();
        let (keys, runs) = match behind.split_once("with runs=") {
            Some((keys, runs)) => (keys.trim(), runs.trim().parse().expect("a number of runs")),
            None => (behind, 1),
        };
        let keys = keys.strip_prefix("by ").unwrap_or_default();
        let key = |written: &str| {
            let name = written.trim_start_matches('?');
            let field = self.types.get(name).map(|&of| FieldRef { name: name.into(), field_type: of });
            JoinKey { name: name.into(), field, optional: written.starts_with('?') }
        };
        let is = |field: &str, text: &str| {
            let field = FieldRef { name: field.into(), field_type: FieldType::Keyword };
            Condition::leaf(FieldLeaf::new(field, Predicate::Text(TextMatch::equal(text))))
        };
        let alternatives = |part: &str| {
            Condition::any(part.split('|').map(|part| match part.split_once('=') {
                Some((field, text)) => match field.strip_suffix('!') {
                    Some(field) => is(field, text).negate(),
                    None => is(field, text),
                },
                None => is("is", part),
            }))
        };
        StagePlan {
            condition: Condition::all(letter.split(' ').map(alternatives)),
            keys: keys.split(',').map(str::trim).filter(|name| !name.is_empty()).map(key).collect(),
            missing,
            runs,
        }
    }
}

/// Milliseconds, with a fraction, since 1970.
fn instant(text: &str) -> Timestamp {
    let millis: f64 = text.parse().unwrap_or_else(|_| panic!("a time: {text}"));
    Timestamp::from_nanos((millis * NANOS_PER_MILLI).round() as i128)
}

/// The instant with nanoseconds. Cases last less than a minute.
fn iso(at: Timestamp) -> String {
    let nanos = at.nanos();
    format!("1970-01-01T00:00:{:02}.{:09}Z", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
