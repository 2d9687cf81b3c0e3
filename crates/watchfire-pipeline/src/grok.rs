//! `GROK`: a text taken apart by regular expressions with names for what occurs often (esql-semantics §4).
//!
//! What the names stand for comes from the `grok` crate, which has those of Logstash; [`DIFFERENT`] are those that Elasticsearch's
//! set for ECS has otherwise. The dialect is Ruby's: `^` and `$` are at every line, `(?m)` lets a dot fit line breaks.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use fancy_regex::{Regex, RegexBuilder};

use crate::types::DataType;
use crate::value::{Cell, Value};

/// The longest pattern, with all its names written out, in bytes.
pub(crate) const MAX_GROK_BYTES: usize = 1 << 17;

/// The deepest that names stand for names.
const MAX_DEPTH: usize = 20;

/// How often a search may step back in one text before it is given up.
const MAX_STEPS_BACK: usize = 1_000_000;

/// Names that stand for something else than in the crate: captures named by ECS, or not at all.
const DIFFERENT: [(&str, &str); 7] = [
    ("URIHOST", "%{IPORHOST}(?::%{POSINT})?"),
    ("URIQUERY", r"[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\-\[\]<>]*"),
    ("URIPARAM", r"\?%{URIQUERY}"),
    ("ISO8601_SECOND", "%{SECOND}"),
    ("SYSLOGPROG", r"%{PROG:process.name}(?:\[%{POSINT:process.pid:int}\])?"),
    ("SYSLOGFACILITY", "<%{NONNEGINT:log.syslog.facility.code:int}.%{NONNEGINT:log.syslog.priority:int}>"),
    (
        "SYSLOGBASE",
        "%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:host.hostname} %{SYSLOGPROG}:",
    ),
];

/// Patterns of which the first that is found counts.
#[derive(Clone, Debug)]
pub struct Grok {
    patterns: Vec<Compiled>,
    columns: Vec<(Arc<str>, DataType)>,
}

#[derive(Clone, Debug)]
struct Compiled {
    regex: Regex,
    /// For each named group `gN` of the regular expression the column that it fills.
    groups: Vec<usize>,
}

/// Why a text could not be taken apart, although it may fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrokFailure {
    /// The search stepped back too often.
    TooCostly,
    /// What was found is no value of its type.
    NoValue,
}

impl Grok {
    /// Reads patterns.
    ///
    /// # Errors
    /// A name that is not known, a type that there is not, a regular expression that cannot be read, or a pattern that is too
    /// long with all its names written out.
    pub fn parse(patterns: &[String]) -> Result<Self, String> {
        let mut columns: BTreeMap<String, DataType> = BTreeMap::new();
        let mut read = Vec::new();
        for pattern in patterns {
            let mut expansion = Expansion { out: String::from("(?m)"), names: Vec::new() };
            expansion.write(pattern, 0)?;
            let regex = RegexBuilder::new(&expansion.out)
                .backtrack_limit(MAX_STEPS_BACK)
                .build()
                .map_err(|error| format!("`{pattern}` cannot be read: {error}"))?;
            for (name, data_type) in &expansion.names {
                columns.entry(name.clone()).or_insert(*data_type);
            }
            read.push((regex, expansion.names));
        }
        let columns: Vec<(Arc<str>, DataType)> =
            columns.into_iter().map(|(name, data_type)| (name.into(), data_type)).collect();
        let column_of = |name: &str| columns.iter().position(|(known, _)| **known == *name).unwrap_or(0);
        let patterns = read
            .into_iter()
            .map(|(regex, names)| Compiled {
                regex,
                groups: names.iter().map(|(name, _)| column_of(name)).collect(),
            })
            .collect();
        Ok(Self { patterns, columns })
    }

    /// The columns that it makes, in order of their names, with their types.
    pub fn columns(&self) -> &[(Arc<str>, DataType)] {
        &self.columns
    }

    /// The cells of a row's columns: all null if no pattern is found in any of the texts. Failures are told to `fail`.
    pub fn take_apart(&self, input: &Cell, fail: &mut dyn FnMut(GrokFailure)) -> Vec<Cell> {
        let mut values: Vec<Vec<Value>> = vec![Vec::new(); self.columns.len()];
        for text in input.values().iter().filter_map(Value::as_text) {
            for pattern in &self.patterns {
                let captures = match pattern.regex.captures(text) {
                    Ok(Some(captures)) => captures,
                    Ok(None) => continue,
                    Err(_) => {
                        fail(GrokFailure::TooCostly);
                        continue;
                    }
                };
                for (group, &column) in pattern.groups.iter().enumerate() {
                    let Some(found) = captures.name(&format!("g{group}")) else { continue };
                    match convert(found.as_str(), self.columns[column].1) {
                        Some(value) => values[column].push(value),
                        None => fail(GrokFailure::NoValue),
                    }
                }
                break;
            }
        }
        values.into_iter().map(Cell::of).collect()
    }
}

fn convert(text: &str, data_type: DataType) -> Option<Value> {
    Some(match data_type {
        DataType::Integer => Value::Integer(text.parse().ok()?),
        DataType::Long => Value::Long(text.parse().ok()?),
        DataType::Double => Value::Double(text.parse().ok()?),
        DataType::Boolean => Value::Boolean(text.eq_ignore_ascii_case("true")),
        _ => Value::text(text),
    })
}

/// A pattern on its way to a regular expression.
struct Expansion {
    out: String,
    names: Vec<(String, DataType)>,
}

impl Expansion {
    fn write(&mut self, pattern: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH || self.out.len() > MAX_GROK_BYTES {
            return Err("with all its names written out the pattern is too long".to_owned());
        }
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            if let Some(reference) = rest.strip_prefix("%{")
                && let Some((reference, behind)) = reference.split_once('}')
            {
                self.write_reference(reference, depth)?;
                rest = behind;
            } else if let Some(escaped) = rest.strip_prefix('\\') {
                let width = escaped.chars().next().map_or(0, char::len_utf8);
                self.out.push_str(&rest[..=width]);
                rest = &escaped[width..];
            } else if let Some(group) = rest.strip_prefix("(?<")
                && !group.starts_with(['=', '!'])
                && let Some((name, behind)) = group.split_once('>')
            {
                self.open(name, DataType::Keyword);
                rest = behind;
            } else if let Some(flags) = rest.strip_prefix("(?")
                && let Some(end) =
                    flags.find(|character: char| !character.is_ascii_alphabetic() && character != '-')
                && end > 0
                && flags[end..].starts_with([':', ')'])
            {
                // Ruby's `m` is what others call `s`.
                self.out.push_str("(?");
                self.out.push_str(&flags[..end].replace('m', "s"));
                rest = &flags[end..];
            } else {
                self.out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        Ok(())
    }

    /// `NAME`, `NAME:column`, `NAME:column:type`.
    fn write_reference(&mut self, reference: &str, depth: usize) -> Result<(), String> {
        let mut parts = reference.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let column = parts.next();
        let data_type = match parts.next() {
            None => DataType::Keyword,
            Some("int" | "integer") => DataType::Integer,
            Some("long") => DataType::Long,
            Some("float" | "double") => DataType::Double,
            Some("boolean") => DataType::Boolean,
            Some(other) => {
                return Err(format!("`{other}` is no type of a capture: int, long, float, double, boolean"));
            }
        };
        let definition =
            definition(name).ok_or_else(|| format!("`%{{{reference}}}`: there is no pattern `{name}`"))?;
        match column {
            Some(column) => self.open(&dotted(column), data_type),
            None => self.out.push_str("(?:"),
        }
        self.write(definition, depth + 1)?;
        self.out.push(')');
        Ok(())
    }

    fn open(&mut self, name: &str, data_type: DataType) {
        use std::fmt::Write as _;
        let _ = write!(self.out, "(?<g{}>", self.names.len());
        self.names.push((name.to_owned(), data_type));
    }
}

/// `[a][b]` is `a.b`.
fn dotted(name: &str) -> Cow<'_, str> {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(inner) => inner.replace("][", ".").into(),
        None => name.into(),
    }
}

fn definition(name: &str) -> Option<&'static str> {
    let different = DIFFERENT.iter().find(|(known, _)| *known == name);
    different.or_else(|| grok::patterns().iter().find(|(known, _)| *known == name)).map(|(_, text)| *text)
}
