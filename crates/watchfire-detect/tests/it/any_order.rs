//! However events come in, in whatever batches, by whatever threads and with however little memory: what is found and
//! the order in which it is found depend on nothing but the events.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::json;
use watchfire_detect::{
    BatchHits, Correlation, CorrelationAccount, CorrelationOptions, HitSpill, QueryOptions, read_query,
};
use watchfire_engine::correlate::{OrderFields, ResultLimit, ResultPosition, SequencePlace, StageExtractor};
use watchfire_engine::{RuleIndex, RuleSet, RuleSetBuilder};
use watchfire_events::{BatchBuilder, DataStream, Event, EventId, IndexPatterns, Place};
use watchfire_ir::{Catalogue, EqlPlan};
use watchfire_rules::model::QueryLanguage;

/// More than any of these cases needs.
const MEMORY: u64 = 64 << 20;

const QUERIES: &[&str] = &[
    "sequence [any where process.name == \"a\"] [any where process.name == \"b\"]",
    "sequence by host.id with maxspan=3ms [any where process.name == \"a\"] [any where process.name in (\"a\", \"b\")] \
     until [any where process.name == \"c\"]",
    "sequence by host.id [any where process.name == \"a\"] by process.args [any where true] by process.args with runs=2",
    "sequence by host.id with maxspan=3ms [any where process.name == \"a\"] ![any where process.name == \"c\"] \
     [any where process.name == \"b\"]",
    "sequence with maxspan=2ms [any where process.name == \"a\"] ![any where process.name == \"c\"]",
    "sequence by ?user.name [any where process.name == \"a\"] [any where process.name == \"b\"] | tail 3",
    "sample by host.id [any where process.name == \"a\"] [any where process.name in (\"a\", \"b\")]",
    "any where process.name == \"a\" | head 4 | tail 2",
];

/// What an event is made of: its time in milliseconds, what decides between equal times, and values.
type Made = (i64, Option<u8>, u8, u8, Vec<u8>, bool);

fn made() -> impl Strategy<Value = Made> {
    (
        0..6_i64,
        prop::option::of(0..2_u8),
        0..4_u8,
        0..2_u8,
        prop::collection::vec(0..3_u8, 0..3),
        any::<bool>(),
    )
}

/// Events that stand in two files.
fn events(made: &[Made]) -> Vec<Event> {
    let event = |(at, (time, tie, name, host, args, user)): (usize, &Made)| {
        let named = ["a", "b", "c", "d"][usize::from(*name)];
        let mut document = json!({
            "@timestamp": format!("2026-03-02T08:00:00.00{time}Z"),
            "process": { "name": named, "args": args.iter().map(ToString::to_string).collect::<Vec<_>>() },
            "host": { "id": host.to_string() },
        });
        if let Some(tie) = tie {
            document["event"] = json!({ "sequence": tie });
        }
        if *user {
            document["user"] = json!({ "name": "u" });
        }
        if *name == 3 {
            document.as_object_mut().expect("an object").remove("@timestamp");
        }
        Event {
            id: EventId::given(at.to_string()),
            data_stream: DataStream::new("logs-a-default"),
            document: document.as_object().expect("an object").clone(),
            place: Place {
                input: ["a", "b"][at % 2].into(),
                record: at as u64 / 2 + 1,
                line: None,
                offset: None,
            },
        }
    };
    made.iter().enumerate().map(event).collect()
}

static SCHEMA: LazyLock<Catalogue> = LazyLock::new(Catalogue::ecs);
static ASKED: LazyLock<Asked> = LazyLock::new(asked);

/// All queries, their stages in one rule set.
struct Asked {
    correlations: Vec<Correlation>,
    extractors: Vec<StageExtractor>,
    set: RuleSet,
}

fn asked() -> Asked {
    let schema = &*SCHEMA;
    let mut builder = RuleSetBuilder::new();
    let (mut correlations, mut extractors) = (Vec::new(), Vec::new());
    for query in QUERIES {
        let read = read_query(query, QueryLanguage::Eql, schema, &QueryOptions::default());
        let plan: EqlPlan = read.plan.unwrap_or_else(|| panic!("{query}: {:?}", read.diagnostics));
        let options = CorrelationOptions {
            order: OrderFields { tiebreaker: Some("event.sequence".into()), ..OrderFields::default() },
            limit: ResultLimit::new(plan.pipes(), None, ResultPosition::Tail),
            samples_per_key: 2,
        };
        let correlation = Correlation::new(plan, &[], options).expect("there are few stages");
        let own = correlation.conditions().into_iter().cloned();
        let rules: Vec<RuleIndex> =
            own.map(|condition| builder.add(IndexPatterns::default(), condition)).collect();
        extractors.push(correlation.extractor(&rules));
        correlations.push(correlation);
    }
    Asked { correlations, extractors, set: builder.build() }
}

/// A result: what it is sorted by, its keys, and the ids of its events.
type Joined = (Vec<u8>, String, Vec<Option<String>>);

/// For each query what is found, in order, in events that come in these batches. `turn` says which of the batches is put first into the spill.
fn joined(
    batches: &[Vec<Event>],
    turn: usize,
    memory: u64,
    to_join: u64,
) -> (Vec<Vec<Joined>>, Vec<CorrelationAccount>) {
    let Asked { correlations, extractors, set } = &*ASKED;
    let mut hits: Vec<BatchHits> = batches
        .iter()
        .map(|events| {
            let mut builder = BatchBuilder::new(&*SCHEMA);
            events.iter().cloned().for_each(|event| builder.push(event));
            let batch = builder.finish();
            BatchHits::new(extractors, &batch, &set.match_batch(&batch, &*SCHEMA))
        })
        .collect();
    hits.rotate_left(turn);
    let mut spill = HitSpill::new(correlations.len(), memory);
    hits.into_iter().for_each(|hits| spill.push(hits).expect("temporary files can be written"));
    let mut found: Vec<Vec<Joined>> = vec![Vec::new(); correlations.len()];
    let correlations: Vec<&Correlation> = correlations.iter().collect();
    let accounts = spill.join(&correlations, to_join, &mut |number, detection, stored| {
        let result = &detection.sequence;
        let id = |place: &SequencePlace<Arc<Event>>| match place {
            SequencePlace::Event(event) => Some(event.id.to_string()),
            SequencePlace::Missing => None,
        };
        let ids = stored.places(result)?.iter().map(id).collect();
        let key = correlations[number].sort_key(result, found[number].len() as u64);
        found[number].push((key, format!("{:?}", result.keys), ids));
        Ok(())
    });
    found.iter_mut().for_each(|results| results.sort());
    (found, accounts.expect("temporary files can be read"))
}

/// 2,000 cases, or as many as `WATCHFIRE_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("WATCHFIRE_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases.unwrap_or(2_000)) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn neither_order_nor_batches_nor_memory_show(
        made in prop::collection::vec(made(), 0..14),
        shuffled in any::<prop::sample::Index>(),
        size in 1..6_usize,
        turn in any::<prop::sample::Index>(),
        again in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let events = events(&made);
        let whole = joined(std::slice::from_ref(&events), 0, MEMORY, MEMORY);
        let mut other = events;
        if !other.is_empty() {
            // A step that is prime to most lengths brings them into another order.
            let step = shuffled.index(other.len()) + 1;
            let mut order: Vec<usize> = (0..other.len()).collect();
            order.sort_by_key(|at| (at * 7919 * step) % 104_729);
            other = order.into_iter().map(|at| other[at].clone()).collect();
        }
        if let Some(again) = again && !other.is_empty() {
            // The same event once more, from a file that comes last.
            let mut twin = other[again.index(other.len())].clone();
            twin.place.input = "c".into();
            other.push(twin);
        }
        let batches: Vec<Vec<Event>> = other.chunks(size).map(<[Event]>::to_vec).collect();
        let turn = if batches.is_empty() { 0 } else { turn.index(batches.len()) };
        let (found, accounts) = joined(&batches, turn, 0, MEMORY);
        prop_assert_eq!(&found, &whole.0);
        for (account, whole) in accounts.iter().zip(&whole.1) {
            prop_assert_eq!(account.counts, whole.counts);
            prop_assert_eq!(whole.repeated, 0);
            prop_assert!(account.repeated <= u64::from(again.is_some()));
        }
    }
}

#[test]
fn there_is_something_to_find() {
    let made: Vec<Made> = (0..12)
        .map(|at: u8| (i64::from(at % 5), Some(at % 2), at % 3, 0, vec![at % 2], at.is_multiple_of(2)))
        .collect();
    let (found, _) = joined(&[events(&made)], 0, MEMORY, MEMORY);
    let counts: Vec<usize> = found.iter().map(Vec::len).collect();
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let made: Vec<Made> =
        (0..12).map(|at: u8| (i64::from(at % 6), None, at % 3, at % 2, vec![0], false)).collect();
    let (all, complete) = joined(&[events(&made)], 0, MEMORY, MEMORY);
    let (found, accounts) = joined(&[events(&made)], 0, MEMORY, 0);
    for (number, query) in QUERIES.iter().enumerate() {
        assert_eq!(complete[number].counts.evicted, 0, "{query}");
        assert!(complete[number].counts.found >= all[number].len() as u64, "{query}");
        let is_single = query.starts_with("any");
        assert_eq!(accounts[number].counts.evicted > 0, !is_single, "{query}");
        assert_eq!(found[number].is_empty(), !is_single, "{query}");
    }
}
