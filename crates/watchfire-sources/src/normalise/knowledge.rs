//! What records say about other records, gathered before these are mapped: CrowdStrike's sensor names neither the host of an
//! event nor, mostly, its user, and of a parent process little more than its id. Other records of the same input do.
//!
//! ```text
//! first pass    files ─► Gatherer (a sink of the decoder, one a thread) ─► Gathering ─► Knowledge
//! second pass   record ─► table ─► Knowledge::fill_in: only fields that the record lacks
//! ```
//!
//! A file is looked into if one of its first records is of the source, and then only lines that can tell something are
//! parsed. What is gathered is bounded, and does not depend on the order of records ([`BoundedTable`]).

mod bounded;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use memchr::memmem::Finder;
use watchfire_events::Place;

use self::bounded::{BoundedTable, Bounds, Table};
use super::command_line::Splitting;
use super::draft::Draft;
use super::mapper::wrapped_text;
use super::tables::Keys;
use super::{RawInput, RawPayload, SourceKind, TableRef};
use crate::decode::{RecordSink, RejectReason};
use crate::fields::FieldValue;
use crate::tape::{Tape, TapeObject, TapeValue};
use crate::windows::values::scalar_text;

/// Processes that are remembered.
const PROCESSES: Bounds = Bounds { entries: 1_000_000, bytes: 64 << 20 };
/// Hosts that are remembered.
const HOSTS: Bounds = Bounds { entries: 200_000, bytes: 16 << 20 };
/// Users that are remembered.
const USERS: Bounds = Bounds { entries: 200_000, bytes: 16 << 20 };
/// Volumes that are remembered with their drive.
const VOLUMES: Bounds = Bounds { entries: 200_000, bytes: 16 << 20 };
/// Records of a file that are looked at before it is taken for one of another source.
const LOOKED_AT: u64 = 64;

/// What is known of hosts, users and processes. It does not change, and threads share it.
#[derive(Debug, Default)]
pub struct Knowledge {
    hosts: Table<Named>,
    users: Table<Named>,
    processes: Table<Process>,
    volumes: Table<Reverse<char>>,
}

/// How much is known, and how much did not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnowledgeSize {
    /// Hosts that are known by their id.
    pub hosts: u64,
    /// Users that are known by their id.
    pub users: u64,
    /// Processes that are known by host and id.
    pub processes: u64,
    /// Records that tell of what is not remembered, because it does not fit.
    pub left_out: u64,
}

// The order of the members decides which of several things that are said of the same host, user or process counts: the
// greatest. So the first member of each says how good it is.

/// What a host or a user is called.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    is_metadata: bool,
    time: u64,
    name: Box<str>,
    domain: Box<str>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    /// Whether this was said when it began, and not when the sensor did.
    began: bool,
    time: u64,
    executable: Box<str>,
    command_line: Box<str>,
}

/// What is being gathered; several threads can be at it.
#[derive(Debug)]
pub struct Gathering(Mutex<Gathered>);

#[derive(Debug)]
struct Gathered {
    hosts: BoundedTable<Named>,
    users: BoundedTable<Named>,
    processes: BoundedTable<Process>,
    volumes: BoundedTable<Reverse<char>>,
}

impl Default for Gathering {
    fn default() -> Self {
        Self(Mutex::new(Gathered {
            hosts: BoundedTable::new(HOSTS),
            users: BoundedTable::new(USERS),
            processes: BoundedTable::new(PROCESSES),
            volumes: BoundedTable::new(VOLUMES),
        }))
    }
}

impl Gathering {
    /// What was gathered, and how much that is.
    pub fn finish(self) -> (Knowledge, KnowledgeSize) {
        let Gathered { hosts, users, processes, volumes } =
            self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let size = KnowledgeSize {
            hosts: hosts.len() as u64,
            users: users.len() as u64,
            processes: processes.len() as u64,
            left_out: hosts.left_out() + users.left_out() + processes.left_out() + volumes.left_out(),
        };
        let knowledge = Knowledge {
            hosts: hosts.finish(),
            users: users.finish(),
            processes: processes.finish(),
            volumes: volumes.finish(),
        };
        (knowledge, size)
    }
}

/// Gathers knowledge from records: a sink for the first pass over files.
#[derive(Debug)]
pub struct Gatherer<'g> {
    gathering: &'g Gathering,
    table: TableRef,
    /// Whether all records are of the source, whatever they look like.
    is_forced: bool,
    /// Records of the present file that were looked at.
    seen: u64,
    /// Whether the present file has records of the source.
    is_source: bool,
}

impl<'g> Gatherer<'g> {
    /// A gatherer; none if all records are said to be of a source that nothing is known of.
    pub fn new(gathering: &'g Gathering, source: Option<SourceKind>) -> Option<Self> {
        let known = SourceKind::find(Knowledge::DATASET, &[]).ok()?;
        let SourceKind::Table(table) = known else { return None };
        let is_forced = source == Some(known);
        (is_forced || source.is_none()).then_some(Self {
            gathering,
            table,
            is_forced,
            seen: 0,
            is_source: is_forced,
        })
    }

    fn see(&mut self, record: TapeValue<'_>) {
        self.seen += 1;
        let Some(record) = record.as_object() else { return };
        let own = self.table.recognises(record, &Keys::of(record));
        if !own
            && let Some(text) = wrapped_text(record)
            && let Ok(value) = serde_json::from_str(text)
        {
            let tape = Tape::of(&value);
            if let Some(inner) = tape.first().as_object() {
                return self.take(inner, self.table.recognises(inner, &Keys::of(inner)));
            }
        }
        self.take(record, own);
    }

    fn take(&mut self, record: TapeObject<'_>, is_own: bool) {
        self.is_source |= is_own;
        if self.is_source {
            let telling = Telling::of(record);
            self.gathering.0.lock().unwrap_or_else(PoisonError::into_inner).learn(&telling);
        }
    }
}

impl Gathered {
    fn learn(&mut self, record: &Telling<'_>) {
        let time = record.time();
        let text = |text: &Option<Cow<'_, str>>| Box::<str>::from(text.as_deref().unwrap_or_default());
        if let (Some(aid), Some(name)) = (&record.aid, &record.computer_name) {
            let is_metadata = record.name.is_none();
            let host =
                Named { is_metadata, time, name: (**name).into(), domain: text(&record.machine_domain) };
            self.hosts.insert(aid, host, name.len());
        }
        let user_name = record.user_name.as_deref().or_else(|| Some(record.account()?.1));
        if let (Some(user), Some(name)) = (record.user_id(), user_name) {
            let is_metadata = record.name.is_none();
            let domain = record.account().map_or("", |(domain, _)| domain);
            let user_of = |name: &str| Named { is_metadata, time, name: name.into(), domain: domain.into() };
            match &record.aid {
                Some(aid) => self.users.insert(&key(aid, user), user_of(name), name.len()),
                None => self.users.insert(user, user_of(name), name.len()),
            }
        }
        let began = match record.name.as_deref() {
            Some("ProcessRollup2") => true,
            Some("SyntheticProcessRollup2") => false,
            _ => return,
        };
        let (Some(aid), Some(process), Some(executable)) =
            (&record.aid, &record.target_process_id, &record.image_file_name)
        else {
            return;
        };
        if let Some((volume, drive)) = record.drive() {
            self.volumes.insert(&key(aid, volume), Reverse(drive), 0);
        }
        let told = Process {
            began,
            time,
            executable: (**executable).into(),
            command_line: text(&record.command_line),
        };
        let bytes = told.executable.len() + told.command_line.len();
        self.processes.insert(&key(aid, process), told, bytes);
    }
}

/// Ids of users and processes are unique within a host.
fn key(aid: &str, id: &str) -> String {
    format!("{aid}|{id}")
}

/// What a record can tell.
#[derive(Debug, Default)]
struct Telling<'a> {
    name: Option<Cow<'a, str>>,
    aid: Option<Cow<'a, str>>,
    timestamp: Option<Cow<'a, str>>,
    computer_name: Option<Cow<'a, str>>,
    machine_domain: Option<Cow<'a, str>>,
    user_name: Option<Cow<'a, str>>,
    user: Option<Cow<'a, str>>,
    uid: Option<Cow<'a, str>>,
    user_sid: Option<Cow<'a, str>>,
    target_process_id: Option<Cow<'a, str>>,
    image_file_name: Option<Cow<'a, str>>,
    command_line: Option<Cow<'a, str>>,
}

impl<'a> Telling<'a> {
    fn of(record: TapeObject<'a>) -> Self {
        let mut telling = Self::default();
        for (name, value) in record.iter() {
            let member = match name {
                "event_simpleName" => &mut telling.name,
                "aid" => &mut telling.aid,
                "timestamp" | "Time" | "_time" => &mut telling.timestamp,
                "ComputerName" => &mut telling.computer_name,
                "MachineDomain" => &mut telling.machine_domain,
                "UserName" => &mut telling.user_name,
                "User" => &mut telling.user,
                "UID" => &mut telling.uid,
                "UserSid" | "UserSid_readable" => &mut telling.user_sid,
                "TargetProcessId" => &mut telling.target_process_id,
                "ImageFileName" => &mut telling.image_file_name,
                "CommandLine" => &mut telling.command_line,
                _ => continue,
            };
            let text = value.scalar().map(scalar_text);
            if let Some(text) = text.filter(|text| !matches!(&**text, "" | "-" | "none")) {
                *member = Some(text);
            }
        }
        telling
    }

    /// Milliseconds since 1970, where the record says so; metadata say seconds, which is as good for telling which is later.
    fn time(&self) -> u64 {
        self.timestamp.as_deref().and_then(|text| text.split('.').next()?.parse().ok()).unwrap_or_default()
    }

    fn user_id(&self) -> Option<&str> {
        self.uid.as_deref().or(self.user_sid.as_deref())
    }

    /// Domain and name of `DOMAIN\name`.
    fn account(&self) -> Option<(&str, &str)> {
        self.user.as_deref()?.split_once('\\').filter(|(_, name)| !name.is_empty())
    }

    /// The volume of the program and its drive, where the command line names the same path with its drive.
    fn drive(&self) -> Option<(&str, char)> {
        let (volume, path) = split_volume(self.image_file_name.as_deref()?)?;
        let line = self.command_line.as_deref()?.trim_start().trim_start_matches('"');
        let drive = line.chars().next().filter(char::is_ascii_alphabetic)?;
        let named = line[1..].strip_prefix(':')?;
        let is_same = named.get(..path.len()).is_some_and(|start| start.eq_ignore_ascii_case(path));
        is_same.then_some((volume, drive.to_ascii_uppercase()))
    }
}

/// `\Device\HarddiskVolume3` and the path on it.
fn split_volume(path: &str) -> Option<(&str, &str)> {
    let start = r"\Device\HarddiskVolume";
    path.get(..start.len()).filter(|prefix| prefix.eq_ignore_ascii_case(start))?;
    let digits = path[start.len()..].bytes().take_while(u8::is_ascii_digit).count();
    let (volume, rest) = path.split_at(start.len() + digits);
    (digits > 0 && rest.starts_with('\\')).then_some((volume, rest))
}

/// Whether a line can tell something: metadata, processes, and what names users and hosts.
fn may_tell(line: &[u8]) -> bool {
    static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"event_simpleName\""));
    const TELLING: &[&[u8]] = &[
        b"ProcessRollup2\"",
        b"SyntheticProcessRollup2\"",
        b"UserIdentity\"",
        b"UserLogon\"",
        b"AgentOnline\"",
    ];
    let mut is_metadata = true;
    // One line can be an array of records.
    for at in NAME.find_iter(line) {
        is_metadata = false;
        let behind = line[at + NAME.needle().len()..].trim_ascii_start();
        let value = behind.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        if let Some(value) = value.and_then(|value| value.strip_prefix(b"\""))
            && TELLING.iter().any(|name| value.starts_with(name))
        {
            return true;
        }
    }
    is_metadata
}

impl RecordSink for Gatherer<'_> {
    fn record(&mut self, record: RawInput) {
        if let RawPayload::Json(value) = &record.payload {
            self.see(Tape::of(value).first());
        }
    }

    fn record_on_tape(&mut self, record: TapeValue<'_>, _: Place, _: &Arc<str>) {
        self.see(record);
    }

    fn rejected(&mut self, _: &Place, _: RejectReason) {}

    fn wants_member(&mut self, _: &Arc<str>, format: &'static str) -> bool {
        self.seen = 0;
        self.is_source = self.is_forced;
        format == "json"
    }

    fn wants_line(&self, line: &[u8]) -> bool {
        !self.is_source || may_tell(line)
    }

    fn is_done_with_member(&self) -> bool {
        !self.is_source && self.seen >= LOOKED_AT
    }
}

impl Knowledge {
    /// The dataset whose records are filled in.
    pub(crate) const DATASET: &'static str = "crowdstrike.fdr";

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.users.is_empty() && self.processes.is_empty()
    }

    /// Writes the fields that a document lacks and other records tell.
    pub(crate) fn fill_in(&self, draft: &mut Draft<'_, '_>) {
        let Some(aid) = draft.copy_text("host.id") else { return };
        if let Some(host) = self.hosts.get(&*aid) {
            if !draft.has("host.name") {
                draft.relate_host(&Cow::Owned(host.name.to_string()));
            }
            fill(draft, "host.name", &host.name);
            fill(draft, "host.hostname", &host.name);
            fill(draft, "host.domain", &host.domain);
        }
        if !draft.has("user.name")
            && let Some(id) = draft.copy_text("user.id")
            && let Some(user) = self.users.get(&*id).or_else(|| self.users.get(&*key(&aid, &id)))
        {
            draft.relate_user(&Cow::Owned(user.name.to_string()));
            fill(draft, "user.name", &user.name);
            fill(draft, "user.domain", &user.domain);
        }
        if let Some(id) = draft.copy_text("process.parent.entity_id")
            && let Some(parent) = self.processes.get(&*key(&aid, &id))
        {
            self.fill_in_parent(&aid, parent, draft);
        }
    }

    fn fill_in_parent(&self, aid: &str, parent: &Process, draft: &mut Draft<'_, '_>) {
        if !draft.has("process.parent.executable") {
            let executable = parent.executable.to_string();
            let on_drive = split_volume(&executable).and_then(|(volume, path)| {
                let drive = self.volumes.get(&*key(aid, volume))?.0;
                Some(format!("{drive}:{path}"))
            });
            // Rules know parents by paths with a drive as well as by those of devices.
            let value = match on_drive {
                Some(on_drive) => FieldValue::Texts(vec![Cow::Owned(executable), Cow::Owned(on_drive)]),
                None => FieldValue::Text(Cow::Owned(executable)),
            };
            draft.set("process.parent.executable", value);
        }
        if !parent.command_line.is_empty() && !draft.has("process.parent.command_line") {
            let line = Cow::Owned(parent.command_line.to_string());
            draft.set_command_line("process.parent", line, Splitting::ArgvWithoutEmpty);
        }
    }
}

fn fill(draft: &mut Draft<'_, '_>, name: &'static str, text: &str) {
    if !text.is_empty() && !draft.has(name) {
        draft.set(name, text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_tell_nothing_are_not_parsed() {
        for (line, expected) in [
            (r#"{"event_simpleName":"ProcessRollup2","aid":"a"}"#, true),
            (r#"{"event_simpleName" : "SyntheticProcessRollup2"}"#, true),
            (r#"{"event_simpleName":"ProcessRollup2Stats"}"#, false),
            (r#"{"event_simpleName":"DnsRequest","DomainName":"ProcessRollup2"}"#, false),
            (r#"{"aid":"a","ComputerName":"b"}"#, true),
            (r#"[{"event_simpleName":"DnsRequest"},{"event_simpleName":"UserLogon"}]"#, true),
            (r#"{"event_simpleName":7}"#, false),
        ] {
            assert_eq!(may_tell(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_command_line_tells_the_drive_of_a_volume() {
        let drive = |image: &str, line: &str| {
            let telling = Telling {
                image_file_name: Some(Cow::Owned(image.to_owned())),
                command_line: Some(Cow::Owned(line.to_owned())),
                ..Telling::default()
            };
            telling.drive().map(|(volume, drive)| format!("{volume}={drive}"))
        };
        let image = r"\Device\HarddiskVolume12\Tools\run.exe";
        let found = Some(r"\Device\HarddiskVolume12=D".to_owned());
        assert_eq!(drive(image, r#""d:\tools\RUN.exe" /x"#), found);
        assert_eq!(drive(image, r"D:\Tools\run.exe"), found);
        assert_eq!(drive(image, r"run.exe"), None);
        assert_eq!(drive(image, r"D:\Tools\other.exe"), None);
        assert_eq!(drive(image, "é"), None);
        assert_eq!(drive(r"\Device\Mup\x\run.exe", r"D:\x\run.exe"), None);
        assert_eq!(drive("/bin/sh", "/bin/sh"), None);
    }
}
