//! The entries of exception items become conditions (detection-engine §4.2).
//!
//! An entry means what the clause of Elasticsearch's query language means that Kibana makes of it, with one addition:
//! where `fold` says so, case does not count.

use std::sync::Arc;

use watchfire_diagnostics::Diagnostic;
use watchfire_events::{FieldType, Timestamp, TypeFamily};

use crate::field_query::{PatternOnText, Words};
use crate::kql::question::{Asker, Place, Question, Target};
use crate::kql::{codes, merge_any, names};
use crate::{Condition, FieldLeaf, FieldTarget, Fold, ListedValues, NestedLeaf, Pattern, Predicate, Schema};

/// What an entry asks of its field.
#[derive(Clone, Copy)]
pub enum EntryQuestion<'a> {
    /// Is a value equal to one of these? On analysed text: does it hold the words of one, as they stand?
    Equals(&'a [String]),
    /// Does a value fit this pattern, in which `\` takes the next character as it is?
    Fits(&'a str),
    /// Is there a value?
    Exists,
    /// Is a value in the list?
    Listed(&'a dyn ListForms),
}

/// A value list in the forms in which it can be asked for.
pub trait ListForms {
    /// As texts under a folding.
    fn texts(&self, fold: Fold) -> ListedValues;
    /// As ranges of addresses.
    fn addresses(&self) -> ListedValues;
    /// Whether its values can only be addresses, and not texts.
    fn is_of_ranges(&self) -> bool;
}

/// The condition of an entry, and what is to be said about it. `field` is its full name, `scope` the list of objects that
/// is being looked into; a note of each diagnostic names `path` as its place. Whatever can never hold is `false`.
pub fn lower_entry(
    field: &str,
    scope: Option<&str>,
    question: EntryQuestion<'_>,
    fold: Fold,
    path: &str,
    schema: &dyn Schema,
    now: Option<Timestamp>,
) -> (Condition, Vec<Diagnostic>) {
    let mut asker = Asker::new(schema, now, false);
    let place = Place::Path(path);
    let target = asker.field(field, scope, place);
    let condition = match question {
        EntryQuestion::Equals(values) => {
            let ask = |text: &String| {
                asker.ask(&target, Question::Equals { text, words: Words::Phrase, fold }, place)
            };
            merge_any(values.iter().map(ask).collect())
        }
        EntryQuestion::Fits(pattern) => {
            let pattern = Pattern::from_wildcard_query(pattern);
            asker.ask(
                &target,
                Question::Fits { pattern: &pattern, fold, analysed: PatternOnText::Token },
                place,
            )
        }
        EntryQuestion::Exists => asker.ask(&target, Question::Exists, place),
        EntryQuestion::Listed(list) => listed(&target, list, fold, place, &mut asker),
    };
    (condition, asker.finish())
}

/// The condition that a value of the field is in the list: of addresses as such, of all else by the whole text.
fn listed(
    target: &Target,
    list: &dyn ListForms,
    fold: Fold,
    place: Place<'_>,
    asker: &mut Asker<'_>,
) -> Condition {
    let Target::Field { name, field } = target else { return Condition::constant(false) };
    let mut never = |why: String| {
        let message = format!("`{name}` cannot match: {why}");
        let label = format!("the field is of type `{}`", field.field_type);
        asker.report(place, Diagnostic::warning(codes::CANNOT_MATCH, message), &label);
        Condition::constant(false)
    };
    let values = match field.field_type {
        FieldType::Ip => list.addresses(),
        FieldType::Dynamic if list.is_of_ranges() => list.addresses(),
        FieldType::Object | FieldType::Nested => {
            return never("the field is an object and has no value of its own".to_owned());
        }
        FieldType::Unsupported => return never("fields of this type cannot be searched by value".to_owned()),
        FieldType::Date | FieldType::DateNanos => {
            return never("dates are not looked up in value lists".to_owned());
        }
        _ if list.is_of_ranges() => {
            return never("a list of address ranges has no texts to compare".to_owned());
        }
        FieldType::CaselessKeyword => list.texts(Fold::Lowercase),
        _ => list.texts(fold),
    };
    if values.is_empty() {
        return never("the list has no value for a field of its type".to_owned());
    }
    let target = match field.field_type {
        FieldType::Flattened => FieldTarget::Below(Arc::clone(&field.name)),
        _ => FieldTarget::Field(field.clone()),
    };
    Condition::leaf(FieldLeaf { target, predicate: Predicate::Listed(values) })
}

/// The condition that some object under `path` satisfies `inner`, whose fields carry their full names.
pub fn lower_nested_entry(
    list: &str,
    inner: Condition,
    path: &str,
    schema: &dyn Schema,
) -> (Condition, Vec<Diagnostic>) {
    if names::may_be_list(schema, list) {
        return (Condition::leaf(NestedLeaf { path: list.into(), condition: Box::new(inner) }), Vec::new());
    }
    let message = format!("`{list}` is not mapped as a nested list");
    let diagnostic = Diagnostic::warning(codes::NOT_A_LIST, message)
        .with_note(format!("at `{path}`"))
        .with_help("ask for its fields by their full names, in entries of their own");
    (Condition::constant(false), vec![diagnostic])
}

/// Whether the field holds analysed text, of which values and patterns see words instead of the whole.
pub fn is_analysed(field: &str, schema: &dyn Schema) -> bool {
    matches!(schema.resolve(field), crate::Resolution::Field(field)
        if field.field_type.family() == TypeFamily::AnalysedText)
}
