//! Names of fields, each under a number, so that a name is hashed once and everything behind it is looked up by index.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

/// The number of a name in its [`FieldNames`]; numbers run from 0 without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldName(u32);

impl FieldName {
    /// The number as an index.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// Dotted names of fields. It only grows: who keeps one for long asks for its [length](FieldNames::len) and begins anew.
#[derive(Clone, Debug, Default)]
pub struct FieldNames {
    numbers: FxHashMap<Arc<str>, FieldName>,
    texts: Vec<Arc<str>>,
    /// What stands before a dot in any of them.
    parents: FxHashSet<Box<str>>,
    /// Where names are put together.
    joined: String,
}

impl FieldNames {
    /// The number of a name; a new one is added.
    pub fn intern(&mut self, text: &str) -> FieldName {
        if let Some(&name) = self.numbers.get(text) {
            return name;
        }
        let name = FieldName(self.texts.len() as u32);
        for (dot, _) in text.match_indices('.') {
            if !self.parents.contains(&text[..dot]) {
                self.parents.insert(text[..dot].into());
            }
        }
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, name);
        name
    }

    /// The number of `prefix.name`; a new one is added.
    pub fn intern_below(&mut self, prefix: &str, name: &str) -> FieldName {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        joined.push_str(prefix);
        joined.push('.');
        joined.push_str(name);
        let number = self.intern(&joined);
        self.joined = joined;
        number
    }

    /// The number of the name of a number below a prefix.
    pub fn below(&mut self, prefix: &str, name: FieldName) -> FieldName {
        let text = Arc::clone(&self.texts[name.at()]);
        self.intern_below(prefix, &text)
    }

    /// The number of a name that has been added.
    pub fn find(&self, text: &str) -> Option<FieldName> {
        self.numbers.get(text).copied()
    }

    /// The name of a number that was given out here.
    pub fn text(&self, name: FieldName) -> &Arc<str> {
        &self.texts[name.at()]
    }

    /// Whether other names go on behind this one: `host`, if there is a `host.name`.
    pub fn is_parent(&self, name: FieldName) -> bool {
        self.parents.contains(&**self.text(name))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}
