//! The diagnostic itself.

use std::fmt;

use serde::Serialize;

use crate::{Code, Span, SpanMap};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing has to change.
    Note,
    /// Probably not what the author means.
    Warning,
    /// Cannot be used as it is.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A span with what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What, in a few words; may be empty, which only underlines.
    pub message: String,
    /// Whether this is the place to put the cursor; exactly one label of a diagnostic is.
    pub primary: bool,
}

/// A replacement that would settle the matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// What to replace; an empty span inserts.
    pub span: Span,
    /// The new text, as it stands in the decoded query (not escaped for the file around it).
    pub replacement: String,
}

/// Something to tell the author of a rule, query or file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What kind of problem this is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence that stands alone: lower case, no full stop, values in backticks.
    pub message: String,
    /// The places; the first is the primary one. Empty when the problem has no place, such as an absent key.
    pub labels: Vec<Label>,
    /// Further facts.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// An edit that does it.
    pub edit: Option<Edit>,
}

impl Diagnostic {
    /// A diagnostic without a place.
    pub fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            edit: None,
        }
    }

    /// An error without a place.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    /// A warning without a place.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    /// Adds a place. The first one added is the primary one.
    #[must_use]
    pub fn at(mut self, span: Span, message: impl Into<String>) -> Self {
        let primary = self.labels.is_empty();
        self.labels.push(Label { span, message: message.into(), primary });
        self
    }

    /// Adds a further fact.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Offers a replacement.
    #[must_use]
    pub fn with_edit(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.edit = Some(Edit { span, replacement: replacement.into() });
        self
    }

    /// The span of the primary label.
    pub fn primary_span(&self) -> Option<Span> {
        self.labels.iter().find(|label| label.primary).map(|label| label.span)
    }

    /// The same diagnostic with its spans moved from a query to the file that holds it.
    #[must_use]
    pub fn mapped(mut self, map: &SpanMap) -> Self {
        for label in &mut self.labels {
            label.span = map.map(label.span);
        }
        if let Some(edit) = &mut self.edit {
            edit.span = map.map(edit.span);
        }
        self
    }
}
