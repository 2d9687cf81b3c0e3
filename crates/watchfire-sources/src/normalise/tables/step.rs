//! The steps of a table: for which records they are, and what they write.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use watchfire_events::{FieldName, FieldNames};

use super::Source;
use super::conversion::{Conversion, texts_of};
use super::paths::{Found, Slot};
use super::pattern::Pattern;
use crate::fields::FieldValue;
use crate::normalise::draft::Draft;
use crate::normalise::wanted::{Part, Wants};

#[derive(Debug)]
pub(super) struct Step {
    /// Its number among the steps of the table.
    pub(super) number: usize,
    pub(super) note: String,
    pub(super) condition: Condition,
    pub(super) set: Vec<(&'static str, FieldValue<'static>)>,
    pub(super) add: Vec<(&'static str, Vec<&'static str>)>,
    pub(super) lookup: Option<Lookup>,
    pub(super) rows: Vec<Row>,
    pub(super) rename: Vec<(&'static str, &'static str)>,
    pub(super) copy: Vec<(&'static str, &'static str)>,
    pub(super) remove: Vec<&'static str>,
}

#[derive(Debug)]
pub(super) struct Condition {
    pub(super) when: Vec<(Slot, Vec<Pattern>)>,
    pub(super) unless: Vec<(Slot, Vec<Pattern>)>,
    pub(super) has: Vec<Slot>,
    pub(super) lacks: Vec<Slot>,
    pub(super) fields: Vec<FieldTest>,
    pub(super) lacks_field: Vec<&'static str>,
}

#[derive(Debug)]
pub(super) struct FieldTest {
    pub(super) field: &'static str,
    pub(super) texts: Vec<Pattern>,
}

#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) by: Vec<Slot>,
    pub(super) columns: Vec<&'static str>,
    /// By keys in lower case.
    pub(super) exact: FxHashMap<&'static str, usize>,
    pub(super) patterns: Vec<(Pattern, usize)>,
    pub(super) rows: Vec<Vec<FieldValue<'static>>>,
    pub(super) otherwise: Option<Vec<FieldValue<'static>>>,
}

#[derive(Debug)]
pub(super) struct Row {
    /// Its number among the rows of all steps.
    pub(super) number: usize,
    pub(super) from: Vec<Slot>,
    /// Targets, each with the field by which one is there already.
    pub(super) to: Vec<(&'static str, &'static str)>,
    pub(super) conversion: Conversion,
    /// The conversion as the table writes it.
    pub(super) written: &'static str,
    pub(super) join: Option<&'static str>,
    pub(super) if_absent: bool,
    pub(super) add: bool,
}

impl Condition {
    fn holds(&self, found: &Found<'_>, draft: &mut Draft<'_, '_>) -> bool {
        let is_one = |(slot, texts): &(Slot, Vec<Pattern>)| match found.text(*slot) {
            Some(text) if Pattern::any(texts, &text) => true,
            Some(_) if found.all(*slot).len() == 1 => false,
            _ => texts_of(found.all(*slot)).iter().any(|text| Pattern::any(texts, text)),
        };
        self.has.iter().all(|slot| found.has(*slot))
            && !self.lacks.iter().any(|slot| found.has(*slot))
            && self.when.iter().all(is_one)
            && !self.unless.iter().any(is_one)
            && self.fields.iter().all(|test| match draft.text(test.field) {
                Some(text) => Pattern::any(&test.texts, text),
                None => draft.texts(test.field).iter().any(|text| Pattern::any(&test.texts, text)),
            })
            && !self.lacks_field.iter().any(|field| draft.has(field))
    }
}

impl Lookup {
    fn find(&self, found: &Found<'_>) -> Option<&[FieldValue<'static>]> {
        let key = self.by.iter().find_map(|slot| found.text(*slot));
        let row = key.and_then(|key| {
            let lower = key.to_lowercase();
            self.exact.get(lower.as_str()).copied().or_else(|| {
                self.patterns.iter().find(|(pattern, _)| pattern.matches(&key)).map(|(_, row)| *row)
            })
        });
        row.map(|row| &self.rows[row][..]).or(self.otherwise.as_deref())
    }
}

impl Step {
    /// The fields that the step writes, if nobody asks for any of them.
    fn unasked(&self, wants: &mut Wants<'_>, names: &mut FieldNames) -> Option<Vec<FieldName>> {
        let mut written = Vec::new();
        for row in &self.rows {
            written.extend(row.unasked(wants, names)?);
        }
        let lookup = self.lookup.iter().flat_map(|lookup| {
            let rows = lookup.rows.iter().chain(&lookup.otherwise);
            rows.flat_map(|values| lookup.columns.iter().zip(values))
        });
        let given = self.set.iter().map(|(field, value)| (field, value));
        let mut is_unasked = given.chain(lookup).all(|(field, value)| {
            let name = names.fixed(field);
            written.push(name);
            !matches!(value, FieldValue::Json(_) | FieldValue::Objects(_))
                && wants.is_unwanted(name, None, names)
        });
        for (field, _) in &self.add {
            let name = names.fixed(field);
            written.push(name);
            is_unasked = is_unasked && wants.is_unwanted(name, None, names);
        }
        let moved = self.rename.iter().flat_map(|(from, to)| [from, to]);
        for field in moved.chain(self.copy.iter().map(|(_, to)| to)).chain(&self.remove) {
            let name = names.fixed(field);
            written.push(name);
            is_unasked =
                is_unasked && wants.is_unwanted(name, None, names) && !wants.has_wanted_below(name, names);
        }
        written.sort_unstable();
        written.dedup();
        is_unasked.then_some(written)
    }

    pub(super) fn apply<'a>(&self, source: &'static Source, found: &Found<'a>, draft: &mut Draft<'a, '_>) {
        if draft.leaves_out(Part::Step(self.number), |wants, names| self.unasked(wants, names))
            || !self.condition.holds(found, draft)
        {
            return;
        }
        for (field, value) in &self.set {
            draft.set(field, value.clone());
        }
        for (field, texts) in &self.add {
            draft.add_texts(field, texts.iter().copied().map(Cow::Borrowed));
        }
        if let Some(lookup) = &self.lookup
            && let Some(values) = lookup.find(found)
        {
            for (field, value) in lookup.columns.iter().zip(values) {
                let says_nothing = match value {
                    FieldValue::Text(text) => text.is_empty(),
                    FieldValue::Words(words) => words.is_empty(),
                    _ => false,
                };
                if !says_nothing {
                    draft.set(field, value.clone());
                }
            }
        }
        for row in &self.rows {
            row.apply(source, found, draft);
        }
        for (from, to) in &self.rename {
            if let Some(value) = draft.remove(from) {
                draft.set(to, value);
            }
        }
        for (from, to) in &self.copy {
            if let Some(value) = draft.copy_value(from) {
                draft.set(to, value);
            }
        }
        for field in &self.remove {
            draft.remove(field);
        }
    }
}

impl Row {
    /// The fields that the row writes, if nobody asks for any of them.
    fn unasked(&self, wants: &mut Wants<'_>, names: &mut FieldNames) -> Option<Vec<FieldName>> {
        let mut written = Vec::new();
        for (target, _) in &self.to {
            let fields = match self.join {
                Some(_) => vec![((*target).to_owned(), None)],
                None => self.conversion.writes_surely(target)?,
            };
            for (field, fitting) in fields {
                let name = names.intern(&field);
                if !wants.is_unwanted(name, fitting, names) {
                    return None;
                }
                written.push(name);
            }
        }
        Some(written)
    }

    pub(super) fn apply<'a>(&self, source: &'static Source, found: &Found<'a>, draft: &mut Draft<'a, '_>) {
        if !self.from.iter().any(|slot| found.has(*slot))
            || draft.leaves_out(Part::Row(self.number), |wants, names| self.unasked(wants, names))
        {
            return;
        }
        if let Some(separator) = self.join {
            let parts: Vec<_> = self.from.iter().filter_map(|slot| found.text(*slot)).collect();
            if !parts.is_empty() {
                for (target, guard) in &self.to {
                    if !(self.if_absent && draft.has(guard)) {
                        draft.set(target, parts.join(separator));
                    }
                }
            }
            return;
        }
        if self.add {
            let texts = self.from.iter().flat_map(|slot| texts_of(found.all(*slot)));
            for (target, _) in &self.to {
                draft.add_texts(target, texts.clone());
            }
            return;
        }
        let Some(slot) = self.from.iter().find(|slot| found.has(**slot)) else { return };
        for (target, guard) in &self.to {
            if self.if_absent && draft.has(guard) {
                continue;
            }
            self.conversion.apply(found.all(*slot), target, &source.words, draft);
        }
    }
}
