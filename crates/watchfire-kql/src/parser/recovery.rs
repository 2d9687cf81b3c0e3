//! What to say where the grammar is broken, and where to go on.

use watchfire_diagnostics::{Diagnostic, Span};

use super::operand::Operand;
use super::{MAX_NESTING, Parser};
use crate::characters::is_space;
use crate::codes;
use crate::foreign::{self, Foreign};
use crate::token::{Bracket, Token, TokenKind};

impl Parser<'_> {
    fn raw(&self, span: Span) -> &str {
        &self.text[span.range()]
    }

    /// Something other than `and` or `or` follows an operand. Reads at least one token.
    pub(super) fn recover_connective<T: Operand>(&mut self) -> Option<T> {
        match self.kind() {
            TokenKind::Not => self.not_behind_operand::<T>(),
            TokenKind::Open(bracket) => {
                self.bracket_behind_operand(*bracket);
                self.unary()
            }
            TokenKind::Quoted(_) | TokenKind::Unquoted(_) => {
                let connective_only = self.literal_behind_operand();
                if connective_only {
                    self.bump();
                    let operand_follows = !matches!(self.kind(), TokenKind::Close(_) | TokenKind::End);
                    return operand_follows.then(|| self.unary()).flatten();
                }
                self.unary()
            }
            TokenKind::Colon | TokenKind::Range(_) => {
                self.operator_behind_operand(T::IN_VALUES);
                self.bump();
                if matches!(self.kind(), TokenKind::Quoted(_) | TokenKind::Unquoted(_) | TokenKind::Open(_)) {
                    self.values();
                }
                None
            }
            TokenKind::And | TokenKind::Or | TokenKind::Close(_) | TokenKind::End => None,
        }
    }

    /// `a: do not run`, `a: cannot open`, or `a: 1 not b: 2`.
    fn not_behind_operand<T: Operand>(&mut self) -> Option<T> {
        let not = self.span();
        let after = self.tokens.get(self.at + 2).map(|token| &token.kind);
        let begins_condition = !T::IN_VALUES
            && (matches!(self.next_kind(), TokenKind::Open(_))
                || matches!(after, Some(TokenKind::Colon | TokenKind::Range(_))));
        let value =
            self.previous().filter(|last| matches!(last.kind, TokenKind::Unquoted(_)) && !begins_condition);
        let Some(value) = value else {
            self.missing_connective(not);
            return self.unary();
        };
        let message = format!("`not` ends the unquoted value `{}`", shortened(self.raw(value.span)));
        self.error(
            Diagnostic::error(codes::MISPLACED_NOT, message)
                .at(not, "`not` and white space: a keyword, even inside a word")
                .at(value.span, "the value ends here")
                .with_help("quote the value; to negate, put `and` before `not`"),
        );
        self.bump();
        if matches!(self.kind(), TokenKind::Quoted(_) | TokenKind::Unquoted(_)) {
            self.bump();
        }
        None
    }

    fn bracket_behind_operand(&mut self, bracket: Bracket) {
        let span = self.span();
        if bracket == Bracket::Brace {
            self.error(
                Diagnostic::error(codes::UNEXPECTED, "`{` does not follow a colon")
                    .at(span, "")
                    .with_help("a nested query is written `path: { … }`; escape or quote a brace that belongs to a value"),
            );
        } else if !self.keyword_before(span) && !self.foreign_before() {
            self.missing_connective(span);
        }
    }

    /// A literal follows an operand. Returns whether it is nothing but a misspelt connective.
    fn literal_behind_operand(&mut self) -> bool {
        let span = self.span();
        if let TokenKind::Unquoted(_) = self.kind() {
            let raw = self.raw(span);
            let first = raw.split(is_space).next().unwrap_or_default();
            let first_span = Span::new(span.start as usize, span.start as usize + first.len());
            let whole = first.len() == raw.len();
            if is_word(first, &["or", "and"]) {
                let glued = self.previous().is_some_and(|last| last.span.end == span.start);
                self.keyword_whitespace(first_span, glued, whole);
                return whole;
            }
            let found = foreign::at_end(first, first_span).filter(|found| found.span == first_span);
            if let Some(problem) = found.map(|found| foreign_syntax(&found)) {
                self.error(problem);
                return whole;
            }
        } else if self.keyword_before(span) || self.foreign_before() {
            return false;
        } else if self
            .previous()
            .is_some_and(|last| matches!(last.kind, TokenKind::Unquoted(_)) && last.span.end == span.start)
        {
            let quote = Span::new(span.start as usize, span.start as usize + 1);
            self.error(
                Diagnostic::error(codes::UNESCAPED_SPECIAL, "a quote inside an unquoted value")
                    .at(quote, "")
                    .with_help("write `\\\"`, or quote the whole value"),
            );
            return false;
        }
        self.missing_connective(span);
        false
    }

    /// `a: x b: y`, `a: C:\x`, `a: (b: c)`, `(a or b): c`.
    fn operator_behind_operand(&mut self, in_values: bool) {
        let span = self.span();
        let operator = self.raw(span).to_owned();
        let Some(last) = self.previous() else { return };
        let raw = self.text[last.span.range()].trim_end();
        match last.kind {
            TokenKind::Unquoted(_) => {}
            TokenKind::Close(_) => {
                let message = format!("no field name stands before `{operator}`");
                self.error(
                    Diagnostic::error(codes::MISSING_FIELD, message)
                        .at(span, "")
                        .at(last.span, "a group is not a field name"),
                );
                return;
            }
            _ => {
                let message = format!("`{operator}` follows a value");
                self.error(
                    Diagnostic::error(codes::UNEXPECTED, message).at(span, "").at(last.span, "the value"),
                );
                return;
            }
        }
        let name = raw.rsplit(is_space).next().unwrap_or(raw);
        let name_start = last.span.start as usize + raw.len() - name.len();
        let name_span = Span::new(name_start, name_start + name.len());
        // `C:\x` is a path, not a field `C`.
        let begins_path = self.text[span.end as usize..].starts_with('\\');
        let names_field = foreign::looks_like_field(name) && !begins_path;
        let first = raw.split(is_space).next().unwrap_or(raw);
        let problem = if raw.starts_with('\'') {
            single_quotes(last.span, raw).at(span, format!("`{operator}` ends the value"))
        } else if let Some(found) = foreign::connective(raw, last.span) {
            foreign_syntax(&found)
        } else if first.len() < raw.len() && is_word(first, &["and", "or"]) {
            let start = last.span.start as usize;
            Diagnostic::error(codes::MISSING_OPERAND, format!("no value stands before `{first}`"))
                .at(Span::new(start, start + first.len()), "read as text")
        } else if in_values && names_field {
            let message = format!("the field name `{name}` stands inside a group of values");
            Diagnostic::error(codes::FIELD_IN_VALUES, message)
                .at(name_span, "")
                .with_help("write the conditions one by one: `a: 1 and b: 2`")
        } else if name.len() < raw.len() && names_field {
            Diagnostic::error(codes::MISSING_CONNECTIVE, format!("`and` or `or` is missing before `{name}`"))
                .at(name_span, "a new condition seems to begin here")
                .with_edit(Span::empty(name_start), "and ")
        } else {
            Diagnostic::error(codes::UNESCAPED_SPECIAL, format!("`{operator}` inside an unquoted value"))
                .at(span, "")
                .with_help(format!("write `\\{operator}`, or quote the value"))
        };
        self.error(problem);
    }

    /// If the operand before ends in `or`, `and` or `not`, says that white space is missing behind the word.
    fn keyword_before(&mut self, here: Span) -> bool {
        let Some((word, span)) = self.last_word() else { return false };
        let found = span.end == here.start && is_word(word, &["or", "and", "not"]);
        if found {
            self.keyword_whitespace(span, false, true);
        }
        found
    }

    /// If the operand before ends in an operator of another language, says so.
    fn foreign_before(&mut self) -> bool {
        let Some(last) = self.previous().filter(|last| matches!(last.kind, TokenKind::Unquoted(_))) else {
            return false;
        };
        let raw = &self.text[last.span.range()];
        let Some(found) = foreign::at_end(raw, last.span) else { return false };
        let mut problem = foreign_syntax(&found);
        if let Some(eql) = foreign::eql_where(raw, last.span).filter(|eql| eql.span != found.span) {
            problem = problem.with_note(eql.advice);
        }
        self.error(problem);
        true
    }

    fn last_word(&self) -> Option<(&str, Span)> {
        let last = self.previous().filter(|last| matches!(last.kind, TokenKind::Unquoted(_)))?;
        let word = self.raw(last.span).rsplit(is_space).next()?;
        let end = last.span.end as usize;
        Some((word, Span::new(end - word.len(), end)))
    }

    fn keyword_whitespace(&mut self, keyword: Span, before: bool, behind: bool) {
        let word = self.raw(keyword);
        let side = match (before, behind) {
            (true, true) => "on both sides",
            (true, false) => "before it",
            (false, _) => "behind it",
        };
        let replacement = format!("{}{word}{}", if before { " " } else { "" }, if behind { " " } else { "" });
        self.error(
            Diagnostic::error(codes::KEYWORD_WHITESPACE, format!("`{word}` needs white space {side}"))
                .at(keyword, "read as part of a value")
                .with_edit(keyword, replacement),
        );
    }

    fn missing_connective(&mut self, here: Span) {
        let mut problem = Diagnostic::error(codes::MISSING_CONNECTIVE, "`and` or `or` is missing");
        problem = problem.at(here, "expected `and` or `or` before this");
        if let Some(last) = self.previous() {
            problem = problem.at(last.span, "behind this");
        }
        self.error(problem);
    }

    pub(super) fn repeated_not<T: Operand>(&mut self, negations: &[Span]) {
        let second = negations[1];
        let problem = if T::IN_VALUES {
            Diagnostic::warning(codes::REPEATED_NOT, "Kibana refuses a repeated `not`")
        } else {
            Diagnostic::error(codes::REPEATED_NOT, "only one `not` may stand before a condition")
        };
        self.problems.push(problem.at(second, "").with_help("write `not (not …)`, or leave both out"));
    }

    pub(super) fn too_deep(&mut self, place: Span) {
        let message = format!("nested more deeply than {MAX_NESTING} levels");
        self.problems
            .push(Diagnostic::error(codes::NESTED_TOO_DEEPLY, message).at(place, "not read any further"));
    }

    /// Steps over the partner of `opening`, or says that it is missing. Returns the span of what ends the group.
    pub(super) fn close(&mut self, bracket: Bracket, opening: Span) -> Span {
        let here = self.span();
        let last = self.previous().map_or(opening, |last| last.span);
        let message = format!("this `{}` is not closed", bracket.opening());
        let problem = Diagnostic::error(codes::UNCLOSED_BRACKET, message).at(opening, "");
        match self.kind() {
            TokenKind::Close(found) if *found == bracket => self.bump().span,
            TokenKind::Close(found) => {
                let label = format!("expected `{}`", bracket.closing());
                self.error(problem.at(here, label));
                if self.open.contains(found) { last } else { self.bump().span }
            }
            _ => {
                self.error(problem.at(here, format!("`{}` is missing", bracket.closing())));
                last
            }
        }
    }

    /// A closing bracket without partner, and the connective that may follow it.
    pub(super) fn stray_close(&mut self) {
        let here = self.span();
        let message = format!("`{}` closes nothing", self.raw(here));
        let problem = Diagnostic::error(codes::UNCLOSED_BRACKET, message).at(here, "");
        self.error(problem.with_help("remove it; a bracket that belongs to a value is escaped or quoted"));
        self.bump();
        if matches!(self.kind(), TokenKind::And | TokenKind::Or) {
            self.bump();
        }
    }

    pub(super) fn brace_without_path(&mut self) {
        let problem = Diagnostic::error(codes::MISSING_FIELD, "no path stands before `{`");
        self.error(problem.at(self.span(), "").with_help("a nested query is written `path: { … }`"));
    }

    pub(super) fn brace_in_values(&mut self) {
        let problem = Diagnostic::error(codes::UNEXPECTED, "`{` inside a group of values");
        self.error(problem.at(self.span(), "").with_help("values are grouped with parentheses"));
    }

    pub(super) fn missing_field(&mut self) {
        let here = self.span();
        let message = format!("no field name stands before `{}`", self.raw(here));
        self.error(Diagnostic::error(codes::MISSING_FIELD, message).at(here, ""));
    }

    pub(super) fn range_after_colon(&mut self) {
        let here = self.span();
        let operator = self.raw(here);
        let colon = self.previous().map_or(here, |colon| colon.span);
        self.error(
            Diagnostic::error(codes::RANGE_AFTER_COLON, format!("`{operator}` takes the place of `:`"))
                .at(colon.cover(here), "")
                .with_edit(colon.cover(here), format!(" {operator}")),
        );
    }

    pub(super) fn not_before_value(&mut self, field: &Token) {
        let here = self.span();
        let field = shortened(self.raw(field.span));
        self.error(
            Diagnostic::error(codes::MISPLACED_NOT, "`not` stands before a value")
                .at(here, "")
                .with_help(format!("write `not {field}: …`, or `{field}: (not …)`")),
        );
    }

    /// Nothing usable stands where a condition or value is expected.
    pub(super) fn missing_operand(&mut self) {
        let here = self.span();
        let Some(last) = self.previous() else { return };
        if matches!(last.kind, TokenKind::Close(_)) {
            // The bracket before had no partner, nor has this one: that says enough.
            return;
        }
        let before = self.raw(last.span);
        let (message, place) = match &last.kind {
            TokenKind::Open(Bracket::Parenthesis) => {
                ("the parentheses are empty".to_owned(), last.span.cover(here))
            }
            TokenKind::Open(Bracket::Brace) => ("the braces are empty".to_owned(), last.span.cover(here)),
            TokenKind::Range(_) if matches!(self.kind(), TokenKind::Open(_)) => {
                (format!("`{before}` takes a single value"), here)
            }
            TokenKind::Colon | TokenKind::Range(_) => (format!("no value follows `{before}`"), here),
            TokenKind::And | TokenKind::Or | TokenKind::Not => (format!("nothing follows `{before}`"), here),
            _ => ("a condition is missing".to_owned(), here),
        };
        let mut problem = Diagnostic::error(codes::MISSING_OPERAND, message).at(place, "");
        if last.kind == TokenKind::Colon {
            problem = problem.with_help("write `field: *` to ask whether the field exists");
        }
        self.error(problem);
    }
}

fn foreign_syntax(found: &Foreign<'_>) -> Diagnostic {
    Diagnostic::error(codes::FOREIGN_SYNTAX, format!("`{}` is not an operator of KQL", found.operator))
        .at(found.span, "read as text")
        .with_help(found.advice)
}

fn single_quotes(value: Span, raw: &str) -> Diagnostic {
    Diagnostic::error(
        codes::SINGLE_QUOTES,
        format!("the single quote in `{}` does not quote", shortened(raw)),
    )
    .at(value, "")
    .with_help("use double quotes")
}

fn is_word(word: &str, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// A value for use in a message, which stays on one line.
fn shortened(raw: &str) -> String {
    const LONGEST: usize = 40;
    let line = raw.split(['\n', '\r']).next().unwrap_or_default();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.len() < raw.len() => format!("{line}…"),
        None => line.to_owned(),
    }
}
