//! Tokens to tree (esql-semantics §3).

mod commands;
mod expressions;

use watchfire_diagnostics::{Code, Diagnostic, Problems, Span, did_you_mean};

use crate::ast::{Column, Command, CommandKind, Query, Source, SourceKind};
use crate::lexer::{Lexer, Token, TokenKind};
use crate::{Parameter, codes};

/// How deeply parentheses, functions and signs may be nested. It bounds the recursion of this parser and of everything that walks
/// the tree.
pub const MAX_NESTING: usize = 128;

/// Words that are no names of columns, in lower case.
const RESERVED: [&str; 20] = [
    "and", "asc", "by", "desc", "false", "first", "in", "is", "last", "like", "not", "null", "nulls", "on",
    "or", "rlike", "true", "where", "with", "as",
];

/// Commands that are supported.
const COMMANDS: [&str; 14] = [
    "where",
    "eval",
    "stats",
    "inline",
    "inlinestats",
    "keep",
    "drop",
    "rename",
    "sort",
    "limit",
    "mv_expand",
    "dissect",
    "grok",
    "completion",
];

/// Commands of Elasticsearch that are not.
const UNSUPPORTED: [&str; 17] = [
    "enrich",
    "lookup",
    "join",
    "fork",
    "fuse",
    "rerank",
    "sample",
    "change_point",
    "dedup",
    "uri_parts",
    "user_agent",
    "ip_location",
    "registered_domain",
    "mmr",
    "insist",
    "metrics_info",
    "inference",
];

/// Sources of Elasticsearch that are not.
const UNSUPPORTED_SOURCES: [&str; 5] = ["show", "ts", "promql", "set", "explain"];

/// What has been said already: the rest of the command is passed over.
pub(crate) struct Told;

type Read<T> = Result<T, Told>;

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// The token that comes next.
    token: Token,
    /// Where the token before it ends.
    end: usize,
    depth: usize,
    parameters: &'a [Parameter],
    /// How many parameters without a name or number there were.
    unnamed: usize,
}

/// Reads a query, and what is wrong with it.
pub(crate) fn parse(text: &str, parameters: &[Parameter]) -> (Option<Query>, Problems) {
    let mut lexer = Lexer::new(text);
    let token = lexer.next();
    let mut parser = Parser { text, lexer, token, end: 0, depth: 0, parameters, unnamed: 0 };
    let query = parser.query();
    (query, parser.lexer.problems)
}

impl<'a> Parser<'a> {
    fn query(&mut self) -> Option<Query> {
        let source = self.source();
        self.skip_to_command(source.is_err());
        let mut commands = Vec::new();
        while self.accept("|") {
            let command = self.command();
            self.skip_to_command(command.is_err());
            commands.extend(command.ok());
        }
        Some(Query { source: source.ok()?, commands, span: Span::new(0, self.text.len()) })
    }

    /// Goes to the next `|`; what stands before it is wrong, and is told unless something has been.
    fn skip_to_command(&mut self, is_told: bool) {
        if !is_told && !self.is("|") && self.token.kind != TokenKind::End {
            self.unexpected();
        }
        let mut depth = 0_usize;
        loop {
            match &self.token.kind {
                TokenKind::End => return,
                TokenKind::Sign("(") => depth += 1,
                TokenKind::Sign(")") => depth = depth.saturating_sub(1),
                // A bracket that is not closed must not swallow all commands: a command has a name.
                TokenKind::Sign("|") if depth == 0 || self.is_command_behind() => return,
                _ => {}
            }
            self.bump();
        }
    }

    fn is_command_behind(&self) -> bool {
        let rest = self.text[self.lexer.at..].trim_start();
        let word: String =
            rest.chars().take_while(|one| one.is_ascii_alphanumeric() || *one == '_').collect();
        COMMANDS.contains(&word.to_ascii_lowercase().as_str())
    }

    fn source(&mut self) -> Read<Source> {
        let start = self.token.span.start as usize;
        let word = self.word().map(str::to_ascii_lowercase);
        let kind = match word.as_deref() {
            Some("from") => self.from()?,
            Some("row") => {
                self.bump();
                SourceKind::Row(self.fields()?)
            }
            Some(name) if UNSUPPORTED_SOURCES.contains(&name) => {
                self.unsupported(name);
                self.skip_to_command(true);
                SourceKind::Unsupported(name.to_ascii_uppercase())
            }
            _ => return self.wrong(codes::NO_SOURCE, "a query begins with `FROM`"),
        };
        Ok(Source { kind, span: Span::new(start, self.end) })
    }

    fn command(&mut self) -> Read<Command> {
        let start = self.token.span.start as usize;
        let Some(word) = self.word() else {
            return self.wrong(codes::MISSING, "a command is missing here");
        };
        let name = word.to_ascii_lowercase();
        let kind = if UNSUPPORTED.contains(&name.as_str()) {
            self.unsupported(&name);
            self.skip_to_command(true);
            CommandKind::Unsupported(name.to_ascii_uppercase())
        } else if COMMANDS.contains(&name.as_str()) {
            self.bump();
            self.known(&name)?
        } else {
            let message = format!("there is no command `{word}`");
            let mut problem = Diagnostic::error(codes::UNKNOWN_COMMAND, message).at(self.token.span, "");
            if let Some(help) = did_you_mean(&name, COMMANDS) {
                problem = problem.with_help(help);
            }
            self.lexer.problems.push(problem);
            return Err(Told);
        };
        Ok(Command { kind, span: Span::new(start, self.end) })
    }

    fn unsupported(&mut self, name: &str) {
        let message = format!("`{}` is not supported", name.to_ascii_uppercase());
        self.lexer
            .problems
            .push(Diagnostic::error(codes::UNSUPPORTED_COMMAND, message).at(self.token.span, ""));
    }

    fn bump(&mut self) -> Token {
        self.end = self.token.span.end as usize;
        let next = self.lexer.next();
        std::mem::replace(&mut self.token, next)
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.token.kind, TokenKind::Sign(found) if found == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let is_it = self.is(sign);
        if is_it {
            self.bump();
        }
        is_it
    }

    fn expect(&mut self, sign: &str) -> Read<()> {
        if self.accept(sign) {
            Ok(())
        } else {
            self.wrong(codes::MISSING, &format!("`{sign}` is missing here"))
        }
    }

    /// The text of a token.
    fn slice(&self, span: Span) -> &'a str {
        &self.text[span.range()]
    }

    /// The word that comes next, if one does.
    fn word(&self) -> Option<&'a str> {
        (self.token.kind == TokenKind::Word).then(|| self.slice(self.token.span))
    }

    fn is_word(&self, word: &str) -> bool {
        self.word().is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    fn accept_word(&mut self, word: &str) -> bool {
        let is_it = self.is_word(word);
        if is_it {
            self.bump();
        }
        is_it
    }

    fn wrong<T>(&mut self, code: Code, message: &str) -> Read<T> {
        self.lexer.problems.push(Diagnostic::error(code, message).at(self.token.span, ""));
        Err(Told)
    }

    /// Tells of what comes next that it has no place here.
    fn unexpected(&mut self) {
        let found = self.slice(self.token.span);
        let problem = match &self.token.kind {
            TokenKind::End => Diagnostic::error(codes::MISSING, "the query ends too early"),
            TokenKind::Sign("|") => Diagnostic::error(codes::MISSING, "something is missing before this `|`"),
            TokenKind::Sign(sign @ ("=~" | "&&" | "||" | "!")) => {
                let instead = match *sign {
                    "=~" => "`==`, or `TO_LOWER(x) == \"…\"` without regard to case",
                    "&&" => "`AND`",
                    "||" => "`OR`",
                    _ => "`NOT`",
                };
                let message = format!("`{sign}` belongs to another language");
                Diagnostic::error(codes::FOREIGN_SYNTAX, message).with_help(format!("ES|QL has {instead}"))
            }
            TokenKind::Sign("?" | "??") => {
                Diagnostic::error(codes::PARAMETER, "a query of a rule has no parameters")
            }
            TokenKind::Unknown('\'') => {
                Diagnostic::error(codes::FOREIGN_SYNTAX, "texts stand in `\"`, not in `'`")
            }
            _ => Diagnostic::error(codes::UNEXPECTED, format!("`{}` has no place here", shown(found))),
        };
        self.lexer.problems.push(problem.at(self.token.span, ""));
    }

    fn no_place<T>(&mut self) -> Read<T> {
        self.unexpected();
        Err(Told)
    }

    /// Parts of a name with dots between them.
    fn column(&mut self) -> Read<Column> {
        let start = self.token.span.start as usize;
        let mut name = self.name_part()?;
        while self.accept(".") {
            name.push('.');
            name.push_str(&self.name_part()?);
        }
        Ok(Column { name, span: Span::new(start, self.end) })
    }

    fn name_part(&mut self) -> Read<String> {
        match &self.token.kind {
            TokenKind::QuotedName(name) => {
                let name = name.clone();
                self.bump();
                Ok(name)
            }
            TokenKind::Word => {
                let word = self.slice(self.token.span);
                if is_reserved(word) && !is_free(word) {
                    let message = format!("`{word}` is a reserved word");
                    let problem = Diagnostic::error(codes::RESERVED_NAME, message).at(self.token.span, "");
                    self.lexer
                        .problems
                        .push(problem.with_help(format!("write `` `{word}` `` if it is a name")));
                    return Err(Told);
                }
                self.bump();
                Ok(word.to_owned())
            }
            TokenKind::End => self.wrong(codes::MISSING, "a name is missing here"),
            _ => self.no_place(),
        }
    }
}

/// Whether a part of a name needs quotes, being a word of the language.
pub(crate) fn is_reserved(part: &str) -> bool {
    RESERVED.contains(&part.to_ascii_lowercase().as_str())
}

/// Words that end a list and may be names all the same.
fn is_free(word: &str) -> bool {
    ["by", "as"].iter().any(|free| word.eq_ignore_ascii_case(free))
}

/// A text of a message: short, and on one line.
fn shown(text: &str) -> String {
    let mut shown: String =
        text.chars().take(40).map(|one| if one.is_control() { ' ' } else { one }).collect();
    if text.chars().count() > 40 {
        shown.push('…');
    }
    shown
}
