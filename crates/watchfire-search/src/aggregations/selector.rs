//! `bucket_selector`: buckets of which a count, or a number below them, is large or small enough.
//!
//! Scripts are not run. What is taken is a comparison of one parameter with a number, or several with `&&` between: the form
//! that thresholds have.

use serde_json::Value;

use crate::SearchError;
use crate::body::{self, Object};

/// What a bucket has to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selector(Vec<Comparison>);

#[derive(Clone, Debug, PartialEq)]
struct Comparison {
    of: Compared,
    operator: Operator,
    number: f64,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// The number of documents.
    Count,
    /// A number of an aggregation below.
    Metric(String, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
}

impl Selector {
    pub(super) fn parse(name: &str, aggregation: &Object) -> Result<Self, SearchError> {
        body::refuse_unknown(aggregation, &["bucket_selector", "meta"], name)?;
        let content = body::object(&aggregation["bucket_selector"], name)?;
        body::refuse_unknown(content, &["buckets_path", "script", "gap_policy"], name)?;
        let script = match content.get("script") {
            Some(Value::String(script)) => script.as_str(),
            Some(Value::Object(script)) => {
                body::refuse_unknown(script, &["source", "lang"], name)?;
                body::needed(script, "source", name)?
            }
            _ => return Err(SearchError::parsing(format!("`{name}` has no `script`"))),
        };
        let mut paths: Vec<(String, Compared)> = Vec::new();
        match content.get("buckets_path") {
            Some(Value::String(path)) => paths.push(("_value".to_owned(), compared(path))),
            Some(Value::Object(named)) => {
                for (parameter, path) in named {
                    let path = path.as_str().ok_or_else(|| {
                        SearchError::parsing(format!("`{name}.buckets_path.{parameter}` is not a text"))
                    })?;
                    paths.push((parameter.clone(), compared(path)));
                }
            }
            _ => return Err(SearchError::parsing(format!("`{name}` has no `buckets_path`"))),
        }
        let unsupported = || SearchError::unsupported(format!("the script `{script}` of `{name}`"));
        let mut comparisons = Vec::new();
        for part in script.split("&&") {
            let part = part.trim().trim_start_matches('(').trim_end_matches(')').trim();
            let operators = [
                (">=", Operator::GreaterOrEqual),
                ("<=", Operator::LessOrEqual),
                ("==", Operator::Equal),
                ("!=", Operator::Unequal),
                (">", Operator::Greater),
                ("<", Operator::Less),
            ];
            let found =
                operators.iter().find_map(|(text, operator)| Some((part.split_once(text)?, *operator)));
            let ((parameter, number), operator) = found.ok_or_else(unsupported)?;
            let parameter = parameter.trim();
            let parameter = parameter.strip_prefix("params.").unwrap_or(parameter);
            let (_, of) = paths.iter().find(|(name, _)| name == parameter).ok_or_else(unsupported)?;
            let number = number.trim().trim_end_matches(['L', 'l']).parse().map_err(|_| unsupported())?;
            comparisons.push(Comparison { of: of.clone(), operator, number });
        }
        Ok(Self(comparisons))
    }

    /// The aggregations that are asked.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|comparison| match &comparison.of {
            Compared::Metric(name, _) => Some(name.as_str()),
            Compared::Count => None,
        })
    }

    /// Whether a bucket with these numbers stays. One without the number that is asked for does not.
    pub(super) fn keeps(&self, number: impl Fn(&Compared) -> Option<f64>) -> bool {
        self.0.iter().all(|comparison| {
            number(&comparison.of).is_some_and(|found| match comparison.operator {
                Operator::Less => found < comparison.number,
                Operator::LessOrEqual => found <= comparison.number,
                Operator::Greater => found > comparison.number,
                Operator::GreaterOrEqual => found >= comparison.number,
                Operator::Equal => found == comparison.number,
                Operator::Unequal => found != comparison.number,
            })
        })
    }
}

fn compared(path: &str) -> Compared {
    if path == "_count" {
        return Compared::Count;
    }
    match path.rsplit_once(['.', '>']) {
        Some((
            name,
            number @ ("value" | "count" | "min" | "max" | "avg" | "sum" | "_count" | "doc_count"),
        )) => Compared::Metric(name.to_owned(), number.to_owned()),
        _ => Compared::Metric(path.to_owned(), "value".to_owned()),
    }
}
