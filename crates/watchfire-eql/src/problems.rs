//! Collecting diagnostics, with bounds on their number and on what they repeat.

use watchfire_diagnostics::{Diagnostic, Severity};

use crate::codes;
use crate::limits::MAX_DIAGNOSTICS;

/// The start of a piece of the text, short enough for a message.
pub(crate) fn excerpt(text: &str) -> String {
    /// Longest excerpt in characters.
    const LONGEST: usize = 40;
    let line = text.lines().next().unwrap_or_default();
    let mut excerpt: String = line.chars().take(LONGEST).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    excerpt
}

/// The diagnostics found so far. Those beyond [`MAX_DIAGNOSTICS`] are only counted.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    kept: Vec<Diagnostic>,
    left_out: usize,
    worst_left_out: Option<Severity>,
}

impl Problems {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < MAX_DIAGNOSTICS {
            self.kept.push(diagnostic);
        } else {
            self.left_out += 1;
            self.worst_left_out = self.worst_left_out.max(Some(diagnostic.severity));
        }
    }

    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    pub(crate) fn has_errors(&self) -> bool {
        let kept = self.kept.iter().map(|diagnostic| diagnostic.severity);
        kept.chain(self.worst_left_out).any(|severity| severity == Severity::Error)
    }

    /// Everything in order of place, ending in a count of what was left out.
    pub(crate) fn into_sorted(self) -> Vec<Diagnostic> {
        let mut diagnostics = self.kept;
        diagnostics.sort_by_key(|diagnostic| (diagnostic.primary_span(), diagnostic.code));
        if let Some(severity) = self.worst_left_out {
            let message = match self.left_out {
                1 => "1 further diagnostic is left out".to_owned(),
                number => format!("{number} further diagnostics are left out"),
            };
            diagnostics.push(Diagnostic::new(codes::TOO_MANY_DIAGNOSTICS, severity, message));
        }
        diagnostics
    }
}
