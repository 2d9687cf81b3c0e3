//! What an item asks of an event, and what there is to say about it.

use std::collections::BTreeMap;

use serde_json::Value;
use watchfire_diagnostics::{Diagnostic, Severity, Span};
use watchfire_events::{FieldType, Timestamp};
use watchfire_ir::{
    Condition, EntryQuestion, Fold, Resolution, Schema, contradictions, lower_entry, lower_nested_entry,
};
use watchfire_rules::model::{
    EntryOperator, EntryTest, ExceptionContainer, ExceptionEntry, ExceptionItem, FreeForm,
};

use super::shared_list::SharedList;
use super::{ItemState, codes};

/// The key of `meta`, of an item or its list, that makes case not count.
const CASE_INSENSITIVE: &str = "case_insensitive";
/// What `os_types` can name.
const SYSTEMS: [&str; 3] = ["windows", "linux", "macos"];
/// Ends of the names of fields that hold paths and command lines.
const PATH_FIELDS: [&str; 6] =
    ["path", "executable", "command_line", "directory", "working_directory", "args"];

pub(super) struct Meaning<'a> {
    pub(super) schema: &'a dyn Schema,
    pub(super) now: Timestamp,
    pub(super) shared: &'a BTreeMap<String, SharedList>,
}

impl Meaning<'_> {
    /// Whether an item is applied, its condition, and what there is to say, with places in its text.
    pub(super) fn item(
        &self,
        item: &ExceptionItem,
        container: Option<&ExceptionContainer>,
        span: Span,
        entries: &[Span],
    ) -> (ItemState, Condition, Vec<Diagnostic>) {
        let mut said = Vec::new();
        let fold = match fold_of(item, container) {
            Ok(fold) => fold,
            Err(why) => {
                said.push(Diagnostic::error(codes::CANNOT_APPLY, why).at(span, "not applied"));
                Fold::None
            }
        };
        let mut all = vec![self.systems(item.os_types.as_deref().unwrap_or_default(), span, &mut said)];
        for (at, entry) in item.entries.iter().enumerate() {
            let before = said.len();
            all.push(self.entry(entry, None, fold, &format!("entries[{at}]"), &mut said));
            let place = entries.get(at).copied().unwrap_or(span);
            for found in &mut said[before..] {
                found.labels.clear();
                *found = found.clone().at(place, "");
            }
        }
        let is_expired = match item.expire_time.as_deref().map(|text| (text, Timestamp::parse(text))) {
            None => false,
            Some((_, Some(time))) => time <= self.now,
            Some((text, None)) => {
                let message = format!("`expire_time` is no time: `{text}`");
                said.push(Diagnostic::error(codes::CANNOT_APPLY, message).at(span, "not applied"));
                false
            }
        };
        let never = Condition::constant(false);
        if said.iter().any(|found| found.severity == Severity::Error) {
            return (ItemState::Failed, never, said);
        }
        if is_expired {
            let time = item.expire_time.as_deref().unwrap_or_default();
            let message = format!("the item expired at {time}");
            said.push(Diagnostic::new(codes::EXPIRED, Severity::Note, message).at(span, "not applied"));
            return (ItemState::Expired, never, said);
        }
        let condition = Condition::all(all);
        said.extend(self.of_whole(&condition, span));
        (ItemState::Active, condition, said)
    }

    /// What there is to say of the entries together.
    fn of_whole(&self, condition: &Condition, span: Span) -> Option<Diagnostic> {
        if *condition == Condition::constant(true) {
            let message = "the item excepts every event";
            return Some(Diagnostic::warning(codes::EVERY_EVENT, message).at(span, ""));
        }
        if *condition == Condition::constant(false) {
            let message = "the item can never match: one of its entries never holds";
            return Some(Diagnostic::warning(codes::NEVER_MATCHES, message).at(span, ""));
        }
        let found = contradictions(condition, self.schema).into_iter().find(|found| found.decides)?;
        let message =
            format!("the item can never match: its demands on `{}` exclude each other", found.field);
        let demands: Vec<String> = found.demands.iter().map(|demand| format!("`{demand}`")).collect();
        let diagnostic = Diagnostic::warning(codes::NEVER_MATCHES, message).at(span, "");
        Some(diagnostic.with_note(format!("demanded: {}", demands.join(" and "))))
    }

    /// The event's host runs one of these systems (detection-engine §4.2); anything if none is named.
    fn systems(&self, names: &[String], span: Span, said: &mut Vec<Diagnostic>) -> Condition {
        if names.is_empty() {
            return Condition::constant(true);
        }
        for name in names.iter().filter(|name| !SYSTEMS.contains(&name.as_str())) {
            let message = format!("`os_types`: no event is of `{name}`");
            said.push(
                Diagnostic::warning(codes::UNKNOWN_SYSTEM, message)
                    .at(span, "")
                    .with_help(format!("it is one of `{}`", SYSTEMS.join("`, `"))),
            );
        }
        let ask = |field: &str, fold| {
            let question = EntryQuestion::Equals(names);
            lower_entry(field, None, question, fold, "os_types", self.schema, Some(self.now)).0
        };
        Condition::any([ask("host.os.type", Fold::None), ask("host.os.name", Fold::Lowercase)])
    }

    /// The condition of an entry; `scope` is the list of objects around it.
    fn entry(
        &self,
        entry: &ExceptionEntry,
        scope: Option<&str>,
        fold: Fold,
        path: &str,
        said: &mut Vec<Diagnostic>,
    ) -> Condition {
        let field = match scope {
            Some(list) => format!("{list}.{}", entry.field),
            None => entry.field.clone(),
        };
        let one;
        let asked;
        let question = match &entry.test {
            EntryTest::Match(value) => {
                one = [value.clone()];
                EntryQuestion::Equals(&one)
            }
            EntryTest::MatchAny(values) => EntryQuestion::Equals(values),
            EntryTest::Wildcard(pattern) => EntryQuestion::Fits(pattern),
            EntryTest::Exists => EntryQuestion::Exists,
            EntryTest::List(reference) => {
                let Some(list) = self.value_list(&reference.id) else {
                    let message = format!("the value list `{}` is absent", reference.id);
                    said.push(Diagnostic::error(codes::ABSENT_VALUE_LIST, message));
                    return Condition::constant(false);
                };
                asked = list.asked_as(&reference.list_type);
                said.extend(self.of_list(&field, &reference.id, asked));
                EntryQuestion::Listed(&asked)
            }
            EntryTest::Nested(entries) => {
                let inner = entries.iter().enumerate().map(|(at, inner)| {
                    self.entry(inner, Some(&field), fold, &format!("{path}.entries[{at}]"), said)
                });
                let inner = Condition::all(inner.collect::<Vec<_>>());
                let (condition, found) = lower_nested_entry(&field, inner, path, self.schema);
                said.extend(found);
                return condition;
            }
        };
        said.extend(of_text(&field, &entry.test));
        let (condition, found) =
            lower_entry(&field, scope, question, fold, path, self.schema, Some(self.now));
        said.extend(found);
        match entry.operator {
            Some(EntryOperator::Excluded) => condition.negate(),
            Some(EntryOperator::Included) | None => condition,
        }
    }

    /// The list of an id: the whole name of its file, or the name without the extension if only one has it.
    fn value_list(&self, id: &str) -> Option<&SharedList> {
        let without_extension = || {
            let stem = |name: &str| name.rsplit_once('.').map(|(stem, _)| stem.to_owned());
            let mut fitting = self.shared.iter().filter(|(name, _)| stem(name).as_deref() == Some(id));
            let (_, list) = fitting.next()?;
            fitting.next().is_none().then_some(list)
        };
        self.shared.get(id).or_else(without_extension)
    }

    /// Whether the values of a list fit the field that they are asked of.
    fn of_list(&self, field: &str, id: &str, list: super::shared_list::AskedList<'_>) -> Option<Diagnostic> {
        let Resolution::Field(of) = self.schema.resolve(field) else { return None };
        let message = match of.field_type {
            // Values that do not fit the type of their list were told with their places.
            FieldType::Ip if list.not_addresses() > list.bad_values() => {
                let number = list.not_addresses();
                format!("{number} values of the list `{id}` are no addresses, and `{field}` holds such")
            }
            FieldType::Ip | FieldType::Dynamic => return None,
            _ if list.is_of_addresses() => format!(
                "the list `{id}` is of type `{}`, and `{field}` of type `{}`: no address is looked for",
                list.list_type, of.field_type
            ),
            _ => return None,
        };
        Some(Diagnostic::warning(codes::LIST_DOES_NOT_FIT, message))
    }
}

/// The folding of an item: what it says itself, else its list.
fn fold_of(item: &ExceptionItem, container: Option<&ExceptionContainer>) -> Result<Fold, String> {
    let option = |meta: Option<&FreeForm>| meta.and_then(|meta| meta.0.get(CASE_INSENSITIVE)).cloned();
    let of_list = || option(container.and_then(|list| list.server.meta.as_ref()));
    match option(item.server.meta.as_ref()).or_else(of_list) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(Fold::None),
        Some(Value::Bool(true)) => Ok(Fold::Lowercase),
        Some(other) => Err(format!("`meta.{CASE_INSENSITIVE}` is `true` or `false`, not `{other}`")),
    }
}

/// What is most likely not meant in the text of an entry.
fn of_text(field: &str, test: &EntryTest) -> Option<Diagnostic> {
    match test {
        EntryTest::Wildcard(pattern) => of_wildcard(field, pattern),
        EntryTest::Match(value) => of_value(field, value),
        EntryTest::MatchAny(values) => values.iter().find_map(|value| of_value(field, value)),
        EntryTest::Exists | EntryTest::List(_) | EntryTest::Nested(_) => None,
    }
}

fn holds_paths(field: &str) -> bool {
    let last = field.strip_suffix(".caseless").or_else(|| field.strip_suffix(".text")).unwrap_or(field);
    PATH_FIELDS.iter().any(|end| last.rsplit('.').next() == Some(*end))
}

fn of_wildcard(field: &str, pattern: &str) -> Option<Diagnostic> {
    let is_path = holds_paths(field) || pattern.contains(":\\") || pattern.starts_with('\\');
    let mut rest = pattern.char_indices();
    while let Some((at, character)) = rest.next() {
        if character != '\\' {
            continue;
        }
        let escaped = rest.next().map(|(_, escaped)| escaped);
        let what = match escaped {
            Some('\\') | None => continue,
            Some('*' | '?') if !is_path => continue,
            Some(wildcard @ ('*' | '?')) => format!("makes the `{wildcard}` behind it a mere character"),
            Some(_) => "is left out, since it takes the next character as it is".to_owned(),
        };
        let begin = &pattern[..=at];
        let message = format!("in a pattern the `\\` at the end of `{begin}` {what}");
        let doubled = pattern.replace("\\\\", "\\").replace('\\', "\\\\");
        return Some(
            Diagnostic::warning(codes::BACKSLASH, message)
                .with_help(format!("a path is written `{doubled}`")),
        );
    }
    None
}

fn of_value(field: &str, value: &str) -> Option<Diagnostic> {
    if value.contains('*') && !field.ends_with("command_line") && !field.ends_with("args") {
        let message = format!("`{value}` is compared as it stands: `*` is no wildcard here");
        return Some(
            Diagnostic::warning(codes::LITERAL_WILDCARD, message)
                .with_help("an entry of type `wildcard` takes patterns"),
        );
    }
    let inside = value.trim_start_matches('\\');
    if holds_paths(field)
        && inside.contains("\\\\")
        && !field.ends_with("command_line")
        && !field.ends_with("args")
    {
        let message = format!("`{value}` is compared as it stands, with two backslashes in a row");
        return Some(Diagnostic::warning(codes::BACKSLASH, message));
    }
    None
}
