//! What a threshold, or values that must be new, come to for each event.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};
use watchfire_detect::explain::words::quoted;
use watchfire_detect::explain::{
    BucketAnswer, CountedAnswer, KnownBy, KnownTermsReader, NamedValue, RuleQuestions, TermsAnswer, WhyNot,
};
use watchfire_events::EventBatch;
use watchfire_ir::Catalogue;
use watchfire_sources::normalise::NormaliseOptions;

use super::gather::{Gathered, intake_options};
use super::text::line_of;
use crate::intake::{InputSummary, Inputs, Window, Worker, read_all};
use crate::progress::Progress;
use crate::reading::Reading;

/// Buckets that are told of; the others are counted.
const MAX_BUCKETS: usize = 10;

/// What events are counted and compared with.
pub(super) struct Counting<'a> {
    pub(super) history: &'a [PathBuf],
    pub(super) reading: &'a Reading,
    pub(super) normalise: &'a NormaliseOptions,
    pub(super) catalogue: &'a Catalogue,
}

/// What counting comes to.
pub(super) struct Counts {
    answer: CountedAnswer,
    buckets_of: BTreeMap<usize, BTreeSet<usize>>,
    terms_of: BTreeMap<usize, Vec<usize>>,
    /// For each combination that an event of the input has, that event in a line.
    known_by: BTreeMap<usize, String>,
    /// Whether a history would say more.
    lacks_history: bool,
    /// How many events satisfy the condition, if they are more than were counted.
    hits_of_all: Option<u64>,
    /// Whether all of the history could be read.
    pub(super) is_clean: bool,
}

impl Counting<'_> {
    /// Counts or compares the events that were gathered; `None` if the rule does not. `is_out` says of one that an exception
    /// hides it.
    pub(super) fn of(
        &self,
        questions: &RuleQuestions,
        gathered: &Gathered,
        is_out: &dyn Fn(usize) -> bool,
        log: &mut dyn Write,
    ) -> io::Result<Option<Counts>> {
        if !self.history.is_empty() && !questions.asks_history() {
            writeln!(log, "`--history` makes no difference: the rule does not ask whether values are new")?;
        }
        let Some(counted) = questions.count(&gathered.documents(), self.catalogue, is_out) else {
            return Ok(None);
        };
        let (mut known, mut is_clean) = (counted.known_terms(), true);
        if let Some(asked) = known.take().filter(|known| !self.history.is_empty() && !known.is_empty()) {
            let inputs = Inputs::list(self.history);
            let progress = Progress::new(inputs.bytes(), "of the history");
            // A history is read as a whole.
            let options = intake_options(self.reading, self.normalise.clone(), Window::default());
            let worker = || Learning(asked.reader(self.catalogue));
            let read = read_all(inputs, &options, self.catalogue, &progress, worker);
            progress.finish();
            let (workers, account) = read?;
            let summary = InputSummary::new(&account);
            is_clean = summary.is_clean();
            if !is_clean {
                writeln!(log, "history:")?;
                summary.write(log)?;
            }
            let found: Vec<_> = workers.into_iter().map(|worker| worker.0.finish()).collect();
            known = Some(found.into_iter().fold(asked, watchfire_detect::explain::KnownTerms::with));
        }
        let answer = counted.answer(known.as_ref());
        let mut counts = Counts {
            buckets_of: BTreeMap::new(),
            terms_of: BTreeMap::new(),
            known_by: BTreeMap::new(),
            lacks_history: self.history.is_empty() && questions.asks_history(),
            hits_of_all: (gathered.hits > gathered.events.len() as u64).then_some(gathered.hits),
            is_clean,
            answer,
        };
        for (number, bucket) in counts.answer.buckets.iter().enumerate() {
            for event in &bucket.events {
                counts.buckets_of.entry(*event).or_default().insert(number);
            }
        }
        for (number, terms) in counts.answer.terms.iter().enumerate() {
            counts.terms_of.entry(terms.event).or_default().push(number);
            if let Some(KnownBy::Event { event, .. }) = terms.known {
                let by = &gathered.events[event];
                counts.known_by.insert(number, line_of(by.number, &by.event));
            }
        }
        Ok(Some(counts))
    }
}

struct Learning<'a>(KnownTermsReader<'a>);

impl Worker for Learning<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        self.0.batch(batch);
        Ok(())
    }
}

impl Counts {
    /// Whether there is an alert on an event, or one that it has a part in.
    pub(super) fn alerts(&self, event: usize) -> bool {
        let in_bucket =
            |of: &BTreeSet<usize>| of.iter().any(|number| self.answer.buckets[*number].is_reached());
        let is_new = |of: &Vec<usize>| of.iter().any(|number| self.answer.terms[*number].known.is_none());
        self.buckets_of.get(&event).is_some_and(in_bucket) || self.terms_of.get(&event).is_some_and(is_new)
    }

    /// Whether an alert is there at all, and what is to be said of the events together.
    pub(super) fn heading(&self) -> Vec<(Option<bool>, String)> {
        let buckets = &self.answer.buckets;
        let shown = buckets.iter().take(MAX_BUCKETS);
        let mut lines: Vec<_> =
            shown.map(|bucket| (Some(bucket.is_reached()), bucket_text(bucket))).collect();
        if buckets.len() > MAX_BUCKETS {
            lines.push((
                None,
                format!("{} more buckets have no more of what is needed", buckets.len() - MAX_BUCKETS),
            ));
        }
        if let Some(hits) = self.hits_of_all {
            let text =
                format!("{hits} events satisfy the condition; the first {} are counted", super::MAX_JOINED);
            lines.push((None, text));
        }
        if self.lacks_history {
            let text = "no history was given (--history): what comes first in the input is new";
            lines.push((None, text.to_owned()));
        }
        lines
    }

    /// What there is to say of an event that satisfies the condition.
    pub(super) fn lines(&self, event: usize) -> Vec<String> {
        let bucket = |number: &usize| {
            let bucket = &self.answer.buckets[*number];
            format!("is counted in {}", bucket_name(bucket))
        };
        let terms = |number: &usize| terms_text(&self.answer.terms[*number], self.known_by.get(number));
        let left_out = self.answer.left_out.get(&event).map(|why| match why {
            WhyNot::NoKey(field) => format!("the condition holds, but {field} is missing: it takes no part"),
            _ => "the condition holds, but the event has no time: it takes no part".to_owned(),
        });
        let of_buckets = self.buckets_of.get(&event).into_iter().flatten().map(bucket);
        let of_terms = self.terms_of.get(&event).into_iter().flatten().map(terms);
        of_buckets.chain(of_terms).chain(left_out).collect()
    }

    /// The same for machines.
    pub(super) fn event_json(&self, event: usize) -> Value {
        let terms = |number: &usize| {
            let TermsAnswer { values, known, .. } = &self.answer.terms[*number];
            let known = known.as_ref().map(|known| match known {
                KnownBy::History(place) => json!({ "history": place }),
                KnownBy::Event { milliseconds, .. } => {
                    json!({ "event": self.known_by.get(number), "milliseconds_before": i64::try_from(*milliseconds).ok() })
                }
            });
            json!({ "values": object(values), "new": known.is_none(), "known_by": known })
        };
        json!({
            "buckets": self.buckets_of.get(&event).into_iter().flatten().collect::<Vec<_>>(),
            "terms": self.terms_of.get(&event).into_iter().flatten().map(terms).collect::<Vec<_>>(),
            "takes_no_part": self.answer.left_out.get(&event).map(|why| match why {
                WhyNot::NoKey(field) => format!("{field} is missing"),
                _ => "it has no time".to_owned(),
            }),
        })
    }

    /// The buckets, for machines.
    pub(super) fn buckets_json(&self) -> Value {
        let bucket = |bucket: &BucketAnswer| {
            json!({
                "values": object(&bucket.values),
                "count": bucket.count,
                "needed": bucket.needed,
                "distinct": bucket.distinct.as_ref().map(|distinct| json!({
                    "field": distinct.field,
                    "number": distinct.number,
                    "is_estimate": distinct.is_estimate,
                    "needed": distinct.needed,
                })),
                "reached": bucket.is_reached(),
            })
        };
        self.answer.buckets.iter().map(bucket).collect()
    }
}

fn object(values: &[NamedValue]) -> Value {
    values
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn values_text(values: &[NamedValue]) -> String {
    let one = |(name, value): &NamedValue| format!("{name} {}", quoted(value));
    values.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn bucket_name(bucket: &BucketAnswer) -> String {
    if bucket.values.is_empty() {
        return "the one bucket of all events".to_owned();
    }
    format!("the bucket {}", values_text(&bucket.values))
}

fn needed_text(there: u64, needed: u64) -> String {
    if there >= needed { format!(", {needed} are needed") } else { format!(", but {needed} are needed") }
}

fn bucket_text(bucket: &BucketAnswer) -> String {
    let distinct = bucket.distinct.as_ref().map_or_else(String::new, |distinct| {
        let about = if distinct.is_estimate { "about " } else { "" };
        let values = if distinct.number == 1 { "value" } else { "values" };
        let needed = distinct.needed;
        let of_needed = needed_text(distinct.number, needed);
        format!("; {about}{} distinct {values} of {}{of_needed}", distinct.number, distinct.field)
    });
    let events = if bucket.count == 1 { "event" } else { "events" };
    format!(
        "{}: {} {events}{}{distinct}",
        bucket_name(bucket),
        bucket.count,
        needed_text(bucket.count, bucket.needed)
    )
}

fn terms_text(terms: &TermsAnswer, known_by: Option<&String>) -> String {
    let values = values_text(&terms.values);
    match &terms.known {
        None => format!("is new: {values}"),
        Some(KnownBy::History(place)) => format!("is known: {values}: the history has it at {place}"),
        Some(KnownBy::Event { milliseconds, .. }) => {
            let before = span_text(*milliseconds);
            format!(
                "is known: {values}: {before} before, in {}",
                known_by.map_or("another event", |line| line)
            )
        }
    }
}

/// A length of time by its two largest units.
fn span_text(milliseconds: i128) -> String {
    const UNITS: [(i128, &str); 5] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    let mut rest = milliseconds;
    let mut parts = Vec::new();
    for (size, unit) in UNITS {
        let number = rest / size;
        rest %= size;
        if number > 0 {
            parts.push(format!("{number} {unit}"));
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 ms".to_owned() } else { parts.join(" ") }
}
