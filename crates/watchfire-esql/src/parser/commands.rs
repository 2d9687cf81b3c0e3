//! What stands behind the name of a command.

use watchfire_diagnostics::Span;

use super::{Parser, Read, Told};
use crate::ast::{
    Aggregate, Column, CommandKind, Constant, Field, IndexPattern, NamePattern, Order, Rename, SourceKind,
};
use crate::codes;
use crate::lexer::{Lexer, TokenKind};

impl Parser<'_> {
    /// `FROM`, whose names are no words of the language: they are read as they stand.
    pub(super) fn from(&mut self) -> Read<SourceKind> {
        self.lexer.at = self.token.span.end as usize;
        let mut patterns = Vec::new();
        loop {
            patterns.push(self.index_pattern()?);
            self.token = self.lexer.next();
            if !self.is(",") {
                break;
            }
        }
        let mut metadata = Vec::new();
        if self.accept_word("metadata") {
            metadata = self.list(Self::column)?;
        }
        Ok(SourceKind::From { patterns, metadata })
    }

    /// `[cluster:]name[::selector]`.
    fn index_pattern(&mut self) -> Read<IndexPattern> {
        let mut found: Option<IndexPattern> = None;
        loop {
            let Some((part, span)) = self.lexer.source_name() else {
                self.token = self.lexer.next();
                if self.is("(") {
                    return self.wrong(codes::UNSUPPORTED_COMMAND, "a query inside `FROM` is not supported");
                }
                return self.wrong(codes::MISSING, "the name of an index is missing here");
            };
            self.end = span.end as usize;
            match &mut found {
                Some(pattern) => {
                    pattern.text.push_str(&part);
                    pattern.span = pattern.span.cover(span);
                }
                None => found = Some(IndexPattern { text: part, span }),
            }
            let rest = &self.text[self.lexer.at..];
            let colons = if rest.starts_with("::") { "::" } else { ":" };
            match &mut found {
                Some(pattern) if rest.starts_with(colons) => {
                    pattern.text.push_str(colons);
                    self.lexer.at += colons.len();
                }
                _ => return found.ok_or(Told),
            }
        }
    }

    pub(super) fn known(&mut self, name: &str) -> Read<CommandKind> {
        Ok(match name {
            "where" => CommandKind::Where(self.condition()?),
            "eval" => CommandKind::Eval(self.fields()?),
            "stats" => self.stats(false)?,
            "inlinestats" => self.stats(true)?,
            "inline" => {
                if !self.accept_word("stats") {
                    return self.wrong(codes::MISSING, "`STATS` is missing behind `INLINE`");
                }
                self.stats(true)?
            }
            "keep" => CommandKind::Keep(self.list(Self::name_pattern)?),
            "drop" => CommandKind::Drop(self.list(Self::name_pattern)?),
            "rename" => CommandKind::Rename(self.list(Self::rename)?),
            "sort" => CommandKind::Sort(self.list(Self::order)?),
            "limit" => self.limit()?,
            "mv_expand" => CommandKind::MvExpand(self.column()?),
            "dissect" => self.dissect()?,
            "grok" => {
                let input = self.primary()?;
                CommandKind::Grok { input, patterns: self.list(Self::text_constant)? }
            }
            _ => self.completion()?,
        })
    }

    /// One or several, with commas between them.
    pub(super) fn list<T>(&mut self, read: fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut list = vec![read(self)?];
        while self.accept(",") {
            list.push(read(self)?);
        }
        Ok(list)
    }

    pub(super) fn fields(&mut self) -> Read<Vec<Field>> {
        self.list(Self::field)
    }

    /// `[column =] value`.
    fn field(&mut self) -> Read<Field> {
        let start = self.token.span.start as usize;
        let name = self.assigned()?;
        let from = if name.is_some() { self.token.span.start as usize } else { start };
        let value = self.condition()?;
        Ok(Field { name, value, text: self.text[from..self.end].to_owned() })
    }

    /// The column of an assignment, if this is one.
    fn assigned(&mut self) -> Read<Option<Column>> {
        if !self.is_assignment() {
            return Ok(None);
        }
        let column = self.column()?;
        self.expect("=")?;
        Ok(Some(column))
    }

    /// Whether a name with `=` behind it comes next.
    fn is_assignment(&self) -> bool {
        let mut ahead = Lexer::new(self.text);
        ahead.at = self.token.span.start as usize;
        loop {
            if !matches!(ahead.next().kind, TokenKind::Word | TokenKind::QuotedName(_)) {
                return false;
            }
            match ahead.next().kind {
                TokenKind::Sign(".") => {}
                sign => return sign == TokenKind::Sign("="),
            }
        }
    }

    fn stats(&mut self, inline: bool) -> Read<CommandKind> {
        let mut aggregates = Vec::new();
        if !self.is_word("by") {
            aggregates = self.list(Self::aggregate)?;
        }
        let by = if self.accept_word("by") { self.fields()? } else { Vec::new() };
        Ok(CommandKind::Stats { aggregates, by, inline })
    }

    fn aggregate(&mut self) -> Read<Aggregate> {
        let field = self.field()?;
        let filter = if self.accept_word("where") { Some(self.condition()?) } else { None };
        Ok(Aggregate { field, filter })
    }

    /// A name in which `*` stands for anything. No blank stands between its parts.
    fn name_pattern(&mut self) -> Read<NamePattern> {
        let start = self.token.span.start as usize;
        let mut parts = vec![String::new()];
        let mut is_empty = true;
        while is_empty || self.token.span.start as usize == self.end {
            let part = match &self.token.kind {
                TokenKind::Sign("*") => {
                    parts.push(String::new());
                    self.bump();
                    is_empty = false;
                    continue;
                }
                TokenKind::QuotedName(name) => name.clone(),
                TokenKind::Word | TokenKind::Whole(_) | TokenKind::Double(_) => {
                    self.slice(self.token.span).to_owned()
                }
                TokenKind::Sign(".") => ".".to_owned(),
                TokenKind::Sign("-") if !is_empty => "-".to_owned(),
                _ if is_empty => return self.no_place(),
                _ => break,
            };
            if let Some(last) = parts.last_mut() {
                last.push_str(&part);
            }
            self.bump();
            is_empty = false;
        }
        Ok(NamePattern { parts, span: Span::new(start, self.end) })
    }

    /// `old AS new`, `new = old`.
    fn rename(&mut self) -> Read<Rename> {
        let first = self.column()?;
        if self.accept("=") {
            return Ok(Rename { from: self.column()?, to: first });
        }
        if !self.accept_word("as") {
            return self.wrong(codes::MISSING, "`AS` is missing here");
        }
        Ok(Rename { from: first, to: self.column()? })
    }

    fn order(&mut self) -> Read<Order> {
        let key = self.condition()?;
        let descending = self.accept_word("desc");
        if !descending {
            self.accept_word("asc");
        }
        let mut nulls_first = None;
        if self.accept_word("nulls") {
            nulls_first = Some(self.accept_word("first"));
            if nulls_first == Some(false) && !self.accept_word("last") {
                return self.wrong(codes::MISSING, "`FIRST` or `LAST` is missing behind `NULLS`");
            }
        }
        Ok(Order { key, descending, nulls_first })
    }

    fn limit(&mut self) -> Read<CommandKind> {
        let TokenKind::Whole(number) = self.token.kind else {
            return self.wrong(codes::NUMBER_OUT_OF_RANGE, "`LIMIT` takes a whole number");
        };
        let Some(number) = number else {
            return self.wrong(codes::NUMBER_OUT_OF_RANGE, "this number is too large");
        };
        self.bump();
        if self.is_word("by") {
            return self.wrong(codes::UNSUPPORTED_COMMAND, "`LIMIT … BY` is not supported");
        }
        Ok(CommandKind::Limit(number))
    }

    fn dissect(&mut self) -> Read<CommandKind> {
        let input = self.primary()?;
        let pattern = self.text_constant()?;
        let mut append_separator = None;
        if self.accept_word("append_separator") {
            self.expect("=")?;
            append_separator = Some(self.text_constant()?);
        }
        Ok(CommandKind::Dissect { input, pattern, append_separator })
    }

    fn completion(&mut self) -> Read<CommandKind> {
        let target = self.assigned()?;
        let prompt = self.primary()?;
        let options = if self.accept_word("with") { self.options()? } else { Vec::new() };
        Ok(CommandKind::Completion { target, prompt, options })
    }

    /// `{"name": value, …}`.
    pub(super) fn options(&mut self) -> Read<Vec<(String, Constant)>> {
        self.expect("{")?;
        let mut options = Vec::new();
        if !self.is("}") {
            options = self.list(|parser| {
                let name = parser.text_constant()?;
                parser.expect(":")?;
                Ok((name, parser.constant()?))
            })?;
        }
        self.expect("}")?;
        Ok(options)
    }

    pub(super) fn text_constant(&mut self) -> Read<String> {
        match &self.token.kind {
            TokenKind::Text(text) => {
                let text = text.clone();
                self.bump();
                Ok(text)
            }
            _ => self.wrong(codes::MISSING, "a text in `\"` is missing here"),
        }
    }
}
