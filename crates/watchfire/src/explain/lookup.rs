//! What indicators say of an event.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};
use watchfire_detect::explain::words::{quoted, verdict_text};
use watchfire_detect::explain::{RuleQuestions, StageQuestion};
use watchfire_detect::{
    CompileOptions, DifferingEntry, IndicatorIndex, IndicatorReader, MappingEntry, NearestIndicator,
    NearestSearch, RuleBook,
};
use watchfire_engine::RuleIndex;
use watchfire_engine::explain::{Explained, verdict};
use watchfire_events::EventBatch;
use watchfire_ir::Catalogue;
use watchfire_rules::model::Rule;
use watchfire_sources::normalise::NormaliseOptions;

use crate::intake::Worker;
use crate::reading::Resources;
use crate::scan::indicators::Loading;

/// Indicators that are told of; the others are counted.
const MAX_FOUND: usize = 5;
/// Events for which the nearest indicator is looked for, since all indicators are read once more for each.
const MAX_SEARCHED: usize = 3;

/// The indicators of an indicator match rule.
pub(super) struct Lookups {
    /// Fields of events whose values are looked up, group by group.
    fields: Vec<Vec<String>>,
    index: Option<IndicatorIndex>,
    used: u64,
    /// Whether all indicators could be read.
    pub(super) is_clean: bool,
    /// Events for which the nearest indicator was looked for.
    searched: usize,
}

/// What indicators are read with.
#[derive(Clone, Copy)]
pub(super) struct LookupOptions<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) normalise: &'a NormaliseOptions,
    pub(super) compile: &'a CompileOptions,
}

/// What came of looking up an event.
pub(super) enum Lookup {
    /// The rule asks for none, or the event does not satisfy its condition.
    NotNeeded,
    /// There are no indicators to look it up in.
    NotGiven,
    /// These indicators share a value with it.
    Found(Vec<String>),
    /// None of so many does; the values that were looked up, and the indicator that comes nearest.
    Nothing(u64, Vec<String>, Nearest),
}

/// What there is to say of the indicator that comes nearest.
pub(super) enum Nearest {
    /// It was looked for with other events.
    NotSearched,
    /// None is near.
    None,
    /// This one.
    Is(Box<NearestIndicator>),
}

impl Nearest {
    /// In words.
    fn text(&self) -> String {
        let Self::Is(found) = self else {
            return match self {
                Self::NotSearched => format!("the nearest is looked for with {MAX_SEARCHED} events only"),
                _ => "no indicator comes near".to_owned(),
            };
        };
        let NearestIndicator { place, shared, differing, other_stream, unmet } = &**found;
        let mut parts: Vec<String> =
            shared.iter().map(|(field, value)| format!("has {field} {}", quoted(value))).collect();
        parts.extend(differing.iter().map(|entry| {
            let of = &entry.indicator_field;
            if entry.negate {
                format!("has {of} {}, which it must not", quoted(&entry.indicator_value))
            } else {
                format!(
                    "has {of} {} instead of {}",
                    quoted(&entry.indicator_value),
                    quoted(&entry.event_value)
                )
            }
        }));
        parts.extend(other_stream.iter().map(|stream| format!("is in {stream}, where the rule reads none")));
        parts.extend(unmet.iter().map(|unmet| format!("does not satisfy the threat query: {unmet}")));
        format!("the nearest, {place}, {}", parts.join(", "))
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        let Self::Is(found) = self else { return Value::Null };
        let entry = |entry: &DifferingEntry| {
            json!({
                "event_field": entry.event_field,
                "event_value": entry.event_value,
                "indicator_field": entry.indicator_field,
                "indicator_value": entry.indicator_value,
                "negate": entry.negate,
            })
        };
        json!({
            "place": found.place,
            "shared": found.shared.iter().cloned().collect::<BTreeMap<_, _>>(),
            "differing": found.differing.iter().map(entry).collect::<Vec<_>>(),
            "other_data_stream": found.other_stream,
            "threat_query": found.unmet,
        })
    }
}

/// Looks for the nearest indicator.
struct Searching<'a> {
    search: NearestSearch<'a>,
    catalogue: &'a Catalogue,
    question: &'a StageQuestion,
}

impl Worker for Searching<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        let unmet = |explained: &Explained<'_>| verdict_text(&verdict(explained), self.question);
        self.search.batch(batch, self.catalogue, &unmet);
        Ok(())
    }
}

impl Lookup {
    /// Whether it is in the way of an alert.
    pub(super) fn denies(&self) -> bool {
        matches!(self, Self::NotGiven | Self::Nothing(..))
    }

    /// What there is to say.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::NotNeeded => None,
            Self::NotGiven => {
                Some("the condition holds, but no indicators were given (--indicators)".to_owned())
            }
            Self::Found(found) => Some(format!("shares a value with an indicator: {}", found.join("; "))),
            Self::Nothing(number, values, nearest) => Some(format!(
                "the condition holds, but none of {number} indicators for this rule has {}; {}",
                values.join(", or "),
                nearest.text()
            )),
        }
    }
}

impl Lookups {
    /// Reads the indicators, if the rule asks for some.
    pub(super) fn load(
        paths: &[PathBuf],
        questions: &RuleQuestions,
        rule: &Rule,
        options: &LookupOptions<'_>,
        log: &mut dyn Write,
    ) -> io::Result<Self> {
        let name = |entry: &MappingEntry| {
            if entry.negate { format!("no {}", entry.event_field) } else { entry.event_field.to_string() }
        };
        let fields = questions.lookups().iter().map(|group| group.iter().map(name).collect()).collect();
        let mut lookups = Self { fields, index: None, used: 0, is_clean: true, searched: 0 };
        if paths.is_empty() {
            return Ok(lookups);
        }
        if lookups.fields.is_empty() {
            writeln!(log, "`--indicators` makes no difference: the rule asks for none")?;
            return Ok(lookups);
        }
        let book = RuleBook::compile([rule.clone()], options.catalogue, options.compile);
        let (index, summary) = options.loading().load(paths, &book)?;
        lookups.is_clean = summary.is_clean();
        if !lookups.is_clean {
            summary.write(log)?;
        }
        lookups.used = summary.used;
        lookups.index = Some(index);
        Ok(lookups)
    }

    /// Looks up the event of a batch of one.
    pub(super) fn ask(
        &mut self,
        batch: &EventBatch,
        questions: &RuleQuestions,
        (paths, rule, options): (&[PathBuf], &Rule, LookupOptions<'_>),
    ) -> io::Result<Lookup> {
        if self.fields.is_empty() {
            return Ok(Lookup::NotNeeded);
        }
        let Some(mut matcher) = self.index.as_ref().and_then(|index| index.matchers(1).pop()) else {
            return Ok(Lookup::NotGiven);
        };
        // The book has this rule alone, and one condition of it.
        if let Some(found) = matcher.in_batch(batch).enrich(RuleIndex(0), 0)? {
            let mut texts: Vec<String> = found.list.iter().take(MAX_FOUND).map(matched_text).collect();
            let more = found.list.len().saturating_sub(MAX_FOUND) as u64 + found.left_out;
            if more > 0 {
                texts.push(format!("{more} more"));
            }
            return Ok(Lookup::Found(texts));
        }
        let value = |field: &String| {
            let column = batch.column(field.strip_prefix("no ").unwrap_or(field));
            let codes = column.map_or(&[][..], |column| column.codes(0));
            let texts = codes.iter().zip(std::iter::repeat(column));
            let texts = texts.filter_map(|(code, column)| Some(quoted(&column?.value(*code).to_text())));
            format!("{field} {}", texts.collect::<Vec<_>>().join(" or "))
        };
        let groups =
            self.fields.iter().map(|group| group.iter().map(value).collect::<Vec<_>>().join(" and "));
        let groups = groups.collect();
        let nearest = match questions.indicators() {
            Some((program, question)) if self.searched < MAX_SEARCHED => {
                self.searched += 1;
                let book = RuleBook::compile([rule.clone()], options.catalogue, options.compile);
                let reader = IndicatorReader::new(&book);
                let catalogue = reader.catalogue(options.catalogue);
                let worker = || Searching {
                    search: NearestSearch::new(program, batch),
                    catalogue: &catalogue,
                    question,
                };
                let (workers, _) = options.loading().walk(paths, &catalogue, reader.read_fields(), worker)?;
                let found = workers.into_iter().map(|worker| worker.search).reduce(NearestSearch::or);
                let found = found.and_then(NearestSearch::finish);
                found.map_or(Nearest::None, |found| Nearest::Is(Box::new(found)))
            }
            _ => Nearest::NotSearched,
        };
        Ok(Lookup::Nothing(self.used, groups, nearest))
    }
}

impl<'a> LookupOptions<'a> {
    fn loading(&self) -> Loading<'a> {
        let resources = Resources::default();
        Loading {
            catalogue: self.catalogue,
            normalise: self.normalise,
            threads: resources.threads(),
            max_memory: resources.max_memory(),
            now: self.compile.now.unwrap_or_default(),
        }
    }
}

/// An element of `threat.enrichments` in short: the value that is shared, and by whom it was told.
fn matched_text(enrichment: &Value) -> String {
    let text = |path: [&str; 2]| enrichment[path[0]][path[1]].as_str().unwrap_or_default().to_owned();
    let provider = match text(["indicator", "provider"]) {
        provider if provider.is_empty() => String::new(),
        provider => format!(" ({provider})"),
    };
    format!("{} = {}{provider}", text(["matched", "field"]), quoted(&text(["matched", "atomic"])))
}
