//! Indicators of compromise in the forms in which people exchange them: STIX 2.1 and CSV.
//!
//! Both become documents of the Elastic Common Schema (`threat.indicator.*`), as Elastic's threat intelligence
//! integrations make them, so that the queries of indicator match rules hold for them. Documents that have this shape
//! already are read like any other records.

mod csv;
mod observable;
mod pattern;
mod stix;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use watchfire_events::{DataStream, Document, Event, EventId, Place, Timestamp, set_field};

/// Bytes of a file that are looked at to find its form.
const LOOK_AT: usize = 64 << 10;

/// A form of indicators that are not documents of the Elastic Common Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndicatorForm {
    /// A STIX 2.1 bundle, an envelope of TAXII, or STIX objects one after another.
    Stix,
    /// A table with a header, by the name of the file: `.csv` or `.tsv`.
    Csv,
}

/// What came of a file of indicators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndicatorReport {
    /// Objects or rows, those without an indicator included.
    pub read: u64,
    /// Those that gave no indicator, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// What is worth knowing besides: columns that are not used.
    pub notes: Vec<String>,
    /// Why the file could not be read to its end.
    pub problem: Option<String>,
}

/// The form of a file; `None` for documents of the Elastic Common Schema and whatever else holds records.
///
/// # Errors
/// If the file cannot be read.
pub fn form_of(path: &Path) -> io::Result<Option<IndicatorForm>> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let bare = [".gz", ".zst"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(&name);
    if [".csv", ".tsv"].iter().any(|suffix| bare.ends_with(suffix)) {
        return Ok(Some(IndicatorForm::Csv));
    }
    let mut start = Vec::new();
    open(path)?.take(LOOK_AT as u64).read_to_end(&mut start)?;
    let text = String::from_utf8_lossy(&start);
    let has = |part: &str| text.contains(part);
    let is_object = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let is_stix = has("\"bundle\"") || has("\"spec_version\"") || has("\"pattern_type\"");
    Ok((is_object && is_stix && !has("\"threat\"") && has("\"type\"")).then_some(IndicatorForm::Stix))
}

/// Reads a file of one of these forms. An indicator is as old as `now`, when it was delivered: queries of rules ask for
/// indicators of the last days, which is when Elastic received them.
pub fn read(
    path: &Path,
    name: &Arc<str>,
    form: IndicatorForm,
    now: Timestamp,
    sink: &mut dyn FnMut(Event),
) -> IndicatorReport {
    let mut report = IndicatorReport::default();
    let mut reading = Reading { name, now, report: &mut report, sink };
    let result = open(path).and_then(|file| match form {
        IndicatorForm::Stix => stix::read(file, &mut reading),
        IndicatorForm::Csv => csv::read(file, &mut reading),
    });
    if let Err(error) = result {
        report.problem = Some(error.to_string());
    }
    report
}

/// The file, unpacked if it is packed.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(path)?);
    let start = file.fill_buf()?;
    Ok(match start {
        [0x1f, 0x8b, ..] => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(BufReader::new(zstd::stream::read::Decoder::with_buffer(file)?))
        }
        _ => Box::new(file),
    })
}

/// A file at work.
struct Reading<'a> {
    name: &'a Arc<str>,
    now: Timestamp,
    report: &'a mut IndicatorReport,
    sink: &'a mut dyn FnMut(Event),
}

impl Reading<'_> {
    fn left_out(&mut self, why: impl Into<String>) {
        *self.report.left_out.entry(why.into()).or_default() += 1;
    }

    /// Hands an indicator on: the fields below `threat.indicator`, and those beside it.
    fn indicator(&mut self, module: &str, id: Option<&str>, line: Option<u64>, fields: Vec<(String, Value)>) {
        let dataset = format!("{module}.indicator");
        let mut document = Document::new();
        document.insert("@timestamp".to_owned(), self.now.to_iso_millis().into());
        document.insert(
            "event".to_owned(),
            json!({ "kind": "enrichment", "category": ["threat"], "type": ["indicator"], "module": module, "dataset": dataset }),
        );
        document.insert(
            "data_stream".to_owned(),
            json!({ "type": "logs", "dataset": dataset, "namespace": "default" }),
        );
        set_field(&mut document, "threat.feed.name", self.name.to_string().into());
        for (name, value) in one_of_each(fields) {
            set_field(&mut document, &name, value);
        }
        let record = self.report.read;
        let content = || serde_json::to_vec(&document["threat"]).unwrap_or_default();
        let id = match id {
            Some(id) => EventId::given(id),
            None => EventId::from_content(self.name, record, &content()),
        };
        let place = Place { input: Arc::clone(self.name), record, line, offset: None };
        (self.sink)(Event { id, data_stream: DataStream::logs(&dataset, "default"), document, place });
    }
}

/// The fields without repetition; one that has several values has a list, but for the type, of which the first counts.
fn one_of_each(fields: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut each: Vec<(String, Value)> = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        match each.iter_mut().find(|(of, _)| *of == name) {
            None => each.push((name, value)),
            Some((_, present)) if name == "threat.indicator.type" || *present == value => {}
            Some((_, Value::Array(list))) => {
                if !list.contains(&value) {
                    list.push(value);
                }
            }
            Some((_, present)) => *present = Value::Array(vec![present.take(), value]),
        }
    }
    each
}
