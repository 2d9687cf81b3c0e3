//! `watchfire lake query`: SQL over a lake, with conditions of query languages and hits of rules in it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use watchfire_detect::{CompileOptions, QueryOptions as ReadOptions, RuleBook, RuleState, read_query};
use watchfire_diagnostics::render::one_line;
use watchfire_diagnostics::{Severity, SourceText};
use watchfire_engine::RuleIndex;
use watchfire_events::Timestamp;
use watchfire_ir::{Catalogue, Condition, EqlPlan};
use watchfire_lake::{HitRule, HitRules, LakeError, QueryConditions, QueryOptions, ReadCondition};
use watchfire_rules::load::Fate;
use watchfire_rules::model::QueryLanguage;
use watchfire_sources::normalise::catalogue;

use super::{failed, read};
use crate::exit::Exit;
use crate::rule_paths::load_paths;
use crate::terminal::escape_controls;
use crate::time_argument::now;

/// Runs a query in SQL. Tables have the names of their data streams, and columns those of their fields, both in double
/// quotes.
///
/// `eql('…')`, `kql('…')` and `lucene('…')` are conditions on the event of a row, with the meaning that they have in a hunt: a
/// query for single events, without pipes. What cannot satisfy a condition behind `WHERE` is not read. With `--rules`, the
/// table `rule_hits` has a row for each event that satisfies a rule, or a stage of one: `rule_id`, `rule_name`, `stage`,
/// `@timestamp`, `_index`, `_id`, `_seq`. Hits are no alerts yet: neither exceptions nor sequences, thresholds, indicators or
/// suppression have been looked at.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire lake query lake/ 'SELECT \"process.name\", count(*) FROM \"logs-endpoint.events.process-default\" GROUP BY 1'
  watchfire lake query lake/ \"SELECT \\\"host.name\\\", min(\\\"@timestamp\\\") \\
    FROM \\\"logs-endpoint.events.process-default\\\" \\
    WHERE eql('process where process.name : \\\"client32.exe\\\"') GROUP BY 1\"
  watchfire lake query lake/ --rules rules/ 'SELECT rule_name, count(*) FROM rule_hits GROUP BY 1 ORDER BY 2 DESC'

Exit codes:
  0  done
  1  done, but some rules could not be used; or the lake could not be read
  2  wrong usage, or a query that is wrong")]
pub(super) struct Query {
    /// The folder of the lake.
    lake: PathBuf,
    /// The query. It cannot change anything.
    sql: String,
    /// Files and folders of rules whose hits are the table `rule_hits`.
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,
}

impl Query {
    pub(super) fn query(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let options = QueryOptions {
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            ..QueryOptions::default()
        };
        let reader = read(&self.lake)?;
        let catalogue = Arc::new(catalogue());
        let now = now();
        let mut exit = Exit::Success;
        let rules = if self.rules.is_empty() {
            None
        } else {
            let (rules, all_used) = hit_rules(&self.rules, &catalogue, now, log)?;
            if !all_used {
                exit = Exit::Problems;
            }
            Some(Arc::new(rules))
        };
        let conditions =
            QueryConditions { schema: catalogue.clone(), languages: languages(&catalogue, now), rules };
        let result = reader.query_with(&self.sql, options, &conditions).map_err(|error| match error {
            LakeError::Query(_) => {
                io::Error::new(io::ErrorKind::InvalidInput, escape_controls(&error.to_string()))
            }
            other => failed(other),
        })?;
        // What events hold is not to act on a terminal.
        for line in result.to_table().map_err(failed)?.lines() {
            writeln!(out, "{}", escape_controls(line))?;
        }
        out.flush()?;
        for note in &result.notes {
            writeln!(log, "note: {}", escape_controls(note))?;
        }
        Ok(exit)
    }
}

/// The functions of a query.
fn languages(catalogue: &Arc<Catalogue>, now: Timestamp) -> Vec<(&'static str, Arc<dyn ReadCondition>)> {
    let of = |language| -> Arc<dyn ReadCondition> {
        Arc::new(TextsOf { language, catalogue: Arc::clone(catalogue), now })
    };
    vec![
        ("eql", of(QueryLanguage::Eql)),
        ("kql", of(QueryLanguage::Kql)),
        ("lucene", of(QueryLanguage::Lucene)),
    ]
}

/// Reads the texts of a query language as conditions.
#[derive(Debug)]
struct TextsOf {
    language: QueryLanguage,
    catalogue: Arc<Catalogue>,
    now: Timestamp,
}

impl ReadCondition for TextsOf {
    fn read(&self, text: &str) -> Result<Condition, String> {
        let options = ReadOptions { now: Some(self.now), event_category_field: None };
        let read = read_query(text, self.language, &*self.catalogue, &options);
        match read.plan {
            Some(EqlPlan::Event(plan)) if plan.pipes.is_empty() => Ok(plan.condition),
            Some(EqlPlan::Event(_)) => {
                Err("a condition has no pipes: order and limit the rows with SQL".to_owned())
            }
            Some(EqlPlan::Sequence(_) | EqlPlan::Sample(_)) => {
                Err("a condition is one on single events, and no sequence or sample".to_owned())
            }
            None => {
                let source = SourceText::new("query", text);
                let errors = read.diagnostics.iter().filter(|found| found.severity == Severity::Error);
                Err(errors.map(|error| one_line(error, &source)).collect::<Vec<_>>().join("; "))
            }
        }
    }
}

/// The conditions of rules, and whether every rule has some. Those that have none are told.
fn hit_rules(
    paths: &[PathBuf],
    catalogue: &Catalogue,
    now: Timestamp,
    log: &mut dyn Write,
) -> io::Result<(HitRules, bool)> {
    let mut loaded = Vec::new();
    let mut all_used = true;
    for file in load_paths(paths)? {
        match (file.fate, file.content) {
            (Fate::Loaded, Some(content)) => loaded.push(content.to_api()),
            (Fate::NotARule, _) => {}
            (Fate::Failed | Fate::Loaded, _) => {
                all_used = false;
                for found in file.diagnostics.iter().filter(|found| found.severity == Severity::Error) {
                    writeln!(log, "{}", one_line(found, &file.source))?;
                }
            }
        }
    }
    let book = RuleBook::compile(loaded, catalogue, &CompileOptions { now: Some(now) });
    for (rule, state) in book.rules() {
        let why = match state {
            RuleState::Ready => continue,
            RuleState::Unsupported(what) => format!("not supported: {what}"),
            RuleState::Failed(errors) => {
                errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("; ")
            }
        };
        all_used = false;
        writeln!(log, "rule `{}` has no hits: {}", escape_controls(&rule.name), escape_controls(&why))?;
    }
    let conditions = (0..book.set().len() as u32).map(RuleIndex).map(|index| {
        let rule = book.rule(index);
        HitRule {
            rule_id: rule.rule_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            name: rule.name.clone(),
            stage: (!book.is_alert(index) && !book.needs_indicator(index))
                .then(|| index.0 - book.first(index).0 + 1),
            patterns: book.patterns(index).clone(),
            condition: book.condition(index).clone(),
        }
    });
    Ok((HitRules::new(conditions.collect()), all_used))
}
