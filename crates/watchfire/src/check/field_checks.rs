//! Names of fields, held against the schema and against the data streams of the rule.
//!
//! | the field is … | all data streams known | else |
//! |---|---|---|
//! | in no schema | CHK001 | CHK001 only if its name is almost that of a known field |
//! | known, but of other sources | CHK002, or CHK003 if nothing matches without it | nothing is said |
//! | an object or analysed text, and to be grouped by | CHK005 | CHK005 |

use std::collections::BTreeMap;

use watchfire_diagnostics::{Diagnostic, Span, closest, closest_within};
use watchfire_events::TypeFamily;
use watchfire_ir::{Catalogue, Condition, Resolution, Schema};

use super::codes;
use super::examine::Search;
use super::field_use::{FieldUse, Role};
use super::sources::without;

/// Places of one field that a diagnostic shows.
const SHOWN_PLACES: usize = 3;
/// Letters by which a name may differ from a known one and still count as misspelt, where not all fields are known.
const SLIP: usize = 2;
/// Shorter names are too much like each other to speak of slips.
const SHORTEST_SLIP: usize = 8;

/// The checks of names; they remember which names are like which.
pub(super) struct FieldChecks<'a> {
    catalogue: &'a Catalogue,
    names: Vec<&'a str>,
    slips: BTreeMap<String, Option<&'a str>>,
}

/// The uses of one field.
struct Named<'u> {
    name: &'u str,
    /// The field that the name stands for: another one for a sub-field.
    column: String,
    uses: Vec<&'u FieldUse>,
}

impl<'a> FieldChecks<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        let mut names: Vec<&str> = catalogue.names().collect();
        names.sort_unstable();
        Self { catalogue, names, slips: BTreeMap::new() }
    }

    /// Checks every field that the search names.
    pub(super) fn run(&mut self, search: &Search, found: &mut Vec<Diagnostic>) {
        let mut by_name: BTreeMap<&str, Vec<&FieldUse>> = BTreeMap::new();
        for used in &search.uses {
            by_name.entry(&used.name).or_default().push(used);
        }
        let mut absent = Vec::new();
        for (name, uses) in by_name {
            let resolution = self.catalogue.resolve(name);
            let is_object = resolution == Resolution::Object || self.has_fields_below(name);
            let ungroupable = uses.iter().filter_map(|used| ungroupable(used, &resolution, is_object));
            found.extend(ungroupable);
            let column = match &resolution {
                Resolution::Field(field) => field.name.to_string(),
                _ => name.to_owned(),
            };
            let named = Named { name, column, uses };
            // Neither have objects values to speak of, nor are the fields that Elasticsearch keeps part of a schema.
            if is_object || name.starts_with('_') {
                continue;
            }
            if !self.catalogue.knows(&named.column) {
                if let Some(diagnostic) = self.unknown(&named, search.sources.are_all_known()) {
                    found.push(diagnostic);
                }
            } else if !search.sources.give(&named.column)
                && search.sources.are_all_known()
                && matches!(resolution, Resolution::Field(_))
            {
                absent.push(named);
            }
        }
        not_given(search, &absent, found);
    }

    /// Whether the name is that of an object that the schema does not list by itself.
    fn has_fields_below(&self, name: &str) -> bool {
        let prefix = format!("{name}.");
        let next = self.names.partition_point(|known| **known < *prefix);
        self.names.get(next).is_some_and(|known| known.starts_with(&prefix)) && !self.catalogue.knows(name)
    }

    /// What there is to say of a name that no schema has.
    fn unknown(&mut self, named: &Named<'_>, all_known: bool) -> Option<Diagnostic> {
        let similar = if all_known {
            closest(named.name, self.names.iter().copied())
        } else {
            Some(self.slip(&named.column)?)
        };
        let message = format!("unknown field `{}`", named.name);
        let mut diagnostic =
            at_uses(Diagnostic::warning(codes::UNKNOWN_FIELD, message), named, "in no known schema");
        if let Some(similar) = similar {
            diagnostic = diagnostic.with_help(format!("did you mean `{similar}`?"));
            let mut places = named.uses.iter().filter(|used| used.role == Role::Query);
            if let (Some(FieldUse { span: Some(span), optional: false, .. }), None) =
                (places.next(), places.next())
                && span.len() == named.name.len()
            {
                diagnostic = diagnostic.with_edit(*span, similar);
            }
        }
        Some(diagnostic)
    }

    /// The known name that differs from this one by a slip of the hand.
    fn slip(&mut self, name: &str) -> Option<&'a str> {
        if name.len() < SHORTEST_SLIP {
            return None;
        }
        if let Some(known) = self.slips.get(name) {
            return *known;
        }
        let known = closest_within(name, SLIP, self.names.iter().copied());
        self.slips.insert(name.to_owned(), known);
        known
    }
}

/// A key that groups by a field which has no whole values.
fn ungroupable(used: &FieldUse, resolution: &Resolution, is_object: bool) -> Option<Diagnostic> {
    let key = used.key.as_ref().filter(|key| used.role != Role::Filter && groups(key))?;
    let why = match resolution {
        _ if is_object => "is an object",
        Resolution::Field(field) if field.field_type.family() == TypeFamily::AnalysedText => {
            "is analysed text"
        }
        _ => return None,
    };
    let message = format!("`{}` {why}, and `{key}` needs whole values", used.name);
    let diagnostic = Diagnostic::warning(codes::UNUSABLE_KEY_FIELD, message);
    Some(match used.span {
        Some(span) => diagnostic.at(span, ""),
        None => diagnostic,
    })
}

/// Whether the key tells events apart by values.
fn groups(key: &str) -> bool {
    ["threshold.", "new_terms", "threat_mapping", "alert_suppression."]
        .iter()
        .any(|begin| key.starts_with(begin))
}

/// Speaks of fields that exist, but not in the data streams of the rule.
fn not_given(search: &Search, absent: &[Named<'_>], found: &mut Vec<Diagnostic>) {
    let decides = |fields: &[&Named<'_>]| {
        let is_absent = |name: &str| fields.iter().any(|named| named.column == name);
        let never = |condition: &Condition| without(condition, &is_absent) == Condition::constant(false);
        search.stages.iter().any(|stage| stage.needed && never(&stage.condition))
    };
    let (deciding, others): (Vec<&Named<'_>>, Vec<&Named<'_>>) = absent
        .iter()
        .partition(|named| named.uses.iter().any(|used| used.role == Role::Needed) || decides(&[*named]));
    let sources = search.sources.names();
    let none_has = |named: &Named<'_>| format!("none of the data streams of the rule has `{}`", named.name);
    for named in &deciding {
        let message = format!("the rule cannot match: {}", none_has(named));
        let diagnostic = Diagnostic::warning(codes::CANNOT_MATCH, message);
        found.push(at_uses(diagnostic, named, "needed").with_note(format!("its data streams: {sources}")));
    }
    if deciding.is_empty() && others.len() > 1 && decides(&others) {
        let names: Vec<String> = others.iter().map(|named| format!("`{}`", named.name)).collect();
        let message = format!("the rule cannot match: its data streams have none of {}", names.join(", "));
        let mut diagnostic = Diagnostic::warning(codes::CANNOT_MATCH, message);
        for span in others.iter().filter_map(|named| first_place(named)) {
            diagnostic = diagnostic.at(span, "");
        }
        found.push(diagnostic.with_note(format!("its data streams: {sources}")));
        return;
    }
    for named in others.iter().filter(|named| !named.uses.iter().all(|used| used.optional)) {
        let diagnostic =
            Diagnostic::new(codes::NOT_GIVEN, watchfire_diagnostics::Severity::Note, none_has(named));
        found.push(
            at_uses(diagnostic, named, "has no effect").with_note(format!("its data streams: {sources}")),
        );
    }
}

fn first_place(named: &Named<'_>) -> Option<Span> {
    named.uses.iter().find_map(|used| used.span)
}

/// The diagnostic with the places of the field, as far as they are shown.
fn at_uses(mut diagnostic: Diagnostic, named: &Named<'_>, label: &str) -> Diagnostic {
    let spans: Vec<Span> = named.uses.iter().filter_map(|used| used.span).collect();
    for (at, &span) in spans.iter().take(SHOWN_PLACES).enumerate() {
        diagnostic = diagnostic.at(span, if at == 0 { label } else { "" });
    }
    if spans.len() > SHOWN_PLACES {
        diagnostic = diagnostic.with_note(format!("named {} times", spans.len()));
    }
    let keys: Vec<String> =
        named.uses.iter().filter_map(|used| used.key.as_ref()).map(|key| format!("`{key}`")).collect();
    if keys.is_empty() { diagnostic } else { diagnostic.with_note(format!("named by {}", keys.join(", "))) }
}
