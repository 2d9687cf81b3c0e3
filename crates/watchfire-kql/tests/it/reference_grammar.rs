//! The grammar of kql-semantics §2 read literally: a parsing expression grammar tried character by character, with no
//! lexer, no recovery and no limits. It is slow and obvious; the real parser must agree with it on every text.
//!
//! Each function tries one rule of the grammar at a place, and returns what it made and where it ended.

use watchfire_diagnostics::Span;
use watchfire_kql::ast::{
    Expr, ExprKind, FieldName, NamePattern, Query, RangeOp, Value, ValueExpr, ValueKind, ValueLiteral,
    WildcardPart, WildcardPattern,
};

const NOWHERE: Span = Span { start: 0, end: 0 };

type Found<T> = Option<(T, usize)>;

/// The tree of the text, without spans; `None` if it is not in the language.
pub(crate) fn parse(text: &str) -> Option<Query> {
    let grammar = Grammar { text: text.chars().collect() };
    let start = grammar.spaces(0);
    let (expr, end) = match grammar.or(start) {
        Some((expr, end)) => (Some(expr), end),
        None => (None, start),
    };
    (grammar.spaces(end) == grammar.text.len()).then_some(Query { expr, span: NOWHERE })
}

struct Grammar {
    text: Vec<char>,
}

enum Unit {
    Code(u16),
    Star,
}

impl Grammar {
    fn is(&self, at: usize, character: char) -> bool {
        self.text.get(at) == Some(&character)
    }

    fn one_of(&self, at: usize, characters: &str) -> bool {
        self.text.get(at).is_some_and(|found| characters.contains(*found))
    }

    fn space(&self, at: usize) -> bool {
        self.one_of(at, " \t\r\n\u{a0}")
    }

    fn spaces(&self, mut at: usize) -> usize {
        while self.space(at) {
            at += 1;
        }
        at
    }

    fn word(&self, at: usize, word: &str) -> Option<usize> {
        let fits = word.chars().enumerate().all(|(offset, wanted)| {
            self.text.get(at + offset).is_some_and(|found| found.eq_ignore_ascii_case(&wanted))
        });
        fits.then_some(at + word.len())
    }

    fn some_spaces(&self, at: usize) -> Option<usize> {
        self.space(at).then(|| self.spaces(at))
    }

    fn infix(&self, at: usize, keyword: &str) -> Option<usize> {
        self.some_spaces(at).and_then(|at| self.word(at, keyword)).and_then(|at| self.some_spaces(at))
    }

    fn not_keyword(&self, at: usize) -> Option<usize> {
        self.word(at, "not").and_then(|at| self.some_spaces(at))
    }

    fn list<T>(&self, at: usize, keyword: &str, operand: impl Fn(usize) -> Found<T>) -> Found<Vec<T>> {
        let (first, mut at) = operand(at)?;
        let mut list = vec![first];
        while let Some((next, end)) = self.infix(at, keyword).and_then(&operand) {
            list.push(next);
            at = end;
        }
        Some((list, at))
    }

    fn or(&self, at: usize) -> Found<Expr> {
        let (list, at) = self.list(at, "or", |at| self.and(at))?;
        Some((joined(list, |list| expr(ExprKind::Or(list))), at))
    }

    fn and(&self, at: usize) -> Found<Expr> {
        let (list, at) = self.list(at, "and", |at| self.not(at))?;
        Some((joined(list, |list| expr(ExprKind::And(list))), at))
    }

    fn not(&self, at: usize) -> Found<Expr> {
        if let Some((inner, end)) = self.not_keyword(at).and_then(|at| self.atom(at)) {
            return Some((expr(ExprKind::Not(Box::new(inner))), end));
        }
        self.atom(at)
    }

    fn bracketed<T>(
        &self,
        at: usize,
        open: char,
        close: char,
        inner: impl Fn(usize) -> Found<T>,
    ) -> Found<T> {
        if !self.is(at, open) {
            return None;
        }
        let (found, end) = inner(self.spaces(at + 1))?;
        let end = self.spaces(end);
        self.is(end, close).then_some((found, end + 1))
    }

    fn atom(&self, at: usize) -> Found<Expr> {
        self.bracketed(at, '(', ')', |at| self.or(at))
            .or_else(|| self.nested(at))
            .or_else(|| self.range(at))
            .or_else(|| self.field_values(at))
            .or_else(|| self.value(at).map(|(value, at)| (expr(ExprKind::FreeText(value)), at)))
    }

    fn field_and_colon(&self, at: usize) -> Found<FieldName> {
        let (field, end) = self.field(at)?;
        let end = self.spaces(end);
        self.is(end, ':').then(|| (field, self.spaces(end + 1)))
    }

    fn nested(&self, at: usize) -> Found<Expr> {
        let (path, at) = self.field_and_colon(at)?;
        let (inner, at) = self.bracketed(at, '{', '}', |at| self.or(at))?;
        Some((expr(ExprKind::Nested { path, inner: Box::new(inner) }), at))
    }

    fn range(&self, at: usize) -> Found<Expr> {
        let (field, at) = self.field(at)?;
        let at = self.spaces(at);
        let (op, at) = match (self.text.get(at)?, self.is(at + 1, '=')) {
            ('<', true) => (RangeOp::Lte, at + 2),
            ('>', true) => (RangeOp::Gte, at + 2),
            ('<', false) => (RangeOp::Lt, at + 1),
            ('>', false) => (RangeOp::Gt, at + 1),
            _ => return None,
        };
        let (value, at) = self.value(self.spaces(at))?;
        Some((expr(ExprKind::Range { field, op, value, op_span: NOWHERE }), at))
    }

    fn field_values(&self, at: usize) -> Found<Expr> {
        let (field, at) = self.field_and_colon(at)?;
        let (values, at) = self.values(at)?;
        Some((expr(ExprKind::Field { field, values }), at))
    }

    fn values(&self, at: usize) -> Found<ValueExpr> {
        self.bracketed(at, '(', ')', |at| self.values_or(at))
            .or_else(|| self.value(at).map(|(value, at)| (values(ValueKind::Value(value)), at)))
    }

    fn values_or(&self, at: usize) -> Found<ValueExpr> {
        let (list, at) = self.list(at, "or", |at| self.values_and(at))?;
        Some((joined(list, |list| values(ValueKind::Or(list))), at))
    }

    fn values_and(&self, at: usize) -> Found<ValueExpr> {
        let (list, at) = self.list(at, "and", |at| self.values_not(at))?;
        Some((joined(list, |list| values(ValueKind::And(list))), at))
    }

    fn values_not(&self, at: usize) -> Found<ValueExpr> {
        if let Some((inner, end)) = self.not_keyword(at).and_then(|at| self.values(at)) {
            return Some((values(ValueKind::Not(Box::new(inner))), end));
        }
        self.values(at)
    }

    fn field(&self, at: usize) -> Found<FieldName> {
        let (name, quoted, at) = if let Some((name, at)) = self.quoted(at) {
            (NamePattern::Exact(name), true, at)
        } else {
            let (parts, at) = self.unquoted(at)?;
            let name = match plain(&parts) {
                Some(name) => NamePattern::Exact(name),
                None => NamePattern::Pattern(WildcardPattern { parts }),
            };
            (name, false, at)
        };
        Some((FieldName { name, quoted, span: NOWHERE }, at))
    }

    fn value(&self, at: usize) -> Found<Value> {
        if let Some((text, at)) = self.quoted(at) {
            return Some((Value { kind: ValueLiteral::Phrase(text), span: NOWHERE }, at));
        }
        let (parts, at) = self.unquoted(at)?;
        let kind = match plain(&parts).as_deref() {
            Some("null") => ValueLiteral::Null,
            Some("true") => ValueLiteral::Boolean(true),
            Some("false") => ValueLiteral::Boolean(false),
            Some(text) => ValueLiteral::Text(text.to_owned()),
            None if parts == [WildcardPart::Any] => ValueLiteral::Exists,
            None => ValueLiteral::Wildcard(WildcardPattern { parts }),
        };
        Some((Value { kind, span: NOWHERE }, at))
    }

    fn escaped_space(&self, at: usize) -> Found<u16> {
        let code = match self.text.get(at + 1)? {
            't' => 9,
            'n' => 10,
            'r' => 13,
            _ => return None,
        };
        self.is(at, '\\').then_some((code, at + 2))
    }

    fn escaped_code(&self, at: usize) -> Found<u16> {
        if !self.is(at, '\\') || !self.is(at + 1, 'u') {
            return None;
        }
        let digits = self.text.get(at + 2..at + 6)?;
        let code = digits.iter().try_fold(0, |code, digit| Some(code * 16 + digit.to_digit(16)?))?;
        Some((u16::try_from(code).unwrap(), at + 6))
    }

    fn quoted(&self, at: usize) -> Found<String> {
        if !self.is(at, '"') {
            return None;
        }
        let (mut units, mut at) = (Vec::new(), at + 1);
        while !self.is(at, '"') {
            if let Some((code, end)) = self.escaped_space(at).or_else(|| self.escaped_code(at)) {
                units.push(code);
                at = end;
            } else if self.is(at, '\\') && self.one_of(at + 1, "\\\"") {
                push(&mut units, self.text[at + 1]);
                at += 2;
            } else {
                push(&mut units, *self.text.get(at)?);
                at += 1;
            }
        }
        Some((String::from_utf16_lossy(&units), at + 1))
    }

    fn unquoted(&self, at: usize) -> Found<Vec<WildcardPart>> {
        let (mut units, mut end) = (Vec::new(), at);
        while let Some(next) = self.unquoted_character(end, &mut units) {
            end = next;
        }
        (end > at).then(|| (parts(&units), end))
    }

    fn unquoted_character(&self, at: usize, units: &mut Vec<Unit>) -> Option<usize> {
        let mut push = |text: &[char]| {
            let mut codes = Vec::new();
            for character in text {
                push(&mut codes, *character);
            }
            units.extend(codes.into_iter().map(Unit::Code));
        };
        let special = "\\():<>\"*{}";
        if let Some((code, end)) = self.escaped_space(at) {
            units.push(Unit::Code(code));
            return Some(end);
        }
        if self.is(at, '\\') && self.one_of(at + 1, special) {
            push(&self.text[at + 1..at + 2]);
            return Some(at + 2);
        }
        if let Some((code, end)) = self.escaped_code(at) {
            units.push(Unit::Code(code));
            return Some(end);
        }
        if self.is(at, '\\') {
            let end = ["or", "and", "not"].into_iter().find_map(|keyword| self.word(at + 1, keyword))?;
            push(&self.text[at + 1..end]);
            return Some(end);
        }
        if self.is(at, '*') {
            units.push(Unit::Star);
            return Some(at + 1);
        }
        let keyword = self.infix(at, "or").or_else(|| self.infix(at, "and")).or_else(|| self.not_keyword(at));
        if at >= self.text.len() || self.one_of(at, special) || keyword.is_some() {
            return None;
        }
        push(&self.text[at..=at]);
        Some(at + 1)
    }
}

fn push(units: &mut Vec<u16>, character: char) {
    units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
}

/// The texts and stars of a literal, trimmed as `String.prototype.trim` does it.
fn parts(units: &[Unit]) -> Vec<WildcardPart> {
    let trimmed = |unit: &Unit| match unit {
        Unit::Code(code) => matches!(
            code,
            9..=13 | 32 | 0xa0 | 0x1680 | 0x2000..=0x200a | 0x2028 | 0x2029 | 0x202f | 0x205f | 0x3000 | 0xfeff
        ),
        Unit::Star => false,
    };
    let start = units.iter().position(|unit| !trimmed(unit)).unwrap_or(units.len());
    let end = units.iter().rposition(|unit| !trimmed(unit)).map_or(start, |last| last + 1);
    let mut parts = Vec::new();
    for run in
        units[start..end].chunk_by(|left, right| matches!((left, right), (Unit::Code(_), Unit::Code(_))))
    {
        let codes = run.iter().filter_map(|unit| match unit {
            Unit::Code(code) => Some(*code),
            Unit::Star => None,
        });
        let codes: Vec<u16> = codes.collect();
        parts.push(match codes.as_slice() {
            [] => WildcardPart::Any,
            codes => WildcardPart::Text(String::from_utf16_lossy(codes)),
        });
    }
    parts
}

fn plain(parts: &[WildcardPart]) -> Option<String> {
    match parts {
        [] => Some(String::new()),
        [WildcardPart::Text(text)] => Some(text.clone()),
        _ => None,
    }
}

fn joined<T>(mut list: Vec<T>, join: impl Fn(Vec<T>) -> T) -> T {
    if list.len() == 1 { list.remove(0) } else { join(list) }
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: NOWHERE }
}

fn values(kind: ValueKind) -> ValueExpr {
    ValueExpr { kind, span: NOWHERE }
}
