//! What process trees have to be: no index, nothing remembered, one list and loops over it.

use serde_json::Value;
use watchfire_events::{Timestamp, get_field};

const NANOS: i128 = 1_000_000_000;

#[derive(Clone, Debug)]
struct Told {
    at: Timestamp,
    /// 0 start, 1 exec, 2 end, 3 mention.
    deed: u8,
    source: String,
    host: Option<String>,
    host_name: Option<String>,
    entity: Option<String>,
    pid: Option<i64>,
    image: [Option<String>; 3],
    user: Option<String>,
    parent_entity: Option<String>,
    parent_pid: Option<i64>,
    parent_image: [Option<String>; 3],
}

#[derive(Clone, Debug)]
struct Process {
    host: String,
    entities: Vec<String>,
    pid: Option<i64>,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    images: Vec<(Timestamp, [Option<String>; 3])>,
    sources: Vec<String>,
    parent_entity: Option<String>,
    parent_pid: Option<i64>,
    parent_image: [Option<String>; 3],
}

/// Number in the list of processes, or none for a root that only a child tells of; parent; children; other children.
type Node = (Option<usize>, Option<usize>, Vec<usize>, String);

/// The processes of some events.
pub(crate) struct Reference {
    told: Vec<Told>,
    processes: Vec<Process>,
}

fn text(event: &Value, field: &str) -> Option<String> {
    match get_field(event.as_object()?, field)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.first()?.as_str().map(str::to_owned),
        _ => None,
    }
}

fn has(event: &Value, field: &str, value: &str) -> bool {
    match event.as_object().and_then(|event| get_field(event, field)) {
        Some(Value::Array(items)) => items.iter().any(|item| item == value),
        Some(found) => found == value,
        None => false,
    }
}

fn number(event: &Value, field: &str) -> Option<i64> {
    get_field(event.as_object()?, field)?.as_i64()
}

fn image(event: &Value, of: &str) -> [Option<String>; 3] {
    ["name", "executable", "command_line"].map(|part| text(event, &format!("{of}.{part}")))
}

/// Whether two images may be the same program.
fn alike(one: &[Option<String>; 3], other: &[Option<String>; 3]) -> bool {
    for part in [1, 0] {
        if let (Some(one), Some(other)) = (&one[part], &other[part]) {
            return one.to_lowercase() == other.to_lowercase();
        }
    }
    true
}

fn told(stream: &str, event: &Value) -> Option<Told> {
    let (entity, pid) = (text(event, "process.entity_id"), number(event, "process.pid"));
    if entity.is_none() && pid.is_none() {
        return None;
    }
    let deed = if !has(event, "event.category", "process") {
        3
    } else if has(event, "event.type", "end") {
        2
    } else if has(event, "event.action", "exec") {
        1
    } else if has(event, "event.type", "start") {
        0
    } else {
        3
    };
    if deed == 3 && entity.is_none() {
        return None;
    }
    Some(Told {
        at: Timestamp::parse(&text(event, "@timestamp")?)?,
        deed,
        source: stream.to_owned(),
        host: text(event, "host.id"),
        host_name: text(event, "host.name")
            .map(|name| name.to_lowercase())
            .or_else(|| text(event, "agent.id")),
        entity,
        pid,
        image: image(event, "process"),
        user: text(event, "user.name"),
        parent_entity: text(event, "process.parent.entity_id"),
        parent_pid: number(event, "process.parent.pid"),
        parent_image: image(event, "process.parent"),
    })
}

impl Reference {
    pub(crate) fn new(events: &[(String, Value)]) -> Self {
        let mut told: Vec<Told> = events.iter().filter_map(|(stream, event)| told(stream, event)).collect();
        told.sort_by_key(|told| {
            let [name, executable, line] = told.image.clone();
            let [parent_name, parent_executable, parent_line] = told.parent_image.clone();
            let texts = [
                told.host.clone(),
                told.host_name.clone(),
                told.entity.clone(),
                Some(told.source.clone()),
                executable,
                name,
                line,
                told.user.clone(),
                told.parent_entity.clone(),
                parent_executable,
                parent_name,
                parent_line,
            ];
            (told.at, told.deed, told.pid, told.parent_pid, texts)
        });
        let mut reference = Self { told, processes: Vec::new() };
        for told in reference.told.clone() {
            match told.deed {
                0 | 1 => reference.start(&told),
                2 => reference.end(&told),
                _ => {}
            }
        }
        for told in reference.told.clone().iter().filter(|told| told.deed == 3) {
            let host = reference.host(told.host.clone(), told.host_name.clone());
            if reference.by_entity(&host, told.entity.as_ref()).is_none() {
                reference.add(told, None, None);
            }
        }
        reference
    }

    pub(crate) fn len(&self) -> usize {
        self.processes.len()
    }

    /// The id of a host; of one that only has a name, the only id that hosts of this name have.
    fn host(&self, id: Option<String>, name: Option<String>) -> String {
        if let Some(id) = id {
            return id;
        }
        let Some(name) = name else { return String::new() };
        let of_name = self.told.iter().filter(|told| told.host_name.as_ref() == Some(&name));
        let mut ids: Vec<&String> = of_name.filter_map(|told| told.host.as_ref()).collect();
        ids.sort();
        ids.dedup();
        match ids.as_slice() {
            [id] => (*id).clone(),
            _ => name,
        }
    }

    fn by_entity(&self, host: &str, entity: Option<&String>) -> Option<usize> {
        let entity = entity?;
        self.processes.iter().position(|process| process.host == host && process.entities.contains(entity))
    }

    /// The process of this number that was added last.
    fn latest(&self, host: &str, pid: Option<i64>) -> Option<usize> {
        pid?;
        self.processes.iter().rposition(|process| process.host == host && process.pid == pid)
    }

    fn start(&mut self, told: &Told) {
        let host = self.host(told.host.clone(), told.host_name.clone());
        if let Some(known) = self.by_entity(&host, told.entity.as_ref()) {
            return self.again(known, told);
        }
        if let Some(latest) = self.latest(&host, told.pid) {
            let process = &self.processes[latest];
            let (_, last) = process.images.last().expect("it ran something");
            let near = process.started.is_some_and(|started| told.at.nanos() - started.nanos() <= 2 * NANOS);
            let other_source = !process.sources.contains(&told.source) && near && alike(last, &told.image);
            let repeated = told.entity.is_none() && process.started == Some(told.at) && *last == told.image;
            let goes_on = told.deed == 1 && told.entity.is_none() && process.ended.is_none();
            if other_source || repeated || goes_on {
                return self.again(latest, told);
            }
        }
        self.add(told, Some(told.at), None);
    }

    fn again(&mut self, known: usize, told: &Told) {
        let process = &mut self.processes[known];
        if let Some(entity) = &told.entity
            && !process.entities.contains(entity)
        {
            process.entities.push(entity.clone());
        }
        if !process.sources.contains(&told.source) {
            process.sources.push(told.source.clone());
        }
        process.started = process.started.or(Some(told.at));
        let (_, last) = process.images.last_mut().expect("it ran something");
        if told.deed != 1 && alike(last, &told.image) {
            for (part, said) in last.iter_mut().zip(&told.image) {
                *part = part.take().or_else(|| said.clone());
            }
        } else if *last != told.image {
            process.images.push((told.at, told.image.clone()));
        }
        if process.parent_entity.is_none() && process.parent_pid.is_none() {
            process.parent_entity.clone_from(&told.parent_entity);
            process.parent_pid = told.parent_pid;
            process.parent_image.clone_from(&told.parent_image);
        }
    }

    fn end(&mut self, told: &Told) {
        let host = self.host(told.host.clone(), told.host_name.clone());
        let known = match &told.entity {
            Some(_) => self.by_entity(&host, told.entity.as_ref()),
            None => self.latest(&host, told.pid).filter(|latest| {
                let ended = self.processes[*latest].ended;
                ended.is_none_or(|ended| told.at.nanos() - ended.nanos() <= 2 * NANOS)
            }),
        };
        match known {
            Some(known) => {
                let ended = &mut self.processes[known].ended;
                *ended = ended.or(Some(told.at));
            }
            None => self.add(told, None, Some(told.at)),
        }
    }

    fn add(&mut self, told: &Told, started: Option<Timestamp>, ended: Option<Timestamp>) {
        self.processes.push(Process {
            host: self.host(told.host.clone(), told.host_name.clone()),
            entities: told.entity.iter().cloned().collect(),
            pid: told.pid,
            started,
            ended,
            images: vec![(told.at, told.image.clone())],
            sources: vec![told.source.clone()],
            parent_entity: told.parent_entity.clone(),
            parent_pid: told.parent_pid,
            parent_image: told.parent_image.clone(),
        });
    }

    /// The process that had a number then.
    fn at(&self, host: &str, pid: i64, at: Timestamp, ran: Option<&[Option<String>; 3]>) -> Option<usize> {
        let mut found: Option<usize> = None;
        for (number, process) in self.processes.iter().enumerate() {
            let had_it = process.host == host && process.pid == Some(pid);
            if had_it
                && process.started.is_none_or(|started| started <= at)
                && found.is_none_or(|found| process.started >= self.processes[found].started)
            {
                found = Some(number);
            }
        }
        found.filter(|&number| {
            let process = &self.processes[number];
            process.ended.is_none_or(|ended| ended >= at)
                && ran.is_none_or(|ran| alike(&process.image(Some(at)), ran))
        })
    }

    fn parent(&self, number: usize) -> Option<usize> {
        let process = &self.processes[number];
        let seen = process.started.unwrap_or(process.images[0].0);
        let parent = self
            .by_entity(&process.host, process.parent_entity.as_ref())
            .or_else(|| self.at(&process.host, process.parent_pid?, seen, Some(&process.parent_image)));
        parent.filter(|parent| *parent != number)
    }

    fn children(&self, number: usize) -> Vec<usize> {
        let mut children: Vec<usize> =
            (0..self.processes.len()).filter(|child| self.parent(*child) == Some(number)).collect();
        children.sort_by_key(|&child| {
            let process = &self.processes[child];
            (process.started.unwrap_or(process.images[0].0), child)
        });
        children
    }

    pub(crate) fn of_event(&self, event: &Value) -> Option<usize> {
        let host_name =
            text(event, "host.name").map(|name| name.to_lowercase()).or_else(|| text(event, "agent.id"));
        let id =
            text(event, "host.id").filter(|id| self.told.iter().any(|told| told.host.as_ref() == Some(id)));
        let host = self.host(id, host_name);
        self.by_entity(&host, text(event, "process.entity_id").as_ref()).or_else(|| {
            let at = Timestamp::parse(&text(event, "@timestamp")?)?;
            self.at(&host, number(event, "process.pid")?, at, None)
        })
    }

    /// The tree, in the form in which the test compares it.
    pub(crate) fn tree(&self, alerted: usize, at: Option<Timestamp>) -> Vec<String> {
        let (mut path, mut looped, mut more_above) = (vec![alerted], false, false);
        while let Some(parent) = self.parent(path[path.len() - 1]) {
            if path.contains(&parent) {
                looped = true;
                break;
            }
            if path.len() > 200 {
                more_above = true;
                break;
            }
            path.push(parent);
        }
        path.reverse();
        let mut nodes: Vec<Node> = Vec::new();
        let root = &self.processes[path[0]];
        let tells = root.parent_entity.is_some()
            || root.parent_pid.is_some()
            || root.parent_image.iter().any(Option::is_some);
        if self.parent(path[0]).is_none() && tells {
            nodes.push((None, None, Vec::new(), String::new()));
        }
        for (place, &number) in path.iter().enumerate() {
            let parent = nodes.len().checked_sub(1);
            if let Some(parent) = parent {
                let own = nodes.len();
                nodes[parent].2.push(own);
            }
            let folded = path.get(place + 1).map_or_else(String::new, |next| {
                let mut names: Vec<(String, usize)> = Vec::new();
                for child in self.children(number).into_iter().filter(|child| child != next) {
                    let [name, executable, _] = self.processes[child].image(at);
                    let name = name.or(executable).unwrap_or_else(|| "?".to_owned());
                    match names.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, count)) => *count += 1,
                        None => names.push((name, 1)),
                    }
                }
                names.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
                names.iter().map(|(name, count)| format!("{name}×{count}")).collect::<Vec<_>>().join(" ")
            });
            nodes.push((Some(number), parent, Vec::new(), folded));
        }
        let alerted_node = nodes.len() - 1;
        let (mut seen, mut level, mut below, mut more_below) = (path.clone(), vec![alerted_node], 0, 0);
        while !level.is_empty() {
            let mut next = Vec::new();
            for node in level {
                for child in self.children(nodes[node].0.expect("it is a process")) {
                    if seen.contains(&child) {
                        looped = true;
                        continue;
                    }
                    seen.push(child);
                    if below == 500 {
                        more_below += 1;
                        continue;
                    }
                    below += 1;
                    let own = nodes.len();
                    nodes[node].2.push(own);
                    nodes.push((Some(child), Some(node), Vec::new(), String::new()));
                    next.push(own);
                }
            }
            level = next;
        }
        let mut lines: Vec<String> = nodes
            .iter()
            .enumerate()
            .map(|(place, (number, parent, children, folded))| {
                let mark = if place == alerted_node { "► " } else { "" };
                let whole =
                    number.map_or_else(|| self.outside(path[0]), |number| self.processes[number].shown(at));
                format!("{mark}{whole} under {parent:?} over {children:?} + {folded}")
            })
            .collect();
        lines.push(format!("loop {looped}, more {more_above} {more_below}"));
        lines
    }

    /// A root that only its child tells of.
    fn outside(&self, child: usize) -> String {
        let child = &self.processes[child];
        let executable = child.parent_image[1].as_deref().unwrap_or("-");
        format!(
            "Outside {} {} {:?} -..- [{executable}] now {executable}",
            child.host,
            child.parent_entity.as_deref().unwrap_or_default(),
            child.parent_pid
        )
    }
}

impl Process {
    fn image(&self, at: Option<Timestamp>) -> [Option<String>; 3] {
        let past = self.images.iter().rev().find(|(since, _)| at.is_none_or(|at| *since <= at));
        past.unwrap_or(&self.images[0]).1.clone()
    }

    fn shown(&self, at: Option<Timestamp>) -> String {
        let nanos = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.nanos().to_string());
        let path = |image: &[Option<String>; 3]| image[1].clone().unwrap_or_else(|| "-".to_owned());
        let mut entities = self.entities.clone();
        entities.sort();
        let images: Vec<String> = self.images.iter().map(|(_, image)| path(image)).collect();
        format!(
            "{} {} {} {:?} {}..{} [{}] now {}",
            if self.started.is_some() { "Recorded" } else { "Mentioned" },
            self.host,
            entities.join(","),
            self.pid,
            nanos(self.started),
            nanos(self.ended),
            images.join(" "),
            path(&self.image(at))
        )
    }
}
