//! The text of a query, and where it stands in the rule's file.

use serde::{Serialize, Serializer};
use watchfire_diagnostics::{Diagnostic, Span, SpanMap};

use super::names::named_values;

named_values! {
    /// The language of a query.
    QueryLanguage {
        /// Kibana Query Language, called `kuery` in rules.
        Kql = "kuery",
        /// Lucene query strings.
        Lucene = "lucene",
        /// Event Query Language.
        Eql = "eql",
        /// Elasticsearch's piped language.
        Esql = "esql",
    }
}

/// The text of a query. Two are equal if text and language are, wherever they stand.
#[derive(Clone, Debug)]
pub struct QueryText {
    /// The query itself, with the file's escapes undone.
    pub text: String,
    /// The language in effect: the one stated in the rule, else the default of the rule's type.
    pub language: QueryLanguage,
    /// Where the value stands in its file, quotes included.
    pub span: Span,
    /// From offsets in `text` to offsets in the file.
    pub span_map: SpanMap,
}

impl QueryText {
    /// A query that stands in no file.
    pub fn new(text: impl Into<String>, language: QueryLanguage) -> Self {
        Self { text: text.into(), language, span: Span::default(), span_map: SpanMap::identity() }
    }

    /// A diagnostic about the query as one about its file.
    pub fn in_file(&self, diagnostic: Diagnostic) -> Diagnostic {
        diagnostic.mapped(&self.span_map)
    }
}

impl PartialEq for QueryText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.language == other.language
    }
}

impl Eq for QueryText {}

impl Serialize for QueryText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
