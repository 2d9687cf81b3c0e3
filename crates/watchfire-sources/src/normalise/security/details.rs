//! Numbers and codes of Security events, explained beside the raw value as the reference does.

use super::words;
use super::{events, list};
use crate::normalise::draft::Draft;
use crate::windows::message_codes;
use crate::windows::values::integer_text;

pub(super) fn explain(draft: &mut Draft) {
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

fn logon_type(draft: &mut Draft) {
    if let Some(name) = draft.datum("LogonType").and_then(words::logon_type) {
        draft.set("winlog.logon.type", name);
    }
}

fn logon_failure(draft: &mut Draft) {
    for (datum, field) in [("Status", "status"), ("SubStatus", "sub_status")] {
        if let Some(text) = draft.datum(datum).and_then(words::logon_status) {
            draft.set(&format!("winlog.logon.failure.{field}"), text);
        }
    }
    let reason = draft.datum("FailureReason").map(|reason| match reason.strip_prefix("%%") {
        Some(code) => message_codes::text(code).unwrap_or(reason).to_owned(),
        // Rendered already.
        None => reason.to_owned(),
    });
    if let Some(reason) = reason {
        draft.set("winlog.logon.failure.reason", reason);
    }
}

fn tickets(draft: &mut Draft) {
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
fn split_at_white_space(draft: &mut Draft, name: &str) {
    let parts =
        draft.event_data.get(name).and_then(|value| value.as_str()).map(|text| list(text.split_whitespace()));
    if let Some(parts) = parts {
        draft.set_datum(name, parts);
    }
}

fn trust(draft: &mut Draft) {
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

fn audit_policy(draft: &mut Draft) {
    if let Some((category, subcategory)) = draft.datum("SubcategoryGuid").and_then(words::audit_subcategory) {
        draft.set_datum("Category", category);
        draft.set_datum("SubCategory", subcategory);
    }
    let changes = draft.datum("AuditPolicyChanges").map(|changes| list(described(changes)));
    if let Some(changes) = changes {
        draft.set_datum("AuditPolicyChangesDescription", changes);
    }
}

/// The texts of the `%%` codes in a list of them; codes without a text, and texts that are rendered already, as they are.
fn described(codes: &str) -> Vec<String> {
    let pieces = codes.split([',', '\n', '\t']).flat_map(|piece| {
        // `%%4416 %%4417` is two codes, `Success Added` is one text.
        if piece.contains("%%") { piece.split(' ').collect() } else { vec![piece] }
    });
    let texts = pieces.map(str::trim).filter(|piece| !piece.is_empty() && *piece != "-");
    texts
        .map(|piece| piece.strip_prefix("%%").and_then(message_codes::text).unwrap_or(piece).to_owned())
        .collect()
}

fn special_groups(draft: &mut Draft) {
    let sids: Option<Vec<String>> =
        draft.datum("SidList").map(|sids| sids.split_whitespace().map(str::to_owned).collect());
    let Some(sids) = sids else {
        return;
    };
    let names = sids.iter().map(|sid| {
        let bare = sid.strip_prefix("%{").and_then(|rest| rest.strip_suffix('}')).unwrap_or(sid);
        words::well_known_sid(bare).unwrap_or(bare).to_owned()
    });
    let names = list(names);
    draft.set_datum("SidListDesc", names);
    draft.set_datum("SidList", list(sids));
}

fn firewall(draft: &mut Draft) {
    if let Some(protocol) = draft.datum("Protocol").map(str::to_owned) {
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

fn access(draft: &mut Draft) {
    if let Some(mask) = draft.datum("AccessMask").and_then(integer_text) {
        let names: Vec<&str> = words::access_rights(mask as u64).collect();
        if !names.is_empty() {
            draft.set_datum("AccessMaskDescription", list(names));
        }
    }
    let rights = draft.datum("AccessList").filter(|list| list.contains("%%")).map(described);
    if let Some(rights) = rights.filter(|rights| !rights.is_empty()) {
        draft.set_datum("AccessListDescription", list(rights));
    }
}

fn account_control(draft: &mut Draft) {
    let Some(value) = draft.datum("NewUacValue").and_then(integer_text) else {
        return;
    };
    let names: Vec<&str> = words::account_control(value as u64).collect();
    if names.is_empty() {
        return;
    }
    draft.set_datum("NewUACList", list(names));
    let changes = draft.datum("UserAccountControl").map(|changes| {
        let lines = changes.lines().map(|line| line.replace("%%", "").trim().to_owned());
        list(lines.filter(|line| !line.is_empty()))
    });
    if let Some(changes) = changes {
        draft.set_datum("UserAccountControl", changes);
    }
}
