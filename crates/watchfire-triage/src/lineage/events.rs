//! What single events tell of processes.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;
use watchfire_events::{Column, EventBatch, Timestamp, ValueRef};

use super::names::{Name, Names};
use crate::conditions::time_of_row;

/// The fields that tell of processes: those of which batches need columns.
pub const LINEAGE_FIELDS: [&str; 18] = [
    "@timestamp",
    "event.category",
    "event.type",
    "event.action",
    "host.id",
    "host.name",
    "agent.id",
    "process.entity_id",
    "process.pid",
    "process.name",
    "process.executable",
    "process.command_line",
    "process.parent.entity_id",
    "process.parent.pid",
    "process.parent.name",
    "process.parent.executable",
    "process.parent.command_line",
    "user.name",
];

/// What an event says that a process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Deed {
    /// It started.
    Start,
    /// It goes on as another program.
    Exec,
    /// It ended.
    End,
    /// Something else.
    Mention,
}

/// What a process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ImageNames {
    pub(super) name: Option<Name>,
    pub(super) executable: Option<Name>,
    pub(super) command_line: Option<Name>,
}

impl ImageNames {
    /// Takes what it lacks from another one of the same program.
    pub(super) fn fill(&mut self, other: Self) {
        self.name = self.name.or(other.name);
        self.executable = self.executable.or(other.executable);
        self.command_line = self.command_line.or(other.command_line);
    }
}

/// The host of an event, as far as it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct HostNames {
    pub(super) id: Option<Name>,
    /// In lower case; of a host without a name the id of its agent.
    pub(super) name: Option<Name>,
}

/// What an event tells of a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) deed: Deed,
    pub(super) host: HostNames,
    pub(super) source: Name,
    pub(super) entity: Option<Name>,
    pub(super) pid: Option<i64>,
    pub(super) image: ImageNames,
    pub(super) user: Option<Name>,
    pub(super) parent_entity: Option<Name>,
    pub(super) parent_pid: Option<i64>,
    pub(super) parent_image: ImageNames,
}

/// What events tell of processes, gathered batch by batch; one for each thread.
#[derive(Clone, Debug, Default)]
pub struct ProcessEvents {
    pub(super) names: Names,
    pub(super) told: Vec<Told>,
    /// Of a process with an entity id that other events mention, the first of them.
    pub(super) mentions: FxHashMap<(HostNames, Name), Told>,
}

impl ProcessEvents {
    /// Adds the events of a batch, with columns of [`LINEAGE_FIELDS`].
    pub fn add(&mut self, batch: &EventBatch) {
        self.add_rows(batch, 0..batch.len() as u32);
    }

    /// Adds some of the events of a batch, by their rows in ascending order.
    pub fn add_rows(&mut self, batch: &EventBatch, rows: impl IntoIterator<Item = u32>) {
        let mut columns = Columns::new(batch);
        let mut sources = vec![None; batch.len()];
        for (stream, of_stream) in batch.streams() {
            let source = self.names.number(stream.as_str());
            of_stream.iter().for_each(|&row| sources[row as usize] = Some(source));
        }
        for row in rows {
            let row = row as usize;
            let (Some(at), Some(source)) = (time_of_row(batch, row), sources[row]) else { continue };
            if let Some(told) = columns.told(row, at, source, &mut self.names) {
                self.push(told);
            }
        }
    }

    fn push(&mut self, told: Told) {
        match (told.deed, told.entity) {
            (Deed::Mention, Some(entity)) => {
                let host = told.host;
                let first = self.mentions.entry((host, entity)).or_insert_with(|| told.clone());
                if in_order(&told, first, &self.names).is_lt() {
                    *first = told;
                }
            }
            // By its number alone a process is not known unless its start or end is.
            (Deed::Mention, None) => {}
            _ => self.told.push(told),
        }
    }

    /// Adds what another thread has gathered.
    pub fn merge(&mut self, other: Self) {
        if self.told.is_empty() && self.mentions.is_empty() {
            *self = other;
            return;
        }
        let numbers = self.names.join(&other.names);
        let mentions = other.mentions.into_values();
        other.told.into_iter().chain(mentions).for_each(|told| self.push(told.translated(&numbers)));
    }

    /// How many starts and ends it has.
    pub fn len(&self) -> usize {
        self.told.len()
    }

    /// Whether it has none, and no process is mentioned.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty() && self.mentions.is_empty()
    }
}

impl Told {
    fn translated(self, by: &[Name]) -> Self {
        let name = |name: Option<Name>| name.map(|name| name.translated(by));
        let image = |image: ImageNames| ImageNames {
            name: name(image.name),
            executable: name(image.executable),
            command_line: name(image.command_line),
        };
        Self {
            host: HostNames { id: name(self.host.id), name: name(self.host.name) },
            source: self.source.translated(by),
            entity: name(self.entity),
            image: image(self.image),
            user: name(self.user),
            parent_entity: name(self.parent_entity),
            parent_image: image(self.parent_image),
            ..self
        }
    }
}

/// The order of time. What happened at once is ordered by texts: their numbers depend on threads.
pub(super) fn in_order(one: &Told, other: &Told, names: &Names) -> Ordering {
    let text = |name: Option<Name>| name.map(|name| names.text(name));
    let texts = |told: &Told| {
        [
            told.host.id,
            told.host.name,
            told.entity,
            Some(told.source),
            told.image.executable,
            told.image.name,
            told.image.command_line,
            told.user,
            told.parent_entity,
            told.parent_image.executable,
            told.parent_image.name,
            told.parent_image.command_line,
        ]
        .map(text)
    };
    (one.at, one.deed, one.pid, one.parent_pid)
        .cmp(&(other.at, other.deed, other.pid, other.parent_pid))
        .then_with(|| texts(one).cmp(&texts(other)))
}

/// The columns of a batch, with the numbers of the texts that were asked for.
struct Columns<'b> {
    category: Option<&'b Column>,
    event_type: Option<&'b Column>,
    action: Option<&'b Column>,
    pid: Option<&'b Column>,
    parent_pid: Option<&'b Column>,
    host_id: Numbered<'b>,
    host_name: Numbered<'b>,
    agent: Numbered<'b>,
    entity: Numbered<'b>,
    parent_entity: Numbered<'b>,
    user: Numbered<'b>,
    image: [Numbered<'b>; 3],
    parent_image: [Numbered<'b>; 3],
}

/// A column of texts, with their numbers as far as they are known.
struct Numbered<'b> {
    column: Option<&'b Column>,
    numbers: Vec<Option<Name>>,
    lower: bool,
}

impl<'b> Numbered<'b> {
    fn new(batch: &'b EventBatch, field: &str) -> Self {
        let column = batch.column(field);
        Self { column, numbers: vec![None; column.map_or(0, Column::distinct)], lower: false }
    }

    /// The first value of a row.
    fn first(&mut self, row: usize, names: &mut Names) -> Option<Name> {
        let column = self.column?;
        let &code = column.codes(row).first()?;
        let number = &mut self.numbers[code as usize];
        if number.is_none() {
            let text = column.value(code).to_text();
            *number = Some(if self.lower { names.number(&text.to_lowercase()) } else { names.number(&text) });
        }
        *number
    }
}

impl<'b> Columns<'b> {
    fn new(batch: &'b EventBatch) -> Self {
        let numbered = |field| Numbered::new(batch, field);
        let image = |of: &str| {
            ["name", "executable", "command_line"].map(|part| Numbered::new(batch, &format!("{of}.{part}")))
        };
        Self {
            category: batch.column("event.category"),
            event_type: batch.column("event.type"),
            action: batch.column("event.action"),
            pid: batch.column("process.pid"),
            parent_pid: batch.column("process.parent.pid"),
            host_id: numbered("host.id"),
            host_name: Numbered { lower: true, ..numbered("host.name") },
            agent: numbered("agent.id"),
            entity: numbered("process.entity_id"),
            parent_entity: numbered("process.parent.entity_id"),
            user: numbered("user.name"),
            image: image("process"),
            parent_image: image("process.parent"),
        }
    }

    /// What a row tells; `None` if it names no process.
    fn told(&mut self, row: usize, at: Timestamp, source: Name, names: &mut Names) -> Option<Told> {
        let entity = self.entity.first(row, names);
        let pid = integer(self.pid, row);
        if entity.is_none() && pid.is_none() {
            return None;
        }
        let has = |column, text| has_text(column, row, text);
        let deed = if !has(self.category, "process") {
            Deed::Mention
        } else if has(self.event_type, "end") {
            Deed::End
        } else if has(self.action, "exec") {
            Deed::Exec
        } else if has(self.event_type, "start") {
            Deed::Start
        } else {
            Deed::Mention
        };
        if deed == Deed::Mention && entity.is_none() {
            return None;
        }
        let mut image = |columns: &mut [Numbered<'_>; 3]| {
            let [name, executable, command_line] = columns;
            ImageNames {
                name: name.first(row, names),
                executable: executable.first(row, names),
                command_line: command_line.first(row, names),
            }
        };
        let (own, parent) = (image(&mut self.image), image(&mut self.parent_image));
        Some(Told {
            at,
            deed,
            host: HostNames {
                id: self.host_id.first(row, names),
                name: self.host_name.first(row, names).or_else(|| self.agent.first(row, names)),
            },
            source,
            entity,
            pid,
            image: own,
            user: self.user.first(row, names),
            parent_entity: self.parent_entity.first(row, names),
            parent_pid: integer(self.parent_pid, row),
            parent_image: parent,
        })
    }
}

fn integer(column: Option<&Column>, row: usize) -> Option<i64> {
    let column = column?;
    column.codes(row).iter().find_map(|&code| match column.value(code) {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    })
}

fn has_text(column: Option<&Column>, row: usize, text: &str) -> bool {
    column.is_some_and(|column| {
        column
            .codes(row)
            .iter()
            .any(|&code| matches!(column.value(code), ValueRef::Text(value) if value == text))
    })
}
