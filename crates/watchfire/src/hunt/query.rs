//! What a query of the command line asks for.

use std::io::{self, Write};

use watchfire_detect::{QueryOptions, read_query};
use watchfire_diagnostics::render::{Colour, full};
use watchfire_diagnostics::{Diagnostic, SourceText};
use watchfire_eql::codes::EVENT_QUERY_FORM;
use watchfire_ir::{EqlPlan, Schema};
use watchfire_rules::model::QueryLanguage;

use crate::time_argument::now;

/// The language of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Event Query Language.
    Eql,
    /// Kibana Query Language.
    Kql,
    /// Lucene query strings.
    Lucene,
    /// Elasticsearch Query Language: commands behind each other, which make a table.
    Esql,
}

impl From<Language> for QueryLanguage {
    fn from(language: Language) -> Self {
        match language {
            Language::Eql => Self::Eql,
            Language::Kql => Self::Kql,
            Language::Lucene => Self::Lucene,
            Language::Esql => Self::Esql,
        }
    }
}

/// Reads a query, and says what there is to say about it. `None` if it cannot be run.
pub(super) fn understand(
    text: &str,
    language: Language,
    event_category_field: Option<&str>,
    schema: &dyn Schema,
    log: &mut dyn Write,
) -> io::Result<Option<EqlPlan>> {
    let options = QueryOptions { now: Some(now()), event_category_field };
    let read = read_query(text, language.into(), schema, &options);
    let source = SourceText::new("query", text);
    for found in &read.diagnostics {
        writeln!(log, "{}", full(found, &source, Colour::Never))?;
    }
    if read.plan.is_none() {
        suggest_language(text, language, &read.diagnostics, log)?;
    }
    Ok(read.plan)
}

/// Says if the query is right in another language.
pub(super) fn suggest_language(
    text: &str,
    language: Language,
    diagnostics: &[Diagnostic],
    log: &mut dyn Write,
) -> io::Result<()> {
    // Other mistakes are more likely ones within EQL: nearly every text is KQL.
    let no_event_query = || diagnostics.iter().any(|found| found.code == EVENT_QUERY_FORM);
    match language {
        Language::Eql | Language::Kql if watchfire_esql::parse(text).is_valid() => {
            writeln!(log, "as ES|QL this query is well formed: add `--language esql` if that is meant")
        }
        Language::Eql if no_event_query() && watchfire_kql::parse(text).is_valid() => {
            writeln!(log, "as KQL this query is well formed: add `--language kql` if that is meant")
        }
        Language::Kql | Language::Esql if watchfire_eql::parse(text).is_valid() => {
            writeln!(log, "as EQL this query is well formed: leave out `--language` if that is meant")
        }
        _ => Ok(()),
    }
}
