//! Which fields of a record are asked for: what nobody looks at is not made.
//!
//! ```text
//! selection, types ─► per source and field: kept · left out · left out if its value fits its type (else it is counted)
//! ```
//!
//! Mappings read fields that they wrote themselves. Which ones is learnt: a field that was left out and is read for the
//! first time stays from then on, and the record is mapped again. The data stream is known only when a record is mapped;
//! so a source keeps what is asked for in all streams that its records went to, and one that goes to another stream is
//! mapped again too. What a record gives is therefore the same, asked for or not, which a property holds.

use std::sync::Arc;

use watchfire_events::{
    DataStream, FieldName, FieldNames, FieldSelection, FieldType, FieldTypes, Scalar, TypeFamily,
};

use super::layouts::Layouts;
use super::table::FieldRule;
use super::tables::RestTree;
use super::{SourceKind, geo};
use crate::fields::{EVENT_DATA, FieldValue, USER_DATA};
use crate::tape::{TapeObject, TapeValue};
use crate::windows::Layout;

/// Fields that are read when a record is mapped already.
const ALWAYS: &[&str] = &[
    "@metadata.beat",
    "@timestamp",
    "agent.type",
    "agent.version",
    "data_stream.dataset",
    "data_stream.namespace",
    "data_stream.type",
    "event.dataset",
    "event.module",
    "host.name",
    "log.file.path",
    "nxlog.EventType",
    "nxlog.EventTypeOrignal",
];

/// Data streams of one source that are told apart; with more it begins anew.
const MOST_STREAMS: usize = 64;
/// A record is mapped so often before it is mapped with all its fields.
const MOST_ATTEMPTS: usize = 8;

/// Who asks for fields.
#[derive(Clone, Copy)]
pub(super) struct Ask<'s> {
    pub(super) types: &'s dyn FieldTypes,
    pub(super) selection: &'s dyn FieldSelection,
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// Nothing looks at it, and any value is of its type.
    LeftOut,
    /// Nothing looks at it, but values that are not of its type are counted.
    LeftOutIf(Fitting),
}

/// A type that not all values are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fitting {
    Number,
    Fraction,
    Truth,
    Time,
    Address,
}

/// What is known of a field.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    fate: Option<Fate>,
    /// Whether a mapping reads it.
    is_read: bool,
    /// Whether something may look at fields below it.
    has_wanted_below: Option<bool>,
}

impl Known {
    fn forget(&mut self) {
        (self.fate, self.has_wanted_below) = (None, None);
    }
}

/// What is asked for of the records of one source.
#[derive(Debug, Default)]
pub(super) struct State {
    streams: Vec<DataStream>,
    /// By the numbers of their names.
    fields: Vec<Known>,
    data: Vec<Known>,
    /// By the numbers of rows and of steps of a table, whether they write something that is asked for.
    rows: Vec<Verdict>,
    steps: Vec<Verdict>,
    /// By where a table of Windows data is, its rows.
    rules: Vec<(usize, Vec<RuleWant>)>,
    rest: RestTree,
    /// By where a list of names is.
    lists: Vec<(usize, Arc<List>)>,
    /// The texts that end a record, once that is known: nothing if nobody asks for any.
    last_texts: Option<LastTexts>,
    /// The attempt that the following is of.
    attempt: u64,
    dropped: Vec<FieldName>,
    dropped_data: Vec<FieldName>,
    /// Whether something was read that had been left out.
    again: bool,
}

/// Whether somebody asks for what a part of a table writes.
#[derive(Clone, Debug, Default)]
enum Verdict {
    #[default]
    Unknown,
    Asked,
    /// Nobody; with what it writes.
    Unasked(Box<[FieldName]>),
}

/// Fields, each with whether nobody asks for it; nothing if that is so of all of them.
type LastTexts = Option<Arc<[(FieldName, bool)]>>;

/// Fields that are written together, each with whether it is left out.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) fields: Box<[(FieldName, bool)]>,
    dropped: Box<[FieldName]>,
}

/// A part of a table, by its number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Row(usize),
    Step(usize),
}

/// What is known of a row of a table of Windows data.
#[derive(Clone, Debug)]
struct RuleWant {
    raw: FieldName,
    verdict: Verdict,
}

impl State {
    fn verdict(&mut self, part: Part) -> &mut Verdict {
        let (list, at) = match part {
            Part::Row(at) => (&mut self.rows, at),
            Part::Step(at) => (&mut self.steps, at),
        };
        if list.len() <= at {
            list.resize(at + 1, Verdict::Unknown);
        }
        &mut list[at]
    }

    /// Another field is kept from now on.
    fn changed(&mut self) {
        self.rows.clear();
        self.steps.clear();
        self.rules.clear();
        self.lists.clear();
        self.last_texts = None;
    }
}

/// What is asked for, by source.
pub(crate) struct Wanted<'s> {
    ask: Option<Ask<'s>>,
    /// Whether the present record gets all its fields.
    is_whole: bool,
    /// Whether addresses are looked up.
    with_places: bool,
    /// The mapping that the user named.
    mapping: Option<SourceKind>,
    /// The serial of the names whose numbers are known here.
    names: u64,
    /// Attempts at all records so far, and those at the present one.
    attempt: u64,
    attempts: usize,
    again: bool,
    states: Vec<(SourceKind, State)>,
    layouts: Layouts,
    /// Of those who ask for everything.
    everything: State,
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted").field("states", &self.states).finish_non_exhaustive()
    }
}

impl<'s> Wanted<'s> {
    pub(super) fn new(ask: Option<Ask<'s>>, with_places: bool, mapping: Option<SourceKind>) -> Self {
        Self {
            ask,
            is_whole: false,
            with_places,
            mapping,
            names: 0,
            attempt: 0,
            attempts: 0,
            again: false,
            states: Vec::new(),
            layouts: Layouts::default(),
            everything: State::default(),
        }
    }

    /// Everything.
    pub(crate) fn everything() -> Self {
        Self::new(None, false, None)
    }

    /// Begins a record.
    pub(super) fn begin(&mut self, names: &FieldNames) {
        if self.names != names.serial() {
            self.names = names.serial();
            self.states.clear();
            self.everything = State::default();
            self.layouts = Layouts::default();
        }
        self.layouts.present = None;
        self.is_whole = false;
        self.attempts = 0;
        self.again = false;
        self.attempt += 1;
    }

    /// Whether the record is mapped as it should be; if not, it is to be mapped again.
    pub(super) fn is_done(&mut self) -> bool {
        let is_done = !self.again;
        self.attempts += 1;
        self.is_whole |= self.attempts == MOST_ATTEMPTS;
        self.again = false;
        self.attempt += 1;
        is_done
    }

    /// Whether a record has a layout that is known, which then is the [present](Self::layout) one.
    pub(super) fn finds_layout(&mut self, record: TapeObject<'_>) -> bool {
        self.layouts.find(record)
    }

    /// The layout of the present record, if it was known.
    pub(crate) fn layout(&self) -> Option<Arc<Layout>> {
        self.layouts.present.clone()
    }

    /// Keeps a layout for records whose members have the same names in the same order.
    pub(crate) fn remember_layout(&mut self, record: TapeObject<'_>, layout: Layout) -> Arc<Layout> {
        let layout = Arc::new(layout);
        if self.ask.is_some() {
            self.layouts.remember(record, &layout);
        }
        layout
    }

    /// The mapping of a Windows event: the one that the user named, else `found`.
    pub(crate) fn mapping(&self, found: SourceKind) -> SourceKind {
        self.mapping.unwrap_or(found)
    }

    /// What is asked for of the present record, which is of a source.
    pub(crate) fn of(&mut self, source: SourceKind) -> Wants<'_> {
        let Some(ask) = self.ask.filter(|_| !self.is_whole) else {
            return Wants { state: &mut self.everything, ask: None, with_places: false };
        };
        let at = self.states.iter().position(|(known, _)| *known == source);
        let at = at.unwrap_or_else(|| {
            self.states.push((source, State::default()));
            self.states.len() - 1
        });
        let state = &mut self.states[at].1;
        if state.attempt != self.attempt {
            state.attempt = self.attempt;
            state.dropped.clear();
            state.dropped_data.clear();
            state.again = false;
        }
        Wants { state, ask: Some(ask), with_places: self.with_places }
    }

    /// Takes note of what became of the present record.
    pub(super) fn settle(
        &mut self,
        source: SourceKind,
        stream: &DataStream,
        needs_tree: impl FnOnce(&[FieldName]) -> bool,
    ) {
        let wants = self.of(source);
        if wants.ask.is_none() {
            return;
        }
        let state = wants.state;
        let mut again = state.again;
        if !state.streams.contains(stream) {
            if state.streams.len() >= MOST_STREAMS {
                state.streams.clear();
            }
            state.streams.push(stream.clone());
            state.fields.iter_mut().chain(&mut state.data).for_each(Known::forget);
            state.changed();
            again = true;
        }
        let whole = needs_tree(&state.dropped);
        self.is_whole |= whole;
        self.again |= again | whole;
    }
}

/// What is asked for of the records of one source.
#[derive(Debug)]
pub(crate) struct Wants<'n> {
    state: &'n mut State,
    ask: Option<Ask<'n>>,
    with_places: bool,
}

impl std::fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("selection", &self.selection).finish_non_exhaustive()
    }
}

fn known(list: &mut Vec<Known>, name: FieldName, names: &FieldNames) -> usize {
    if list.len() <= name.at() {
        list.resize(names.len().max(name.at() + 1), Known::default());
    }
    name.at()
}

impl Wants<'_> {
    /// What becomes of a field.
    pub(super) fn fate(&mut self, name: FieldName, names: &FieldNames) -> Fate {
        let Some(ask) = self.ask else { return Fate::Kept };
        let at = known(&mut self.state.fields, name, names);
        let known = self.state.fields[at];
        if known.is_read {
            return Fate::Kept;
        }
        if let Some(fate) = known.fate {
            return fate;
        }
        let fate = self.decide(ask, names.text(name));
        self.state.fields[at].fate = Some(fate);
        fate
    }

    fn decide(&self, ask: Ask<'_>, name: &str) -> Fate {
        let is_odd = [EVENT_DATA, USER_DATA, "."].iter().any(|odd| name.starts_with(odd));
        let is_of_place = || geo::HOLDERS.iter().any(|holder| name.starts_with(holder));
        if ALWAYS.contains(&name)
            || is_odd
            || (self.with_places && is_of_place())
            || self.state.streams.iter().any(|stream| ask.selection.reads(stream, name))
        {
            return Fate::Kept;
        }
        let field_type = ask.types.field_type(name);
        match (field_type, field_type.family()) {
            (FieldType::UnsignedLong, _) => Fate::Kept,
            (FieldType::Double, _) => Fate::LeftOutIf(Fitting::Fraction),
            (FieldType::Long, _) => Fate::LeftOutIf(Fitting::Number),
            (_, TypeFamily::Date) => Fate::LeftOutIf(Fitting::Time),
            (_, TypeFamily::Boolean) => Fate::LeftOutIf(Fitting::Truth),
            (_, TypeFamily::Ip) => Fate::LeftOutIf(Fitting::Address),
            _ => Fate::LeftOut,
        }
    }

    /// Whether something may look at a field below this one.
    pub(super) fn has_wanted_below(&mut self, name: FieldName, names: &FieldNames) -> bool {
        let Some(ask) = self.ask else { return true };
        let at = known(&mut self.state.fields, name, names);
        if let Some(known) = self.state.fields[at].has_wanted_below {
            return known;
        }
        let text = names.text(name);
        let may = ask.types.may_type_below(text)
            || self.state.streams.iter().any(|stream| ask.selection.may_read_below(stream, text));
        self.state.fields[at].has_wanted_below = Some(may);
        may
    }

    /// Whether a value need not be written.
    pub(crate) fn drops(&mut self, name: FieldName, value: &FieldValue<'_>, names: &FieldNames) -> bool {
        if self.ask.is_none() {
            return false;
        }
        let drops = match self.fate(name, names) {
            Fate::LeftOut => match value {
                FieldValue::Json(_) | FieldValue::Objects(_) => !self.has_wanted_below(name, names),
                _ => true,
            },
            Fate::LeftOutIf(Fitting::Number) => matches!(value, FieldValue::Integer(_)),
            Fate::LeftOutIf(Fitting::Fraction) => {
                matches!(value, FieldValue::Double(_) | FieldValue::Integer(_))
            }
            Fate::LeftOutIf(Fitting::Truth) => matches!(value, FieldValue::Boolean(_)),
            Fate::Kept | Fate::LeftOutIf(_) => false,
        };
        if drops {
            self.state.dropped.push(name);
        }
        drops
    }

    /// As [`Self::drops`], before a value of a record is read.
    pub(crate) fn drops_tape(&mut self, name: FieldName, value: TapeValue<'_>, names: &FieldNames) -> bool {
        if self.ask.is_none() {
            return false;
        }
        let drops = match (self.fate(name, names), value.scalar()) {
            (Fate::LeftOut, Some(_))
            | (Fate::LeftOutIf(Fitting::Number | Fitting::Fraction), Some(Scalar::Integer(_)))
            | (Fate::LeftOutIf(Fitting::Fraction), Some(Scalar::Double(_)))
            | (Fate::LeftOutIf(Fitting::Truth), Some(Scalar::Boolean(_))) => true,
            (Fate::LeftOut, None) => !self.has_wanted_below(name, names),
            _ => false,
        };
        if drops {
            self.state.dropped.push(name);
        }
        drops
    }

    /// Whether no text need be written, nor a list of texts.
    pub(crate) fn drops_text(&mut self, name: FieldName, names: &FieldNames) -> bool {
        let drops = self.fate(name, names) == Fate::LeftOut;
        if drops {
            self.state.dropped.push(name);
        }
        drops
    }

    /// Whether no value that fits a type need be written.
    pub(super) fn drops_fitting(&mut self, name: FieldName, fitting: Fitting, names: &FieldNames) -> bool {
        let fate = self.fate(name, names);
        let drops = fate == Fate::LeftOut || fate == Fate::LeftOutIf(fitting);
        if drops {
            self.state.dropped.push(name);
        }
        drops
    }

    /// Whether nobody but the mapping itself asks for a datum.
    pub(super) fn is_unasked_datum(&mut self, name: FieldName, names: &FieldNames) -> bool {
        let Some(ask) = self.ask else { return false };
        let at = known(&mut self.state.data, name, names);
        self.fate_of_datum(at, ask, name, names) == Fate::LeftOut
    }

    fn fate_of_datum(&mut self, at: usize, ask: Ask<'_>, name: FieldName, names: &FieldNames) -> Fate {
        if let Some(fate) = self.state.data[at].fate {
            return fate;
        }
        let text = format!("{EVENT_DATA}.{}", names.text(name));
        let is_read = self.state.streams.iter().any(|stream| ask.selection.reads(stream, &text));
        let fate =
            if is_read || !ask.types.field_type(&text).takes_all() { Fate::Kept } else { Fate::LeftOut };
        self.state.data[at].fate = Some(fate);
        fate
    }

    /// Texts that end a record, each with whether nobody asks for it; `None` if that is so of all of them.
    pub(super) fn last_texts(
        &mut self,
        fields: &'static [&'static str],
        names: &mut FieldNames,
    ) -> LastTexts {
        if self.state.last_texts.is_none() {
            let texts: Arc<[(FieldName, bool)]> = fields
                .iter()
                .map(|field| {
                    let name = names.fixed(field);
                    (name, self.is_unwanted(name, None, names))
                })
                .collect();
            let is_asked = texts.iter().any(|(_, is_unasked)| !is_unasked);
            self.state.last_texts = Some(is_asked.then_some(texts));
        }
        self.state.last_texts.clone().flatten()
    }

    /// Fields that a record gets at the same time; those that are left out are taken note of.
    pub(crate) fn list(
        &mut self,
        list: &'static [(&'static str, Option<Fitting>)],
        names: &mut FieldNames,
    ) -> Arc<List> {
        let place = list.as_ptr() as usize;
        let known = self.state.lists.iter().find(|(known, _)| *known == place);
        let known = known.map(|(_, known)| Arc::clone(known));
        let known = known.unwrap_or_else(|| {
            let numbers =
                list.iter().map(|(name, fitting)| (names.fixed(name), *fitting)).collect::<Vec<_>>();
            let fields: Box<[(FieldName, bool)]> = numbers
                .into_iter()
                .map(|(name, fitting)| (name, self.is_unwanted(name, fitting, names)))
                .collect();
            let dropped =
                fields.iter().filter(|(_, is_dropped)| *is_dropped).map(|(name, _)| *name).collect();
            let fresh = Arc::new(List { fields, dropped });
            self.state.lists.push((place, Arc::clone(&fresh)));
            fresh
        });
        self.state.dropped.extend_from_slice(&known.dropped);
        known
    }

    /// What is known of the raw fields of the source, if not all fields are asked for.
    pub(super) fn rest(&mut self) -> Option<&mut RestTree> {
        self.ask.map(|_| &mut self.state.rest)
    }

    /// Takes note of fields that are not written.
    pub(super) fn dropped(&mut self, fields: impl IntoIterator<Item = FieldName>) {
        self.state.dropped.extend(fields);
    }

    /// Takes note that a mapping reads a field that is not there.
    pub(crate) fn missed(&mut self, name: FieldName, names: &FieldNames) {
        if self.ask.is_none() {
            return;
        }
        let at = known(&mut self.state.fields, name, names);
        if !self.state.fields[at].is_read {
            self.state.fields[at].is_read = true;
            self.state.changed();
            self.state.again |= self.state.dropped.contains(&name);
        }
    }

    /// Whether a datum of a Windows event need not be kept, by its bare name.
    pub(crate) fn drops_datum(&mut self, name: FieldName, names: &FieldNames) -> bool {
        let Some(ask) = self.ask else { return false };
        let at = known(&mut self.state.data, name, names);
        let drops = !self.state.data[at].is_read && self.fate_of_datum(at, ask, name, names) == Fate::LeftOut;
        if drops {
            self.state.dropped_data.push(name);
        }
        drops
    }

    /// As [`Self::missed`], of a datum.
    pub(crate) fn missed_datum(&mut self, name: FieldName, names: &FieldNames) {
        if self.ask.is_none() {
            return;
        }
        let at = known(&mut self.state.data, name, names);
        if !self.state.data[at].is_read {
            self.state.data[at].is_read = true;
            self.state.changed();
            self.state.again |= self.state.dropped_data.contains(&name);
        }
    }

    /// Whether a part of a table writes nothing that somebody asks for, nor over what is there. `written` gives the
    /// fields that it writes, if nobody asks for any of them.
    pub(super) fn leaves_out(
        &mut self,
        part: Part,
        written: impl FnOnce(&mut Self) -> Option<Vec<FieldName>>,
        is_there: impl Fn(FieldName) -> bool,
    ) -> bool {
        if self.ask.is_none() {
            return false;
        }
        if matches!(self.state.verdict(part), Verdict::Unknown) {
            let verdict = match written(self) {
                Some(fields) => Verdict::Unasked(fields.into()),
                None => Verdict::Asked,
            };
            *self.state.verdict(part) = verdict;
        }
        let State { rows, steps, dropped, .. } = &mut *self.state;
        let verdict = match part {
            Part::Row(at) => &rows[at],
            Part::Step(at) => &steps[at],
        };
        let Verdict::Unasked(fields) = verdict else { return false };
        let leaves_out = !fields.iter().any(|name| is_there(*name));
        if leaves_out {
            dropped.extend_from_slice(fields);
        }
        leaves_out
    }

    /// Whether nobody asks for values of a field that are of these types.
    pub(super) fn is_unwanted(
        &mut self,
        name: FieldName,
        fitting: Option<Fitting>,
        names: &FieldNames,
    ) -> bool {
        match self.fate(name, names) {
            Fate::Kept => false,
            Fate::LeftOut => true,
            Fate::LeftOutIf(needed) => fitting == Some(needed),
        }
    }

    /// The datum that a row of a table of Windows data reads; nothing if the row is left out, as by [`Self::leaves_out`].
    pub(super) fn datum_of_rule(
        &mut self,
        rules: &'static [FieldRule],
        at: usize,
        names: &mut FieldNames,
        is_there: impl Fn(FieldName) -> bool,
    ) -> Option<FieldName> {
        if self.ask.is_none() {
            return Some(names.fixed(rules[at].raw));
        }
        let table = rules.as_ptr() as usize;
        let known = self.state.rules.iter().position(|(known, _)| *known == table);
        let known = known.unwrap_or_else(|| {
            let wants = rules.iter().map(|rule| self.rule_want(rule, names)).collect();
            self.state.rules.push((table, wants));
            self.state.rules.len() - 1
        });
        let State { rules, dropped, .. } = &mut *self.state;
        let RuleWant { raw, verdict } = &rules[known].1[at];
        if let Verdict::Unasked(fields) = verdict
            && !fields.iter().any(|name| is_there(*name))
        {
            dropped.extend_from_slice(fields);
            return None;
        }
        Some(*raw)
    }

    fn rule_want(&mut self, rule: &FieldRule, names: &mut FieldNames) -> RuleWant {
        let raw = names.fixed(rule.raw);
        let before = self.state.dropped_data.len();
        let mut is_unwanted = self.drops_datum(raw, names);
        self.state.dropped_data.truncate(before);
        let mut fields = Vec::new();
        rule.written(&mut |name, fitting| {
            let name = names.intern(name);
            is_unwanted = is_unwanted && self.is_unwanted(name, fitting, names);
            fields.push(name);
        });
        RuleWant { raw, verdict: if is_unwanted { Verdict::Unasked(fields.into()) } else { Verdict::Asked } }
    }
}
