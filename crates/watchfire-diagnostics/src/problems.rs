//! The list of what is wrong with one query, with a bound on its length.

use crate::{Code, Diagnostic, Severity, Span};

/// At most this many errors, and as many warnings and notes, are listed for one query. The rest is counted in a
/// diagnostic of its own, so that a hostile query cannot make the list much larger than itself.
pub const MAX_DIAGNOSTICS: usize = 100;

/// Collects diagnostics up to [`MAX_DIAGNOSTICS`], and counts the rest.
#[derive(Debug)]
pub struct Problems {
    further: Code,
    errors: Held,
    others: Held,
}

#[derive(Debug, Default)]
struct Held {
    listed: Vec<Diagnostic>,
    held_back: usize,
}

impl Held {
    fn push(&mut self, diagnostic: Diagnostic) {
        if self.listed.len() < MAX_DIAGNOSTICS {
            self.listed.push(diagnostic);
        } else {
            self.held_back += 1;
        }
    }
}

impl Problems {
    /// An empty list; `further` is the code under which what is not listed is counted.
    pub fn new(further: Code) -> Self {
        Self { further, errors: Held::default(), others: Held::default() }
    }

    /// Adds one, or counts it.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        match diagnostic.severity {
            Severity::Error => self.errors.push(diagnostic),
            Severity::Warning | Severity::Note => self.others.push(diagnostic),
        }
    }

    /// Whether a listed error points into the span, so that a warning about the same place would only repeat it.
    pub fn has_error_in(&self, span: Span) -> bool {
        let touches = |label: Span| label.start <= span.end && span.start <= label.end;
        self.errors.listed.iter().flat_map(|error| &error.labels).any(|label| touches(label.span))
    }

    /// All that was listed, in the order of the text, and then the counts of what was not.
    pub fn into_list(self) -> Vec<Diagnostic> {
        let mut list = self.errors.listed;
        list.extend(self.others.listed);
        list.sort_by_key(Diagnostic::primary_span);
        for (severity, count, kind) in [
            (Severity::Error, self.errors.held_back, "errors"),
            (Severity::Warning, self.others.held_back, "warnings and notes"),
        ] {
            if count > 0 {
                let message = format!("{count} further {kind} are not listed");
                list.push(Diagnostic::new(self.further, severity, message));
            }
        }
        list
    }
}
