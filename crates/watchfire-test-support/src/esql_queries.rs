//! Random queries of ES|QL over random events, and what comes of them.

mod reference;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

pub use self::reference::{Aggregate, Command, Expr, List, One, Row};

const TEXTS: [&str; 7] = ["", "a", "b", "ab", "aB", "abc", "ba"];
const PATTERNS: [&str; 6] = ["a*", "*b", "?b*", "ab", "*", "a?"];

/// The fields of events, by their types.
const NUMBERS: [&str; 2] = ["n", "m.n"];
const WORDS: [&str; 2] = ["k", "m.k"];
const TRUTHS: [&str; 1] = ["t"];

/// The properties of their mapping.
pub fn properties() -> Json {
    json!({
        "n": { "type": "long" },
        "k": { "type": "keyword" },
        "t": { "type": "boolean" },
        "m": { "properties": { "n": { "type": "long" }, "k": { "type": "keyword" } } },
    })
}

/// Values of a field in the order of the index: texts each once.
pub fn in_order(mut values: List) -> List {
    values.sort();
    if values.iter().all(|value| matches!(value, One::Text(_))) {
        values.dedup();
    }
    values
}

pub fn json_of(list: &List) -> Option<Json> {
    let one = |value: &One| match value {
        One::Truth(truth) => json!(truth),
        One::Number(number) => json!(number),
        One::Text(text) => json!(text),
    };
    match list.as_slice() {
        [] => None,
        [value] => Some(one(value)),
        values => Some(values.iter().map(one).collect()),
    }
}

fn a_text() -> impl Strategy<Value = One> {
    prop::sample::select(&TEXTS[..]).prop_map(|text| One::Text(text.to_owned()))
}

fn number() -> impl Strategy<Value = One> {
    (-2_i64..5).prop_map(One::Number)
}

/// Nothing, one value, or several.
fn list(value: impl Strategy<Value = One> + 'static) -> impl Strategy<Value = List> {
    let value = value.boxed();
    prop_oneof![
        2 => Just(Vec::new()),
        4 => value.clone().prop_map(|value| vec![value]),
        2 => prop::collection::vec(value, 2..4),
    ]
}

/// An event, as its author wrote it: values in any order.
pub fn event() -> impl Strategy<Value = Row> {
    let truth = any::<bool>().prop_map(One::Truth);
    (list(number()), list(number()), list(a_text()), list(a_text()), list(truth)).prop_map(
        |(n, other, k, word, t)| {
            let fields =
                [(NUMBERS[0], n), (NUMBERS[1], other), (WORDS[0], k), (WORDS[1], word), (TRUTHS[0], t)];
            fields.into_iter().map(|(name, list)| (name.to_owned(), list)).collect()
        },
    )
}

/// The expressions of the three types, over these columns, so deep.
#[derive(Clone)]
struct Columns {
    numbers: Vec<String>,
    words: Vec<String>,
    truths: Vec<String>,
}

impl Columns {
    fn of_events() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self { numbers: owned(&NUMBERS), words: owned(&WORDS), truths: owned(&TRUTHS) }
    }

    fn column(names: &[String]) -> BoxedStrategy<Expr> {
        prop::sample::select(names.to_vec()).prop_map(Expr::Column).boxed()
    }

    fn number(&self, depth: u32) -> BoxedStrategy<Expr> {
        let column = Self::column(&self.numbers);
        let plain = prop_oneof![3 => column.clone(), 1 => number().prop_map(Expr::Literal)];
        if depth == 0 {
            return plain.boxed();
        }
        let inner = self.number(depth - 1);
        let of_list =
            prop::sample::select(&["MV_COUNT", "MV_MIN", "MV_MAX", "MV_SUM", "MV_FIRST", "MV_LAST"][..]);
        prop_oneof![
            4 => plain,
            2 => (prop::sample::select(&['+', '-', '*'][..]), inner.clone(), inner.clone())
                .prop_map(|(sign, a, b)| Expr::Arithmetic(sign, a.into(), b.into())),
            2 => (of_list, column).prop_map(|(name, column)| Expr::Call(name, vec![column])),
            1 => self.word(depth - 1).prop_map(|word| Expr::Call("LENGTH", vec![word])),
            1 => (self.truth(depth - 1), inner.clone(), inner.clone())
                .prop_map(|(condition, a, b)| Expr::Case(condition.into(), a.into(), b.into())),
            1 => (inner.clone(), inner).prop_map(|(a, b)| Expr::Coalesce(vec![a, b])),
        ]
        .boxed()
    }

    fn word(&self, depth: u32) -> BoxedStrategy<Expr> {
        let column = Self::column(&self.words);
        let plain = prop_oneof![4 => column.clone(), 1 => a_text().prop_map(Expr::Literal)];
        if depth == 0 {
            return plain.boxed();
        }
        let inner = self.word(depth - 1);
        let of_list = prop::sample::select(&["MV_MIN", "MV_MAX", "MV_FIRST", "MV_LAST"][..]);
        prop_oneof![
            4 => plain,
            1 => (of_list, column).prop_map(|(name, column)| Expr::Call(name, vec![column])),
            1 => inner.clone().prop_map(|word| Expr::Call("TO_UPPER", vec![word])),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| Expr::Call("CONCAT", vec![a, b])),
            1 => (self.truth(depth - 1), inner.clone(), inner.clone())
                .prop_map(|(condition, a, b)| Expr::Case(condition.into(), a.into(), b.into())),
            1 => (inner.clone(), inner).prop_map(|(a, b)| Expr::Coalesce(vec![a, b])),
        ]
        .boxed()
    }

    fn truth(&self, depth: u32) -> BoxedStrategy<Expr> {
        let below = depth.saturating_sub(1);
        let (number_of, word_of) = (self.number(below), self.word(below));
        let sign = || prop::sample::select(&["==", "!=", "<", "<=", ">", ">="][..]);
        let of_any = prop_oneof![number_of.clone(), word_of.clone(), Self::column(&self.truths)];
        let part = prop::sample::select(&["STARTS_WITH", "ENDS_WITH", "CONTAINS"][..]);
        let plain = prop_oneof![
            1 => Self::column(&self.truths),
            3 => (sign(), number_of.clone(), number_of.clone())
                .prop_map(|(sign, a, b)| Expr::Compare(sign, a.into(), b.into())),
            3 => (sign(), word_of.clone(), word_of.clone())
                .prop_map(|(sign, a, b)| Expr::Compare(sign, a.into(), b.into())),
            2 => (word_of.clone(), prop::collection::vec(a_text(), 1..3), any::<bool>())
                .prop_map(|(value, list, negated)| Expr::In(value.into(), list, negated)),
            1 => (number_of, prop::collection::vec(number(), 1..3), any::<bool>())
                .prop_map(|(value, list, negated)| Expr::In(value.into(), list, negated)),
            2 => (word_of.clone(), prop::sample::select(&PATTERNS[..]), any::<bool>())
                .prop_map(|(value, pattern, negated)| Expr::Like(value.into(), pattern.to_owned(), negated)),
            2 => (part, word_of, a_text()).prop_map(|(name, word, part)| Expr::Call(name, vec![word, Expr::Literal(part)])),
            2 => (of_any, any::<bool>()).prop_map(|(value, negated)| Expr::IsNull(value.into(), negated)),
        ];
        if depth == 0 {
            return plain.boxed();
        }
        let inner = self.truth(below);
        prop_oneof![
            4 => plain,
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            1 => inner.prop_map(|inner| Expr::Not(inner.into())),
        ]
        .boxed()
    }

    fn any(&self, depth: u32) -> BoxedStrategy<Expr> {
        prop_oneof![self.number(depth), self.word(depth), Self::column(&self.truths)].boxed()
    }

    fn aggregates(&self) -> BoxedStrategy<Vec<Aggregate>> {
        let filter = prop::option::weighted(0.3, self.truth(1));
        let number = prop::sample::select(&["SUM", "MIN", "MAX", "COUNT", "VALUES", "COUNT_DISTINCT"][..]);
        let word = prop::sample::select(&["MIN", "MAX", "COUNT", "VALUES", "COUNT_DISTINCT"][..]);
        let of = prop_oneof![
            1 => Just(("COUNT", None)),
            2 => (number, self.number(1)).prop_map(|(function, of)| (function, Some(of))),
            2 => (word, self.word(1)).prop_map(|(function, of)| (function, Some(of))),
        ];
        prop::collection::vec((of, filter), 1..4)
            .prop_map(|list| {
                let named = list.into_iter().enumerate();
                named
                    .map(|(at, ((function, of), filter))| Aggregate {
                        name: format!("a{at}"),
                        function,
                        of,
                        filter,
                    })
                    .collect()
            })
            .boxed()
    }
}

/// Commands over events: conditions, computed columns, expanded ones; then what is kept, or groups with a condition behind them.
pub fn commands() -> impl Strategy<Value = Vec<Command>> {
    let columns = Columns::of_events();
    let computed = Columns {
        numbers: vec!["n".into(), "x".into()],
        words: vec!["k".into(), "y".into()],
        ..columns.clone()
    };
    let first = prop::option::weighted(0.8, columns.truth(2).prop_map(Command::Where));
    let evals = (columns.number(2), columns.word(2))
        .prop_map(|(x, y)| vec![Command::Eval("x".to_owned(), x), Command::Eval("y".to_owned(), y)]);
    let expand = prop::option::weighted(
        0.3,
        prop::sample::select(&["n", "k", "t", "x", "y"][..])
            .prop_map(|name| Command::Expand(name.to_owned())),
    );
    let second = prop::option::weighted(0.5, computed.truth(1).prop_map(Command::Where));
    let keys = prop::collection::vec(computed.any(1), 0..3).prop_map(|keys| {
        keys.into_iter().enumerate().map(|(at, key)| (format!("g{at}"), key)).collect::<Vec<_>>()
    });
    let groups =
        (computed.aggregates(), keys, prop::option::of(-1_i64..3)).prop_map(|(aggregates, keys, least)| {
            let mut commands = vec![Command::Stats(aggregates.clone(), keys)];
            let is_number = matches!(aggregates[0].function, "COUNT" | "COUNT_DISTINCT" | "SUM");
            if let (Some(least), true) = (least, is_number) {
                let column = Expr::Column("a0".to_owned()).into();
                commands.push(Command::Where(Expr::Compare(
                    ">=",
                    column,
                    Expr::Literal(One::Number(least)).into(),
                )));
            }
            commands
        });
    let kept = ["n", "k", "x", "y"].map(str::to_owned).to_vec();
    let last = prop_oneof![1 => Just(vec![Command::Keep(kept)]), 2 => groups];
    (first, evals, expand, second, last).prop_map(|(first, evals, expand, second, last)| {
        first.into_iter().chain(evals).chain(expand).chain(second).chain(last).collect()
    })
}

/// The document of an event.
pub fn document(event: &Row) -> Json {
    let fields = event.iter().filter_map(|(name, list)| Some((name.clone(), json_of(list)?)));
    Json::Object(fields.collect::<Map<_, _>>())
}

/// The query of commands.
pub fn text(commands: &[Command]) -> String {
    let from = "FROM logs-*".to_owned();
    commands.iter().fold(from, |text, command| format!("{text} | {}", command.text()))
}

/// The rows that commands make of events, each an object of the columns that have a value.
pub fn expected(commands: &[Command], events: &[Row]) -> Vec<Json> {
    let indexed = events.iter().map(|event| {
        event.iter().map(|(name, list)| (name.clone(), in_order(list.clone()))).collect::<Row>()
    });
    let rows = commands.iter().fold(indexed.collect::<Vec<Row>>(), |rows, command| command.run(rows));
    rows.iter().map(document).collect()
}

/// Rows as texts, in an order that does not depend on theirs.
pub fn in_any_order(rows: &[Json]) -> Vec<String> {
    let in_order = |row: &Json| {
        let cells: BTreeMap<&String, &Json> = row.as_object().into_iter().flatten().collect();
        format!("{cells:?}")
    };
    let mut texts: Vec<String> = rows.iter().map(in_order).collect();
    texts.sort();
    texts
}
