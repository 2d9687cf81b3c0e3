//! The matcher and the reference evaluator agree: over random conditions, events, batch sizes and splits.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use watchfire_engine::{Hit, RuleIndex, RuleSet, RuleSetBuilder, VALUE_CACHE_BYTES, reference};
use watchfire_events::{
    BatchBuilder, DataStream, Event, EventBatch, EventId, FieldType, FieldTypes, IndexPatterns, IpBlock,
    Place,
};
use watchfire_ir::{
    AnyFieldLeaf, Bound, Condition, Constant, FieldLeaf, FieldRef, FieldTarget, Fold, Leaf, ListedValues,
    NestedLeaf, Node, Pattern, Predicate, Regex, TextMatch, TokenMatch, tokenize,
};

/// A few fields of every kind, so that random conditions and random events meet.
struct Types;

const FIELDS: [(&str, FieldType); 8] = [
    ("k", FieldType::Keyword),
    ("k.sub", FieldType::Keyword),
    ("n", FieldType::Long),
    ("d", FieldType::Double),
    ("b", FieldType::Boolean),
    ("i", FieldType::Ip),
    ("t", FieldType::Text),
    ("free", FieldType::Dynamic),
];

impl FieldTypes for Types {
    fn field_type(&self, name: &str) -> FieldType {
        FIELDS
            .iter()
            .find(|(field, _)| *field == name)
            .map_or(FieldType::Dynamic, |&(_, field_type)| field_type)
    }
}

const TEXTS: [&str; 10] =
    ["", "a", "A", "ab", "cmd.exe", "CMD.exe", "C:\\Temp\\x.exe", "the lazy dog", "Dog lazy", "äß ab"];
const PATTERNS: [&str; 12] =
    ["*", "a*", "*B", "*ab*", "?", "??", "c*.exe", "?:\\*\\*.exe", "*temp*x*", "*a*b*", "cmd.exe", "*dog"];
const ADDRESSES: [&str; 4] = ["10.0.0.1", "10.9.9.9", "::1", "fe80::1"];
const BLOCKS: [&str; 3] = ["10.0.0.0/8", "10.0.0.0/24", "::/64"];

fn fold() -> impl Strategy<Value = Fold> {
    prop_oneof![Just(Fold::None), Just(Fold::Ascii), Just(Fold::Lowercase)]
}

fn text_match() -> impl Strategy<Value = TextMatch> {
    let pattern = prop_oneof![
        prop::sample::select(&PATTERNS[..]).prop_map(Pattern::from_eql),
        prop::sample::select(&TEXTS[..]).prop_map(Pattern::literal),
    ];
    (fold(), prop::collection::vec(pattern, 1..7)).prop_map(|(fold, patterns)| TextMatch::new(fold, patterns))
}

fn bound() -> impl Strategy<Value = Bound> {
    let constant = prop_oneof![
        (-3_i128..4).prop_map(Constant::Integer),
        (-3.0..4.0_f64).prop_map(Constant::Double),
        prop::sample::select(&TEXTS[..]).prop_map(|text| Constant::Text(text.into())),
    ];
    prop_oneof![
        Just(Bound::Unbounded),
        constant.clone().prop_map(Bound::Included),
        constant.prop_map(Bound::Excluded)
    ]
}

fn tokens() -> impl Strategy<Value = TokenMatch> {
    let words = || prop::sample::select(&TEXTS[..]).prop_map(|text| tokenize(text).collect::<Vec<_>>());
    prop_oneof![
        words().prop_map(TokenMatch::AnyOf),
        words().prop_map(TokenMatch::Phrase),
        prop::sample::select(&PATTERNS[..]).prop_map(|text| TokenMatch::Fits(vec![Pattern::from_eql(text)])),
    ]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    prop_oneof![
        1 => Just(Predicate::Exists),
        6 => text_match().prop_map(Predicate::Text),
        1 => prop::sample::select(&["a.*", "[ab]+", ".{2}", "c.*e"][..])
            .prop_map(|source| Predicate::Regex(Regex::lucene(source, Fold::None).expect("a valid expression"))),
        1 => (-2_i128..3).prop_map(|number| Predicate::Equals(Constant::Integer(number))),
        1 => any::<bool>().prop_map(|value| Predicate::Equals(Constant::Boolean(value))),
        1 => (bound(), bound()).prop_map(|(low, high)| Predicate::Range { low, high }),
        1 => prop::collection::vec(prop::sample::select(&BLOCKS[..]), 1..3).prop_map(|blocks| {
            Predicate::Within(blocks.into_iter().map(|block| IpBlock::parse(block).expect("a valid block")).collect())
        }),
        2 => tokens().prop_map(Predicate::Tokens),
        2 => listed().prop_map(Predicate::Listed),
    ]
}

fn listed() -> impl Strategy<Value = ListedValues> {
    let texts = prop::collection::vec(prop::sample::select(&TEXTS[..]), 0..4);
    let patterns = prop::collection::vec(prop::sample::select(&PATTERNS[..]), 0..2);
    let fold = prop::sample::select(&[Fold::None, Fold::Lowercase][..]);
    let of_texts = (fold, texts, patterns).prop_map(|(fold, texts, patterns)| {
        ListedValues::of_texts("texts", fold, texts, patterns.into_iter().map(Pattern::from_eql))
    });
    let blocks = prop::collection::vec(prop::sample::select(&BLOCKS[..]), 1..3);
    let of_addresses = blocks.prop_map(|blocks| {
        let bounds = |block: &str| IpBlock::parse(block).expect("a valid block").bounds();
        ListedValues::of_addresses("blocks", blocks.into_iter().map(bounds))
    });
    prop_oneof![3 => of_texts, 1 => of_addresses]
}

fn target() -> impl Strategy<Value = FieldTarget> {
    let field = prop::sample::select(&FIELDS[..])
        .prop_map(|(name, field_type)| FieldTarget::Field(FieldRef { name: name.into(), field_type }));
    prop_oneof![
        12 => field,
        1 => Just(FieldTarget::Names(Pattern::from_eql("k*"))),
        1 => Just(FieldTarget::Below("k".into())),
    ]
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let field =
        (target(), predicate()).prop_map(|(target, predicate)| Leaf::Field(FieldLeaf { target, predicate }));
    let nested = text_match().prop_map(|texts| {
        let field = FieldRef { name: "x.k".into(), field_type: FieldType::Dynamic };
        let inner = Condition::leaf(FieldLeaf::new(field, Predicate::Text(texts)));
        Leaf::Nested(NestedLeaf { path: "x".into(), condition: Box::new(inner) })
    });
    let any_field = (prop::sample::select(&PATTERNS[..]), tokens())
        .prop_map(|(whole, tokens)| Leaf::AnyField(AnyFieldLeaf { whole: Pattern::from_eql(whole), tokens }));
    prop_oneof![20 => field, 1 => nested, 1 => any_field]
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf =
        prop_oneof![20 => leaf().prop_map(Condition::leaf), 1 => any::<bool>().prop_map(Condition::constant)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::all),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::any),
            1 => inner.prop_map(Condition::negate),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    let single = prop_oneof![
        6 => prop::sample::select(&TEXTS[..]).prop_map(|text| json!(text)),
        2 => (-3..4).prop_map(|number| json!(number)),
        1 => (-3.0..4.0_f64).prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(|value| json!(value)),
        2 => prop::sample::select(&ADDRESSES[..]).prop_map(|text| json!(text)),
        1 => Just(Value::Null),
    ];
    prop_oneof![4 => single.clone(), 1 => prop::collection::vec(single, 0..3).prop_map(Value::Array)]
}

fn event() -> impl Strategy<Value = Event> {
    let names = prop::sample::subsequence(&FIELDS[..], 0..=FIELDS.len());
    let fields = (names, prop::collection::vec(value(), FIELDS.len()));
    let nested = prop::option::of(prop::collection::vec(value().prop_map(|value| json!({"k": value})), 0..3));
    (fields, nested, 0..2_u8).prop_map(|((names, values), nested, stream)| {
        let mut document: Map<String, Value> =
            names.into_iter().zip(values).map(|((name, _), value)| (name.to_owned(), value)).collect();
        if let Some(nested) = nested {
            document.insert("x".to_owned(), Value::Array(nested));
        }
        Event {
            id: EventId::given("e"),
            data_stream: DataStream::new(if stream == 0 { "logs-a-default" } else { "logs-b-default" }),
            document,
            place: Place { input: "random".into(), record: 1, line: None, offset: None },
        }
    })
}

fn rule() -> impl Strategy<Value = (IndexPatterns, Condition)> {
    let patterns = prop_oneof![
        Just(vec![]),
        Just(vec!["logs-a-*"]),
        Just(vec!["logs-b-*", "x-*"]),
        Just(vec!["none-*"])
    ];
    (patterns.prop_map(IndexPatterns::new), condition())
}

fn rule_set(rules: &[(IndexPatterns, Condition)]) -> RuleSet {
    let mut builder = RuleSetBuilder::new();
    for (patterns, condition) in rules {
        builder.add(patterns.clone(), condition.clone());
    }
    builder.build()
}

fn batch(events: &[Event]) -> EventBatch {
    let mut builder = BatchBuilder::new(&Types);
    events.iter().cloned().for_each(|event| builder.push(event));
    builder.finish()
}

fn by_reference(rules: &[(IndexPatterns, Condition)], events: &[Event]) -> Vec<Hit> {
    let batch = batch(events);
    let mut hits = Vec::new();
    for (at, (patterns, condition)) in rules.iter().enumerate() {
        for (row, event) in events.iter().enumerate() {
            let mut errors = Vec::new();
            if patterns.select(&event.data_stream)
                && reference::evaluate(condition, &batch, row, &Types, &mut errors)
            {
                hits.push(Hit { rule: RuleIndex(at as u32), row: row as u32 });
            }
        }
    }
    hits
}

fn cases(default: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(default) }
}

proptest! {
    #![proptest_config(cases(768))]

    #[test]
    fn matcher_equals_reference(
        rules in prop::collection::vec(rule(), 1..12),
        events in prop::collection::vec(event(), 0..70),
        sizes in prop::collection::vec(1..40_usize, 1..8),
    ) {
        let expected = by_reference(&rules, &events);
        let set = rule_set(&rules);
        prop_assert_eq!(&set.match_batch(&batch(&events), &Types).hits, &expected);

        // The same events in batches of any size, by one matcher: one that remembers every value, one whose room is full
        // after a few, one that remembers none.
        for cache_bytes in [VALUE_CACHE_BYTES, 100, 0] {
            let mut matcher = set.matcher(cache_bytes);
            let mut hits = Vec::new();
            let mut start = 0;
            for size in sizes.iter().cycle() {
                let end = (start + size).min(events.len());
                let found = matcher.match_batch(&batch(&events[start..end]), &Types).hits;
                hits.extend(found.into_iter().map(|hit| Hit { row: hit.row + start as u32, ..hit }));
                start = end;
                if start == events.len() {
                    break;
                }
            }
            hits.sort_unstable();
            prop_assert_eq!(&hits, &expected);
            prop_assert!(cache_bytes < VALUE_CACHE_BYTES || matcher.cache_restarts() == 0);
            // And once more, when all values are known.
            prop_assert_eq!(&matcher.match_batch(&batch(&events), &Types).hits, &expected);
        }
    }

    /// The constructors simplify, and must not change what a condition means.
    #[test]
    fn constructors_keep_the_meaning(operands in prop::collection::vec(condition(), 0..5), events in prop::collection::vec(event(), 1..20)) {
        let batch = batch(&events);
        let holds = |condition: &Condition, row| reference::evaluate(condition, &batch, row, &Types, &mut Vec::new());
        let (all, any) = (Condition::all(operands.clone()), Condition::any(operands.clone()));
        let negated = all.clone().negate();
        for row in 0..batch.len() {
            prop_assert_eq!(holds(&all, row), operands.iter().all(|operand| holds(operand, row)));
            prop_assert_eq!(holds(&any, row), operands.iter().any(|operand| holds(operand, row)));
            prop_assert_eq!(holds(&negated, row), !holds(&all, row));
        }
        if let Node::And(list) = all.node() {
            prop_assert!(list.len() > 1 && list.iter().all(|operand| !matches!(operand.node(), Node::And(_) | Node::Constant(_))));
        }
    }
}
