//! Sequences, samples and joins with their clauses.

use watchfire_diagnostics::{Diagnostic, Span};

use super::Parser;
use super::expression::Level;
use crate::ast::{
    Alias, ExprKind, Join, JoinKey, MaxSpan, Runs, Sample, SampleTerm, Sequence, SequenceTerm, TimeUnit,
};
use crate::codes;
use crate::lexer::{Keyword, TokenKind};
use crate::limits::MAX_SPAN_MILLIS;

impl Parser<'_> {
    pub(super) fn sequence(&mut self) -> Sequence {
        let start = self.take_leading_keyword(Keyword::Sequence);
        let mut by = self.keys();
        let mut maxspan = None;
        while self.at_keyword(Keyword::With) || (maxspan.is_some() && self.at_keyword(Keyword::By)) {
            let clause = self.span();
            if let Some(found) = self.with_clause().maxspan {
                maxspan = Some(found);
            }
            if self.at_keyword(Keyword::By) {
                let keys = self.keys_after(clause, "with maxspan");
                by.extend(keys);
            }
        }
        let mut terms = Vec::new();
        while let Some(term) = self.sequence_term() {
            terms.push(term);
        }
        if terms.is_empty() {
            self.complain_expected(codes::UNEXPECTED_TOKEN, "`[`");
        }
        let until = self.eat_keyword(Keyword::Until).and_then(|_| {
            let term = self.sequence_term();
            if term.is_none() {
                self.complain_expected(codes::UNEXPECTED_TOKEN, "`[`");
            }
            term
        });
        self.aliases.clear();
        Sequence { by, maxspan, terms, until, span: self.span_from(start) }
    }

    pub(super) fn sample(&mut self) -> Sample {
        let start = self.take_leading_keyword(Keyword::Sample);
        let by = self.keys();
        let terms = self.sample_terms("sample");
        if self.at_keyword(Keyword::Until) {
            self.complain_misplaced("`until`", "a sample");
            self.eat_keyword(Keyword::Until);
            self.sequence_term();
        }
        Sample { by, terms, span: self.span_from(start) }
    }

    pub(super) fn join(&mut self) -> Join {
        let start = self.take_leading_keyword(Keyword::Join);
        let by = self.keys();
        let terms = self.sample_terms("join");
        let until = self.eat_keyword(Keyword::Until).and_then(|_| self.sample_term("join"));
        Join { by, terms, until, span: self.span_from(start) }
    }

    fn take_leading_keyword(&mut self, keyword: Keyword) -> Span {
        let start = self.span();
        self.eat_keyword(keyword);
        start
    }

    fn sample_terms(&mut self, kind: &str) -> Vec<SampleTerm> {
        if self.at_keyword(Keyword::With) {
            self.complain_misplaced("`with`", &format!("a {kind}"));
            self.with_clause();
        }
        let mut terms = Vec::new();
        while let Some(term) = self.sample_term(kind) {
            terms.push(term);
        }
        if terms.is_empty() {
            self.complain_expected(codes::UNEXPECTED_TOKEN, "`[`");
        }
        terms
    }

    fn sample_term(&mut self, kind: &str) -> Option<SampleTerm> {
        let start = self.span();
        let named = self.aliases.len();
        let SequenceTerm { event, missing, by, runs, alias, span } = self.sequence_term()?;
        // The name is not kept, so it must not be referred to.
        self.aliases.truncate(named);
        let misplaced = [
            (missing.then_some(start), "`![…]`"),
            (runs.map(|runs| runs.span), "`with runs`"),
            (alias.as_ref().map(|alias| alias.span), "`as`"),
        ];
        for (place, what) in misplaced {
            if let Some(place) = place {
                self.say(misplaced_clause(place, what, &format!("a {kind}")));
            }
        }
        Some(SampleTerm { event, by, span })
    }

    fn complain_misplaced(&mut self, what: &str, within: &str) {
        self.complain(|parser| misplaced_clause(parser.span(), what, within));
    }

    /// A stage with its clauses, if one begins here.
    fn sequence_term(&mut self) -> Option<SequenceTerm> {
        let start = self.span();
        let (opening, missing) = match self.kind() {
            TokenKind::LeftBracket => (self.bump(), false),
            TokenKind::MissingBracket => (self.bump(), true),
            TokenKind::Bang if self.nth(1) == TokenKind::LeftBracket => {
                (self.take_foreign_operator(2, "!["), true)
            }
            _ => return None,
        };
        let (event, _) = self.event_query(&[TokenKind::RightBracket]);
        if !self.at(TokenKind::RightBracket) && !self.opens_stage_or_ends() {
            self.complain_expected(codes::UNEXPECTED_TOKEN, "`]`");
            self.skip_to(&[
                TokenKind::RightBracket,
                TokenKind::LeftBracket,
                TokenKind::MissingBracket,
                TokenKind::Pipe,
            ]);
        }
        self.close(TokenKind::RightBracket, "]", opening);
        let mut term = SequenceTerm {
            event,
            missing,
            by: Vec::new(),
            runs: None,
            alias: None,
            span: self.span_from(start),
        };
        self.term_clauses(&mut term);
        term.span = self.span_from(start);
        Some(term)
    }

    fn opens_stage_or_ends(&self) -> bool {
        use TokenKind as K;
        matches!(self.kind(), K::LeftBracket | K::MissingBracket | K::Pipe | K::End)
            || self.at_keyword(Keyword::Until)
    }

    /// `by`, `with runs` and `as` behind a stage.
    fn term_clauses(&mut self, term: &mut SequenceTerm) {
        let mut last: Option<(Span, &str)> = None;
        loop {
            let clause = self.span();
            if self.at_keyword(Keyword::By) {
                let keys = match last {
                    Some((earlier, what)) => self.keys_after(earlier, what),
                    None => self.keys(),
                };
                term.by.extend(keys);
                last = last.or(Some((clause, "by")));
            } else if self.at_keyword(Keyword::With) {
                let With { maxspan, runs } = self.with_clause();
                if let Some(maxspan) = maxspan {
                    let diagnostic =
                        Diagnostic::error(codes::CLAUSE_ORDER, "`maxspan` stands behind a stage")
                            .at(maxspan.span, "")
                            .with_help(
                                "put it before the first stage: `sequence by … with maxspan=… […] […]`",
                            );
                    self.say(diagnostic);
                }
                term.runs = runs.or(term.runs);
                last = Some((clause, "with runs"));
            } else if self.at_word("as") && self.nth(1) == TokenKind::Identifier {
                self.bump();
                let span = self.bump();
                let name = self.slice(span).to_owned();
                self.aliases.push(name.clone());
                term.alias = Some(Alias { name, span });
                last = Some((clause, "as"));
            } else if self.at_word("fork") {
                self.fork();
            } else {
                return;
            }
        }
    }

    fn at_word(&self, word: &str) -> bool {
        self.at(TokenKind::Identifier) && self.slice(self.span()) == word
    }

    /// `fork` or `fork=true`, which leaves nothing in the tree.
    fn fork(&mut self) {
        let mut span = self.bump();
        if self.eat(TokenKind::Assign).is_some() {
            span = span.cover(self.bump());
        }
        let diagnostic = Diagnostic::error(codes::FORK, "`fork` is Endgame EQL: not supported")
            .at(span, "")
            .with_help("leave it out; a partial sequence is used once")
            .with_edit(span, "");
        self.say(diagnostic);
    }

    /// `by key, …`, or nothing.
    fn keys(&mut self) -> Vec<JoinKey> {
        let mut keys = Vec::new();
        if self.eat_keyword(Keyword::By).is_none() {
            return keys;
        }
        loop {
            keys.extend(self.key());
            if self.eat(TokenKind::Comma).is_none() {
                return keys;
            }
        }
    }

    /// Keys that stand behind another clause; that is complained about, and they are taken.
    fn keys_after(&mut self, earlier: Span, what: &str) -> Vec<JoinKey> {
        let earlier = Span { start: earlier.start, end: self.end_of_last().max(earlier.end as usize) as u32 };
        let by = self.span();
        let keys = self.keys();
        let message = if what == "by" {
            "`by` stands here twice".to_owned()
        } else {
            format!("`by` must come before `{what}`")
        };
        let diagnostic =
            Diagnostic::error(codes::CLAUSE_ORDER, message).at(by, "").at(earlier, "first clause");
        let moved = self.span_from(by);
        let diagnostic = if what == "by" {
            diagnostic.with_help("name all keys in one `by`, separated by `,`")
        } else {
            let replacement = format!("{} {}", self.slice(moved), self.slice(earlier));
            diagnostic.with_help("swap the two").with_edit(earlier.cover(moved), replacement)
        };
        self.say(diagnostic);
        keys
    }

    fn key(&mut self) -> Option<JoinKey> {
        let start = self.span();
        let before = self.position;
        let tree = self.tree(Level::Sum);
        if self.position == before {
            return None;
        }
        let span = self.span_from(start);
        if let ExprKind::Field(field) = tree.expr.kind {
            return Some(JoinKey { field, span });
        }
        if tree.expr.kind != ExprKind::Invalid {
            let message = format!("the key `{}` is not a field", self.quote(span));
            let diagnostic = Diagnostic::error(codes::KEY_NOT_A_FIELD, message)
                .at(span, "")
                .with_help("name fields whose values are equal in all stages")
                .with_note("keys that are computed are Endgame EQL");
            self.say(diagnostic);
        }
        None
    }

    /// `with maxspan=…` or `with runs=…`.
    fn with_clause(&mut self) -> With {
        let mut found = With { maxspan: None, runs: None };
        if self.eat_keyword(Keyword::With).is_none() {
            return found;
        }
        if self.eat_keyword(Keyword::MaxSpan).is_some() {
            if self.assign() {
                found.maxspan = self.time_span();
            }
        } else if self.at_word("runs") {
            self.bump();
            if self.assign() {
                found.runs = self.runs();
            }
        } else {
            self.complain(|parser| {
                let message = format!("expected `maxspan` or `runs`, found {}", parser.name_of(0));
                Diagnostic::error(codes::UNEXPECTED_TOKEN, message)
                    .at(parser.span(), "expected `maxspan` or `runs`")
                    .with_help(
                        "write `with maxspan=5m` before the first stage, or `with runs=3` behind a stage",
                    )
            });
            if self.at(TokenKind::Identifier) {
                self.bump();
                self.skip_assignment();
            }
        }
        found
    }

    /// Steps over `=`; `==` is taken for it.
    fn assign(&mut self) -> bool {
        if self.eat(TokenKind::Assign).is_some() {
            return true;
        }
        self.complain(|parser| {
            let message = format!("expected `=`, found {}", parser.name_of(0));
            let diagnostic =
                Diagnostic::error(codes::UNEXPECTED_TOKEN, message).at(parser.span(), "expected `=`");
            match parser.kind() {
                TokenKind::Equal | TokenKind::Colon => {
                    diagnostic.with_help("write `=`").with_edit(parser.span(), "=")
                }
                TokenKind::Integer => {
                    diagnostic.with_help("write `=`").with_edit(Span::empty(parser.end_of_last()), "=")
                }
                _ => diagnostic,
            }
        });
        self.eat(TokenKind::Equal).or_else(|| self.eat(TokenKind::Colon)).is_some()
            || matches!(self.kind(), TokenKind::Integer | TokenKind::Decimal)
    }

    fn skip_assignment(&mut self) {
        if self.eat(TokenKind::Assign).is_some() && !self.at_end() {
            self.bump();
            if self.at(TokenKind::Identifier) && self.is_glued(0) {
                self.bump();
            }
        }
    }

    fn time_span(&mut self) -> Option<MaxSpan> {
        let start = self.span();
        let number = self.kind();
        if !matches!(number, TokenKind::Integer | TokenKind::Decimal) {
            self.complain(|parser| {
                let message = format!("expected a time span, found {}", parser.name_of(0));
                Diagnostic::error(codes::MAXSPAN_VALUE, message)
                    .at(parser.span(), "expected a number with its unit")
                    .with_help("write for example `maxspan=5m`")
            });
            let signed = matches!(self.kind(), TokenKind::Minus | TokenKind::Plus);
            if !self.opens_stage_or_ends() {
                self.bump();
            }
            if signed && matches!(self.kind(), TokenKind::Integer | TokenKind::Decimal) {
                self.bump();
                if self.at(TokenKind::Identifier) && self.is_glued(0) {
                    self.bump();
                }
            }
            return None;
        }
        self.bump();
        let unit = self.time_unit(start);
        let span = self.span_from(start);
        let shown = self.quote(span);
        if number == TokenKind::Decimal {
            let diagnostic =
                Diagnostic::error(codes::MAXSPAN_VALUE, format!("`{shown}` is not a whole number"))
                    .at(span, "")
                    .with_help("use a smaller unit, for example `90s` instead of `1.5m`");
            self.say(diagnostic);
            return None;
        }
        let value = self.slice(start).parse::<u64>().ok();
        let unit = unit?;
        let in_range =
            |value: u64| value.checked_mul(unit.millis()).is_some_and(|span| span <= MAX_SPAN_MILLIS);
        match value {
            Some(0) => {
                let diagnostic = Diagnostic::error(codes::MAXSPAN_VALUE, "`maxspan` is zero")
                    .at(span, "")
                    .with_help("the shortest span is `1ms`");
                self.say(diagnostic);
                None
            }
            Some(value) if in_range(value) => Some(MaxSpan { value, unit, span }),
            _ => {
                let message = format!("the time span `{shown}` is too long");
                self.say(Diagnostic::error(codes::MAXSPAN_VALUE, message).at(span, ""));
                None
            }
        }
    }

    fn time_unit(&mut self, number: Span) -> Option<TimeUnit> {
        let followed_by_clause = self.keyword_at(0).is_some() || !self.at(TokenKind::Identifier);
        if followed_by_clause {
            let digits = self.quote(number);
            let diagnostic =
                Diagnostic::error(codes::MAXSPAN_UNIT, format!("`maxspan={digits}` has no unit"))
                    .at(number, "")
                    .with_help(format!(
                        "write `{digits}s` for seconds; the units are `ms`, `s`, `m`, `h` and `d`"
                    ))
                    .with_edit(Span::empty(number.end as usize), "s");
            self.say(diagnostic);
            return None;
        }
        let span = self.bump();
        let text = self.slice(span);
        let unit = TimeUnit::from_text(text);
        if unit.is_none() {
            let similar = similar_unit(text);
            let diagnostic =
                Diagnostic::error(codes::MAXSPAN_UNIT, format!("`{}` is no unit of time", self.quote(span)))
                    .at(span, "");
            self.say(match similar {
                Some(unit) => {
                    diagnostic.with_help(format!("did you mean `{unit}`?")).with_edit(span, unit.as_str())
                }
                None => diagnostic.with_help("the units are `ms`, `s`, `m`, `h` and `d`"),
            });
        }
        unit
    }

    fn runs(&mut self) -> Option<Runs> {
        let span = self.span();
        if self.at(TokenKind::Integer) {
            self.bump();
            // A number that does not fit is out of range in any case.
            let value = self.slice(span).parse().unwrap_or(u64::MAX);
            return Some(Runs { value, span });
        }
        self.complain_expected(codes::UNEXPECTED_TOKEN, "a whole number");
        self.eat(TokenKind::Minus);
        if matches!(self.kind(), TokenKind::Decimal | TokenKind::Integer | TokenKind::String) {
            self.bump();
        }
        None
    }
}

/// What a `with` clause set.
struct With {
    maxspan: Option<MaxSpan>,
    runs: Option<Runs>,
}

fn misplaced_clause(span: Span, what: &str, within: &str) -> Diagnostic {
    Diagnostic::error(codes::MISPLACED_CLAUSE, format!("{what} has no meaning in {within}"))
        .at(span, "")
        .with_help("it belongs to a `sequence`")
}

/// The unit that another spelling stands for.
fn similar_unit(text: &str) -> Option<TimeUnit> {
    Some(match text.to_ascii_lowercase().as_str() {
        "millis" | "millisecond" | "milliseconds" | "msec" | "ms" => TimeUnit::Milliseconds,
        "sec" | "secs" | "second" | "seconds" | "s" => TimeUnit::Seconds,
        "min" | "mins" | "minute" | "minutes" | "m" => TimeUnit::Minutes,
        "hr" | "hrs" | "hour" | "hours" | "h" => TimeUnit::Hours,
        "day" | "days" | "d" => TimeUnit::Days,
        _ => return None,
    })
}
