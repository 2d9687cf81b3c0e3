//! What indicators say of an event.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::Value;
use watchfire_detect::explain::RuleQuestions;
use watchfire_detect::explain::words::quoted;
use watchfire_detect::{CompileOptions, IndicatorIndex, MappingEntry, RuleBook};
use watchfire_engine::RuleIndex;
use watchfire_events::EventBatch;
use watchfire_ir::Catalogue;
use watchfire_rules::model::Rule;
use watchfire_sources::normalise::NormaliseOptions;

use crate::reading::Resources;
use crate::scan::indicators::Loading;

/// Indicators that are told of; the others are counted.
const MAX_FOUND: usize = 5;

/// The indicators of an indicator match rule.
pub(super) struct Lookups {
    /// Fields of events whose values are looked up, group by group.
    fields: Vec<Vec<String>>,
    index: Option<IndicatorIndex>,
    used: u64,
    /// Whether all indicators could be read.
    pub(super) is_clean: bool,
}

/// What indicators are read with.
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
    /// None of so many does; the values that were looked up.
    Nothing(u64, Vec<String>),
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
            Self::Nothing(number, values) => Some(format!(
                "the condition holds, but none of {number} indicators for this rule has {}",
                values.join(", or ")
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
        let mut lookups = Self { fields, index: None, used: 0, is_clean: true };
        if paths.is_empty() {
            return Ok(lookups);
        }
        if lookups.fields.is_empty() {
            writeln!(log, "`--indicators` makes no difference: the rule asks for none")?;
            return Ok(lookups);
        }
        let book = RuleBook::compile([rule.clone()], options.catalogue, options.compile);
        let resources = Resources::default();
        let loading = Loading {
            catalogue: options.catalogue,
            normalise: options.normalise,
            threads: resources.threads(),
            max_memory: resources.max_memory(),
            now: options.compile.now.unwrap_or_default(),
        };
        let (index, summary) = loading.load(paths, &book)?;
        lookups.is_clean = summary.is_clean();
        if !lookups.is_clean {
            summary.write(log)?;
        }
        lookups.used = summary.used;
        lookups.index = Some(index);
        Ok(lookups)
    }

    /// Looks up the event of a batch of one.
    pub(super) fn ask(&mut self, batch: &EventBatch) -> io::Result<Lookup> {
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
        Ok(Lookup::Nothing(self.used, groups.collect()))
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
