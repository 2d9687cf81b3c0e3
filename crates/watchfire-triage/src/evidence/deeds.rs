//! What a process did, from its own events.

use std::collections::BTreeMap;

use serde_json::Value;
use watchfire_events::{Document, Timestamp};

use super::gathering::Gathered;
use super::persistence;
use super::weights::Weight;
use crate::fields::{has_text, text_in, values_of};
use crate::lineage::Process;
use crate::value_text::text_of;

/// What kind of thing a process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeedKind {
    /// It talked to others.
    Network,
    /// It asked for names.
    Dns,
    /// It wrote, changed, renamed or deleted files.
    File,
    /// It changed the registry.
    Registry,
    /// It loaded modules.
    Module,
    /// It ran scripts.
    Script,
    /// It did something to other processes.
    Process,
}

impl DeedKind {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Network, Self::Dns, Self::File, Self::Registry, Self::Module, Self::Script, Self::Process];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Dns => "DNS",
            Self::File => "files",
            Self::Registry => "registry",
            Self::Module => "modules",
            Self::Script => "scripts",
            Self::Process => "processes",
        }
    }

    /// The kind of an event; none of one that only tells of the process itself.
    fn of(event: &Document) -> Option<Self> {
        let is = |category: &str| has_text(event, "event.category", category);
        if text_in(event, "dns.question.name").is_some() {
            return Some(Self::Dns);
        }
        if text_in(event, "powershell.file.script_block_text").is_some() {
            return Some(Self::Script);
        }
        let of_process = || {
            let is_own = ["start", "end"].iter().any(|of| has_text(event, "event.type", of));
            (is("process") && !is_own && text_in(event, "event.action").is_some()).then_some(Self::Process)
        };
        [
            ("network", Self::Network),
            ("registry", Self::Registry),
            ("library", Self::Module),
            ("driver", Self::Module),
            ("file", Self::File),
        ]
        .into_iter()
        .find_map(|(category, kind)| is(category).then_some(kind))
        .or_else(of_process)
    }
}

/// Something that a process did, once or several times.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    /// What it did, such as `creation`.
    pub action: String,
    /// To what.
    pub object: String,
    /// More about it: fields with their values.
    pub details: Vec<(String, String)>,
    /// How often.
    pub count: u64,
    /// First.
    pub first: Timestamp,
    /// Last.
    pub last: Timestamp,
    /// What of it comes back after a restart.
    pub persistence: Option<&'static str>,
    /// The field and value that are looked for elsewhere.
    pub weighed: Option<(String, String)>,
    /// How often these are met.
    pub weight: Option<Weight>,
}

/// What a process did, by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deeds {
    by_kind: BTreeMap<DeedKind, Vec<Deed>>,
    /// Events of the process that were not looked at, because there are too many.
    pub left_out: u64,
}

impl Deeds {
    pub(super) fn new(gathered: &Gathered, process: Option<&Process>) -> Self {
        let mut by_kind: BTreeMap<DeedKind, BTreeMap<(String, String), Deed>> = BTreeMap::new();
        for ((at, ..), finding) in &gathered.events {
            if process.is_some_and(|process| !lived(process, *at)) {
                continue;
            }
            let Some(kind) = DeedKind::of(&finding.document) else { continue };
            let deed = deed(kind, &finding.document, *at);
            by_kind
                .entry(kind)
                .or_default()
                .entry((deed.object.clone(), deed.action.clone()))
                .and_modify(|known| {
                    known.count += 1;
                    known.last = known.last.max(*at);
                })
                .or_insert(deed);
        }
        let in_order = |deeds: BTreeMap<(String, String), Deed>| {
            let mut deeds: Vec<Deed> = deeds.into_values().collect();
            deeds.sort_by(|one, other| (one.first, &one.object).cmp(&(other.first, &other.object)));
            deeds
        };
        let by_kind = by_kind.into_iter().map(|(kind, deeds)| (kind, in_order(deeds))).collect();
        Self { by_kind, left_out: gathered.left_out }
    }

    /// Those of a kind, in the order of time.
    pub fn of_kind(&self, kind: DeedKind) -> &[Deed] {
        self.by_kind.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// All.
    pub fn all(&self) -> impl Iterator<Item = &Deed> {
        self.by_kind.values().flatten()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Deed> {
        self.by_kind.values_mut().flatten()
    }
}

/// Whether a process that is known by its number only was there then.
fn lived(process: &Process, at: Timestamp) -> bool {
    !process.entity_ids.is_empty()
        || (process.started.is_none_or(|started| at >= started)
            && process.ended.is_none_or(|ended| at <= ended))
}

fn deed(kind: DeedKind, event: &Document, at: Timestamp) -> Deed {
    let text = |field: &str| values_of(event, field).first().map(|value| plain(value));
    let first_of =
        |fields: &[&str]| fields.iter().find_map(|field| Some(((*field).to_owned(), text(field)?)));
    let object_fields: &[&str] = match kind {
        DeedKind::Network => &["destination.domain", "destination.ip", "source.ip", "url.full"],
        DeedKind::Dns => &["dns.question.name"],
        DeedKind::File => &["file.path", "file.name"],
        DeedKind::Registry => &["registry.path", "registry.key"],
        DeedKind::Module => &["dll.path", "file.path", "dll.name"],
        DeedKind::Script => &["powershell.file.script_block_text"],
        DeedKind::Process => &["Target.process.executable", "Target.process.name", "process.Ext.api.name"],
    };
    let object = first_of(object_fields);
    let details: &[&str] = match kind {
        DeedKind::Network => {
            &["destination.ip", "destination.port", "network.transport", "network.direction"]
        }
        DeedKind::Dns => &["dns.resolved_ip", "dns.question.type"],
        DeedKind::File => &["file.Ext.original.path", "file.hash.sha256", "file.size"],
        DeedKind::Registry => &["registry.data.strings"],
        DeedKind::Module => {
            &["dll.hash.sha256", "dll.code_signature.subject_name", "dll.code_signature.status"]
        }
        DeedKind::Script => &["file.path", "powershell.file.script_block_id"],
        DeedKind::Process => &["process.Ext.api.summary", "winlog.event_data.GrantedAccess"],
    };
    let shown = |field: &&&str| object.as_ref().is_none_or(|(name, _)| name != **field);
    let weighed = match kind {
        DeedKind::Network => first_of(&["destination.ip", "destination.domain"]),
        DeedKind::Dns => first_of(&["dns.question.name"]),
        DeedKind::File => first_of(&["file.hash.sha256", "file.path"]),
        DeedKind::Registry => first_of(&["registry.path"]),
        DeedKind::Module => first_of(&["dll.hash.sha256", "dll.path"]),
        DeedKind::Script | DeedKind::Process => None,
    };
    let path = object.as_ref().map(|(_, value)| value.as_str()).unwrap_or_default();
    Deed {
        action: text("event.action").unwrap_or_default(),
        persistence: match kind {
            DeedKind::File => persistence::of_file(path),
            DeedKind::Registry => persistence::of_registry(path),
            _ => None,
        },
        details: details
            .iter()
            .filter(shown)
            .filter_map(|field| {
                let values = values_of(event, field);
                let texts: Vec<String> = values.into_iter().map(plain).collect();
                (!texts.is_empty()).then(|| ((*field).to_owned(), texts.join(",")))
            })
            .collect(),
        object: object.map(|(_, value)| value).unwrap_or_default(),
        count: 1,
        first: at,
        last: at,
        weighed,
        weight: None,
    }
}

/// A value as it is, to be made harmless where it is shown.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| text_of(value), str::to_owned)
}
