//! Which fields conditions look at, so that nothing else is put into columns.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use watchfire_events::{DataStream, FieldSelection, IndexPatterns, nesting_part};
use watchfire_ir::{Condition, FieldTarget, Leaf, Pattern, PatternPart};

/// The fields that conditions read in the data streams that they are asked of.
#[derive(Clone, Debug, Default)]
pub struct ReadFields {
    by_patterns: FxHashMap<IndexPatterns, Reading>,
    /// Fields that are read in every stream.
    everywhere: FxHashSet<Arc<str>>,
}

/// What some conditions read.
#[derive(Clone, Debug, Default)]
struct Reading {
    /// Free text looks at all fields.
    all: bool,
    names: FxHashSet<Arc<str>>,
    fitting: Vec<Pattern>,
    below: FxHashSet<Arc<str>>,
}

impl ReadFields {
    /// Adds what a condition reads in the data streams that `patterns` select.
    pub fn add(&mut self, patterns: &IndexPatterns, condition: &Condition) {
        let reading = self.by_patterns.entry(patterns.clone()).or_default();
        condition.for_each_leaf(&mut |leaf, _| reading.add(leaf));
    }

    /// Adds a field that is read in every data stream.
    pub fn add_field(&mut self, name: &Arc<str>) {
        self.everywhere.insert(Arc::clone(name));
    }
}

impl Reading {
    fn add(&mut self, leaf: &Leaf) {
        match leaf {
            Leaf::Field(leaf) => match &leaf.target {
                FieldTarget::Field(field) => {
                    self.names.insert(Arc::clone(&field.name));
                }
                FieldTarget::Names(pattern) => self.fitting.push(pattern.clone()),
                FieldTarget::Below(name) => {
                    self.below.insert(Arc::clone(name));
                }
            },
            // Its objects are read from the document.
            Leaf::Nested(_) => {}
            Leaf::AnyField(_) => self.all = true,
            Leaf::Computed(leaf) => {
                self.names.extend(leaf.fields().iter().map(|field| Arc::clone(&field.name)));
            }
        }
    }

    /// Whether it may have a field whose name goes on behind this one.
    fn may_have_below(&self, name: &str) -> bool {
        self.all
            || self.names.iter().any(|field| is_below(field, name))
            || self.fitting.iter().any(|pattern| may_fit_below(pattern, name))
            || self
                .below
                .iter()
                .any(|holder| **holder == *name || is_below(holder, name) || is_below(name, holder))
    }

    fn has(&self, name: &str) -> bool {
        let mut parents = nesting_part(name).match_indices('.').map(|(dot, _)| &name[..dot]).chain([name]);
        self.all
            || self.names.contains(name)
            || self.fitting.iter().any(|pattern| pattern.fits(name))
            || (!self.below.is_empty() && parents.any(|parent| self.below.contains(parent)))
    }
}

/// Whether a name is that of a field below a holder.
fn is_below(name: &str, holder: &str) -> bool {
    name.strip_prefix(holder).is_some_and(|rest| rest.starts_with('.'))
}

/// Whether a pattern may fit a name below a holder: nothing speaks against it before its first wildcard.
fn may_fit_below(pattern: &Pattern, holder: &str) -> bool {
    let start = match pattern.parts().first() {
        Some(PatternPart::Literal(start)) => &**start,
        _ => "",
    };
    let holder = format!("{holder}.");
    holder.starts_with(start) || start.starts_with(&holder)
}

impl FieldSelection for ReadFields {
    fn reads(&self, stream: &DataStream, name: &str) -> bool {
        self.everywhere.contains(name)
            || self.by_patterns.iter().any(|(patterns, reading)| reading.has(name) && patterns.select(stream))
    }

    fn may_read_below(&self, stream: &DataStream, name: &str) -> bool {
        let is_below = |field: &Arc<str>| is_below(field, name);
        self.everywhere.iter().any(is_below)
            || self
                .by_patterns
                .iter()
                .any(|(patterns, reading)| reading.may_have_below(name) && patterns.select(stream))
    }
}
