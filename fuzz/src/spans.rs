//! What holds for every diagnostic and every span, whatever the text.

use watchfire_diagnostics::{Diagnostic, SourceText, Span, render};

/// So many diagnostics of one text are rendered; rendering looks at the whole text each time.
const MAX_RENDERED: usize = 60;

/// Spans lie in the text and on its characters, and every diagnostic can be shown in every form.
pub(crate) fn check_diagnostics(text: &str, diagnostics: &[Diagnostic]) {
    let source = SourceText::new("input", text);
    for diagnostic in diagnostics {
        for label in &diagnostic.labels {
            check_span(text, label.span);
        }
        if let Some(edit) = &diagnostic.edit {
            check_span(text, edit.span);
        }
        assert!(!diagnostic.message.is_empty(), "a diagnostic says nothing: {diagnostic:?}");
    }
    for diagnostic in diagnostics.iter().take(MAX_RENDERED) {
        render::full(diagnostic, &source, render::Colour::Never);
        let line = render::one_line(diagnostic, &source);
        assert!(!line.contains('\n'), "the one-line form has several lines: {line:?}");
    }
}

/// The span is a piece of the text.
pub(crate) fn check_span(text: &str, span: Span) {
    assert!(text.get(span.range()).is_some(), "{span:?} is no piece of {text:?}");
}

/// The inner span is a piece of the text inside of the outer one.
pub(crate) fn check_inside(text: &str, outer: Span, inner: Span) {
    check_span(text, inner);
    assert!(outer.contains(inner), "{inner:?} is not inside of {outer:?} in {text:?}");
}
