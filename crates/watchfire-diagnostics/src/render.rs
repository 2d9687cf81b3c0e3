//! Diagnostics as text for people, and as JSON for programs.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};

use serde_json::{Map, Value, json};

use crate::{Diagnostic, Severity, SourceText, Span};

/// Whether to use terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI colours.
    Always,
}

/// A JSON object: code, severity and message, places, notes, help and edit. Lines and columns count from 1, columns in
/// characters; ends lie behind the last character. What there is none of is `null` or empty, never absent.
pub fn json_object(diagnostic: &Diagnostic, source: &SourceText) -> Map<String, Value> {
    let labels = diagnostic.labels.iter().map(|label| {
        let mut place = place(Some(label.span), source);
        place.insert("message".to_owned(), label.message.as_str().into());
        place.insert("primary".to_owned(), label.primary.into());
        Value::Object(place)
    });
    let edit = diagnostic.edit.as_ref().map(|edit| {
        let mut place = place(Some(edit.span), source);
        place.insert("replacement".to_owned(), edit.replacement.as_str().into());
        Value::Object(place)
    });
    let mut object = Map::new();
    object.insert("code".to_owned(), diagnostic.code.as_str().into());
    object.insert("severity".to_owned(), diagnostic.severity.to_string().into());
    object.insert("message".to_owned(), diagnostic.message.as_str().into());
    object.extend(place(diagnostic.primary_span(), source));
    object.insert("labels".to_owned(), labels.collect::<Vec<_>>().into());
    object.insert("notes".to_owned(), json!(diagnostic.notes));
    object.insert("help".to_owned(), json!(diagnostic.help));
    object.insert("edit".to_owned(), edit.into());
    object
}

fn place(span: Option<Span>, source: &SourceText) -> Map<String, Value> {
    let start = span.map(|span| source.line_column(span.start));
    let end = span.map(|span| source.line_column(span.end));
    let numbers = [
        ("line", start.map(|at| at.line)),
        ("column", start.map(|at| at.column)),
        ("end_line", end.map(|at| at.line)),
        ("end_column", end.map(|at| at.column)),
    ];
    numbers.into_iter().map(|(key, number)| (key.to_owned(), json!(number))).collect()
}

/// One line: `name:line:column: severity[CODE]: message`, without the place where there is none.
///
/// Names and messages may quote the input. Line breaks and other control characters in them are shown as escapes, so
/// that whoever reads line by line is not misled, and no input speaks to the terminal.
pub fn one_line(diagnostic: &Diagnostic, source: &SourceText) -> String {
    let place = match diagnostic.primary_span() {
        Some(span) => {
            let at = source.line_column(span.start);
            format!("{}:{}:{}", source.name(), at.line, at.column)
        }
        None => source.name().to_owned(),
    };
    let line = format!("{place}: {}[{}]: {}", diagnostic.severity, diagnostic.code, diagnostic.message);
    if line.contains(char::is_control) { escape_controls(&line) } else { line }
}

fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// The full form: message, source lines with the labelled places underlined, notes and help.
///
/// The result has no line break at its end.
pub fn full(diagnostic: &Diagnostic, source: &SourceText, colour: Colour) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code.as_str());
    let mut group = if diagnostic.labels.is_empty() {
        Group::with_title(title).element(annotate_snippets::Origin::path(source.name()))
    } else {
        let annotations = diagnostic.labels.iter().map(|label| {
            let kind = if label.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            kind.span(clamp(label.span, source).range()).label(label.message.as_str())
        });
        let snippet = Snippet::source(source.text())
            .line_start(source.first_line())
            .path(source.name())
            .annotations(annotations);
        Group::with_title(title).element(snippet)
    };
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    let mut report = vec![group];
    if let (Some(edit), None) = (&diagnostic.edit, &diagnostic.help) {
        let patch = Patch::new(clamp(edit.span, source).range(), edit.replacement.as_str());
        let snippet =
            Snippet::source(source.text()).line_start(source.first_line()).path(source.name()).patch(patch);
        report.push(Group::with_title(Level::HELP.secondary_title("change it to")).element(snippet));
    }
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    renderer.render(&report).clone()
}

/// The span made safe for the renderer, which refuses what lies outside the text or inside a character.
fn clamp(span: Span, source: &SourceText) -> Span {
    let text = source.text();
    let mut start = (span.start as usize).min(text.len());
    let mut end = (span.end as usize).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    Span::new(start, end.max(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    const CODE: Code = Code::new("TST001");

    #[test]
    fn renders_both_forms() {
        let source = SourceText::new("rule.toml", "x = 1\nquery = \"a = 1\"\n");
        let diagnostic = Diagnostic::error(CODE, "`=` does not compare")
            .at(Span::new(17, 18), "found here")
            .with_help("write `==`");
        assert_eq!(one_line(&diagnostic, &source), "rule.toml:2:12: error[TST001]: `=` does not compare");
        insta::assert_snapshot!(full(&diagnostic, &source, Colour::Never), @r#"
        error[TST001]: `=` does not compare
         --> rule.toml:2:12
          |
        2 | query = "a = 1"
          |            ^ found here
          |
          = help: write `==`
        "#);
    }

    #[test]
    fn one_line_is_one_line() {
        let diagnostic = Diagnostic::error(CODE, "no address: `10.0\r\n\u{1b}[31m`");
        let shown = one_line(&diagnostic, &SourceText::new("a\nb", ""));
        assert_eq!(shown, r"a\nb: error[TST001]: no address: `10.0\r\n\u{1b}[31m`");
    }

    #[test]
    fn survives_spans_outside_the_text() {
        let source = SourceText::new("q", "ä");
        let diagnostic = Diagnostic::error(CODE, "m").at(Span::new(1, 900), "");
        assert!(full(&diagnostic, &source, Colour::Never).contains("error[TST001]: m"));
    }
}
