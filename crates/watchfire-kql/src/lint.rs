//! Warnings about queries that are valid, and probably not what was meant or not accepted elsewhere.
//!
//! Only what the text alone can tell is looked for here; what depends on the type of a field is found by those who
//! know it.

use std::ops::Range;

use watchfire_diagnostics::{Diagnostic, Problems, Severity, Span};

use crate::ast::{
    Expr, ExprKind, FieldName, NamePattern, Query, Value, ValueExpr, ValueKind, ValueLiteral, WildcardPart,
    WildcardPattern,
};
use crate::characters::is_space;
use crate::codes;
use crate::foreign::{self, Foreign};
use crate::token::{Token, TokenKind};

/// Adds warnings and notes about the query. Places that already have an error are left alone.
pub(crate) fn lint(text: &str, tokens: &[Token], query: &Query, problems: &mut Problems) {
    let mut lints = Lints { text, problems };
    if let [_end] = tokens {
        let warning = "an empty query matches every event";
        lints.problems.push(Diagnostic::warning(codes::EMPTY_QUERY, warning).at(query.span, ""));
    }
    for (at, token) in tokens.iter().enumerate() {
        let names_field =
            matches!(tokens.get(at + 1).map(|next| &next.kind), Some(TokenKind::Colon | TokenKind::Range(_)));
        lints.token(token, names_field);
    }
    if let Some(expr) = &query.expr {
        lints.expr(expr);
    }
}

struct Lints<'a> {
    text: &'a str,
    problems: &'a mut Problems,
}

impl<'a> Lints<'a> {
    fn raw(&self, span: Span) -> &'a str {
        &self.text[span.range()]
    }

    fn token(&mut self, token: &Token, names_field: bool) {
        let raw = self.raw(token.span);
        if let Some(keyword) = token.kind.keyword() {
            if raw != keyword {
                let warning = format!("the detection-rules repository refuses the keyword `{raw}`");
                self.problems.push(
                    Diagnostic::warning(codes::KEYWORD_CASE, warning)
                        .at(token.span, "")
                        .with_edit(token.span, keyword),
                );
            }
        } else if matches!(token.kind, TokenKind::Unquoted(_)) {
            self.dangling_keyword(raw, token.span, names_field);
        }
    }

    fn dangling_keyword(&mut self, raw: &str, span: Span, names_field: bool) {
        let Some(word) = dangling_keyword(raw) else { return };
        let place = Span::new(span.start as usize + word.start, span.start as usize + word.end);
        // A field may well be called `or`.
        if (names_field && place == span) || self.problems.has_error_in(span) {
            return;
        }
        let word = self.raw(place);
        self.problems.push(
            Diagnostic::warning(codes::DANGLING_KEYWORD, format!("`{word}` is read as text here"))
                .at(place, format!("part of the value `{}`", one_line(raw)))
                .with_help(format!("remove it, or write `\\{word}` if the word is meant")),
        );
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::And(operands) | ExprKind::Or(operands) => {
                for operand in operands {
                    self.expr(operand);
                }
            }
            ExprKind::Not(inner) => self.expr(inner),
            ExprKind::Nested { path, inner } => {
                self.field(path);
                self.expr(inner);
            }
            ExprKind::Field { field, values } => {
                self.field(field);
                self.values(field, values);
            }
            ExprKind::Range { field, op, value, .. } => {
                self.field(field);
                if matches!(
                    value.kind,
                    ValueLiteral::Wildcard(_)
                        | ValueLiteral::Exists
                        | ValueLiteral::Null
                        | ValueLiteral::Boolean(_)
                ) {
                    let warning = format!("`{op}` cannot compare with `{value}`");
                    self.problems.push(Diagnostic::warning(codes::RANGE_VALUE, warning).at(value.span, ""));
                } else {
                    self.value(Some(field), value);
                }
            }
            ExprKind::FreeText(value) => self.value(None, value),
        }
    }

    fn values(&mut self, field: &FieldName, values: &ValueExpr) {
        match &values.kind {
            ValueKind::And(operands) | ValueKind::Or(operands) => {
                for operand in operands {
                    self.values(field, operand);
                }
            }
            ValueKind::Not(inner) => self.values(field, inner),
            ValueKind::Value(value) => self.value(Some(field), value),
        }
    }

    fn field(&mut self, field: &FieldName) {
        let raw = self.raw(field.span);
        let NamePattern::Exact(name) = &field.name else { return };
        if field.quoted || self.problems.has_error_in(field.span) {
            return;
        }
        if matches!(name.as_str(), "null" | "true" | "false") {
            let warning = format!("Kibana reads `{name}` as a constant, not as a field name");
            self.problems.push(
                Diagnostic::warning(codes::CONSTANT_FIELD, warning)
                    .at(field.span, "")
                    .with_edit(field.span, format!("\"{name}\"")),
            );
        } else if let Some(found) =
            foreign::connective(raw, field.span).or_else(|| foreign::eql_where(raw, field.span))
        {
            self.foreign(&found);
        } else if let Some((before, _)) = name.rsplit_once(char::is_whitespace) {
            let last = name.len() - before.len();
            self.problems.push(
                Diagnostic::warning(
                    codes::FIELD_WHITESPACE,
                    format!("the field name `{}` holds white space", one_line(name)),
                )
                .at(field.span, "all of this is the name")
                .with_help(format!(
                    "is `and` or `or` missing before `{}`?",
                    name[name.len() - last..].trim()
                )),
            );
        }
    }

    fn value(&mut self, field: Option<&FieldName>, value: &Value) {
        if self.problems.has_error_in(value.span) {
            return;
        }
        let raw = self.raw(value.span);
        match &value.kind {
            ValueLiteral::Null => {
                let problem = Diagnostic::warning(codes::NULL_VALUE, "a comparison with `null` never holds");
                let help = field.map_or_else(
                    || "write `\"null\"` to look for the word".to_owned(),
                    |field| format!("write `not {field}: *` to ask whether the field is missing"),
                );
                self.problems.push(problem.at(value.span, "").with_help(help));
            }
            ValueLiteral::Text(text) => self.text(field, raw, text, value.span),
            ValueLiteral::Wildcard(pattern) => self.pattern(pattern, raw, value.span),
            ValueLiteral::Phrase(text) if text.contains('*') => {
                let note = "`*` inside quotes is a plain star";
                self.problems.push(
                    Diagnostic::new(codes::QUOTED_STAR, Severity::Note, note)
                        .at(value.span, "")
                        .with_help("remove the quotes if a pattern is meant"),
                );
            }
            ValueLiteral::Phrase(_) | ValueLiteral::Boolean(_) | ValueLiteral::Exists => {}
        }
    }

    fn text(&mut self, field: Option<&FieldName>, raw: &str, text: &str, span: Span) {
        let quoted = text
            .get(1..text.len().max(2) - 1)
            .map(|inner| ValueLiteral::Phrase(inner.to_owned()).to_string());
        if self.single_quotes(raw, quoted, span) {
            return;
        }
        let foreign = if field.is_none() {
            foreign::connective(raw, span)
                .or_else(|| foreign::comparison(raw, span))
                .or_else(|| foreign::eql_where(raw, span))
                .or_else(|| foreign::glued_comparison(raw, span))
        } else {
            foreign::connective(raw, span)
        };
        if let Some(found) = foreign {
            self.foreign(&found);
        } else if raw.contains(is_space) && dangling_keyword(raw).is_none() {
            let warning = "the detection-rules repository refuses an unquoted value with white space";
            let mut problem = Diagnostic::warning(codes::UNQUOTED_SPACE, warning).at(span, "one value");
            if !text.contains(char::is_control) {
                let quoted = ValueLiteral::Phrase(text.to_owned());
                problem = problem
                    .with_help(format!("write `{quoted}`, which on a text field asks for the whole phrase"));
            }
            self.problems.push(problem);
        }
    }

    fn pattern(&mut self, pattern: &WildcardPattern, raw: &str, span: Span) {
        if self.single_quotes(raw, None, span) {
            return;
        }
        let is_blank = |part: &WildcardPart| match part {
            WildcardPart::Text(text) => text.trim().is_empty(),
            WildcardPart::Any => true,
        };
        let has_question_mark = |part: &WildcardPart| match part {
            WildcardPart::Text(text) => text.contains('?'),
            WildcardPart::Any => false,
        };
        if pattern.parts.iter().all(is_blank) {
            let warning = format!("`{raw}` is a pattern, and does not ask whether a field exists");
            self.problems
                .push(Diagnostic::warning(codes::REPEATED_STAR, warning).at(span, "").with_edit(span, "*"));
        } else if pattern.parts.iter().any(has_question_mark) {
            let note = "`?` in a pattern is a plain question mark";
            self.problems.push(Diagnostic::new(codes::QUESTION_MARK, Severity::Note, note).at(span, ""));
        }
    }

    /// Warns of single quotes around the value; `quoted` is the value in the quotes that would have been right.
    fn single_quotes(&mut self, raw: &str, quoted: Option<String>, span: Span) -> bool {
        if raw.len() < 2 || !(raw.starts_with('\'') && raw.ends_with('\'')) {
            return false;
        }
        let warning = format!("the single quotes of `{}` are part of the value", one_line(raw));
        let problem = Diagnostic::warning(codes::SINGLE_QUOTES, warning).at(span, "");
        self.problems.push(match quoted {
            Some(quoted) => problem.with_edit(span, quoted),
            None => problem.with_help("remove them; `*` is a wildcard only outside quotes"),
        });
        true
    }

    fn foreign(&mut self, found: &Foreign<'_>) {
        self.problems.push(
            Diagnostic::warning(
                codes::FOREIGN_SYNTAX,
                format!("`{}` is not an operator of KQL", found.operator),
            )
            .at(found.span, "read as text")
            .with_help(found.advice),
        );
    }
}

/// Where in an unquoted literal a keyword begins or ends it, and was perhaps not meant as text.
fn dangling_keyword(raw: &str) -> Option<Range<usize>> {
    let is =
        |word: &str, keywords: &[&str]| keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
    let first = raw.split(is_space).next()?;
    let last = raw.rsplit(is_space).next()?;
    if is(last, &["or", "and", "not"]) {
        Some(raw.len() - last.len()..raw.len())
    } else if is(first, &["or", "and"]) {
        Some(0..first.len())
    } else {
        None
    }
}

/// A text for use in a message, which stays on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
