//! Tokens to tree.

use watchfire_diagnostics::{Diagnostic, Problems, Severity, Span};

use super::lexer::{Token, TokenKind};
use super::{
    LuceneBound, LuceneClause, LuceneExpr, LuceneKind, LucenePart, LucenePattern, LuceneTest, Occur, codes,
};
use crate::MAX_NESTING;
use crate::ast::{FieldName, NamePattern, WildcardPart, WildcardPattern};

/// Parses all tokens. `None` is an empty query, or one of which nothing could be made out.
pub(super) fn parse(text: &str, tokens: &[Token], problems: &mut Problems) -> Option<LuceneExpr> {
    let mut parser = Parser { text, tokens, at: 0, depth: 0, problems };
    if parser.kind() == &TokenKind::End {
        let place = Span::new(0, text.len());
        parser.report(
            Diagnostic::warning(codes::EMPTY_QUERY, "an empty query matches every event").at(place, ""),
        );
        return None;
    }
    let mut clauses = Vec::new();
    loop {
        parser.clauses(&mut clauses);
        if parser.kind() == &TokenKind::End {
            break;
        }
        let stray = parser.bump().span;
        parser.report(Diagnostic::error(codes::UNCLOSED_BRACKET, "`)` closes nothing").at(stray, ""));
    }
    parser.boolean(clauses)
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    problems: &'a mut Problems,
}

impl<'a> Parser<'a> {
    fn kind(&self) -> &'a TokenKind {
        self.kind_after(0)
    }

    fn kind_after(&self, count: usize) -> &'a TokenKind {
        &self.tokens[(self.at + count).min(self.tokens.len() - 1)].kind
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    fn bump(&mut self) -> &'a Token {
        let token = &self.tokens[self.at];
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// Reads clauses up to a closing parenthesis or the end.
    fn clauses(&mut self, clauses: &mut Vec<LuceneClause>) {
        let mut first_of_all = clauses.is_empty();
        while !matches!(self.kind(), TokenKind::CloseParen | TokenKind::End) {
            let conjunction = match self.kind() {
                kind @ (TokenKind::And | TokenKind::Or) => {
                    let operator = self.bump().span;
                    if first_of_all {
                        let message = format!("nothing stands before `{}`", &self.text[operator.range()]);
                        self.report(Diagnostic::error(codes::MISSING_OPERAND, message).at(operator, ""));
                    }
                    Some(kind)
                }
                _ => None,
            };
            first_of_all = false;
            let sign = match self.kind() {
                TokenKind::Plus => Some(Occur::Must),
                TokenKind::Minus | TokenKind::Not => Some(Occur::MustNot),
                _ => None,
            };
            if sign.is_some() {
                self.bump();
            }
            let expr = if conjunction.is_none() && sign.is_none() { self.words() } else { None };
            let Some(expr) = expr.or_else(|| self.clause()) else { continue };
            let and = conjunction == Some(&TokenKind::And);
            if and && let Some(last) = clauses.last_mut().filter(|last| last.occur == Occur::Should) {
                last.occur = Occur::Must;
            }
            let occur = sign.unwrap_or(if and { Occur::Must } else { Occur::Should });
            clauses.push(LuceneClause { occur, expr });
        }
    }

    /// Words in a row, with no operator between them and none behind the last, are one text. A single word is left to
    /// [`Self::clause`].
    fn words(&mut self) -> Option<LuceneExpr> {
        let TokenKind::Term(first) = self.kind() else { return None };
        let mut text = first.clone();
        let mut span = self.span();
        // Anything but the first word of a row is bound to what follows it: `a b:c` and `a b OR c` are two clauses.
        let stands_alone = |kind: &TokenKind| {
            !matches!(
                kind,
                TokenKind::Colon | TokenKind::Fuzzy | TokenKind::Boost | TokenKind::And | TokenKind::Or
            ) && !matches!(kind, TokenKind::Wildcard(parts) if *parts == [LucenePart::Any])
        };
        let mut count = 1;
        while let TokenKind::Term(next) = self.kind_after(count)
            && stands_alone(self.kind_after(count + 1))
        {
            text.push(' ');
            text.push_str(next);
            span = span.cover(self.tokens[self.at + count].span);
            count += 1;
        }
        if count == 1 {
            return None;
        }
        for _ in 0..count {
            let word = self.bump().span;
            self.lower_case_keyword(word);
        }
        Some(LuceneExpr { kind: LuceneKind::Leaf { field: None, test: text_or_comparison(&text) }, span })
    }

    fn lower_case_keyword(&mut self, span: Span) {
        let word = &self.text[span.range()];
        if matches!(word, "and" | "or" | "not") {
            let upper = word.to_uppercase();
            self.report(
                Diagnostic::warning(codes::LOWER_CASE_KEYWORD, format!("`{word}` in lower case is a word"))
                    .at(span, "searched for")
                    .with_edit(span, upper),
            );
        }
    }

    /// `[ field ":" ] ( value | "(" clauses ")" )`.
    fn clause(&mut self) -> Option<LuceneExpr> {
        let start = self.span();
        let mut field = None;
        let mut asks_existence = false;
        if self.kind_after(1) == &TokenKind::Colon
            && let Some(name) = field_name(self.kind(), start)
        {
            self.bump();
            self.bump();
            asks_existence = name.name.as_exact() == Some("_exists_");
            field = Some(name);
        }
        let here = self.span();
        if asks_existence {
            let name = match self.kind() {
                TokenKind::Quoted(name) => Some(exact_or_pattern(name, true, here)),
                kind => field_name(kind, here),
            };
            let Some(name) = name else {
                self.missing_operand();
                return None;
            };
            self.bump();
            let kind = LuceneKind::Leaf { field: Some(name), test: LuceneTest::Exists };
            return Some(LuceneExpr { kind, span: start.cover(here) });
        }
        let test = match self.kind() {
            TokenKind::OpenParen => return self.group(field, start),
            TokenKind::Term(text) => text_or_comparison(text),
            TokenKind::Wildcard(parts) if *parts == [LucenePart::Any] => LuceneTest::Exists,
            TokenKind::Wildcard(parts) => LuceneTest::Wildcard(LucenePattern { parts: parts.clone() }),
            TokenKind::Quoted(text) => LuceneTest::Phrase(text.clone()),
            TokenKind::Regex(expression) => LuceneTest::Regex(expression.clone()),
            TokenKind::Range { lower, upper } => {
                LuceneTest::Range { lower: lower.clone(), upper: upper.clone() }
            }
            TokenKind::Invalid => {
                self.bump();
                return None;
            }
            TokenKind::Colon
            | TokenKind::Fuzzy
            | TokenKind::Boost
            | TokenKind::Plus
            | TokenKind::Minus
            | TokenKind::Not => {
                let message = format!("`{}` has no place here", &self.text[here.range()]);
                self.report(
                    Diagnostic::error(codes::UNEXPECTED, message)
                        .at(here, "")
                        .with_help("escape it with a backslash, or quote the value"),
                );
                self.bump();
                return None;
            }
            TokenKind::And | TokenKind::Or | TokenKind::CloseParen | TokenKind::End => {
                self.missing_operand();
                return None;
            }
        };
        let phrase = matches!(test, LuceneTest::Phrase(_));
        if field.is_none() && matches!(self.kind(), TokenKind::Term(_)) {
            self.lower_case_keyword(here);
        }
        self.bump();
        self.suffixes(phrase);
        Some(LuceneExpr { kind: LuceneKind::Leaf { field, test }, span: start.cover(here) })
    }

    /// `( … )`, the current token being the parenthesis.
    fn group(&mut self, field: Option<FieldName>, start: Span) -> Option<LuceneExpr> {
        let opening = self.bump().span;
        if self.depth >= MAX_NESTING {
            let message = format!("nested more deeply than {MAX_NESTING} levels");
            self.report(
                Diagnostic::error(codes::NESTED_TOO_DEEPLY, message).at(opening, "not read any further"),
            );
            let mut open = 1_usize;
            while open > 0 && self.kind() != &TokenKind::End {
                match self.bump().kind {
                    TokenKind::OpenParen => open += 1,
                    TokenKind::CloseParen => open -= 1,
                    _ => {}
                }
            }
            return None;
        }
        self.depth += 1;
        let mut clauses = Vec::new();
        self.clauses(&mut clauses);
        self.depth -= 1;
        let here = self.span();
        if self.kind() == &TokenKind::CloseParen {
            self.bump();
            if clauses.is_empty() && self.tokens[self.at - 2].span == opening {
                let place = opening.cover(here);
                self.report(
                    Diagnostic::error(codes::MISSING_OPERAND, "the parentheses are empty").at(place, ""),
                );
            }
        } else {
            let problem = Diagnostic::error(codes::UNCLOSED_BRACKET, "this `(` is not closed");
            self.report(problem.at(opening, "").at(here, "`)` is missing"));
        }
        self.suffixes(false);
        let inner = self.boolean(clauses)?;
        let inner = LuceneExpr { span: opening.cover(here), ..inner };
        Some(match field {
            Some(field) => LuceneExpr {
                span: start.cover(here),
                kind: LuceneKind::Scoped { field, inner: Box::new(inner) },
            },
            None => inner,
        })
    }

    /// What may stand behind a value: `~` and `^` with their numbers.
    fn suffixes(&mut self, phrase: bool) {
        loop {
            let here = self.span();
            match self.kind() {
                TokenKind::Fuzzy => {
                    let what = if phrase { "proximity" } else { "a fuzzy term" };
                    let message = format!("`{}`: {what} is not supported", &self.text[here.range()]);
                    self.report(Diagnostic::error(codes::UNSUPPORTED, message).at(here, ""));
                }
                TokenKind::Boost => {
                    let note = format!("`{}` does not change what matches", &self.text[here.range()]);
                    self.report(Diagnostic::new(codes::BOOST, Severity::Note, note).at(here, ""));
                }
                _ => return,
            }
            self.bump();
        }
    }

    fn missing_operand(&mut self) {
        let here = self.span();
        let before = self.at.checked_sub(1).map_or("", |last| &self.text[self.tokens[last].span.range()]);
        let message = format!("nothing follows `{before}`");
        self.report(Diagnostic::error(codes::MISSING_OPERAND, message).at(here, ""));
    }

    /// The group of the clauses; a single positive one is itself.
    fn boolean(&mut self, mut clauses: Vec<LuceneClause>) -> Option<LuceneExpr> {
        if let [LuceneClause { occur: Occur::Must | Occur::Should, .. }] = clauses.as_slice() {
            return clauses.pop().map(|clause| clause.expr);
        }
        let has_must = clauses.iter().any(|clause| clause.occur == Occur::Must);
        if let Some(optional) = clauses.iter().find(|clause| has_must && clause.occur == Occur::Should) {
            let warning = "this clause is optional, and decides nothing beside one that must hold";
            let problem = Diagnostic::warning(codes::OPTIONAL_CLAUSE, warning).at(optional.expr.span, "");
            self.report(problem.with_help("`AND` and `OR` have no precedence: use parentheses"));
        }
        let span = clauses.iter().map(|clause| clause.expr.span).reduce(Span::cover)?;
        Some(LuceneExpr { kind: LuceneKind::Boolean(clauses), span })
    }
}

/// A word, or the comparison that its first characters make of it.
fn text_or_comparison(text: &str) -> LuceneTest {
    type Bound = fn(String) -> LuceneBound;
    let operators: [(&str, Bound, bool); 4] = [
        (">=", LuceneBound::Inclusive, true),
        ("<=", LuceneBound::Inclusive, false),
        (">", LuceneBound::Exclusive, true),
        ("<", LuceneBound::Exclusive, false),
    ];
    for (operator, bound, is_lower) in operators {
        if let Some(value) = text.strip_prefix(operator).filter(|value| !value.is_empty()) {
            let bound = bound(value.to_owned());
            return if is_lower {
                LuceneTest::Range { lower: bound, upper: LuceneBound::Unbounded }
            } else {
                LuceneTest::Range { lower: LuceneBound::Unbounded, upper: bound }
            };
        }
    }
    LuceneTest::Text(text.to_owned())
}

/// The field that a token before a colon names. A star in a name is escaped, unless the name is a lone `*`.
fn field_name(kind: &TokenKind, span: Span) -> Option<FieldName> {
    match kind {
        TokenKind::Term(name) => Some(exact_or_pattern(name, false, span)),
        TokenKind::Wildcard(parts) if *parts == [LucenePart::Any] => Some(exact_or_pattern("*", false, span)),
        _ => None,
    }
}

fn exact_or_pattern(name: &str, quoted: bool, span: Span) -> FieldName {
    if quoted || !name.contains('*') {
        return FieldName { name: NamePattern::Exact(name.to_owned()), quoted, span };
    }
    let mut parts = Vec::new();
    for (position, text) in name.split('*').enumerate() {
        if position > 0 {
            parts.push(WildcardPart::Any);
        }
        if !text.is_empty() {
            parts.push(WildcardPart::Text(text.to_owned()));
        }
    }
    FieldName { name: NamePattern::Pattern(WildcardPattern { parts }), quoted, span }
}
