//! Names and types settled: from the tree of a query to what runs (esql-semantics §4, §5, §11).
//!
//! All that is wrong is found in one pass and told together, as Elasticsearch does before a query runs.

mod commands;
mod expressions;
mod groups;
mod joined;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use watchfire_diagnostics::{Code, Diagnostic, Problems, Severity, Span, did_you_mean};
use watchfire_esql::ast::{Command, CommandKind, Query, SourceKind};

pub use self::expressions::FORMS;
use crate::codes;
use crate::plan::{Column, DocumentTest, Plan, Read, Step};
use crate::types::DataType;

/// What a query is settled against: the columns of the indices that it reads.
pub trait Source {
    /// The columns whose names begin so, in order of their names.
    fn listed(&self, prefix: &str) -> Vec<SourceColumn>;

    /// A column by its name.
    fn column(&self, name: &str) -> Option<SourceColumn>;

    /// The type of a field that is known although the indices have none of it: a column of nulls. Elasticsearch refuses a query that
    /// names a field which no index maps; [`Read::absent`] tells of it.
    fn known(&self, name: &str) -> Option<DataType>;

    /// Whether a field that is not known may be there all the same. Its column takes the type that its use asks for, exact text
    /// where that is open, and a warning says so.
    fn may_have(&self, name: &str) -> bool;
}

/// A column of indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceColumn {
    /// Its name.
    pub name: Arc<str>,
    /// Its type; one whose values are not read if indices have several.
    pub data_type: DataType,
    /// The types that it has in single indices, if they are several.
    pub by_index: Option<TypesByIndex>,
    /// Whether nobody has said the type: where the query asks for another one, the column has that.
    pub is_guess: bool,
}

/// The types that one field has in indices, each with the pattern of their names. The first one that fits counts.
pub type TypesByIndex = Arc<[(Arc<str>, DataType)]>;

impl SourceColumn {
    /// A column of this name and type.
    pub fn new(name: impl Into<Arc<str>>, data_type: DataType) -> Self {
        Self { name: name.into(), data_type, by_index: None, is_guess: false }
    }

    /// A column of which only the name is known, and what its values look like.
    pub fn guessed(name: impl Into<Arc<str>>, data_type: DataType) -> Self {
        Self { is_guess: true, ..Self::new(name, data_type) }
    }

    /// A column whose type each index states for itself. Instants of both precisions mix; otherwise several types stay apart.
    pub fn of_indices(name: impl Into<Arc<str>>, types: &[(Arc<str>, DataType)]) -> Self {
        let mut found = types.iter().map(|(_, data_type)| *data_type);
        let first = found.next().unwrap_or(DataType::Null);
        let joined = found.try_fold(first, |joined, next| match joined == next {
            true => Some(joined),
            false if joined.is_date() && next.is_date() => Some(DataType::DateNanos),
            false => None,
        });
        match joined {
            Some(data_type) => Self::new(name, data_type),
            None => Self { by_index: Some(types.into()), ..Self::new(name, DataType::Unsupported) },
        }
    }
}

/// Columns that are no fields, by the names behind `METADATA`.
pub const METADATA: [(&str, DataType); 7] = [
    ("_id", DataType::Keyword),
    ("_index", DataType::Keyword),
    ("_version", DataType::Long),
    ("_source", DataType::Keyword),
    ("_ignored", DataType::Keyword),
    ("_index_mode", DataType::Keyword),
    ("_score", DataType::Double),
];

/// What became of a query.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What runs; `None` if anything is wrong.
    pub plan: Option<Plan>,
    /// What is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Settles names and types.
///
/// The tree must be a whole query ([`watchfire_esql::Parsed::is_valid`]).
pub fn resolve(query: &Query, source: &dyn Source) -> Resolved {
    let (resolved, demands) = pass(query, source, BTreeMap::new());
    if demands.is_empty() {
        return resolved;
    }
    // What fields of open types are asked for is known only at the end, and where they are read it is needed.
    pass(query, source, demands).0
}

/// Settles names and types, where fields that no schema knows have these.
fn pass(
    query: &Query,
    source: &dyn Source,
    demanded: BTreeMap<Arc<str>, DataType>,
) -> (Resolved, BTreeMap<Arc<str>, DataType>) {
    let mut resolver = Resolver {
        source,
        problems: Problems::new(codes::FURTHER_PROBLEMS),
        failed: false,
        listed: Vec::new(),
        read_slots: BTreeMap::new(),
        reads: Vec::new(),
        tests: Vec::new(),
        scope: Vec::new(),
        is_open: false,
        gone: BTreeSet::new(),
        assumed: BTreeMap::new(),
        demands: BTreeMap::new(),
        demanded,
        slots: 0,
        segment: None,
        first_slots: 0,
        early_slots: 0,
        steps: Vec::new(),
        step_spans: Vec::new(),
        command: query.source.span,
        on_documents: true,
        in_where: false,
        left_out: Vec::new(),
        undecided: false,
        identity: Vec::new(),
        origin: None,
    };
    resolver.run(query);
    let has_groups = resolver.segment.is_some();
    let Resolver { failed, problems, demands, .. } = resolver;
    let plan = (!failed).then(|| Plan {
        reads: resolver.reads.clone(),
        document_tests: resolver.tests,
        slots: resolver.first_slots,
        early_slots: if has_groups { resolver.first_slots } else { resolver.early_slots },
        steps: resolver.steps,
        step_spans: resolver.step_spans,
        output: resolver
            .scope
            .into_iter()
            .map(|column| match column.place {
                Place::Slot(slot) => {
                    let is_read = resolver.origin.is_some()
                        && resolver.reads.iter().any(|read| read.slot == slot && read.name == column.name);
                    Column { name: column.name, data_type: column.data_type, slot, is_read }
                }
                Place::Source(_) => unreachable!("all columns were given slots"),
            })
            .collect(),
        identity: resolver.identity,
        origin: resolver.origin,
        is_row: matches!(query.source.kind, SourceKind::Row(_)),
        left_out: resolver.left_out,
        undecided: resolver.undecided,
    });
    (Resolved { plan, diagnostics: problems.into_list() }, demands)
}

/// A column that a command sees.
#[derive(Clone, Debug)]
struct ScopeColumn {
    name: Arc<str>,
    data_type: DataType,
    place: Place,
}

/// Where the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a slot.
    Slot(usize),
    /// In the source, by its place in [`Resolver::listed`]: it has no slot before it is used.
    Source(usize),
}

struct Resolver<'a> {
    source: &'a dyn Source,
    problems: Problems,
    failed: bool,
    /// Columns of the source, those that were asked for by name only at the end.
    listed: Vec<SourceColumn>,
    read_slots: BTreeMap<usize, usize>,
    reads: Vec<Read>,
    tests: Vec<DocumentTest>,
    scope: Vec<ScopeColumn>,
    /// Whether columns of the source are in scope that are not listed there, but for those that are gone.
    is_open: bool,
    gone: BTreeSet<Arc<str>>,
    /// The slots of columns whose types are open, each with the field that decides.
    assumed: BTreeMap<usize, Arc<str>>,
    /// The types that fields are asked for of which no schema knows one.
    demands: BTreeMap<Arc<str>, DataType>,
    /// Those of the first pass.
    demanded: BTreeMap<Arc<str>, DataType>,
    /// How many slots rows have so far, from the last `STATS` on.
    slots: usize,
    /// The step of the last `STATS`.
    segment: Option<usize>,
    /// How many slots rows have up to the first `STATS`.
    first_slots: usize,
    /// How many slots there were before the columns of the answer were given theirs.
    early_slots: usize,
    steps: Vec<Step>,
    step_spans: Vec<Span>,
    /// The command whose steps are made.
    command: Span,
    /// Whether a row is still that of a document.
    on_documents: bool,
    in_where: bool,
    left_out: Vec<(Span, String)>,
    undecided: bool,
    identity: Vec<usize>,
    origin: Option<usize>,
}

impl Resolver<'_> {
    fn run(&mut self, query: &Query) {
        match &query.source.kind {
            SourceKind::From { metadata, .. } => {
                self.origin = Some(self.new_slot());
                self.is_open = true;
                let listed: BTreeMap<Arc<str>, SourceColumn> = prefixes_wanted(&query.commands)
                    .iter()
                    .flat_map(|prefix| self.source.listed(prefix))
                    .map(|column| (Arc::clone(&column.name), column))
                    .collect();
                self.listed = listed.into_values().collect();
                for column in self.listed.iter_mut().filter(|column| column.is_guess) {
                    column.data_type = self.demanded.get(&column.name).copied().unwrap_or(column.data_type);
                }
                self.scope = (0..self.listed.len()).map(|at| self.source_column(at)).collect();
                for column in metadata {
                    let Some((name, data_type)) = METADATA.iter().find(|(name, _)| *name == column.name)
                    else {
                        let message = format!("`METADATA` has no `{}`", column.name);
                        let mut problem =
                            Diagnostic::error(codes::UNKNOWN_COLUMN, message).at(column.span, "unknown");
                        if let Some(help) = did_you_mean(&column.name, METADATA.map(|(name, _)| name)) {
                            problem = problem.with_help(help);
                        }
                        self.push(problem);
                        continue;
                    };
                    self.listed.push(SourceColumn::new(*name, *data_type));
                    let column = self.source_column(self.listed.len() - 1);
                    self.replace(column);
                }
            }
            SourceKind::Row(fields) => {
                self.on_documents = false;
                self.resolve_eval(fields);
            }
            // The parser has refused it.
            SourceKind::Unsupported(_) => self.failed = true,
        }
        for (number, command) in query.commands.iter().enumerate() {
            if let CommandKind::Completion { .. } = command.kind {
                self.leave_out(query, number);
                break;
            }
            self.command = command.span;
            self.resolve_command(command);
        }
        self.early_slots = self.slots;
        for at in 0..self.scope.len() {
            let slot = self.slot_of(self.scope[at].place);
            self.scope[at].place = Place::Slot(slot);
        }
        self.close_segment();
    }

    /// A language model cannot be asked: from there on nothing runs. Where nothing behind chooses among rows or joins them, the rows
    /// were decided in front, and go without the model's words.
    fn leave_out(&mut self, query: &Query, from: usize) {
        self.undecided = query.commands[from..].iter().any(|command| {
            !matches!(
                command.kind,
                CommandKind::Completion { .. }
                    | CommandKind::Dissect { .. }
                    | CommandKind::Grok { .. }
                    | CommandKind::Eval(_)
                    | CommandKind::Keep(_)
                    | CommandKind::Drop(_)
                    | CommandKind::Rename(_)
                    | CommandKind::Sort(_)
            )
        });
        for command in &query.commands[from..] {
            let why = match &command.kind {
                CommandKind::Completion { options, .. } => {
                    let id = options.iter().find_map(|(name, value)| match value {
                        watchfire_esql::ast::Constant::String(id) if name == "inference_id" => {
                            Some(id.as_str())
                        }
                        _ => None,
                    });
                    match id {
                        Some(id) => format!("needs an inference endpoint (`{id}`)"),
                        None => "needs an inference endpoint".to_owned(),
                    }
                }
                _ => "works on the answer of the command in front".to_owned(),
            };
            self.left_out.push((command.span, why));
        }
    }

    /// The rows of the segment so far have so many slots.
    fn close_segment(&mut self) {
        let all = self.slots;
        match self.segment {
            None => self.first_slots = all,
            Some(step) => {
                if let Step::Stats { slots, .. } = &mut self.steps[step] {
                    *slots = all;
                }
            }
        }
    }

    fn step(&mut self, kind: Step) {
        self.steps.push(kind);
        self.step_spans.push(self.command);
    }

    fn new_slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    fn source_column(&self, at: usize) -> ScopeColumn {
        let column = &self.listed[at];
        ScopeColumn { name: column.name.clone(), data_type: column.data_type, place: Place::Source(at) }
    }

    /// The slot of a column; one of the source is read from now on.
    fn slot_of(&mut self, place: Place) -> usize {
        let at = match place {
            Place::Slot(slot) => return slot,
            Place::Source(at) => at,
        };
        if let Some(slot) = self.read_slots.get(&at) {
            return *slot;
        }
        let slot = self.new_slot();
        self.read_slots.insert(at, slot);
        let column = &self.listed[at];
        self.reads.push(Read {
            name: column.name.clone(),
            data_type: column.data_type,
            slot,
            absent: false,
            by_index: None,
        });
        slot
    }

    /// The slot of a column whose values have the type that their index gives them, and those types.
    fn slot_by_index(&mut self, place: Place) -> Option<(usize, TypesByIndex)> {
        let Place::Source(at) = place else { return None };
        let column = &self.listed[at];
        let types = Arc::clone(column.by_index.as_ref()?);
        let known = self.reads.iter().find(|read| read.name == column.name && read.by_index.is_some());
        if let Some(read) = known {
            return Some((read.slot, types));
        }
        let (name, data_type) = (Arc::clone(&column.name), column.data_type);
        let slot = self.new_slot();
        self.reads.push(Read { name, data_type, slot, absent: false, by_index: Some(Arc::clone(&types)) });
        Some((slot, types))
    }

    /// Where a column of the source is, as long as no other has its name.
    fn place_in_source(&mut self, name: &str) -> Option<Place> {
        if let Some(column) = self.scope.iter().find(|column| *column.name == *name) {
            return Some(column.place);
        }
        let column = self.source.column(name).filter(|_| self.is_open && !self.gone.contains(name))?;
        self.listed.push(column);
        let column = self.source_column(self.listed.len() - 1);
        let place = column.place;
        self.scope.push(column);
        Some(place)
    }

    /// A column by its name. A field that is known to have no values is one, as long as rows are documents.
    fn find(&mut self, name: &str, span: Span) -> Option<ScopeColumn> {
        if let Some(column) = self.scope.iter().find(|column| *column.name == *name) {
            let column = column.clone();
            if let Place::Source(at) = column.place
                && self.listed[at].is_guess
                && !self.demanded.contains_key(name)
            {
                let slot = self.slot_of(column.place);
                self.assumed.insert(slot, Arc::clone(&column.name));
            }
            return Some(column);
        }
        if self.is_open && !self.gone.contains(name) {
            if self.place_in_source(name).is_some() {
                return self.scope.last().cloned();
            }
            if let Some(read) = self.reads.iter().find(|read| read.absent && *read.name == *name) {
                let (data_type, place) = (read.data_type, Place::Slot(read.slot));
                return Some(ScopeColumn { name: name.into(), data_type, place });
            }
            if let Some(data_type) = self.source.known(name) {
                self.listed.push(SourceColumn::new(name, data_type));
                let slot = self.slot_of(Place::Source(self.listed.len() - 1));
                if let Some(read) = self.reads.last_mut() {
                    read.absent = true;
                }
                return Some(ScopeColumn { name: name.into(), data_type, place: Place::Slot(slot) });
            }
            if self.source.may_have(name) {
                return Some(self.assume(name, span));
            }
        }
        let was_dropped = self.gone.contains(name) || self.source.column(name).is_some();
        let mut problem = Diagnostic::error(codes::UNKNOWN_COLUMN, format!("there is no column `{name}`"))
            .at(span, "unknown here");
        if METADATA.iter().any(|(known, _)| *known == name) && !was_dropped {
            problem = problem.with_help(format!("ask for it behind `FROM`: `METADATA {name}`"));
        } else if was_dropped {
            problem = problem.with_note("a command in front keeps, drops or groups the columns without it");
        } else {
            let near = if self.is_open { self.source.listed(first_letters(name)) } else { Vec::new() };
            let names =
                self.scope.iter().map(|column| &*column.name).chain(near.iter().map(|column| &*column.name));
            if let Some(help) = did_you_mean(name, names) {
                problem = problem.with_help(help);
            }
        }
        self.push(problem);
        None
    }

    /// A column of which nothing is known but its name.
    fn assume(&mut self, name: &str, span: Span) -> ScopeColumn {
        let mut problem = Diagnostic::warning(
            codes::UNKNOWN_FIELD,
            format!("no schema knows the field `{name}`: its column takes the type that its use asks for"),
        )
        .at(span, "unknown");
        let near = self.source.listed(first_letters(name));
        if let Some(help) = did_you_mean(name, near.iter().map(|column| &*column.name)) {
            problem = problem.with_help(help);
        }
        self.push(problem);
        let demanded = self.demanded.get(name).copied();
        let data_type = demanded.unwrap_or(DataType::Keyword);
        self.listed.push(SourceColumn::new(name, data_type));
        let place = Place::Source(self.listed.len() - 1);
        let slot = self.slot_of(place);
        if demanded.is_none() {
            self.assumed.insert(slot, name.into());
        }
        let column = ScopeColumn { name: name.into(), data_type, place: Place::Slot(slot) };
        self.scope.push(column.clone());
        column
    }

    /// Takes note that columns of the source are not in scope any more.
    fn lose(&mut self, names: impl IntoIterator<Item = Arc<str>>) {
        self.gone.extend(names);
    }

    /// Puts a column at the end, in place of one of its name.
    fn replace(&mut self, column: ScopeColumn) {
        self.scope.retain(|other| other.name != column.name);
        self.scope.push(column);
    }

    fn push(&mut self, problem: Diagnostic) {
        self.failed |= problem.severity == Severity::Error;
        self.problems.push(problem);
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>, label: impl Into<String>) {
        self.push(Diagnostic::error(code, message).at(span, label));
    }
}

/// Whether the columns of the answer, or what patterns choose among, depend on which fields there are.
pub fn lists_columns(query: &Query) -> bool {
    matches!(query.source.kind, SourceKind::From { .. }) && !prefixes_wanted(&query.commands).is_empty()
}

/// The beginnings of the names of columns that must be listed, since a pattern may fit them, or all are part of the answer.
fn prefixes_wanted(commands: &[Command]) -> Vec<String> {
    let mut prefixes: Vec<String> = Vec::new();
    for command in commands {
        match &command.kind {
            CommandKind::Keep(patterns) | CommandKind::Drop(patterns) => {
                let wild = patterns.iter().filter(|pattern| pattern.name().is_none());
                prefixes.extend(wild.filter_map(|pattern| pattern.parts.first().cloned()));
                if matches!(command.kind, CommandKind::Keep(_)) {
                    return prefixes;
                }
            }
            CommandKind::Stats { inline: false, .. } => return prefixes,
            _ => {}
        }
    }
    vec![String::new()]
}

/// Enough of a name to look for others like it.
fn first_letters(name: &str) -> &str {
    name.char_indices().nth(2).map_or(name, |(at, _)| &name[..at])
}
