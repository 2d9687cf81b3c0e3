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
mod keys;
mod map_text;
pub(crate) mod naming;
mod page;
mod paths;

use std::borrow::Cow;
use std::fmt;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError, RwLock};

use rustc_hash::{FxHashMap, FxHashSet};
use watchfire_diagnostics::Diagnostic;
use watchfire_events::{FieldType, Timestamp};

pub use page::{conversions_page, source_page};

use self::conversion::{Conversion, texts_of};
use self::date::DateForm;
pub(crate) use self::keys::Keys;
use self::keys::Needed;
use self::naming::Naming;
use self::paths::{Found, Paths, Slot};
use super::draft::Draft;
use super::schema::{SourceFields, TypedField, declared};
use super::source::SourceKind;
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

#[derive(Debug)]
struct Step {
    note: String,
    condition: Condition,
    set: Vec<(&'static str, FieldValue<'static>)>,
    add: Vec<(&'static str, Vec<&'static str>)>,
    lookup: Option<Lookup>,
    rows: Vec<Row>,
    rename: Vec<(&'static str, &'static str)>,
    copy: Vec<(&'static str, &'static str)>,
    remove: Vec<&'static str>,
}

#[derive(Debug)]
struct Condition {
    when: Vec<(Slot, Vec<Pattern>)>,
    unless: Vec<(Slot, Vec<Pattern>)>,
    has: Vec<Slot>,
    lacks: Vec<Slot>,
    fields: Vec<FieldTest>,
    lacks_field: Vec<&'static str>,
}

#[derive(Debug)]
struct FieldTest {
    field: &'static str,
    texts: Vec<Pattern>,
}

#[derive(Debug)]
struct Lookup {
    by: Vec<Slot>,
    columns: Vec<&'static str>,
    /// By keys in lower case.
    exact: FxHashMap<&'static str, usize>,
    patterns: Vec<(Pattern, usize)>,
    rows: Vec<Vec<FieldValue<'static>>>,
    otherwise: Option<Vec<FieldValue<'static>>>,
}

#[derive(Debug)]
struct Row {
    from: Vec<Slot>,
    /// Targets, each with the field by which one is there already.
    to: Vec<(&'static str, &'static str)>,
    conversion: Conversion,
    join: Option<&'static str>,
    if_absent: bool,
    add: bool,
}

#[derive(Debug)]
struct Rest {
    under: &'static str,
    naming: Naming,
    /// Paths of raw fields, or what they begin with.
    rename: FxHashMap<&'static str, &'static str>,
    /// What names begin with, before a capital or a digit; longer ones first.
    prefixes: Vec<(&'static str, &'static str)>,
    /// Parts of names, wherever they stand.
    parts: FxHashMap<&'static str, &'static str>,
    without: FxHashSet<&'static str>,
    of: Option<&'static str>,
    inside: Option<&'static str>,
    /// Where raw fields go that came before, by their paths.
    known: RwLock<FxHashMap<Box<str>, Option<&'static str>>>,
}

/// A text to compare with, without case; a `*` at its start or end stands for anything.
#[derive(Debug)]
struct Pattern {
    text: String,
    open_start: bool,
    open_end: bool,
}

impl Pattern {
    fn new(written: &str) -> Self {
        let (open_start, rest) = match written.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let (open_end, rest) = match rest.strip_suffix('*') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        Self { text: rest.to_lowercase(), open_start, open_end }
    }

    fn matches(&self, text: &str) -> bool {
        if !self.text.is_ascii() || !text.is_ascii() {
            let text = text.to_lowercase();
            return match (self.open_start, self.open_end) {
                (true, true) => text.contains(&self.text),
                (true, false) => text.ends_with(&self.text),
                (false, true) => text.starts_with(&self.text),
                (false, false) => text == self.text,
            };
        }
        let (text, pattern) = (text.as_bytes(), self.text.as_bytes());
        let Some(room) = text.len().checked_sub(pattern.len()) else { return false };
        let is_at = |at: usize| text[at..at + pattern.len()].eq_ignore_ascii_case(pattern);
        match (self.open_start, self.open_end) {
            (true, true) => (0..=room).any(is_at),
            (true, false) => is_at(room),
            (false, true) => is_at(0),
            (false, false) => room == 0 && is_at(0),
        }
    }

    fn any(patterns: &[Self], text: &str) -> bool {
        patterns.iter().any(|pattern| pattern.matches(text))
    }
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

    /// Maps a record; the result is its time and its dataset.
    pub(crate) fn map<'a>(
        self,
        record: TapeObject<'a>,
        zone: Option<&jiff::tz::TimeZone>,
        draft: &mut Draft<'a, '_>,
    ) -> String {
        let source = &self.0.source;
        let record = source.inner(record).map_or(record, |(_, inner)| inner);
        let found = source.paths.find(record, source.inside, &source.nothing);
        if let Some(rest) = &source.rest {
            rest.apply(record, &source.nothing, draft);
        }
        for step in &source.steps {
            step.apply(source, &found, zone, draft);
        }
        if let Some(function) = self.0.function {
            function(record, draft);
        }
        if !draft.has("@timestamp")
            && let Some(time) = source.time(&found, zone)
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
                match value.as_object() {
                    Some(inner) if depth < MOST_DEPTH => self.collect_unread(inner, path, depth + 1, unread),
                    None if depth < MOST_DEPTH && self.0.source.paths.reads_within(path) => {
                        match value.as_array() {
                            // A list counts as each of its objects.
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
                    _ => unread.push(path.clone()),
                }
            }
            path.truncate(length);
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

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = |open| if open { "*" } else { "" };
        write!(f, "{}{}{}", star(self.open_start), self.text, star(self.open_end))
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

    /// The fields that the table can write.
    fn fields(&self, table: TableRef) -> SourceFields {
        // A field that is known has its type already: that of a table's conversion is a guess.
        let catalogue = declared();
        let mut typed: Vec<TypedField> = self.table.written.clone();
        typed.retain(|(name, _)| !name.ends_with('.'));
        let mut prefixes: Vec<TypedField> = Vec::new();
        let mut ecs: Vec<&'static str> = Vec::new();
        let mut write = |name: String, kind: Option<FieldType>| {
            let name = intern(&name);
            if let Some(prefix) = name.strip_suffix('.') {
                if catalogue.knows(prefix) || is_ecs_object(prefix) {
                    ecs.push(name);
                } else {
                    prefixes.push((name, FieldType::Keyword));
                }
            } else if catalogue.knows(name) {
                ecs.push(name);
            } else {
                typed.push((name, kind.unwrap_or(FieldType::Keyword)));
            }
        };
        for related in ["related.ip", "related.hosts", "related.user", "related.hash"] {
            write(related.to_owned(), None);
        }
        for field in ["@timestamp", "event.dataset", "event.module"] {
            write(field.to_owned(), None);
        }
        for field in ["data_stream.dataset", "data_stream.namespace", "data_stream.type"] {
            write(field.to_owned(), None);
        }
        for step in &self.steps {
            for (field, value) in &step.set {
                write((*field).to_owned(), Some(type_of(value)));
            }
            step.add.iter().for_each(|(field, _)| write((*field).to_owned(), None));
            if let Some(lookup) = &step.lookup {
                lookup.columns.iter().for_each(|field| write((*field).to_owned(), None));
            }
            for row in &step.rows {
                for (target, _) in &row.to {
                    row.conversion.writes(target).into_iter().for_each(|(name, kind)| write(name, kind));
                }
            }
            for (_, to) in step.rename.iter().chain(&step.copy) {
                write((*to).to_owned(), None);
            }
        }
        for (field, _) in &self.table.written {
            write((*field).to_owned(), None);
        }
        if let Some(rest) = &self.rest {
            prefixes.push((intern(&format!("{}.", rest.under)), FieldType::Keyword));
        }
        typed.sort_unstable_by_key(|(name, _)| *name);
        typed.dedup_by_key(|(name, _)| *name);
        typed.retain(|(name, _)| !catalogue.knows(name));
        prefixes.dedup();
        ecs.sort_unstable();
        ecs.dedup();
        let pattern = match &self.table.index {
            Some(index) => index.replace("{namespace}", "*"),
            None => {
                let parts = self.table.dataset.parts.iter();
                let mut dataset: Vec<&str> = parts.flat_map(|(before, _)| [*before, "*"]).collect();
                dataset.push(self.table.dataset.last);
                format!("logs-{}-*", dataset.concat())
            }
        };
        SourceFields {
            source: SourceKind::Table(table),
            data_stream_pattern: intern(&pattern),
            fields: leak(vec![leak(typed)]),
            prefixes: leak(prefixes),
            ecs_fields: leak(vec![leak(ecs)]),
        }
    }
}

fn leak<T>(items: Vec<T>) -> &'static [T] {
    Vec::leak(items)
}

fn is_ecs_object(name: &str) -> bool {
    matches!(name, "user" | "process" | "file" | "source" | "destination" | "host" | "url" | "dns" | "client")
}

fn type_of(value: &FieldValue<'_>) -> FieldType {
    match value {
        FieldValue::Integer(_) | FieldValue::Unsigned(_) => FieldType::Long,
        FieldValue::Double(_) => FieldType::Double,
        FieldValue::Boolean(_) => FieldType::Boolean,
        _ => FieldType::Keyword,
    }
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
    fn apply<'a>(
        &self,
        source: &'static Source,
        found: &Found<'a>,
        zone: Option<&jiff::tz::TimeZone>,
        draft: &mut Draft<'a, '_>,
    ) {
        if !self.condition.holds(found, draft) {
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
            row.apply(source, found, zone, draft);
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
    fn apply<'a>(
        &self,
        source: &'static Source,
        found: &Found<'a>,
        zone: Option<&jiff::tz::TimeZone>,
        draft: &mut Draft<'a, '_>,
    ) {
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
            self.conversion.apply(found.all(*slot), target, &source.words, zone, draft);
        }
    }
}

impl Rest {
    /// Names that are remembered. They come from records, and live to the end of the program.
    const MOST_KNOWN: usize = 8192;

    fn apply<'a>(&'static self, record: TapeObject<'a>, nothing: &[&str], draft: &mut Draft<'a, '_>) {
        let record = match self.of {
            None => record,
            Some(path) => match record.get_field(path).and_then(TapeValue::as_object) {
                Some(inner) => inner,
                None => return,
            },
        };
        let unknown = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let mut seen = SeenNames { known: &known, unknown: Vec::new(), path: String::new() };
            self.put_object(record, nothing, 0, &mut seen, draft);
            seen.unknown
        };
        if !unknown.is_empty() {
            self.remember(unknown);
        }
    }

    fn put_object<'a>(
        &'static self,
        object: TapeObject<'a>,
        nothing: &[&str],
        depth: usize,
        seen: &mut SeenNames<'_>,
        draft: &mut Draft<'a, '_>,
    ) {
        for (key, value) in object.iter() {
            if value.as_str().is_some_and(|text| text.is_empty() || nothing.contains(&text)) {
                continue;
            }
            if depth == 0
                && self.inside == Some(key)
                && let Some(inner) = value.as_object()
            {
                self.put_object(inner, nothing, 1, seen, draft);
                continue;
            }
            let length = seen.path.len();
            let within = (length > 0).then(|| {
                seen.path.push('.');
                seen.path.push_str(key);
            });
            match value.as_object() {
                Some(inner) if depth < MOST_DEPTH => {
                    if within.is_none() {
                        seen.path.push_str(key);
                    }
                    self.put_object(inner, nothing, depth + 1, seen, draft);
                }
                _ => {
                    let path = if within.is_some() { seen.path.as_str() } else { key };
                    match seen.known.get(path) {
                        Some(Some(name)) => draft.set_value(name, value, self.naming),
                        Some(None) => {}
                        None => {
                            let name = self.name_of(path);
                            if let Some(name) = &name {
                                draft.set_named_value(name, value, self.naming);
                            }
                            seen.unknown.push((path.to_owned(), name));
                        }
                    }
                }
            }
            seen.path.truncate(length);
        }
    }

    /// Where a raw field goes, by its path; nothing for one that is left out.
    fn name_of(&self, path: &str) -> Option<String> {
        let is_end = |at: usize| at == path.len() || path.as_bytes()[at] == b'.';
        let mut ends = (0..=path.len()).rev().filter(|at| is_end(*at));
        if ends.clone().any(|end| self.without.contains(&path[..end])) {
            return None;
        }
        let renamed = ends.find_map(|end| Some((*self.rename.get(&path[..end])?, &path[end..])));
        let (start, rest) = match renamed {
            Some((start, rest)) => (Some(start), rest.strip_prefix('.')),
            None => match self
                .prefixes
                .iter()
                .find_map(|(prefix, start)| Some((start, word_behind(path, prefix)?)))
            {
                Some((start, rest)) => (Some(*start), Some(rest)),
                None => (None, Some(path)),
            },
        };
        let mut name = self.under.to_owned();
        for part in start.into_iter().filter(|start| !start.is_empty()).map(Cow::Borrowed).chain(
            rest.into_iter().flat_map(|rest| {
                rest.split('.').map(|part| match self.parts.get(part) {
                    Some(other) => Cow::Borrowed(*other),
                    None => self.naming.of(part),
                })
            }),
        ) {
            name.push('.');
            name.push_str(&part);
        }
        Some(name)
    }

    fn remember(&self, unknown: Vec<(String, Option<String>)>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (path, name) in unknown {
            if known.len() < Self::MOST_KNOWN {
                known.insert(path.into(), name.as_deref().map(intern));
            }
        }
    }
}

/// What follows a prefix of a path, if a word begins there.
fn word_behind<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    path.strip_prefix(prefix)
        .filter(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase() || first.is_ascii_digit()))
}

/// What [`Rest`] knows of the names of raw fields while it goes through a record.
struct SeenNames<'k> {
    known: &'k FxHashMap<Box<str>, Option<&'static str>>,
    unknown: Vec<(String, Option<String>)>,
    /// The path of the object.
    path: String,
}

/// Nesting beyond this is kept as one value; decoders refuse such records first.
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

/// The source of a name: one of the user's, else one of the program.
pub fn find(name: &str, own: &[TableRef]) -> Option<SourceKind> {
    own.iter().chain(builtin()).find(|table| table.name() == name).map(|table| SourceKind::Table(*table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_open_where_they_have_a_star() {
        let matches = |written, text| Pattern::new(written).matches(text);
        assert!(matches("Start", "START") && !matches("Start", "Started"));
        assert!(matches("*ApiCall", "OpenProcessApiCall") && !matches("*ApiCall", "ApiCalls"));
        assert!(matches("Dns*", "dnsQuery") && !matches("Dns*", "aDns"));
        assert!(matches("*Write*", "WriteMemory") && matches("*", "") && !matches("*Write*", "Writ"));
        assert!(matches("ÄRGER*", "ärgerlich") && !matches("x", "ä"));
    }

    #[test]
    fn what_is_kept_has_the_names_that_the_table_gives() {
        let table = TableRef::read(
            r#"
            [source]
            name = "example.logs"
            title = "Example"
            inside = "body"
            [[recognise]]
            has = ["kind"]
            [rest]
            under = "example"
            names = "snake"
            rename = { "user.Id" = "user_number", "old" = "", "new.thing" = "thing", "Process*" = "process", "ProcessParent*" = "process.parent" }
            parts = { cmdline = "command_line" }
            without = ["secret", "user.Password"]
            "#,
        )
        .unwrap();
        let rest = table.0.source.rest.as_ref().unwrap();
        for (path, name) in [
            ("someName", Some("example.some_name")),
            ("user.Id", Some("example.user_number")),
            ("user.Id.raw", Some("example.user_number.raw")),
            ("user.Identity", Some("example.user.identity")),
            ("old.cmdline", Some("example.command_line")),
            ("older", Some("example.older")),
            ("new.thing.cmdline.Other", Some("example.thing.command_line.other")),
            ("secret.inner", None),
            ("user.Password", None),
            ("secrets", Some("example.secrets")),
            ("ProcessFileName", Some("example.process.file_name")),
            ("ProcessParentId", Some("example.process.parent.id")),
            ("Process", Some("example.process")),
            ("Processes", Some("example.processes")),
        ] {
            assert_eq!(rest.name_of(path).as_deref(), name, "{path}");
        }
    }

    #[test]
    fn patterns_are_without_case() {
        for (pattern, text, expected) in [
            ("Ab", "aB", true),
            ("ab", "abc", false),
            ("ab*", "ABC", true),
            ("*bc", "ABC", true),
            ("*b*", "ABC", true),
            ("*x*", "ABC", false),
            ("*abcd", "abc", false),
            ("*", "", true),
            ("*É*", "caféine", true),
            ("É", "é", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }
}
