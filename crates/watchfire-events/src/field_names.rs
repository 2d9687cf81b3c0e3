//! Names of fields, each under a number, so that a name is hashed once and everything behind it is looked up by index.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::document::nesting_dots;

/// The number of a name in its [`FieldNames`]; numbers run from 0 without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldName(u32);

impl FieldName {
    /// The number as an index.
    #[inline]
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
    /// By number, whether a name is among them.
    is_parent: Vec<bool>,
    /// By number, the names one part longer that were asked for; the first of them has the names of one part.
    members: Vec<Members>,
    /// By number, what was noted of a name.
    notes: Vec<u8>,
    /// Names that stand in the program, by where they stand.
    fixed: FxHashMap<Literal, FieldName>,
    fixed_below: FxHashMap<(Literal, Literal), FieldName>,
    /// Where names are put together.
    joined: String,
    serial: Serial,
}

/// Tells apart what gives out numbers of its own.
#[derive(Debug)]
struct Serial(u64);

impl Default for Serial {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Clone for Serial {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Names below another one.
#[derive(Clone, Debug, Default)]
struct Members {
    known: Vec<(Box<str>, FieldName)>,
    /// Behind the one that was found last: members of objects come in the same order again and again.
    next: usize,
}

impl Members {
    /// More are looked up in the table of all names.
    const MOST: usize = 64;

    #[inline]
    fn find(&mut self, key: &str) -> Option<FieldName> {
        match self.known.get(self.next) {
            Some((known, name)) if **known == *key => {
                self.next += 1;
                Some(*name)
            }
            _ => self.search(key),
        }
    }

    fn search(&mut self, key: &str) -> Option<FieldName> {
        let is_key = |(known, _): &(Box<str>, FieldName)| **known == *key;
        let (before, behind) = self.known.split_at(self.next.min(self.known.len()));
        let at = match behind.iter().position(is_key) {
            Some(at) => before.len() + at,
            None => before.iter().position(is_key)?,
        };
        self.next = at + 1;
        Some(self.known[at].1)
    }
}

/// The address and length of a text that is part of the program: it stays where it is, so these tell it apart faster
/// than its bytes do.
type Literal = (usize, usize);

fn literal(text: &'static str) -> Literal {
    (text.as_ptr() as usize, text.len())
}

impl FieldNames {
    /// The number of a name; a new one is added.
    pub fn intern(&mut self, text: &str) -> FieldName {
        if let Some(&name) = self.numbers.get(text) {
            return name;
        }
        let name = FieldName(self.texts.len() as u32);
        for dot in nesting_dots(text) {
            if !self.parents.contains(&text[..dot]) {
                self.parents.insert(text[..dot].into());
                if let Some(parent) = self.find(&text[..dot]) {
                    self.is_parent[parent.at()] = true;
                }
            }
        }
        self.is_parent.push(self.parents.contains(text));
        self.notes.push(0);
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, name);
        name
    }

    /// As [`Self::intern`], of a name that stands in the program.
    pub fn fixed(&mut self, text: &'static str) -> FieldName {
        if let Some(&name) = self.fixed.get(&literal(text)) {
            return name;
        }
        let name = self.intern(text);
        self.fixed.insert(literal(text), name);
        name
    }

    /// As [`Self::intern_below`], of names that stand in the program.
    pub fn fixed_below(&mut self, prefix: &'static str, text: &'static str) -> FieldName {
        let key = (literal(prefix), literal(text));
        if let Some(&name) = self.fixed_below.get(&key) {
            return name;
        }
        let name = self.intern_below(prefix, text);
        self.fixed_below.insert(key, name);
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

    /// The number of the name of a member of an object that has a name, or of the outermost one.
    #[inline]
    pub fn member(&mut self, holder: Option<FieldName>, key: &str) -> FieldName {
        let at = holder.map_or(0, |holder| holder.at() + 1);
        match self.members.get_mut(at).and_then(|members| members.find(key)) {
            Some(name) => name,
            None => self.add_member(holder, key),
        }
    }

    fn add_member(&mut self, holder: Option<FieldName>, key: &str) -> FieldName {
        let at = holder.map_or(0, |holder| holder.at() + 1);
        if self.members.len() <= at {
            self.members.resize_with(self.texts.len() + 1, Members::default);
        }
        let name = match holder {
            // Flattened names never begin with a dot.
            Some(holder) if self.text(holder).is_empty() => self.intern(key),
            Some(holder) => {
                let holder = Arc::clone(self.text(holder));
                self.intern_below(&holder, key)
            }
            None => self.intern(key),
        };
        if self.members[at].known.len() < Members::MOST {
            self.members[at].known.push((key.into(), name));
        }
        name
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
    #[inline]
    pub fn text(&self, name: FieldName) -> &Arc<str> {
        &self.texts[name.at()]
    }

    /// What was noted of a name; 0 if nothing was. Notes save looking a name up in a table of another kind; who makes them
    /// agrees with itself on what they mean.
    #[inline]
    pub fn note(&self, name: FieldName) -> u8 {
        self.notes[name.at()]
    }

    /// Notes something of a name.
    pub fn set_note(&mut self, name: FieldName, note: u8) {
        self.notes[name.at()] = note;
    }

    /// Whether other names go on behind this one: `host`, if there is a `host.name`.
    #[inline]
    pub fn is_parent(&self, name: FieldName) -> bool {
        self.is_parent[name.at()]
    }

    /// Numbers that were given out by names of another serial mean something else. It is never 0.
    pub fn serial(&self) -> u64 {
        self.serial.0
    }

    /// How many names there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}
