//! Random trees: every node of the syntax tree, with names and texts that are hard to print.
//!
//! Two kinds. A *plain* tree is of a query that must be free of errors; an *extended* one also has what the language
//! reads only to refuse, so it must survive printing and nothing more.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use watchfire_diagnostics::Span;
use watchfire_eql::ast::{
    Alias, ArithmeticOp, ArrayIndex, Category, CompareOp, Constant, EventQuery, Expr, ExprKind, FieldName,
    Join, JoinKey, Literal, MatchOp, MaxSpan, NamePart, Number, Pipe, ProcessRelation, Query, QueryKind,
    Runs, Sample, SampleTerm, Sequence, SequenceTerm, StringLiteral, TimeUnit,
};
use watchfire_eql::functions::FUNCTIONS;

const NOWHERE: Span = Span { start: 0, end: 0 };

/// What a tree may be made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// What Elasticsearch runs.
    Plain,
    /// That, Endgame's EQL and the extensions of Elastic Defend.
    Extended,
}

/// Names that stages are given. No field begins with one of them but by reference.
const ALIASES: [&str; 3] = ["first", "_2nd", "EVENT"];

fn node(kind: ExprKind) -> Expr {
    Expr::new(kind, NOWHERE)
}

/// Text with what needs escaping, looks like something else, or is long in bytes.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "\"",
            "\"\"\"",
            "\\",
            "\\\"",
            "'",
            "`",
            "``",
            "\n",
            "\r",
            "\t",
            "\0",
            "\u{1}",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{feff}",
            "*",
            "?",
            "%",
            "//",
            "/*",
            "*/",
            "[",
            "]",
            "![",
            "(",
            ")",
            "|",
            ",",
            ":",
            " ",
            "and",
            "AND",
            "or",
            "not",
            "in~",
            "where",
            "sequence",
            "null",
            "head",
            "C:\\Windows",
            "$x",
            "1",
            "é",
            "🔥",
            "ß",
            "\u{0}",
            "”",
            "#",
        ])
        .prop_map(str::to_owned),
        "[a-z0-9_@-]{1,4}",
        any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// Identifiers, among them words that mean something in another place or in another case.
fn identifier() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-z_@][A-Za-z0-9_]{0,6}",
        1 => prop::sample::select(vec![
            "AND", "Or", "NOT", "IN", "LIKE", "Where", "BY", "WITH", "UNTIL", "ANY", "OF", "SEQUENCE", "SAMPLE", "JOIN",
            "MAXSPAN", "REGEX", "head", "tail", "runs", "as", "fork", "child", "event", "descendant", "is", "contains",
            "equals", "between", "length", "s", "ms", "e1", "x1", "_", "@",
        ])
        .prop_map(str::to_owned),
    ]
    .prop_filter("no keyword", |text| !KEYWORDS.contains(&text.as_str()))
}

/// Reserved words; a name that is one is a [`hostile`] name.
const KEYWORDS: [&str; 19] = [
    "and", "any", "by", "false", "in", "join", "like", "maxspan", "not", "null", "of", "or", "regex",
    "sample", "sequence", "true", "until", "where", "with",
];

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => identifier(),
        1 => prop::sample::select(&KEYWORDS[..]).prop_map(str::to_owned),
        1 => hostile().prop_map(|text| text.replace('.', "")),
    ]
    .prop_filter("not empty, no name of a stage", |text| {
        !text.is_empty() && !ALIASES.contains(&text.as_str())
    })
}

fn field_name(dialect: Dialect, may_be_optional: bool) -> BoxedStrategy<FieldName> {
    let indexes = match dialect {
        Dialect::Plain => Just(Vec::new()).boxed(),
        Dialect::Extended => prop_oneof![9 => Just(Vec::new()), 1 => vec("[0-9]{1,3}", 1..3)].boxed(),
    };
    let name_part = (part(), indexes).prop_map(|(text, indexes)| NamePart {
        text,
        span: NOWHERE,
        indexes: indexes.into_iter().map(|text| ArrayIndex { text, span: NOWHERE }).collect(),
    });
    (vec(name_part, 1..4), any::<bool>())
        .prop_map(move |(parts, optional)| FieldName {
            parts,
            optional: optional && may_be_optional,
            span: NOWHERE,
        })
        .boxed()
}

fn string() -> impl Strategy<Value = StringLiteral> {
    (hostile(), any::<bool>()).prop_map(|(value, raw)| {
        let mut string = StringLiteral::new(value);
        string.raw = raw && !string.value.contains(['\n', '\r']) && !string.value.contains("\"\"\"");
        string
    })
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        "[0-9]{1,21}",
        "[0-9]{1,5}\\.[0-9]{0,5}",
        "\\.[0-9]{1,5}",
        "[0-9]{1,3}\\.?[0-9]{0,3}[eE][+-]?[0-9]{1,2}"
    ]
    .prop_map(|text| Number::from_text(&text).unwrap())
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        1 => Just(Literal::Null),
        1 => any::<bool>().prop_map(Literal::Boolean),
        2 => number().prop_map(Literal::Number),
        3 => string().prop_map(Literal::String),
    ]
}

/// A call that the checks have nothing to say about.
fn known_call(argument: BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> {
    (prop::sample::select(FUNCTIONS), any::<bool>(), any::<bool>(), vec(argument, 5)).prop_map(
        |(function, upper_case, ignore_case, mut arguments)| {
            arguments.truncate(function.max_arguments.unwrap_or(arguments.len()));
            let name = if upper_case { function.name.to_uppercase() } else { function.name.to_owned() };
            let ignore_case = ignore_case && function.can_ignore_case;
            node(ExprKind::Call { name, name_span: NOWHERE, ignore_case, arguments })
        },
    )
}

pub(crate) fn expression(dialect: Dialect) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        literal().prop_map(ExprKind::Literal),
        field_name(dialect, true).prop_map(ExprKind::Field),
    ];
    let leaf = match dialect {
        Dialect::Plain => leaf.boxed(),
        Dialect::Extended => prop_oneof![
            8 => leaf,
            1 => ("[a-z_][A-Za-z0-9_]{0,4}", option::of(field_name(dialect, false)))
                .prop_map(|(name, field)| ExprKind::Variable { name, name_span: NOWHERE, field }),
            // Becomes a plain field where no stage before it has that name.
            1 => (prop::sample::select(&ALIASES[..]), field_name(dialect, true)).prop_map(|(alias, field)| {
                ExprKind::EventReference { alias: alias.to_owned(), alias_span: NOWHERE, field }
            }),
        ]
        .boxed(),
    };
    leaf.prop_map(node).prop_recursive(5, 32, 4, move |inner| compound(dialect, &inner.boxed())).boxed()
}

fn compound(dialect: Dialect, inner: &BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    let boxed = || inner.clone().prop_map(Box::new);
    let patterns = vec(literal().prop_map(|literal| Constant { literal, span: NOWHERE }), 1..4);
    let plain = prop_oneof![
        2 => vec(inner.clone(), 2..4).prop_map(|operands| node(ExprKind::And(operands))),
        2 => vec(inner.clone(), 2..4).prop_map(|operands| node(ExprKind::Or(operands))),
        1 => boxed().prop_map(|operand| node(ExprKind::Not { operand, op_span: NOWHERE })),
        1 => boxed().prop_map(|operand| node(ExprKind::Negate { operand, op_span: NOWHERE })),
        2 => (prop::sample::select(&CompareOp::ALL[..]), boxed(), boxed())
            .prop_map(|(op, left, right)| node(ExprKind::Compare { op, op_span: NOWHERE, left, right })),
        2 => (prop::sample::select(&ArithmeticOp::ALL[..]), boxed(), boxed())
            .prop_map(|(op, left, right)| node(ExprKind::Arithmetic { op, op_span: NOWHERE, left, right })),
        2 => (boxed(), any::<bool>(), any::<bool>(), vec(inner.clone(), 1..4)).prop_map(
            |(subject, ignore_case, negated, list)| {
                node(ExprKind::In { subject, ignore_case, negated, op_span: NOWHERE, list })
            },
        ),
        2 => (boxed(), prop::sample::select(&MatchOp::ALL[..]), patterns)
            .prop_map(|(subject, op, patterns)| node(ExprKind::Match { subject, op, op_span: NOWHERE, patterns })),
        1 => known_call(inner.clone()),
    ];
    if dialect == Dialect::Plain {
        return plain.boxed();
    }
    let called = prop_oneof![
        identifier().prop_filter("`NOT (…)` is a negation", |name| name != "NOT"),
        prop::sample::select(vec!["wildcard", "_arraysearch", "safe", "match"]).prop_map(str::to_owned),
    ];
    prop_oneof![
        16 => plain,
        1 => (called, any::<bool>(), vec(inner.clone(), 0..4)).prop_map(|(name, ignore_case, arguments)| {
            node(ExprKind::Call { name, name_span: NOWHERE, ignore_case, arguments })
        }),
        1 => (boxed(), identifier(), vec(inner.clone(), 0..3)).prop_map(|(receiver, name, arguments)| {
            node(ExprKind::MethodCall { receiver, name, name_span: NOWHERE, arguments })
        }),
        1 => (prop::sample::select(&ProcessRelation::ALL[..]), event(inner.clone())).prop_map(|(relation, event)| {
            node(ExprKind::Relation { relation, relation_span: NOWHERE, event: Box::new(event) })
        }),
    ]
    .boxed()
}

fn event(condition: BoxedStrategy<Expr>) -> impl Strategy<Value = EventQuery> {
    let category = prop_oneof![
        Just(Category::Any),
        identifier().prop_map(|text| Category::Named { text, quoted: false }),
        hostile().prop_map(|text| Category::Named { text, quoted: true }),
    ];
    (category, condition).prop_map(|(category, condition)| EventQuery {
        category,
        category_span: NOWHERE,
        condition,
        span: NOWHERE,
    })
}

fn keys(
    dialect: Dialect,
    count: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<JoinKey>> {
    vec(field_name(dialect, true).prop_map(|field| JoinKey { field, span: NOWHERE }), count)
}

fn maxspan() -> impl Strategy<Value = MaxSpan> {
    (1..1_000_000_u64, prop::sample::select(&TimeUnit::ALL[..])).prop_map(|(value, unit)| MaxSpan {
        value,
        unit,
        span: NOWHERE,
    })
}

fn sequence_term(dialect: Dialect, key_count: usize, is_until: bool) -> impl Strategy<Value = SequenceTerm> {
    let runs = option::weighted(0.2, 1..=100_u64);
    let alias = option::weighted(0.3, prop::sample::select(&ALIASES[..]));
    let missing = prop::bool::weighted(0.2);
    (event(expression(dialect)), missing, keys(dialect, key_count), runs, alias).prop_map(
        move |(event, missing, by, runs, alias)| {
            let extended = dialect == Dialect::Extended;
            SequenceTerm {
                event,
                missing: missing && (extended || !is_until),
                by,
                runs: runs.filter(|_| extended || !is_until).map(|value| Runs { value, span: NOWHERE }),
                alias: alias.filter(|_| extended).map(|name| Alias { name: name.to_owned(), span: NOWHERE }),
                span: NOWHERE,
            }
        },
    )
}

fn sequence(dialect: Dialect) -> impl Strategy<Value = Sequence> {
    (0..3_usize).prop_flat_map(move |key_count| {
        let terms = vec(sequence_term(dialect, key_count, false), 2..4);
        let until = option::of(sequence_term(dialect, key_count, true));
        (keys(dialect, 0..3), option::of(maxspan()), terms, until).prop_map(
            move |(by, maxspan, mut terms, until)| {
                if dialect == Dialect::Plain {
                    // What a missing event asks for.
                    terms[0].missing = false;
                    terms.iter_mut().for_each(|term| term.missing &= maxspan.is_some());
                }
                Sequence { by, maxspan, terms, until, span: NOWHERE }
            },
        )
    })
}

fn sample_term(dialect: Dialect, key_count: usize) -> impl Strategy<Value = SampleTerm> {
    (event(expression(dialect)), keys(dialect, key_count)).prop_map(|(event, by)| SampleTerm {
        event,
        by,
        span: NOWHERE,
    })
}

fn sample(dialect: Dialect) -> impl Strategy<Value = Sample> {
    (0..3_usize).prop_flat_map(move |key_count| {
        (keys(dialect, 1..3), vec(sample_term(dialect, key_count), 2..4)).prop_map(|(by, terms)| Sample {
            by,
            terms,
            span: NOWHERE,
        })
    })
}

fn join(dialect: Dialect) -> impl Strategy<Value = Join> {
    (keys(dialect, 0..3), vec(sample_term(dialect, 1), 1..4), option::of(sample_term(dialect, 1)))
        .prop_map(|(by, terms, until)| Join { by, terms, until, span: NOWHERE })
}

fn pipe(dialect: Dialect) -> BoxedStrategy<Pipe> {
    let pipe = |(name, arguments): (&str, Vec<Expr>)| Pipe {
        name: name.to_owned(),
        name_span: NOWHERE,
        arguments,
        span: NOWHERE,
    };
    let whole_number = (0..10_000_u32).prop_map(|number| {
        let number = Number::from_text(&number.to_string()).unwrap();
        vec![node(ExprKind::Literal(Literal::Number(number)))]
    });
    let plain = (prop::sample::select(vec!["head", "tail"]), whole_number).prop_map(pipe);
    match dialect {
        Dialect::Plain => plain.boxed(),
        Dialect::Extended => {
            let endgame = prop::sample::select(vec!["count", "filter", "sort", "unique", "unique_count"]);
            // The arguments of a pipe that is unknown are not read.
            let unknown = prop::sample::select(vec!["limit", "HEAD", "where", "join"]);
            prop_oneof![
                plain,
                (endgame, vec(expression(dialect), 0..3)).prop_map(pipe),
                (unknown, Just(Vec::new())).prop_map(pipe),
            ]
            .boxed()
        }
    }
}

/// A whole query.
pub(crate) fn query(dialect: Dialect) -> BoxedStrategy<Query> {
    let plain = prop_oneof![
        4 => event(expression(dialect)).prop_map(QueryKind::Event),
        2 => sequence(dialect).prop_map(QueryKind::Sequence),
        1 => sample(dialect).prop_map(QueryKind::Sample),
    ];
    let kind = match dialect {
        Dialect::Plain => plain.boxed(),
        Dialect::Extended => prop_oneof![7 => plain, 1 => join(dialect).prop_map(QueryKind::Join)].boxed(),
    };
    (kind, vec(pipe(dialect), 0..3))
        .prop_map(|(mut kind, mut pipes)| {
            settle_references(&mut kind);
            pipes
                .iter_mut()
                .flat_map(|pipe| &mut pipe.arguments)
                .for_each(|argument| refer_to(argument, &[]));
            Query { kind, pipes, span: NOWHERE }
        })
        .boxed()
}

/// Leaves references only to stages that come before them.
fn settle_references(kind: &mut QueryKind) {
    match kind {
        QueryKind::Event(event) => refer_to(&mut event.condition, &[]),
        QueryKind::Sequence(sequence) => {
            let mut known = Vec::new();
            for term in sequence.terms.iter_mut().chain(&mut sequence.until) {
                refer_to(&mut term.event.condition, &known);
                known.extend(term.alias.as_ref().map(|alias| alias.name.clone()));
            }
        }
        QueryKind::Sample(sample) => {
            sample.terms.iter_mut().for_each(|term| refer_to(&mut term.event.condition, &[]));
        }
        QueryKind::Join(join) => {
            let terms = join.terms.iter_mut().chain(&mut join.until);
            terms.for_each(|term| refer_to(&mut term.event.condition, &[]));
        }
    }
}

/// Makes a plain field of each reference to a stage that is not among `known`.
fn refer_to(expr: &mut Expr, known: &[String]) {
    match &mut expr.kind {
        ExprKind::EventReference { alias, field, .. } if !known.contains(alias) => {
            expr.kind = ExprKind::Field(field.clone());
        }
        ExprKind::Literal(_)
        | ExprKind::Field(_)
        | ExprKind::Variable { .. }
        | ExprKind::EventReference { .. }
        | ExprKind::Invalid => {}
        ExprKind::Call { arguments, .. } => {
            arguments.iter_mut().for_each(|argument| refer_to(argument, known));
        }
        ExprKind::And(operands) | ExprKind::Or(operands) => {
            operands.iter_mut().for_each(|operand| refer_to(operand, known));
        }
        ExprKind::Not { operand, .. } | ExprKind::Negate { operand, .. } => refer_to(operand, known),
        ExprKind::Compare { left, right, .. } | ExprKind::Arithmetic { left, right, .. } => {
            refer_to(left, known);
            refer_to(right, known);
        }
        ExprKind::In { subject, list, .. } => {
            refer_to(subject, known);
            list.iter_mut().for_each(|element| refer_to(element, known));
        }
        ExprKind::Match { subject, .. } => refer_to(subject, known),
        ExprKind::Relation { event, .. } => refer_to(&mut event.condition, known),
        ExprKind::MethodCall { receiver, arguments, .. } => {
            refer_to(receiver, known);
            arguments.iter_mut().for_each(|argument| refer_to(argument, known));
        }
    }
}
