//! Sysmon, the Sysinternals driver that reports processes, connections, files, registry changes and more (sources §1).

pub(super) mod dns;
mod image;
pub(super) mod registry;

use watchfire_events::Timestamp;

use super::Publication;
use super::command_line::Splitting;
use super::draft::Draft;
use super::table::{Conversion, EventRow, FieldRule, apply, copied, moved};

/// The id of nothing: Sysmon writes it where a process is not known.
const NULL_GUID: &str = "{00000000-0000-0000-0000-000000000000}";

/// What each event is.
const EVENTS: &[EventRow] = &[
    EventRow::new(&[1], &["Process creation"], &["process"], &["start"]),
    EventRow::new(&[2], &["A process changed a file creation time"], &["file"], &["change"]),
    EventRow::new(&[3], &["Network connection"], &["network"], &["start", "connection", "protocol"]),
    EventRow::new(&[4], &["Sysmon service state changed"], &["process"], &["change"]),
    EventRow::new(&[5], &["Process terminated"], &["process"], &["end"]),
    EventRow::new(&[6], &["Driver loaded"], &["driver"], &["start"]),
    EventRow::new(&[7], &["Image loaded", "load"], &["process", "library"], &["change", "start"]),
    EventRow::new(&[8], &["CreateRemoteThread"], &["process"], &["change"]),
    EventRow::new(&[9], &["RawAccessRead"], &["process"], &["access"]),
    EventRow::new(&[10], &["ProcessAccess"], &["process"], &["access"]),
    EventRow::new(&[11], &["FileCreate"], &["file"], &["creation"]),
    EventRow::new(&[12], &["RegistryEvent (Object create and delete)"], REGISTRY, &["change"]),
    EventRow::new(&[13], &["RegistryEvent (Value Set)"], REGISTRY, &["change"]),
    EventRow::new(&[14], &["RegistryEvent (Key and Value Rename)"], REGISTRY, &["change"]),
    EventRow::new(&[15], &["FileCreateStreamHash"], &["file"], &["access"]),
    EventRow::new(&[16], &["ServiceConfigurationChange"], &["configuration"], &["change"]),
    EventRow::new(&[17], &["PipeEvent (Pipe Created)"], &["file"], &["creation"]),
    EventRow::new(&[18], &["PipeEvent (Pipe Connected)"], &["file"], &["access"]),
    EventRow::new(&[19], &["WmiEvent (WmiEventFilter activity detected)"], &["process"], &["info"]),
    EventRow::new(&[20], &["WmiEvent (WmiEventConsumer activity detected)"], &["process"], &["change"]),
    EventRow::new(
        &[21],
        &["WmiEvent (WmiEventConsumerToFilter activity detected)"],
        &["process"],
        &["access"],
    ),
    EventRow::new(&[22], &["DNSEvent (DNS query)"], &["network"], &["connection", "protocol", "info"]),
    EventRow::new(&[23], &["FileDelete (File Delete archived)"], &["file"], &["deletion"]),
    EventRow::new(&[24], &["ClipboardChange (New content in the clipboard)"], &[], &["change"]),
    EventRow::new(&[25], &["ProcessTampering (Process image change)"], &["process"], &["change"]),
    EventRow::new(&[26], &["FileDeleteDetected (File Delete logged)"], &["file"], &["deletion"]),
    EventRow::new(&[27], &["FileBlockExecutable"], &["file"], &["creation"]),
    EventRow::new(&[28], &["FileBlockShredding"], &["file"], &["deletion"]),
    EventRow::new(&[29], &["FileExecutableDetected"], &["file"], &["creation"]),
    EventRow::new(&[255], &["Error"], &["process"], &[]),
];
const REGISTRY: &[&str] = &["configuration", "registry"];

/// Event 7 as Winlogbeat's module has it (sources §8).
const IMAGE_LOAD_OF_WINLOGBEAT: EventRow = EventRow::new(&[7], &["Image loaded"], &["process"], &["change"]);

/// Events that report something that was prevented or went wrong.
const FAILURES: &[u32] = &[27, 255];

/// Events whose data are of a process as a whole, so that `Company` and its kin are the program's.
const ALL_BUT_IMAGES: &[u32] =
    &[1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29];

/// Where each datum goes.
const FIELDS: &[FieldRule] = &[
    moved("RuleName", "rule.name", Conversion::Text),
    moved("ProcessGuid", "process.entity_id", Conversion::Text),
    moved("SourceProcessGuid", "process.entity_id", Conversion::Text),
    moved("SourceProcessGUID", "process.entity_id", Conversion::Text),
    moved("ProcessId", "process.pid", Conversion::Number),
    moved("SourceProcessId", "process.pid", Conversion::Number),
    moved("Image", "process", Conversion::Executable),
    moved("SourceImage", "process", Conversion::Executable),
    moved("SourceThreadId", "process.thread.id", Conversion::Number),
    moved("User", "user", Conversion::Account),
    copied("Company", "process.pe.company", Conversion::Text).for_events(ALL_BUT_IMAGES),
    copied("Description", "process.pe.description", Conversion::Text).for_events(ALL_BUT_IMAGES),
    copied("FileVersion", "process.pe.file_version", Conversion::Text).for_events(ALL_BUT_IMAGES),
    copied("Product", "process.pe.product", Conversion::Text).for_events(ALL_BUT_IMAGES),
    moved("OriginalFileName", "process.pe.original_file_name", Conversion::Text).for_events(ALL_BUT_IMAGES),
    copied("Company", "file.pe.company", Conversion::Text).for_events(&[6, 7]),
    copied("Description", "file.pe.description", Conversion::Text).for_events(&[6, 7]),
    copied("FileVersion", "file.pe.file_version", Conversion::Text).for_events(&[6, 7]),
    copied("Product", "file.pe.product", Conversion::Text).for_events(&[6, 7]),
    // 1
    moved("CommandLine", "process", Conversion::CommandLine(Splitting::Argv)).for_events(&[1]),
    moved("CurrentDirectory", "process.working_directory", Conversion::Text).for_events(&[1]),
    moved("ParentProcessGuid", "process.parent.entity_id", Conversion::Text).for_events(&[1]),
    moved("ParentProcessId", "process.parent.pid", Conversion::Number).for_events(&[1]),
    moved("ParentImage", "process.parent", Conversion::Executable).for_events(&[1]),
    moved("ParentCommandLine", "process.parent", Conversion::CommandLine(Splitting::Argv)).for_events(&[1]),
    // 2, 11, 15 and the deletions
    moved("TargetFilename", "file", Conversion::File),
    moved("Archived", "sysmon.file.archived", Conversion::Boolean),
    moved("IsExecutable", "sysmon.file.is_executable", Conversion::Boolean),
    // 3
    moved("Protocol", "network.transport", Conversion::Text).for_events(&[3]),
    moved("SourceIp", "source.ip", Conversion::Address).for_events(&[3]),
    moved("SourcePort", "source.port", Conversion::Number).for_events(&[3]),
    moved("SourceHostname", "source.domain", Conversion::Text).for_events(&[3]),
    moved("DestinationIp", "destination.ip", Conversion::Address).for_events(&[3]),
    moved("DestinationPort", "destination.port", Conversion::Number).for_events(&[3]),
    moved("DestinationHostname", "destination.domain", Conversion::Text).for_events(&[3]),
    // The later one wins.
    moved("DestinationPortName", "network.protocol", Conversion::Text).for_events(&[3]),
    moved("SourcePortName", "network.protocol", Conversion::Text).for_events(&[3]),
    // 6, 7
    moved("ImageLoaded", "file", Conversion::File).for_events(&[6, 7]),
    // 9
    moved("Device", "file", Conversion::File).for_events(&[9]),
    // 17, 18
    copied("PipeName", "file.name", Conversion::Text).for_events(&[17, 18]),
    // 20
    moved("Destination", "process", Conversion::Executable).for_events(&[20]),
    // 22
    moved("QueryName", "dns.question.name", Conversion::Text).for_events(&[22]),
    // 25
    copied("Type", "message", Conversion::Text).for_events(&[25]),
    // 255
    moved("ID", "error.code", Conversion::Text).for_events(&[255]),
];

/// Data that functions of this module read.
const READ_BY_FUNCTIONS: &[&str] = &[
    "UtcTime",
    "Hashes",
    "Hash",
    "Initiated",
    "SourceIsIpv6",
    "DestinationIsIpv6",
    "QueryStatus",
    "QueryResults",
    "TargetObject",
    "Details",
    "Signature",
    "SignatureStatus",
    "Signed",
    "TargetProcessGuid",
];

/// What the page of this source tells.
pub(crate) const MAPPING: (&[EventRow], &[&[FieldRule]], &[&str]) = (EVENTS, &[FIELDS], READ_BY_FUNCTIONS);

/// Whether some mapping of this source reads a datum.
pub(crate) fn reads(name: &str) -> bool {
    READ_BY_FUNCTIONS.contains(&name) || FIELDS.iter().any(|rule| rule.raw == name)
}

/// Maps one event; the result is its time, where the data have one.
pub(crate) fn map(draft: &mut Draft<'_, '_>, publication: Publication) -> Option<Timestamp> {
    // Nothing is written as nothing (sources §0.3 rule c).
    draft.event_data.retain(|value| {
        !value.as_str().is_some_and(|text| text.is_empty() || text == "-" || text == NULL_GUID)
    });
    let time = draft.take("UtcTime").and_then(|text| Timestamp::parse(&text));
    if publication != Publication::Winlogbeat
        && !draft.drops_time("event.created")
        && let Some(created) = draft.copy_text("winlog.time_created")
    {
        draft.set("event.created", created);
    }
    describe(draft, publication);
    image::hashes(draft, publication);
    if draft.code == 7 || draft.code == 6 {
        image::signature(draft, publication);
    }
    apply(FIELDS, draft);
    if let Some(writer) = draft.copy_text("winlog.user.identifier") {
        draft.set("user.id", writer);
    }
    if let Some(target) = draft.drop_datum("TargetProcessGuid") {
        draft.set_datum("TargetProcessGUID", target);
    }
    match draft.code {
        3 => network(draft),
        12..=14 => registry::map(draft),
        22 => dns::map(draft),
        _ => {}
    }
    time
}

fn describe(draft: &mut Draft<'_, '_>, publication: Publication) {
    let row = match (draft.code, publication) {
        (7, Publication::Winlogbeat) => Some(&IMAGE_LOAD_OF_WINLOGBEAT),
        (code, _) => EventRow::find(EVENTS, code),
    };
    let Some(row) = row else {
        return;
    };
    // Winlogbeat keeps the task name as the action, if the machine has rendered it.
    if publication == Publication::Winlogbeat && draft.has("event.action") {
        row.classify(draft);
    } else {
        row.describe(draft);
    }
    if FAILURES.contains(&draft.code) {
        draft.set("event.outcome", "failure");
    }
}

fn network(draft: &mut Draft<'_, '_>) {
    match draft.take("Initiated").map(|text| text.to_ascii_lowercase()).as_deref() {
        Some("true") => draft.set("network.direction", "egress"),
        Some("false") => draft.set("network.direction", "ingress"),
        _ => {}
    }
    match draft.take("SourceIsIpv6").map(|text| text.to_ascii_lowercase()).as_deref() {
        Some("true") => draft.set("network.type", "ipv6"),
        Some("false") => draft.set("network.type", "ipv4"),
        _ => {}
    }
    draft.drop_datum("DestinationIsIpv6");
}
