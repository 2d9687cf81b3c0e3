//! Sources whose mapping is a table: a TOML file that says how their records are recognised and where each raw field
//! goes. Those of the program are such files as well, in `tables/` beside `src/`; what a table cannot say is a function
//! beside it (`builtin`).
//!
//! ```text
//! record ─► one pass over its names: the raw fields that the table reads ─► rest: all of it under the vendor's name
//!                                                                           ├► steps, in order: set, look up, convert
//!                                                                           ├► function, if the source has one
//!                                                                           └► time
//! ```
//!
//! The order of a table decides, never that of a record's names: a later row writes over an earlier one.

mod builtin;
pub(crate) mod codes;
mod compile;
mod conversion;
mod date;
mod format;
mod given;
mod keys;
mod map_text;
pub(crate) mod naming;
mod page;
mod paths;
mod pattern;
mod rest;
mod step;

use std::fmt;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use watchfire_diagnostics::Diagnostic;
use watchfire_events::Timestamp;

pub use page::{conversions_page, source_page};

use self::date::DateForm;
pub(crate) use self::keys::Keys;
use self::keys::Needed;
use self::paths::{Found, Paths, Slot};
use self::pattern::Pattern;
use self::rest::Rest;
pub(super) use self::rest::RestTree;
use self::step::Step;
use super::draft::Draft;
use super::schema::{SourceFields, TypedField};
use crate::fields::FieldValue;
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::scalar_text;

/// A source whose mapping is a table. It lives to the end of the program.
#[derive(Clone, Copy)]
pub struct TableRef(&'static Compiled);

impl PartialEq for TableRef {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for TableRef {}

impl std::hash::Hash for TableRef {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl PartialOrd for TableRef {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TableRef {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name().cmp(other.name())
    }
}

impl fmt::Debug for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a function of a source does to a record that its table has mapped.
pub(crate) type Function = for<'a> fn(TapeObject<'a>, &mut Draft<'a, '_>);

/// Whether a record that passes a test of its table is of its source.
pub(crate) type Recogniser = fn(TapeObject<'_>) -> bool;

struct Compiled {
    source: Source,
    function: Option<Function>,
    accepts: Option<Recogniser>,
    fields: OnceLock<SourceFields>,
}

/// What a table says of its source.
#[derive(Debug)]
struct TableSource {
    name: &'static str,
    title: String,
    about: String,
    module: String,
    index: Option<String>,
    dataset: Dataset,
    written: Vec<TypedField>,
}

/// A dataset, put together from texts and raw fields.
#[derive(Debug)]
struct Dataset {
    parts: Vec<(&'static str, Slot)>,
    last: &'static str,
}

#[derive(Debug)]
struct Source {
    table: TableSource,
    /// An object whose members count as members of the record.
    inside: Option<&'static str>,
    wrappers: Vec<&'static str>,
    nothing: Vec<&'static str>,
    tests: Vec<Test>,
    paths: Paths,
    time: Vec<(Slot, DateForm)>,
    steps: Vec<Step>,
    words: FxHashMap<&'static str, FxHashMap<&'static str, FieldValue<'static>>>,
    rest: Option<Rest>,
}

#[derive(Debug)]
struct Test {
    has: Vec<&'static str>,
    /// What it has and nothing else, if there is something here.
    only: Vec<&'static str>,
    lacks: Vec<&'static str>,
    is: Vec<(&'static str, Vec<Pattern>)>,
    /// What a record must have among its names to pass it.
    needed: Vec<Needed>,
}

/// Texts of tables, which live as long as the program: sources are few, and are read once.
pub(crate) fn intern(text: &str) -> &'static str {
    static KNOWN: LazyLock<Mutex<FxHashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(&text) = known.get(text) {
        return text;
    }
    let text: &'static str = Box::leak(text.into());
    known.insert(text);
    text
}

impl TableRef {
    /// Reads the table of a source, which then lives to the end of the program.
    ///
    /// # Errors
    /// All that is wrong with it, with places in the text.
    pub fn read(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let table = Self::compile(text, None, None)?;
        if table.0.source.tests.is_empty() {
            let problem = "a source of one's own needs a `[[recognise]]` test".to_owned();
            return Err(vec![Diagnostic::error(codes::RECOGNITION, problem)]);
        }
        Ok(table)
    }

    fn compile(
        text: &str,
        function: Option<Function>,
        accepts: Option<Recogniser>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let source = compile::compile(text)?;
        Ok(Self(Box::leak(Box::new(Compiled { source, function, accepts, fields: OnceLock::new() }))))
    }

    /// The name of the source.
    pub fn name(self) -> &'static str {
        self.0.source.table.name
    }

    /// A few words for people.
    pub fn title(self) -> &'static str {
        &self.0.source.table.title
    }

    /// Where its records come from, in Markdown.
    pub fn about(self) -> &'static str {
        &self.0.source.table.about
    }

    /// `event.module` of its documents.
    pub fn module(self) -> &'static str {
        &self.0.source.table.module
    }

    /// The index of its documents, if it is not that of a dataset.
    pub(crate) fn index(self, namespace: &str) -> Option<String> {
        Some(self.0.source.table.index.as_ref()?.replace("{namespace}", namespace))
    }

    /// The dataset, where all documents of the source have the same.
    pub fn dataset(self) -> Option<&'static str> {
        let dataset = &self.0.source.table.dataset;
        dataset.parts.is_empty().then_some(dataset.last)
    }

    /// Which fields the source gives.
    pub fn fields(self) -> &'static SourceFields {
        self.0.fields.get_or_init(|| self.0.source.fields(self))
    }

    /// Whether a record is of this source.
    pub(crate) fn recognises(self, record: TapeObject<'_>, keys: &Keys) -> bool {
        self.find_test(record, keys).is_some() && self.0.accepts.is_none_or(|accepts| accepts(record))
    }

    /// The test that a record passes, in words.
    pub(crate) fn passed_test(self, record: TapeObject<'_>) -> Option<String> {
        self.find_test(record, &Keys::of(record)).map(|test| format!("it {test}"))
    }

    fn find_test(self, record: TapeObject<'_>, keys: &Keys) -> Option<&'static Test> {
        let source = &self.0.source;
        source.find_test(record, keys).or_else(|| {
            let (_, inner) = source.inner(record)?;
            source.find_test(inner, &Keys::of(inner))
        })
    }

    /// The tests, in words.
    pub fn recognition(self) -> Vec<String> {
        self.0.source.tests.iter().map(Test::to_string).collect()
    }

    /// Maps a record; the result is its dataset.
    pub(crate) fn map<'a>(self, record: TapeObject<'a>, draft: &mut Draft<'a, '_>) -> String {
        let source = &self.0.source;
        let record = source.inner(record).map_or(record, |(_, inner)| inner);
        let found = source.paths.find(record, source.inside, &source.nothing);
        if let Some(rest) = &source.rest {
            rest.apply(record, &source.nothing, draft);
        }
        for step in &source.steps {
            step.apply(source, &found, draft);
        }
        if let Some(function) = self.0.function {
            function(record, draft);
        }
        if !draft.has("@timestamp")
            && let Some(time) = source.time(&found, draft.zone.as_ref())
        {
            draft.set("@timestamp", time.to_iso_millis());
        }
        // A step that knows more than the table's own pattern says it.
        draft.text("event.dataset").map_or_else(|| source.table.dataset.of(&found), str::to_owned)
    }

    /// The raw fields of a record that the table does not read, by their paths. The vendor's part of the document has
    /// them all the same.
    pub(crate) fn unread(self, record: TapeObject<'_>) -> Vec<String> {
        let mut unread = Vec::new();
        let mut path = String::new();
        match self.0.source.inner(record) {
            Some((name, inner)) => {
                // All around it is unread.
                let around = record.iter().filter(|(key, value)| {
                    name.split('.').next() != Some(key) && *key != name && !value.is_null()
                });
                unread.extend(around.map(|(key, _)| key.to_owned()));
                self.collect_unread(inner, &mut path, 0, &mut unread);
            }
            None => self.collect_unread(record, &mut path, 0, &mut unread),
        }
        unread.sort_unstable();
        unread.dedup();
        unread
    }

    fn collect_unread(
        self,
        object: TapeObject<'_>,
        path: &mut String,
        depth: usize,
        unread: &mut Vec<String>,
    ) {
        for (key, value) in object.iter() {
            if depth == 0
                && self.0.source.inside == Some(key)
                && let Some(inner) = value.as_object()
            {
                self.collect_unread(inner, path, 1, unread);
                continue;
            }
            let length = path.len();
            if length > 0 {
                path.push('.');
            }
            path.push_str(key);
            if !self.0.source.paths.reads(path) && !value.is_null() {
                self.collect_unread_of(value, path, depth, unread);
            }
            path.truncate(length);
        }
    }

    /// Of a value that is not read as a whole: an object counts as its members, and a list within which something is read
    /// as each of its objects.
    fn collect_unread_of(
        self,
        value: TapeValue<'_>,
        path: &mut String,
        depth: usize,
        unread: &mut Vec<String>,
    ) {
        let is_deep = depth >= MOST_DEPTH;
        if let Some(inner) = value.as_object().filter(|_| !is_deep) {
            return self.collect_unread(inner, path, depth + 1, unread);
        }
        match value.as_array().filter(|_| !is_deep && self.0.source.paths.reads_within(path)) {
            Some(items) => {
                for item in items {
                    match item.as_object() {
                        Some(inner) => self.collect_unread(inner, path, depth + 1, unread),
                        None => unread.push(path.clone()),
                    }
                }
            }
            None => unread.push(path.clone()),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.has.iter().map(|path| format!("has `{path}`")));
        if !self.only.is_empty() {
            let names: Vec<String> = self.only.iter().map(|path| format!("`{path}`")).collect();
            parts.push(format!("has {} and nothing else", names.join(", ")));
        }
        parts.extend(self.is.iter().map(|(path, texts)| {
            let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
            format!("`{path}` is {}", texts.join(" or "))
        }));
        parts.extend(self.lacks.iter().map(|path| format!("lacks `{path}`")));
        f.write_str(&parts.join(", "))
    }
}

impl Dataset {
    fn of(&self, found: &Found<'_>) -> String {
        let mut name = String::new();
        for (before, slot) in &self.parts {
            name.push_str(before);
            // What cannot be in the name of an index is left out of it.
            let text = found.text(*slot).unwrap_or_default().to_ascii_lowercase();
            name.extend(
                text.chars().filter(|character| character.is_ascii_alphanumeric() || *character == '_'),
            );
        }
        name.push_str(self.last);
        name
    }
}

impl Source {
    /// The test that a record passes.
    fn find_test<'a>(&self, record: TapeObject<'a>, keys: &Keys) -> Option<&Test> {
        // Of a list, the first says it.
        let scalar_of = |value: TapeValue<'a>| match value.as_array() {
            Some(mut items) => items.next().and_then(TapeValue::scalar),
            None => value.scalar(),
        };
        let text_of = |path: &str| record.get_field(path).and_then(scalar_of).map(scalar_text);
        let mut tests =
            self.tests.iter().filter(|test| test.needed.iter().all(|needed| keys.may_have(needed)));
        tests.find(|test| {
            (test.only.is_empty() || record.iter().all(|(name, _)| test.only.contains(&name)))
                && test.only.iter().chain(&test.has).all(|path| record.get_field(path).is_some())
                && test
                    .is
                    .iter()
                    .all(|(path, texts)| text_of(path).is_some_and(|text| Pattern::any(texts, &text)))
                && !test.lacks.iter().any(|path| record.get_field(path).is_some())
        })
    }

    /// The record inside of another object, with its name there.
    fn inner<'a>(&self, record: TapeObject<'a>) -> Option<(&'static str, TapeObject<'a>)> {
        self.wrappers.iter().find_map(|path| Some((*path, record.get_field(path)?.as_object()?)))
    }

    fn time(&self, found: &Found<'_>, zone: Option<&jiff::tz::TimeZone>) -> Option<Timestamp> {
        self.time.iter().find_map(|(slot, form)| date::read(form, found.first(*slot)?.scalar()?, zone))
    }
}

/// Nesting beyond this is not looked into; decoders refuse such records first.
const MOST_DEPTH: usize = 64;

/// Codes of what can be wrong with a table.
pub use codes::CODES;

/// What is wrong with a second table of one name.
pub fn same_name(name: &str) -> Diagnostic {
    Diagnostic::error(codes::NAME, format!("another table has the name `{name}` as well"))
}

/// The sources of the program whose mapping is a table, in the order in which records are tried.
pub fn builtin() -> &'static [TableRef] {
    builtin::all()
}
