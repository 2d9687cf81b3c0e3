//! Processes with their parents, made of what events tell.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use watchfire_events::{Document, Timestamp};

use super::events::{Deed, HostNames, ImageNames, ProcessEvents, Told, in_order};
use super::names::{Name, Names};
use crate::fields::{event_time, text_in, values_of};

/// Two sources that tell of the same start do so within this many nanoseconds.
const SAME_START_NANOS: i128 = 2_000_000_000;

/// A process of a [`Lineage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(u32);

/// What a process runs, from an instant on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Since when.
    pub at: Option<Timestamp>,
    /// The name of the program.
    pub name: Option<Arc<str>>,
    /// Its path.
    pub executable: Option<Arc<str>>,
    /// How it was called.
    pub command_line: Option<Arc<str>>,
}

/// A process, as its events tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The id or name of its host.
    pub host: Arc<str>,
    /// Its entity ids: one for each source that has them.
    pub entity_ids: Vec<Arc<str>>,
    /// Its process id.
    pub pid: Option<i64>,
    /// When it started; none if no event tells of its start.
    pub started: Option<Timestamp>,
    /// When it ended; none if no event tells.
    pub ended: Option<Timestamp>,
    /// What it ran, one after the other.
    pub images: Vec<Image>,
    /// Whose it was.
    pub user: Option<Arc<str>>,
}

impl Process {
    /// What it ran at an instant; before its first event, what that one says.
    pub fn image_at(&self, at: Option<Timestamp>) -> Option<&Image> {
        let is_past = |image: &&Image| at.is_none_or(|at| image.at.is_none_or(|since| since <= at));
        self.images.iter().rev().find(is_past).or_else(|| self.images.first())
    }
}

/// The parent of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// One of the processes.
    Known(ProcessId),
    /// One of which there is no event: what the child says of it.
    Outside {
        /// Its entity id.
        entity_id: Option<Arc<str>>,
        /// Its process id.
        pid: Option<i64>,
        /// What it ran.
        image: Image,
    },
    /// The events say nothing of one.
    Unknown,
}

/// A process as it is kept.
#[derive(Clone, Debug)]
struct Kept {
    host: Name,
    entity: Option<Name>,
    /// Those of other sources: few processes have any.
    more_entities: Vec<Name>,
    pid: Option<i64>,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    first_image: (Timestamp, ImageNames),
    /// What it ran later.
    more_images: Vec<(Timestamp, ImageNames)>,
    user: Option<Name>,
    /// The first that told of its start.
    source: Name,
    /// The others that did.
    more_sources: Vec<Name>,
    parent_entity: Option<Name>,
    parent_pid: Option<i64>,
    parent_image: ImageNames,
    parent: Option<u32>,
}

/// All processes that events tell of, each with its parent.
#[derive(Clone, Debug)]
pub struct Lineage {
    names: Names,
    hosts: Hosts,
    processes: Vec<Kept>,
    by_entity: FxHashMap<(Name, Name), u32>,
    by_pid: FxHashMap<(Name, i64), Holders>,
    /// Those of all processes one behind the other, and by process where its own end.
    children: Vec<ProcessId>,
    children_ends: Vec<u32>,
}

/// The processes that had a process id, in the order in which they came: mostly there is one.
#[derive(Clone, Debug)]
struct Holders {
    first: u32,
    later: Vec<u32>,
}

impl Holders {
    fn latest(&self) -> u32 {
        self.later.last().copied().unwrap_or(self.first)
    }

    fn all(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.first).chain(self.later.iter().copied())
    }
}

/// Which name stands for a host.
#[derive(Clone, Debug, Default)]
struct Hosts {
    /// The ids that hosts have.
    known: FxHashSet<Name>,
    /// By name, the id of the only host that has it.
    ids: FxHashMap<Name, Option<Name>>,
}

impl Hosts {
    fn new<'t>(told: impl Iterator<Item = &'t Told>) -> Self {
        let mut hosts = Self::default();
        for host in told.map(|told| told.host).collect::<FxHashSet<_>>() {
            hosts.known.extend(host.id);
            if let (Some(id), Some(name)) = (host.id, host.name) {
                let of_name = hosts.ids.entry(name).or_insert(Some(id));
                *of_name = of_name.filter(|known| *known == id);
            }
        }
        hosts
    }

    fn of(&self, host: HostNames, none: Name) -> Name {
        let by_name = || host.name.map(|name| self.ids.get(&name).copied().flatten().unwrap_or(name));
        host.id.or_else(by_name).unwrap_or(none)
    }
}

impl Lineage {
    /// Makes processes of what events tell.
    pub fn new(events: ProcessEvents) -> Self {
        let ProcessEvents { mut names, mut told, mentions } = events;
        let none = names.number("");
        told.sort_unstable_by(|one, other| in_order(one, other, &names));
        let hosts = Hosts::new(told.iter().chain(mentions.values()));
        let mut lineage = Self {
            names,
            hosts,
            processes: Vec::with_capacity(told.len()),
            by_entity: FxHashMap::default(),
            by_pid: FxHashMap::default(),
            children: Vec::new(),
            children_ends: Vec::new(),
        };
        for told in &told {
            let host = lineage.hosts.of(told.host, none);
            match told.deed {
                Deed::End => lineage.end(host, told),
                _ => lineage.start(host, told),
            }
        }
        let mut mentions: Vec<Told> = mentions.into_values().collect();
        mentions.sort_unstable_by(|one, other| in_order(one, other, &lineage.names));
        for told in &mentions {
            let host = lineage.hosts.of(told.host, none);
            if told.entity.is_some_and(|entity| !lineage.by_entity.contains_key(&(host, entity))) {
                lineage.add(host, told, None, None);
            }
        }
        lineage.link();
        lineage
    }

    fn start(&mut self, host: Name, told: &Told) {
        if let Some(&known) = told.entity.and_then(|entity| self.by_entity.get(&(host, entity))) {
            self.tell_again(known, told);
            return;
        }
        let latest = told.pid.and_then(|pid| Some(self.by_pid.get(&(host, pid))?.latest()));
        if let Some(latest) = latest {
            let process = &self.processes[latest as usize];
            let last = process.last_image();
            let same_image = same_program(last, told.image, &self.names);
            let near =
                process.started.is_some_and(|started| told.at.nanos() - started.nanos() <= SAME_START_NANOS);
            let is_other_source = !process.has_source(told.source);
            let is_repeated = told.entity.is_none() && process.started == Some(told.at) && last == told.image;
            let goes_on = told.deed == Deed::Exec && told.entity.is_none() && process.ended.is_none();
            if is_repeated || goes_on || (is_other_source && near && same_image) {
                self.tell_again(latest, told);
                return;
            }
        }
        self.add(host, told, Some(told.at), None);
    }

    fn end(&mut self, host: Name, told: &Told) {
        let by_entity = told.entity.and_then(|entity| self.by_entity.get(&(host, entity)).copied());
        let by_pid = || {
            if told.entity.is_some() {
                return None;
            }
            let latest = self.by_pid.get(&(host, told.pid?))?.latest();
            // Another source may have told of the same end.
            let ended = self.processes[latest as usize].ended;
            let is_it = ended.is_none_or(|ended| told.at.nanos() - ended.nanos() <= SAME_START_NANOS);
            is_it.then_some(latest)
        };
        match by_entity.or_else(by_pid) {
            Some(known) => {
                let ended = &mut self.processes[known as usize].ended;
                *ended = Some(ended.unwrap_or(told.at));
            }
            None => self.add(host, told, None, Some(told.at)),
        }
    }

    /// Adds what one more event tells of the start of a process, or of what it goes on as.
    fn tell_again(&mut self, known: u32, told: &Told) {
        let process = &mut self.processes[known as usize];
        if let Some(entity) = told.entity
            && process.entity != Some(entity)
            && !process.more_entities.contains(&entity)
        {
            match process.entity {
                None => process.entity = Some(entity),
                Some(_) => process.more_entities.push(entity),
            }
            self.by_entity.insert((process.host, entity), known);
        }
        if !process.has_source(told.source) {
            process.more_sources.push(told.source);
        }
        process.started = process.started.or(Some(told.at));
        process.user = process.user.or(told.user);
        let goes_on = told.deed == Deed::Exec;
        let (_, last) = process.more_images.last_mut().unwrap_or(&mut process.first_image);
        if !goes_on && same_program(*last, told.image, &self.names) {
            last.fill(told.image);
        } else if *last != told.image {
            process.more_images.push((told.at, told.image));
        }
        if process.parent_entity.is_none() && process.parent_pid.is_none() {
            process.parent_entity = told.parent_entity;
            process.parent_pid = told.parent_pid;
            process.parent_image = told.parent_image;
        }
    }

    fn add(&mut self, host: Name, told: &Told, started: Option<Timestamp>, ended: Option<Timestamp>) {
        let number = self.processes.len() as u32;
        if let Some(entity) = told.entity {
            self.by_entity.insert((host, entity), number);
        }
        if let Some(pid) = told.pid {
            self.by_pid
                .entry((host, pid))
                .and_modify(|holders| holders.later.push(number))
                .or_insert(Holders { first: number, later: Vec::new() });
        }
        self.processes.push(Kept {
            host,
            entity: told.entity,
            more_entities: Vec::new(),
            pid: told.pid,
            started,
            ended,
            first_image: (told.at, told.image),
            more_images: Vec::new(),
            user: told.user,
            source: told.source,
            more_sources: Vec::new(),
            parent_entity: told.parent_entity,
            parent_pid: told.parent_pid,
            parent_image: told.parent_image,
            parent: None,
        });
    }

    /// Finds the parent of each process.
    fn link(&mut self) {
        let parents: Vec<Option<u32>> =
            (0..self.processes.len()).map(|number| self.parent_of(number as u32)).collect();
        // Places are counted first, so that each child can be put where it belongs.
        let mut ends = vec![0_u32; self.processes.len()];
        parents.iter().flatten().for_each(|&parent| ends[parent as usize] += 1);
        let mut before = 0;
        for end in &mut ends {
            let own = *end;
            *end = before;
            before += own;
        }
        let mut children = vec![ProcessId(0); before as usize];
        for (number, parent) in (0..).zip(&parents) {
            self.processes[number as usize].parent = *parent;
            if let Some(parent) = parent {
                let place = &mut ends[*parent as usize];
                children[*place as usize] = ProcessId(number);
                *place += 1;
            }
        }
        let mut start = 0;
        for &end in &ends {
            let own = &mut children[start as usize..end as usize];
            own.sort_by_key(|child| (self.processes[child.0 as usize].first_seen(), *child));
            start = end;
        }
        (self.children, self.children_ends) = (children, ends);
    }

    fn parent_of(&self, number: u32) -> Option<u32> {
        let process = &self.processes[number as usize];
        let by_entity = process.parent_entity.and_then(|entity| self.by_entity.get(&(process.host, entity)));
        let found = by_entity.copied().or_else(|| {
            let pid = process.parent_pid?;
            self.by_pid_at(process.host, pid, process.first_seen(), Some(process.parent_image))
        });
        found.filter(|parent| *parent != number)
    }

    /// The process that had this process id then; none if one of another program did, as far as it is known what it ran.
    fn by_pid_at(&self, host: Name, pid: i64, at: Timestamp, ran: Option<ImageNames>) -> Option<u32> {
        let started = |number: &u32| self.processes[*number as usize].started;
        let before = |number: &u32| started(number).is_none_or(|started| started <= at);
        // The last of those that started at the same time.
        let number = self.by_pid.get(&(host, pid))?.all().filter(before).max_by_key(started)?;
        let process = &self.processes[number as usize];
        let is_alive = process.ended.is_none_or(|ended| ended >= at);
        let is_it = ran.is_none_or(|ran| same_program(process.image_at(at), ran, &self.names));
        (is_alive && is_it).then_some(number)
    }

    /// How many processes it has.
    pub fn len(&self) -> usize {
        self.processes.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// All processes.
    pub fn ids(&self) -> impl Iterator<Item = ProcessId> {
        (0..self.processes.len() as u32).map(ProcessId)
    }

    /// The process that an alert, or another event, is about.
    pub fn of_event(&self, event: &Document) -> Option<ProcessId> {
        let name = |field: &str| text_in(event, field).and_then(|text| self.names.find(text));
        let host_name = text_in(event, "host.name").and_then(|name| self.names.find(&name.to_lowercase()));
        // Of a host whose processes are known by its name only, an id says nothing.
        let id = name("host.id").filter(|id| self.hosts.known.contains(id));
        let host = HostNames { id, name: host_name.or_else(|| name("agent.id")) };
        let host = self.hosts.of(host, self.names.find("")?);
        if let Some(entity) = name("process.entity_id")
            && let Some(&number) = self.by_entity.get(&(host, entity))
        {
            return Some(ProcessId(number));
        }
        let pid = values_of(event, "process.pid").first().and_then(|value| value.as_i64())?;
        self.by_pid_at(host, pid, event_time(event)?, None).map(ProcessId)
    }

    /// A process.
    pub fn process(&self, id: ProcessId) -> Process {
        let kept = &self.processes[id.0 as usize];
        let text = |name: Name| Arc::from(self.names.text(name));
        Process {
            host: text(kept.host),
            entity_ids: kept.entity.iter().chain(&kept.more_entities).map(|&entity| text(entity)).collect(),
            pid: kept.pid,
            started: kept.started,
            ended: kept.ended,
            images: kept.images().map(|(at, image)| self.image(Some(at), image)).collect(),
            user: kept.user.map(text),
        }
    }

    /// Its parent.
    pub fn parent(&self, id: ProcessId) -> Parent {
        let kept = &self.processes[id.0 as usize];
        if let Some(parent) = kept.parent {
            return Parent::Known(ProcessId(parent));
        }
        let says_nothing = kept.parent_entity.is_none()
            && kept.parent_pid.is_none()
            && kept.parent_image == ImageNames::default();
        if says_nothing {
            return Parent::Unknown;
        }
        Parent::Outside {
            entity_id: kept.parent_entity.map(|entity| Arc::from(self.names.text(entity))),
            pid: kept.parent_pid,
            image: self.image(None, kept.parent_image),
        }
    }

    /// The processes that it started, in the order of their start.
    pub fn children(&self, id: ProcessId) -> &[ProcessId] {
        let at = id.0 as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.children_ends[before]);
        &self.children[start as usize..self.children_ends[at] as usize]
    }

    fn image(&self, at: Option<Timestamp>, image: ImageNames) -> Image {
        let text = |name: Option<Name>| name.map(|name| Arc::from(self.names.text(name)));
        Image {
            at,
            name: text(image.name),
            executable: text(image.executable),
            command_line: text(image.command_line),
        }
    }
}

impl Kept {
    /// When an event first tells of it.
    fn first_seen(&self) -> Timestamp {
        self.started.unwrap_or(self.first_image.0)
    }

    /// What it ran, one after the other.
    fn images(&self) -> impl DoubleEndedIterator<Item = (Timestamp, ImageNames)> {
        std::iter::once(self.first_image).chain(self.more_images.iter().copied())
    }

    fn last_image(&self) -> ImageNames {
        self.more_images.last().unwrap_or(&self.first_image).1
    }

    fn image_at(&self, at: Timestamp) -> ImageNames {
        self.images().rev().find(|(since, _)| *since <= at).unwrap_or(self.first_image).1
    }

    /// Whether this source has told of its start.
    fn has_source(&self, source: Name) -> bool {
        self.source == source || self.more_sources.contains(&source)
    }
}

/// Whether two images may be of the same program, as far as both say.
fn same_program(one: ImageNames, other: ImageNames, names: &Names) -> bool {
    let equal = |one: Option<Name>, other: Option<Name>| {
        let (one, other) = one.zip(other)?;
        Some(one == other || names.text(one).to_lowercase() == names.text(other).to_lowercase())
    };
    equal(one.executable, other.executable).or_else(|| equal(one.name, other.name)).unwrap_or(true)
}
