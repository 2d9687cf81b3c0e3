//! The Windows Security log: logons, processes, accounts, groups, tasks, services, tickets, shares (sources §2).

mod accounts;
mod details;
mod events;
mod scheduled_task;
mod words;

use std::borrow::Cow;

use super::command_line::Splitting;
use super::draft::Draft;
use super::path;
use super::table::{Conversion, EventRow, FieldRule, apply, copied, moved};
use crate::fields::{FieldValue, part};

/// Where the data of particular events go; accounts are in [`accounts`], explained numbers in [`details`].
const FIELDS: &[FieldRule] = &[
    // A process creation names the new process and its creator.
    moved("NewProcessId", "process.pid", Conversion::Number).for_events(&[4688]),
    copied("ProcessId", "process.parent.pid", Conversion::Number).for_events(&[4688]),
    copied("CommandLine", "process", Conversion::CommandLine(Splitting::KeepQuotes)).for_events(&[4688]),
    // Shares.
    copied("RelativeTargetName", "file.name", Conversion::Text).for_events(&[5140, 5145]),
    copied("ShareLocalPath", "file.directory", Conversion::Text).for_events(&[5140, 5145]),
    // The firewall.
    moved("SourceAddress", "source.ip", Conversion::Address).for_events(events::FIREWALL),
    moved("SourcePort", "source.port", Conversion::Number).for_events(events::FIREWALL),
    moved("DestAddress", "destination.ip", Conversion::Address).for_events(events::FIREWALL),
    moved("DestPort", "destination.port", Conversion::Number).for_events(events::FIREWALL),
    copied("ProcessID", "process.pid", Conversion::Number).for_events(events::FIREWALL),
    copied("ProcessId", "process.pid", Conversion::Number).for_events(events::FIREWALL),
    // Services and tickets.
    copied("ServiceName", "service.name", Conversion::Text).for_events(&[4697, 4768, 4769, 4770, 4771]),
    copied("ClientName", "source.domain", Conversion::Text).for_events(events::SESSION_EVENTS),
];

/// Data of every event that the table knows.
const COMMON_FIELDS: &[FieldRule] = &[
    moved("IpAddress", "source.ip", Conversion::Address),
    moved("IpPort", "source.port", Conversion::Number),
    moved("WorkstationName", "source.domain", Conversion::Text),
];

/// Data that functions of this module read.
const READ_BY_FUNCTIONS: &[&str] = &[
    "SubjectUserSid",
    "SubjectUserName",
    "SubjectDomainName",
    "SubjectLogonId",
    "TargetUserSid",
    "TargetSid",
    "TargetUserName",
    "TargetDomainName",
    "TargetLogonId",
    "LogonID",
    "LogonType",
    "AccountName",
    "AccountDomain",
    "MemberName",
    "OldTargetUserName",
    "NewTargetUserName",
    "ProcessName",
    "NewProcessName",
    "ParentProcessName",
    "Application",
    "ClientAddress",
    "Status",
    "SubStatus",
    "FailureReason",
    "TicketOptions",
    "TicketEncryptionType",
    "ServiceType",
    "TaskName",
    "TaskContent",
    "TaskContentNew",
    "PrivilegeList",
    "AccessMask",
    "AccessList",
    "NewUacValue",
    "UserAccountControl",
    "TdoDirection",
    "TdoType",
    "TdoAttributes",
    "SubcategoryGuid",
    "AuditPolicyChanges",
    "SidList",
    "Protocol",
    "Direction",
    "LayerName",
    "RemoteUserID",
    "RemoteMachineID",
    "ShareName",
];

/// Data that this module writes beside the raw ones.
const WRITTEN: &[&str] = &[
    "AccessListDescription",
    "AccessMaskDescription",
    "AuditPolicyChangesDescription",
    "Category",
    "LayerNameDescription",
    "NewUACList",
    "RemoteMachineDescription",
    "RemoteUserDescription",
    "SidListDesc",
    "StatusDescription",
    "SubCategory",
    "TicketEncryptionTypeDescription",
    "TicketOptionsDescription",
];

/// The providers whose events are mapped; AD CS, AD FS and others also write to this channel.
const PROVIDERS: &[&str] = &["Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Eventlog"];

/// What the page of this source tells.
pub(crate) const MAPPING: (&[EventRow], &[&[FieldRule]], &[&str]) =
    (events::EVENTS, &[FIELDS, COMMON_FIELDS], READ_BY_FUNCTIONS);

/// Whether some mapping of this source reads a datum.
pub(crate) fn reads(name: &str) -> bool {
    READ_BY_FUNCTIONS.contains(&name)
        || WRITTEN.contains(&name)
        || FIELDS.iter().chain(COMMON_FIELDS).any(|rule| rule.raw == name)
}

/// Maps one event of the two providers whose events the reference maps; others stay as the collector gave them.
pub(crate) fn map(draft: &mut Draft<'_, '_>) {
    let provider = draft.text("winlog.provider_name").unwrap_or_default();
    // A form that has no provider has the channel's own.
    if !provider.is_empty() && !PROVIDERS.iter().any(|known| known.eq_ignore_ascii_case(provider)) {
        return;
    }
    details::explain(draft);
    let Some(row) = EventRow::find(events::EVENTS, draft.code) else {
        accounts::logon_id(draft);
        return;
    };
    row.describe(draft);
    accounts::map(draft);
    process(draft);
    apply(FIELDS, draft);
    apply(COMMON_FIELDS, draft);
    if events::SESSION_EVENTS.contains(&draft.code) {
        client_address(draft);
    }
    if draft.code == 5140 || draft.code == 5145 {
        share(draft);
    }
    if events::TASKS.contains(&draft.code) {
        scheduled_task::map(draft);
    }
}

fn process(draft: &mut Draft<'_, '_>) {
    if draft.code == 4688 {
        for (datum, prefix) in [("NewProcessName", "process"), ("ParentProcessName", "process.parent")] {
            if let Some(program) = draft.take(datum) {
                set_program(draft, prefix, program);
            }
        }
    } else if events::FIREWALL.contains(&draft.code) {
        if let Some(program) = draft.take("Application") {
            set_program(draft, "process", program);
        }
    } else {
        if let Some(id) = draft.take("ProcessId")
            && !draft.set_number("process.pid", &id)
        {
            draft.set_datum("ProcessId", id);
        }
        if let Some(program) = draft.take("ProcessName") {
            set_program(draft, "process", program);
        }
    }
}

/// A program of a Security event: a name without a path is the name as well (sources §0.5).
fn set_program<'a>(draft: &mut Draft<'a, '_>, prefix: &'static str, program: Cow<'a, str>) {
    draft.set_below(prefix, "name", part(&program, path::name).unwrap_or_else(|| program.clone()));
    draft.set_below(prefix, "executable", program);
}

fn client_address(draft: &mut Draft<'_, '_>) {
    if let Some(address) = draft.copy("ClientAddress") {
        if address == "LOCAL" {
            draft.set_datum("ClientAddress", "127.0.0.1");
            draft.set_address("source.ip", &Cow::Borrowed("127.0.0.1"));
        } else {
            draft.set_address("source.ip", &address);
        }
    }
}

/// The path on the server, and the path as its client sees it.
fn share(draft: &mut Draft<'_, '_>) {
    let Some(name) = draft.copy_text("file.name") else {
        return;
    };
    if let Some(directory) = draft.text("file.directory") {
        let path = format!("{}\\{name}", directory.trim_end_matches('\\'));
        draft.set("file.path", path);
    }
    if let Some(share) = draft.datum("ShareName") {
        let path = format!("{}\\{name}", share.trim_end_matches('\\'));
        draft.set("file.target_path", path);
    }
    let base = part(&name, path::name).unwrap_or(name);
    if let Some(extension) = part(&base, path::extension) {
        draft.set("file.extension", extension);
    }
}

/// A list of texts as a value.
fn list<'a>(items: impl IntoIterator<Item = &'static str>) -> FieldValue<'a> {
    items.into_iter().map(Cow::Borrowed).collect::<Vec<_>>().into()
}
