//! What is written is what is read, whatever the values; and what is passed over is not what was asked for.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use watchfire_events::{
    BatchBuilder, Event, EventBatch, FieldSelection, FieldTypes, IpBlock, Misfits, Timestamp,
};
use watchfire_ir::{
    Catalogue, Condition, Constant, FieldLeaf, FieldRef, FieldTarget, Fold, Leaf, Node, Pattern, Predicate,
    TextMatch,
};
use watchfire_lake::{CompactionOptions, Lake, LookUp, Needed, Scan, Selection, TimeField, Window};

use crate::support::{NOW, batches, catalogue, clock, event, open, store};

/// Fields of all types and shapes, names that can be no column among them.
const FIELDS: [&str; 18] = [
    "@timestamp",
    "process.name",
    "process.args",
    "process.pid",
    "process.entity_id",
    "process.interactive",
    "process.start",
    "source.ip",
    "host.ip",
    "host.id",
    "event.risk_score",
    "event.category",
    "free.x",
    "Free.X",
    "bad name",
    "_id",
    "arrival_date",
    "threat.enrichments",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "", "true", "7", "7.5", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "ü x"])
            .prop_map(Value::from),
        2 => (0..6_i64).prop_map(|hours| json!(Timestamp::from_millis(NOW - hours * 3_600_000).to_iso_millis())),
        1 => Just(json!("2026-03-02T07:30:00.123456789Z")),
        2 => (-3..9_i64).prop_map(Value::from),
        1 => prop::sample::select(vec![json!(u64::MAX), json!(i64::MIN), json!(1.5), json!(1e300), json!(true), Value::Null]),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => scalar(),
        2 => prop::collection::vec(scalar(), 0..4).prop_map(Value::from),
        1 => prop::collection::vec(prop::collection::vec(scalar(), 0..3), 0..3).prop_map(|lists| json!(lists)),
        1 => prop::collection::vec(scalar(), 1..3).prop_map(|values| {
            Value::from(values.into_iter().map(|value| json!({ "sub": value })).collect::<Vec<_>>())
        }),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let fields = prop::collection::btree_map(prop::sample::select(FIELDS.to_vec()), value(), 0..8);
    // Most documents have a plain time and an id, as most do.
    (fields, 0..6_i64, 0..5_u8, 0..4_u8).prop_map(|(fields, hours, usual, host)| {
        let mut document: Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if usual > 0 {
            let time = Timestamp::from_millis(NOW - hours * 3_600_000).to_iso_millis();
            document.insert("@timestamp".to_owned(), json!(time));
            document.entry("host.id").or_insert_with(|| json!(format!("h{host}")));
        }
        Value::Object(document)
    })
}

/// What a test asks for.
fn selection() -> impl Strategy<Value = Selection> {
    let window = || {
        prop::option::of((any::<bool>(), 0..6_i64, 0..6_i64).prop_map(|(arrival, a, b)| {
            let by = if arrival { TimeField::Ingested } else { TimeField::Timestamp };
            let at = |hours: i64| Timestamp::from_millis(NOW - hours * 3_600_000);
            Window { by, from: at(a.max(b)), to: at(a.min(b)) }
        }))
    };
    let fields = ["host.id", "source.ip", "process.entity_id", "process.args", "process.pid"];
    let values = prop::sample::select(vec!["h0", "h1", "10.0.0.1", "a", "7", "none"]);
    let look_up = (prop::sample::select(fields.to_vec()), prop::collection::vec(values, 1..3)).prop_map(
        |(field, values)| LookUp {
            field: field.to_owned(),
            values: values.into_iter().map(str::to_owned).collect(),
        },
    );
    (window(), window(), prop::option::of(look_up)).prop_map(|(window, within, look_up)| Selection {
        windows: window.into_iter().collect(),
        within: within.into_iter().collect(),
        look_ups: look_up.into_iter().collect(),
        ..Selection::default()
    })
}

/// Any condition over the fields: some parts of it can be told from columns, and others cannot.
fn condition() -> impl Strategy<Value = Condition> {
    let text = |pattern: &str| Pattern::from_eql(pattern);
    let texts = prop_oneof![
        prop::sample::select(vec!["a", "B", "h1", "10.0.0.1", "true", "7", ""]).prop_map(Pattern::literal),
        prop::sample::select(vec!["*", "h*", "?", "10.*", "Ü*"]).prop_map(text),
    ];
    let text = (any::<bool>(), prop::collection::vec(texts, 1..3)).prop_map(|(folds, patterns)| {
        Predicate::Text(TextMatch::new(if folds { Fold::Ascii } else { Fold::None }, patterns))
    });
    let within = prop::sample::select(vec!["10.0.0.0/8", "10.0.0.1/32", "::/0", "fe80::1/128"])
        .prop_filter_map("a block", IpBlock::parse)
        .prop_map(|block| Predicate::Within(vec![block]));
    let equal = (-3..9_i64).prop_map(|number| Predicate::Equals(Constant::Integer(number.into())));
    let predicate = prop_oneof![1 => Just(Predicate::Exists), 4 => text, 1 => within, 1 => equal];
    let leaf = (prop::sample::select(FIELDS.to_vec()), predicate).prop_map(|(name, predicate)| {
        let field_type = catalogue().field_type(name);
        Condition::leaf(FieldLeaf::new(FieldRef { name: name.into(), field_type }, predicate))
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::all),
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::any),
            1 => inner.prop_map(Condition::negate),
        ]
    })
}

/// Whether a condition holds for a row, by the values that a matcher sees.
fn holds(condition: &Condition, batch: &EventBatch, row: usize) -> bool {
    match condition.node() {
        Node::Constant(value) => *value,
        Node::Leaf(Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), predicate })) => {
            let column = batch.column(&field.name);
            column.is_some_and(|column| {
                column.codes(row).iter().any(|&code| predicate.holds(column.value(code)))
            })
        }
        Node::Leaf(leaf) => panic!("not made here: {leaf}"),
        Node::Not(inner) => !holds(inner, batch, row),
        Node::And(parts) => parts.iter().all(|part| holds(part, batch, row)),
        Node::Or(parts) => parts.iter().any(|part| holds(part, batch, row)),
    }
}

/// By id, field and value of each row, as a matcher sees them.
fn seen(batches: &[EventBatch]) -> BTreeMap<String, Vec<(String, Vec<String>)>> {
    let mut rows = BTreeMap::new();
    for batch in batches {
        for row in 0..batch.len() {
            let fields =
                batch.columns().iter().filter(|column| !column.codes(row).is_empty()).map(|column| {
                    let values = column.codes(row).iter().map(|&code| format!("{:?}", column.value(code)));
                    (column.name().to_string(), values.collect())
                });
            rows.insert(batch.event(row).id.as_str().to_owned(), fields.collect());
        }
    }
    rows
}

fn misfits(batches: &[EventBatch]) -> Misfits {
    let mut sum = Misfits::new();
    for (name, number) in batches.iter().flat_map(EventBatch::misfits) {
        *sum.entry(name.clone()).or_default() += number;
    }
    sum
}

/// The batch that a matcher gets of events that never were in a lake.
fn unstored(events: &[Event], schema: &Catalogue) -> EventBatch {
    let mut builder = BatchBuilder::new(schema);
    events.iter().cloned().for_each(|event| builder.push(event));
    builder.finish()
}

fn scan<'a>(lake: &Lake, schema: &'a Catalogue, selection: &Selection) -> Scan<'a> {
    lake.reader().scan(schema, None, selection.clone()).expect("the lake can be read")
}

fn check_all_is_read(lake: &Lake, given: &[Event]) -> Result<(), TestCaseError> {
    let schema = catalogue();
    let read = batches(scan(lake, &schema, &Selection::default()));
    let expected = unstored(given, &schema);
    prop_assert_eq!(seen(&read), seen(std::slice::from_ref(&expected)));
    prop_assert_eq!(misfits(&read), misfits(&[expected]));
    let documents = |events: &mut dyn Iterator<Item = &Event>| -> BTreeMap<String, String> {
        events.map(|event| (event.id.as_str().to_owned(), json!(event.document).to_string())).collect()
    };
    prop_assert_eq!(documents(&mut read.iter().flat_map(EventBatch::events)), documents(&mut given.iter()));
    Ok(())
}

/// Whether a row of a batch is asked for, by the values that a matcher sees.
fn is_asked_for(batch: &EventBatch, row: usize, selection: &Selection) -> bool {
    let values = |field: &str| -> Vec<watchfire_events::ValueRef<'_>> {
        let column = batch.column(field);
        column.map_or(Vec::new(), |column| column.codes(row).iter().map(|&code| column.value(code)).collect())
    };
    let is_in = |window: &Window| {
        let field = if window.by == TimeField::Ingested { "event.ingested" } else { "@timestamp" };
        values(field).iter().any(|value| {
            matches!(value, watchfire_events::ValueRef::Instant(at) if *at >= window.from && *at <= window.to)
        })
    };
    (selection.windows.is_empty() || selection.windows.iter().any(is_in))
        && selection.within.iter().all(is_in)
        && selection.look_ups.iter().all(|look_up| {
            values(&look_up.field).iter().any(|value| look_up.values.contains(&value.to_text().into_owned()))
        })
}

/// No row is passed over for which a condition holds, and those that are passed over are counted.
fn check_needed(
    lake: &Lake,
    selection: &Selection,
    condition: &Condition,
    all: &EventBatch,
) -> Result<(), TestCaseError> {
    let schema = catalogue();
    let selection = Selection { needed: Needed::by_any([condition]), ..selection.clone() };
    let unpruned = seen(&batches(scan(lake, &schema, &selection).without_pruning()));
    let mut pruned_scan = scan(lake, &schema, &selection);
    let mut found = Vec::new();
    while let Some(batch) = pruned_scan.next_batch().expect("the lake can be read") {
        found.push(batch);
    }
    let pruned = seen(&found);
    prop_assert_eq!(&pruned, &unpruned, "{}", condition);
    let asked: Vec<usize> = (0..all.len()).filter(|&row| is_asked_for(all, row, &selection)).collect();
    let id = |row: usize| all.event(row).id.as_str().to_owned();
    for &row in &asked {
        let is_found = pruned.contains_key(&id(row));
        prop_assert!(is_found || !holds(condition, all, row), "{} {}", id(row), condition);
    }
    let counts = pruned_scan.counts();
    prop_assert_eq!(counts.rows + counts.rows_without_need, asked.len() as u64);
    let considered = pruned_scan.considered();
    prop_assert_eq!(considered.values().map(|seen| seen.rows).sum::<u64>(), asked.len() as u64);
    let fields: BTreeSet<&str> =
        considered.values().flat_map(|seen| &seen.fields).map(String::as_str).collect();
    for column in all.columns() {
        let has = asked.iter().any(|&row| !column.codes(row).is_empty());
        prop_assert!(!has || fields.contains(&**column.name()), "{}", column.name());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        commits in prop::collection::vec(prop::collection::vec(document(), 1..12), 1..4),
        selections in prop::collection::vec(selection(), 8),
        conditions in prop::collection::vec(condition(), 8),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = clock();
        let lake = open(folder.path(), &clock);
        let mut given = Vec::new();
        for (number, documents) in commits.into_iter().enumerate() {
            clock.set(Timestamp::from_millis(NOW - (5 - number as i64) * 3_600_000));
            let events: Vec<Event> = documents
                .into_iter()
                .enumerate()
                .map(|(at, document)| event(&format!("{number}-{at}"), document))
                .collect();
            given.extend(store(&lake, &events));
            lake.commit().expect("it commits");
        }
        check_all_is_read(&lake, &given)?;
        let options = CompactionOptions { least_files: 2, ..CompactionOptions::default() };
        for compacted in [false, true] {
            if compacted {
                lake.compact(&watchfire_events::IndexPatterns::default(), options).expect("it compacts");
                check_all_is_read(&lake, &given)?;
            }
            let schema = catalogue();
            let all = unstored(&given, &schema);
            for selection in &selections {
                let pruned = seen(&batches(scan(&lake, &schema, selection)));
                let unpruned = seen(&batches(scan(&lake, &schema, selection).without_pruning()));
                prop_assert_eq!(&pruned, &unpruned);
                let asked: Vec<&str> = (0..all.len())
                    .filter(|&row| is_asked_for(&all, row, selection))
                    .map(|row| all.event(row).id.as_str())
                    .collect();
                let mut asked: Vec<String> = asked.into_iter().map(str::to_owned).collect();
                asked.sort();
                prop_assert_eq!(pruned.keys().cloned().collect::<Vec<_>>(), asked, "{:?}", selection);
            }
            for (selection, condition) in selections.iter().zip(&conditions) {
                check_needed(&lake, selection, condition, &all)?;
            }
        }
    }
}

#[derive(Debug)]
struct Only(&'static str);

impl FieldSelection for Only {
    fn reads(&self, _stream: &watchfire_events::DataStream, name: &str) -> bool {
        name == self.0
    }
}

#[test]
fn columns_that_nobody_reads_are_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path(), &clock());
    let document = json!({"process": {"name": ["a", "b"], "pid": 1}, "host.id": "h"});
    lake.append(&[event("a", document.clone())]).expect("there is room");
    let report = lake.commit().expect("it commits");
    assert_eq!(report.diverted, BTreeMap::from([("process.name".to_owned(), 1)]));
    let schema = catalogue();
    for field in ["process.name", "process.pid"] {
        let only = Only(field);
        let scan = lake.reader().scan(&*schema, Some(&only), Selection::default()).expect("it can be read");
        let batches = batches(scan);
        let names: Vec<&str> = batches[0].columns().iter().map(|column| &**column.name()).collect();
        assert_eq!(names, [field]);
        assert_eq!(batches[0].event(0).document["process"], document["process"]);
    }
}
