//! What a query of the command line asks for.

use std::io::{self, Write};

use watchfire_diagnostics::render::{Colour, full};
use watchfire_diagnostics::{Diagnostic, Severity, SourceText};
use watchfire_eql::codes::EVENT_QUERY_FORM;
use watchfire_events::Timestamp;
use watchfire_ir::{
    Condition, EqlOptions, EqlPlan, KqlOptions, Pipe, Schema, lower_eql, lower_kql, lower_lucene,
};

/// The language of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Event Query Language; sequences and samples are not supported yet.
    Eql,
    /// Kibana Query Language.
    Kql,
    /// Lucene query strings.
    Lucene,
}

/// What to look for.
pub(super) struct Search {
    pub(super) condition: Condition,
    pub(super) pipes: Vec<Pipe>,
}

/// Reads a query, and says what there is to say about it. `None` if it cannot be run.
pub(super) fn understand(
    text: &str,
    language: Language,
    schema: &dyn Schema,
    log: &mut dyn Write,
) -> io::Result<Option<Search>> {
    let now = Some(Timestamp::from_nanos(jiff::Timestamp::now().as_nanosecond()));
    let source = SourceText::new("query", text);
    let mut tell = |diagnostics: &[Diagnostic]| -> io::Result<bool> {
        for found in diagnostics {
            writeln!(log, "{}", full(found, &source, Colour::Never))?;
        }
        Ok(diagnostics.iter().all(|found| found.severity != Severity::Error))
    };
    let kql_options = KqlOptions { now, default_fields: Vec::new() };
    let lowered = match language {
        Language::Eql => {
            let parsed = watchfire_eql::parse(text);
            if !tell(&parsed.diagnostics)? {
                // Other mistakes are more likely ones within EQL: nearly every text is KQL.
                let no_event_query = parsed.diagnostics.iter().any(|found| found.code == EVENT_QUERY_FORM);
                if no_event_query && watchfire_kql::parse(text).is_valid() {
                    writeln!(log, "as KQL this query is well formed: add `--language kql` if that is meant")?;
                }
                return Ok(None);
            }
            let Some(tree) = parsed.query else { return Ok(None) };
            let lowered = lower_eql(&tree, schema, &EqlOptions { now, ..EqlOptions::default() });
            tell(&lowered.diagnostics)?;
            let search = match lowered.plan {
                Some(EqlPlan::Event(plan)) => Some(Search { condition: plan.condition, pipes: plan.pipes }),
                Some(EqlPlan::Sequence(_)) => {
                    writeln!(log, "sequences are not supported yet")?;
                    None
                }
                Some(EqlPlan::Sample(_)) => {
                    writeln!(log, "samples are not supported yet")?;
                    None
                }
                None => None,
            };
            return Ok(search);
        }
        Language::Kql => {
            let parsed = watchfire_kql::parse(text);
            if !tell(&parsed.diagnostics)? {
                if watchfire_eql::parse(text).is_valid() {
                    writeln!(
                        log,
                        "as EQL this query is well formed: leave out `--language` if that is meant"
                    )?;
                }
                return Ok(None);
            }
            parsed.query.map(|tree| lower_kql(&tree, schema, &kql_options))
        }
        Language::Lucene => {
            let parsed = watchfire_kql::lucene::parse(text);
            if !tell(&parsed.diagnostics)? {
                return Ok(None);
            }
            parsed.query.map(|tree| lower_lucene(&tree, schema, &kql_options))
        }
    };
    let Some(lowered) = lowered else { return Ok(None) };
    let right = tell(&lowered.diagnostics)?;
    Ok(right.then_some(Search { condition: lowered.condition, pipes: Vec::new() }))
}
