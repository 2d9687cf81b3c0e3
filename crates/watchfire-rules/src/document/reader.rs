//! Typed reading of a [`Node`], with a diagnostic for everything that is not as it should be.
//!
//! A type says how it is read by [`FromNode`]. Tables are read through a [`TableReader`], which remembers the keys that
//! were asked for: what is left over at the end is unknown, and said so. Nothing stops at the first problem; a value
//! that cannot be read is reported and taken as absent.

use watchfire_diagnostics::{Diagnostic, Severity, Span, closest};

use super::{Node, Syntax, Table, Value};
use crate::codes;
use crate::format::MAX_DIAGNOSTICS;

/// Unknown keys of one table that are named one by one; looking for what each may have meant takes time.
const MAX_UNKNOWN_KEYS: usize = 20;

/// What reading needs besides the node: the text, and the place to put diagnostics. It keeps no more of them than
/// [`MAX_DIAGNOSTICS`].
pub(crate) struct Context<'s> {
    pub(crate) source: &'s str,
    pub(crate) syntax: Syntax,
    diagnostics: Vec<Diagnostic>,
    /// The worst of what was not kept.
    beyond: Option<Severity>,
}

impl<'s> Context<'s> {
    pub(crate) fn new(source: &'s str, syntax: Syntax) -> Self {
        Self { source, syntax, diagnostics: Vec::new(), beyond: None }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        } else {
            self.beyond = self.beyond.max(Some(diagnostic.severity));
        }
    }

    pub(crate) fn report_all(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    /// Everything that was reported, or that there is more.
    pub(crate) fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        if let Some(severity) = self.beyond {
            let message = format!("there are further problems; the first {MAX_DIAGNOSTICS} are shown");
            self.diagnostics.push(Diagnostic::new(codes::FURTHER_PROBLEMS, severity, message));
        }
        self.diagnostics
    }

    pub(crate) fn has_errors(&self) -> bool {
        let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
        self.beyond == Some(Severity::Error) || self.diagnostics.iter().any(is_error)
    }

    /// Reports a value of the wrong type.
    pub(crate) fn wrong_type(&mut self, node: &Node, path: &str, expected: &str) {
        let found = node.kind(self.syntax);
        let message = match path {
            "" => format!("{expected} was expected, found {found}"),
            path => format!("`{path}` must be {expected}, found {found}"),
        };
        self.report(
            Diagnostic::error(codes::WRONG_TYPE, message).at(node.span, format!("expected {expected}")),
        );
    }

    /// Reports a value that its key cannot have.
    pub(crate) fn bad_value(&mut self, node: &Node, path: &str, why: impl std::fmt::Display) {
        self.report(Diagnostic::error(codes::BAD_VALUE, format!("`{path}`: {why}")).at(node.span, ""));
    }
}

/// A type that can be read from a node. `path` names the place for a person, such as `rule.threat[0].tactic`.
pub(crate) trait FromNode: Sized {
    /// The value; `None` after a diagnostic.
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self>;
}

impl FromNode for String {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let text = node.as_text();
        if text.is_none() {
            cx.wrong_type(node, path, "a string");
        }
        text.map(str::to_owned)
    }
}

impl FromNode for bool {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        cx.wrong_type(node, path, "`true` or `false`");
        None
    }
}

impl FromNode for u64 {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        match &node.value {
            Value::Number(number) => match number.as_u64() {
                Some(value) => return Some(value),
                None if number.is_f64() => cx.wrong_type(node, path, "an integer"),
                None => cx.bad_value(node, path, "a negative number is not allowed"),
            },
            _ => cx.wrong_type(node, path, "an integer"),
        }
        None
    }
}

impl FromNode for u32 {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let value = u64::from_node(node, path, cx)?;
        let narrow = Self::try_from(value).ok();
        if narrow.is_none() {
            cx.bad_value(node, path, format!("`{value}` is too large"));
        }
        narrow
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let Value::List(nodes) = &node.value else {
            cx.wrong_type(node, path, "a list");
            return None;
        };
        // A bad element is reported; the good ones are kept, so that what refers to them is not reported as well.
        let read = |(index, node)| T::from_node(node, &format!("{path}[{index}]"), cx);
        Some(nodes.iter().enumerate().filter_map(read).collect())
    }
}

/// Reads a type from its text with `FromStr`, whose error text says what is wrong with it.
macro_rules! from_node_by_text {
    ($($type:ty),*) => {$(
        impl $crate::document::reader::FromNode for $type {
            fn from_node(
                node: &$crate::document::Node,
                path: &str,
                cx: &mut $crate::document::reader::Context<'_>,
            ) -> Option<Self> {
                let text = String::from_node(node, path, cx)?;
                text.parse().map_err(|error| cx.bad_value(node, path, error)).ok()
            }
        }
    )*};
}
pub(crate) use from_node_by_text;

/// The node as a table; a diagnostic otherwise.
pub(crate) fn table_of<'n>(node: &'n Node, path: &str, cx: &mut Context<'_>) -> Option<&'n Table> {
    let table = node.as_table();
    if table.is_none() {
        let expected = match cx.syntax {
            Syntax::Toml => "a table",
            Syntax::Json => "an object",
        };
        cx.wrong_type(node, path, expected);
    }
    table
}

/// Reads the entries of one table.
pub(crate) struct TableReader<'n> {
    table: &'n Table,
    span: Span,
    path: String,
    asked: Vec<&'static str>,
}

impl<'n> TableReader<'n> {
    /// A reader of `node`, if it is a table.
    pub(crate) fn new(node: &'n Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let table = table_of(node, path, cx)?;
        Some(Self { table, span: node.span, path: path.to_owned(), asked: Vec::new() })
    }

    /// The path of one of the table's keys.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The node of a key. A `null` counts as absent.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<&'n Node> {
        self.asked.push(key);
        self.table.get(key).filter(|node| !node.is_null())
    }

    /// Whether the key is there, without asking for it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|node| !node.is_null())
    }

    /// The value of a key that may be absent.
    pub(crate) fn optional<T: FromNode>(&mut self, key: &'static str, cx: &mut Context<'_>) -> Option<T> {
        let node = self.node(key)?;
        T::from_node(node, &self.path_of(key), cx)
    }

    /// The value of a key that must be there.
    pub(crate) fn required<T: FromNode>(&mut self, key: &'static str, cx: &mut Context<'_>) -> Option<T> {
        let Some(node) = self.node(key) else {
            self.report_missing(key, cx);
            return None;
        };
        T::from_node(node, &self.path_of(key), cx)
    }

    /// The text of a key that must be there and not be empty or blank.
    pub(crate) fn required_text(&mut self, key: &'static str, cx: &mut Context<'_>) -> Option<String> {
        let text: String = self.required(key, cx)?;
        if text.trim().is_empty() {
            if let Some(node) = self.table.get(key) {
                cx.bad_value(node, &self.path_of(key), "must not be empty");
            }
            return None;
        }
        Some(text)
    }

    /// Says that a required key is missing, at the key that is most like it if there is one.
    pub(crate) fn report_missing(&self, key: &'static str, cx: &mut Context<'_>) {
        let mut diagnostic =
            Diagnostic::error(codes::MISSING_KEY, format!("`{}` is missing", self.path_of(key)));
        diagnostic = if self.span.is_empty() { diagnostic } else { diagnostic.at(self.place(cx), "in here") };
        cx.report(diagnostic);
    }

    /// A place to show for the table as a whole: its first line at most.
    fn place(&self, cx: &Context<'_>) -> Span {
        let text = cx.source.get(self.span.range()).unwrap_or_default();
        let length = text.find('\n').unwrap_or(text.len());
        Span::new(self.span.start as usize, self.span.start as usize + length)
    }

    /// The keys nobody asked for.
    pub(crate) fn unasked(&self) -> impl Iterator<Item = &'n super::Entry> + '_ {
        self.table.entries.iter().filter(|entry| !self.asked.contains(&entry.key.as_str()))
    }

    /// Marks keys as known that are read elsewhere.
    pub(crate) fn allow(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    /// Warns of every key that was not asked for.
    pub(crate) fn finish(self, cx: &mut Context<'_>) {
        for entry in self.unasked().take(MAX_UNKNOWN_KEYS) {
            let path = self.path_of(&entry.key);
            report_unknown_key(&path, entry, self.asked.iter().copied(), cx);
        }
        let further = self.unasked().skip(MAX_UNKNOWN_KEYS).count();
        if further > 0 {
            let place = if self.path.is_empty() { String::new() } else { format!(" in `{}`", self.path) };
            let message = format!("{further} further unknown keys{place}");
            cx.report(Diagnostic::warning(codes::UNKNOWN_KEY, message));
        }
    }
}

/// Warns of an unknown key, with the known one most like it.
pub(crate) fn report_unknown_key<'a>(
    path: &str,
    entry: &super::Entry,
    known: impl Iterator<Item = &'a str>,
    cx: &mut Context<'_>,
) {
    let mut diagnostic = Diagnostic::warning(codes::UNKNOWN_KEY, format!("unknown key `{path}`"))
        .at(entry.key_span, "has no effect");
    if let Some(candidate) = closest(&entry.key, known) {
        diagnostic = diagnostic.with_help(format!("did you mean `{candidate}`?"));
    }
    cx.report(diagnostic);
}
