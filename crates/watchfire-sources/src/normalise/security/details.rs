//! Numbers and codes of Security events, explained beside the raw value as the reference does.

use std::borrow::Cow;

use super::words;
use super::{events, list};
use crate::fields::FieldValue;
use crate::normalise::draft::Draft;
use crate::windows::message_codes;
use crate::windows::values::integer_text;

pub(super) fn explain(draft: &mut Draft<'_, '_>) {
    logon_type(draft);
    if draft.code == 4625 || draft.code == 4776 {
        logon_failure(draft);
    }
    if events::TICKETS.contains(&draft.code) {
        tickets(draft);
    }
    if draft.code == 4697
        && let Some(kind) = draft.datum("ServiceType").and_then(words::service_type)
    {
        draft.set("service.type", kind);
    }
    if events::PRIVILEGES.contains(&draft.code) {
        split_at_white_space(draft, "PrivilegeList");
    }
    if draft.code == 4706 || draft.code == 4716 {
        trust(draft);
    }
    if draft.code == 4719 || draft.code == 4912 {
        audit_policy(draft);
    }
    if draft.code == 4908 {
        special_groups(draft);
    }
    if events::FIREWALL.contains(&draft.code) {
        firewall(draft);
    }
    access(draft);
    account_control(draft);
}

fn logon_type(draft: &mut Draft<'_, '_>) {
    if let Some(name) = draft.datum("LogonType").and_then(words::logon_type) {
        draft.set("winlog.logon.type", name);
    }
}

fn logon_failure(draft: &mut Draft<'_, '_>) {
    for (datum, field) in [("Status", "status"), ("SubStatus", "sub_status")] {
        if let Some(text) = draft.datum(datum).and_then(words::logon_status) {
            draft.set_below("winlog.logon.failure", field, text);
        }
    }
    if let Some(reason) = draft.copy("FailureReason") {
        // One without the sign is rendered already.
        let text = reason.strip_prefix("%%").and_then(message_codes::text);
        draft.set("winlog.logon.failure.reason", text.map_or(reason, Cow::Borrowed));
    }
}

fn tickets(draft: &mut Draft<'_, '_>) {
    if let Some(options) = draft.datum("TicketOptions").and_then(integer_text) {
        draft.set_datum("TicketOptionsDescription", list(words::ticket_options(options as u64)));
    }
    if let Some(kind) = draft.datum("TicketEncryptionType").and_then(words::ticket_encryption) {
        draft.set_datum("TicketEncryptionTypeDescription", kind);
    }
    if let Some(status) = draft.datum("Status").and_then(words::kerberos_status) {
        draft.set_datum("StatusDescription", status);
    }
}

/// The whole list is split, also one that is only `-`.
fn split_at_white_space(draft: &mut Draft<'_, '_>, name: &'static str) {
    let Some(text) = draft.raw_datum(name).and_then(FieldValue::as_text).cloned() else {
        return;
    };
    let parts: Vec<Cow<'_, str>> = match text {
        Cow::Borrowed(text) => text.split_whitespace().map(Cow::Borrowed).collect(),
        Cow::Owned(text) => owned(text.split_whitespace()),
    };
    draft.set_datum(name, parts);
}

fn trust(draft: &mut Draft<'_, '_>) {
    for (datum, field, names) in [
        ("TdoDirection", "winlog.trustDirection", words::TRUST_DIRECTIONS),
        ("TdoType", "winlog.trustType", words::TRUST_TYPES),
        ("TdoAttributes", "winlog.trustAttribute", words::TRUST_ATTRIBUTES),
    ] {
        let number = draft.datum(datum).and_then(integer_text);
        if let Some((_, name)) = number.and_then(|number| names.iter().find(|(key, _)| *key == number)) {
            draft.set(field, *name);
        }
    }
}

fn audit_policy(draft: &mut Draft<'_, '_>) {
    if let Some((category, subcategory)) = draft.datum("SubcategoryGuid").and_then(words::audit_subcategory) {
        draft.set_datum("Category", category);
        draft.set_datum("SubCategory", subcategory);
    }
    let changes = draft.datum("AuditPolicyChanges").map(described);
    if let Some(changes) = changes {
        draft.set_datum("AuditPolicyChangesDescription", changes);
    }
}

/// The texts of the `%%` codes in a list of them; codes without a text, and texts that are rendered already, as they are.
fn described<'a>(codes: &str) -> Vec<Cow<'a, str>> {
    let pieces = codes.split([',', '\n', '\t']).flat_map(|piece| {
        // `%%4416 %%4417` is two codes, `Success Added` is one text.
        if piece.contains("%%") { piece.split(' ').collect() } else { vec![piece] }
    });
    let texts = pieces.map(str::trim).filter(|piece| !piece.is_empty() && *piece != "-");
    texts
        .map(|piece| match piece.strip_prefix("%%").and_then(message_codes::text) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(piece.to_owned()),
        })
        .collect()
}

fn owned<'a, 't>(texts: impl Iterator<Item = &'t str>) -> Vec<Cow<'a, str>> {
    texts.map(|text| Cow::Owned(text.to_owned())).collect()
}

fn special_groups(draft: &mut Draft<'_, '_>) {
    let Some(sids) = draft.datum("SidList").map(|sids| owned(sids.split_whitespace())) else {
        return;
    };
    let name = |sid: &Cow<'_, str>| {
        let bare = sid.strip_prefix("%{").and_then(|rest| rest.strip_suffix('}')).unwrap_or(sid);
        words::well_known_sid(bare).map_or_else(|| Cow::Owned(bare.to_owned()), Cow::Borrowed)
    };
    let names: Vec<Cow<'_, str>> = sids.iter().map(name).collect();
    draft.set_datum("SidListDesc", names);
    draft.set_datum("SidList", sids);
}

fn firewall(draft: &mut Draft<'_, '_>) {
    if let Some(protocol) = draft.copy("Protocol") {
        if let Some(name) = words::transport(&protocol) {
            draft.set("network.transport", name);
        }
        draft.set("network.iana_number", protocol);
    }
    let direction = draft.datum("Direction").map(str::to_lowercase);
    match direction.as_deref() {
        Some("%%14592" | "inbound") => draft.set("network.direction", "inbound"),
        Some("%%14593" | "outbound") => draft.set("network.direction", "outbound"),
        _ => {}
    }
    let layer = draft.datum("LayerName").and_then(|layer| message_codes::text(layer.strip_prefix("%%")?));
    if let Some(layer) = layer {
        draft.set_datum("LayerNameDescription", layer);
    }
    for (datum, field) in
        [("RemoteUserID", "RemoteUserDescription"), ("RemoteMachineID", "RemoteMachineDescription")]
    {
        if let Some(name) = draft.datum(datum).and_then(words::well_known_sid) {
            draft.set_datum(field, name);
        }
    }
}

fn access(draft: &mut Draft<'_, '_>) {
    if let Some(mask) = draft.datum("AccessMask").and_then(integer_text) {
        let names: Vec<&'static str> = words::access_rights(mask as u64).collect();
        if !names.is_empty() {
            draft.set_datum("AccessMaskDescription", list(names));
        }
    }
    let rights = draft.datum("AccessList").filter(|list| list.contains("%%")).map(described);
    if let Some(rights) = rights.filter(|rights| !rights.is_empty()) {
        draft.set_datum("AccessListDescription", rights);
    }
}

fn account_control(draft: &mut Draft<'_, '_>) {
    let Some(value) = draft.datum("NewUacValue").and_then(integer_text) else {
        return;
    };
    let names: Vec<&'static str> = words::account_control(value as u64).collect();
    if names.is_empty() {
        return;
    }
    draft.set_datum("NewUACList", list(names));
    let changes = draft.datum("UserAccountControl").map(|changes| {
        let lines = changes.lines().map(|line| line.replace("%%", "").trim().to_owned());
        lines.filter(|line| !line.is_empty()).map(Cow::Owned).collect::<Vec<_>>()
    });
    if let Some(changes) = changes {
        draft.set_datum("UserAccountControl", changes);
    }
}
