//! A second evaluator of a part of ES|QL, as plain as can be: expressions over lists of values, row by row, written from
//! esql-semantics §6, §7 and §9 and from nothing else of this project. It shares no code with what it is held against.
//!
//! A value is a list: empty for nothing. Values of a field are in the order of the index already.

use std::collections::BTreeMap;

/// A single value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum One {
    Truth(bool),
    Number(i64),
    Text(String),
}

/// A value: several, one, or none.
pub type List = Vec<One>;

/// The columns of a row.
pub type Row = BTreeMap<String, List>;

/// An expression.
#[derive(Clone, Debug)]
pub enum Expr {
    Column(String),
    Literal(One),
    /// `+ - *`.
    Arithmetic(char, Box<Expr>, Box<Expr>),
    /// `== != < <= > >=`.
    Compare(&'static str, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<One>, bool),
    Like(Box<Expr>, String, bool),
    IsNull(Box<Expr>, bool),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// A condition, a value, and the value else.
    Case(Box<Expr>, Box<Expr>, Box<Expr>),
    Coalesce(Vec<Expr>),
    Call(&'static str, Vec<Expr>),
}

/// What is computed over a group.
#[derive(Clone, Debug)]
pub struct Aggregate {
    pub name: String,
    pub function: &'static str,
    /// Nothing for `COUNT(*)`.
    pub of: Option<Expr>,
    pub filter: Option<Expr>,
}

/// A command.
#[derive(Clone, Debug)]
pub enum Command {
    Where(Expr),
    Eval(String, Expr),
    Stats(Vec<Aggregate>, Vec<(String, Expr)>),
    Expand(String),
    Keep(Vec<String>),
}

impl Command {
    /// As it is written.
    pub fn text(&self) -> String {
        match self {
            Self::Where(condition) => format!("WHERE {}", condition.text()),
            Self::Eval(name, value) => format!("EVAL {name} = {}", value.text()),
            Self::Expand(name) => format!("MV_EXPAND {name}"),
            Self::Keep(names) => format!("KEEP {}", names.join(", ")),
            Self::Stats(aggregates, keys) => {
                let aggregates: Vec<String> = aggregates
                    .iter()
                    .map(|aggregate| {
                        let of = aggregate.of.as_ref().map_or_else(|| "*".to_owned(), Expr::text);
                        let filter = aggregate.filter.as_ref();
                        let filter =
                            filter.map_or_else(String::new, |filter| format!(" WHERE {}", filter.text()));
                        format!("{} = {}({of}){filter}", aggregate.name, aggregate.function)
                    })
                    .collect();
                let keys: Vec<String> =
                    keys.iter().map(|(name, key)| format!("{name} = {}", key.text())).collect();
                let by = if keys.is_empty() { String::new() } else { format!(" BY {}", keys.join(", ")) };
                format!("STATS {}{by}", aggregates.join(", "))
            }
        }
    }

    /// The rows behind the command.
    pub fn run(&self, rows: Vec<Row>) -> Vec<Row> {
        match self {
            Self::Where(condition) => {
                rows.into_iter().filter(|row| condition.value(row) == [One::Truth(true)]).collect()
            }
            Self::Eval(name, value) => rows
                .into_iter()
                .map(|mut row| {
                    let value = value.value(&row);
                    row.insert(name.clone(), value);
                    row
                })
                .collect(),
            Self::Expand(name) => rows
                .into_iter()
                .flat_map(|row| {
                    let values = row.get(name).cloned().unwrap_or_default();
                    let lists: Vec<List> = match values.len() {
                        0 | 1 => vec![values],
                        _ => values.into_iter().map(|value| vec![value]).collect(),
                    };
                    lists.into_iter().map(move |list| {
                        let mut copy = row.clone();
                        copy.insert(name.clone(), list);
                        copy
                    })
                })
                .collect(),
            Self::Keep(names) => rows
                .into_iter()
                .map(|mut row| {
                    names.iter().map(|name| (name.clone(), row.remove(name).unwrap_or_default())).collect()
                })
                .collect(),
            Self::Stats(aggregates, keys) => stats(rows, aggregates, keys),
        }
    }
}

fn stats(rows: Vec<Row>, aggregates: &[Aggregate], keys: &[(String, Expr)]) -> Vec<Row> {
    let mut groups: BTreeMap<Vec<List>, Vec<Row>> = BTreeMap::new();
    if keys.is_empty() {
        groups.insert(Vec::new(), Vec::new());
    }
    for row in rows {
        // Each value of a key is a group of its own; nothing is one too.
        let mut tuples: Vec<Vec<List>> = vec![Vec::new()];
        for (_, key) in keys {
            let mut values = key.value(&row);
            values.sort();
            values.dedup();
            let choices: Vec<List> = if values.is_empty() {
                vec![Vec::new()]
            } else {
                values.into_iter().map(|value| vec![value]).collect()
            };
            tuples = tuples
                .into_iter()
                .flat_map(|tuple| {
                    choices.iter().map(move |choice| {
                        let mut longer = tuple.clone();
                        longer.push(choice.clone());
                        longer
                    })
                })
                .collect();
        }
        for tuple in tuples {
            groups.entry(tuple).or_default().push(row.clone());
        }
    }
    let mut made = Vec::new();
    for (tuple, members) in groups {
        let mut row = Row::new();
        for aggregate in aggregates {
            let passing = members.iter().filter(|member| {
                aggregate.filter.as_ref().is_none_or(|filter| filter.value(member) == [One::Truth(true)])
            });
            row.insert(aggregate.name.clone(), aggregated(aggregate, passing));
        }
        for ((name, _), value) in keys.iter().zip(tuple) {
            row.insert(name.clone(), value);
        }
        made.push(row);
    }
    made
}

fn aggregated<'r>(aggregate: &Aggregate, rows: impl Iterator<Item = &'r Row>) -> List {
    let Some(of) = &aggregate.of else { return vec![One::Number(rows.count() as i64)] };
    let mut values: Vec<One> = rows.flat_map(|row| of.value(row)).collect();
    match aggregate.function {
        "COUNT" => vec![One::Number(values.len() as i64)],
        "SUM" if values.is_empty() => Vec::new(),
        "SUM" => vec![One::Number(values.iter().map(One::number).sum())],
        "MIN" => values.into_iter().min().into_iter().collect(),
        "MAX" => values.into_iter().max().into_iter().collect(),
        distinct => {
            values.sort();
            values.dedup();
            if distinct == "COUNT_DISTINCT" { vec![One::Number(values.len() as i64)] } else { values }
        }
    }
}

impl One {
    fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }

    /// As it is written.
    pub fn written(&self) -> String {
        match self {
            Self::Truth(truth) => truth.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("\"{text}\""),
        }
    }
}

impl Expr {
    /// As it is written, with all brackets.
    pub fn text(&self) -> String {
        let joined = |list: &[Self], between: &str| {
            format!("({})", list.iter().map(Self::text).collect::<Vec<_>>().join(between))
        };
        let not = |negated: bool| if negated { "NOT " } else { "" };
        match self {
            Self::Column(name) => name.clone(),
            Self::Literal(value) => value.written(),
            Self::Arithmetic(sign, a, b) => format!("({} {sign} {})", a.text(), b.text()),
            Self::Compare(sign, a, b) => format!("({} {sign} {})", a.text(), b.text()),
            Self::In(value, list, negated) => {
                let list: Vec<String> = list.iter().map(One::written).collect();
                format!("({} {}IN ({}))", value.text(), not(*negated), list.join(", "))
            }
            Self::Like(value, pattern, negated) => {
                format!("({} {}LIKE \"{pattern}\")", value.text(), not(*negated))
            }
            Self::IsNull(value, negated) => format!("({} IS {}NULL)", value.text(), not(*negated)),
            Self::Not(inner) => format!("(NOT {})", inner.text()),
            Self::And(list) => joined(list, " AND "),
            Self::Or(list) => joined(list, " OR "),
            Self::Case(condition, value, otherwise) => {
                format!("CASE({}, {}, {})", condition.text(), value.text(), otherwise.text())
            }
            Self::Coalesce(list) => format!("COALESCE{}", joined(list, ", ")),
            Self::Call(name, list) => format!("{name}{}", joined(list, ", ")),
        }
    }

    /// The value, if there is exactly one.
    fn single(&self, row: &Row) -> Option<One> {
        let mut list = self.value(row);
        if list.len() == 1 { list.pop() } else { None }
    }

    fn truth(&self, row: &Row) -> Option<bool> {
        self.single(row).map(|value| value == One::Truth(true))
    }

    /// What it comes to on a row.
    pub fn value(&self, row: &Row) -> List {
        let of_truth = |truth: Option<bool>| truth.map(One::Truth).into_iter().collect::<List>();
        match self {
            Self::Column(name) => row.get(name).cloned().unwrap_or_default(),
            Self::Literal(value) => vec![value.clone()],
            Self::Arithmetic(sign, a, b) => match (a.single(row), b.single(row)) {
                (Some(a), Some(b)) => vec![One::Number(match sign {
                    '+' => a.number() + b.number(),
                    '-' => a.number() - b.number(),
                    _ => a.number() * b.number(),
                })],
                _ => Vec::new(),
            },
            Self::Compare(sign, a, b) => of_truth(match (a.single(row), b.single(row)) {
                (Some(a), Some(b)) => Some(match *sign {
                    "==" => a == b,
                    "!=" => a != b,
                    "<" => a < b,
                    "<=" => a <= b,
                    ">" => a > b,
                    _ => a >= b,
                }),
                _ => None,
            }),
            Self::In(value, list, negated) => {
                of_truth(value.single(row).map(|value| list.contains(&value) != *negated))
            }
            // Elasticsearch reads a pattern that everything fits as the question whether there is a value.
            Self::Like(value, pattern, negated) if pattern == "*" => {
                vec![One::Truth(value.value(row).is_empty() == *negated)]
            }
            Self::Like(value, pattern, negated) => {
                let fits = |value: One| fits(pattern.as_bytes(), value.text().as_bytes()) != *negated;
                of_truth(value.single(row).map(fits))
            }
            Self::IsNull(value, negated) => vec![One::Truth(value.value(row).is_empty() != *negated)],
            Self::Not(inner) => of_truth(inner.truth(row).map(|truth| !truth)),
            Self::And(list) => {
                let truths: Vec<Option<bool>> = list.iter().map(|inner| inner.truth(row)).collect();
                of_truth(if truths.contains(&Some(false)) {
                    Some(false)
                } else if truths.contains(&None) {
                    None
                } else {
                    Some(true)
                })
            }
            Self::Or(list) => {
                let truths: Vec<Option<bool>> = list.iter().map(|inner| inner.truth(row)).collect();
                of_truth(if truths.contains(&Some(true)) {
                    Some(true)
                } else if truths.contains(&None) {
                    None
                } else {
                    Some(false)
                })
            }
            Self::Case(condition, value, otherwise) => {
                if condition.truth(row) == Some(true) {
                    value.value(row)
                } else {
                    otherwise.value(row)
                }
            }
            Self::Coalesce(list) => {
                list.iter().map(|inner| inner.value(row)).find(|list| !list.is_empty()).unwrap_or_default()
            }
            Self::Call(name, list) => call(name, list, row),
        }
    }
}

fn call(name: &str, list: &[Expr], row: &Row) -> List {
    let values = list[0].value(row);
    match name {
        "MV_COUNT" | "MV_SUM" if values.is_empty() => Vec::new(),
        "MV_COUNT" => vec![One::Number(values.len() as i64)],
        "MV_MIN" => values.into_iter().min().into_iter().collect(),
        "MV_MAX" => values.into_iter().max().into_iter().collect(),
        "MV_SUM" => vec![One::Number(values.iter().map(One::number).sum())],
        "MV_FIRST" => values.into_iter().next().into_iter().collect(),
        // Value by value, as conversions are.
        "TO_UPPER" => values.iter().map(|value| One::Text(value.text().to_uppercase())).collect(),
        "MV_LAST" => values.into_iter().last().into_iter().collect(),
        _ => {
            let Some(arguments) = list.iter().map(|inner| inner.single(row)).collect::<Option<Vec<One>>>()
            else {
                return Vec::new();
            };
            let texts: Vec<&str> = arguments.iter().map(One::text).collect();
            vec![match name {
                "LENGTH" => One::Number(texts[0].chars().count() as i64),
                "CONCAT" => One::Text(texts.concat()),
                "STARTS_WITH" => One::Truth(texts[0].starts_with(texts[1])),
                "ENDS_WITH" => One::Truth(texts[0].ends_with(texts[1])),
                "CONTAINS" => One::Truth(texts[0].contains(texts[1])),
                other => panic!("{other} is not here"),
            }]
        }
    }
}

/// Whether a text fits a pattern with `*` and `?`.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|from| fits(rest, &text[from..])),
        (Some((b'?', rest)), Some((_, behind))) => fits(rest, behind),
        (Some((one, rest)), Some((other, behind))) => one == other && fits(rest, behind),
        _ => false,
    }
}
