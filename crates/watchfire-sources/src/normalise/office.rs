//! What the table of the Microsoft 365 audit log cannot say (sources §9-21, row 15).

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::parse_ip;

use super::azure::address_and_port;
use super::draft::{Draft, plain_address};
use super::tables::naming::Naming;
use crate::tape::{TapeObject, TapeValue};

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let code = draft.copy_text("event.code").unwrap_or_default();
    let operation = record.get("Operation").and_then(TapeValue::as_str).unwrap_or_default();
    let classes = Classes::of(&code, operation);
    draft.set("event.category", classes.categories);
    draft.set("event.type", classes.types);
    named_values(record, "Parameters", "o365.audit.Parameters", draft);
    named_values(record, "ExtendedProperties", "o365.audit.ExtendedProperties", draft);
    if let Some(agent) = draft.copy_text("o365.audit.ExtendedProperties.UserAgent") {
        draft.set("user_agent.original", agent);
    }
    modified_properties(record, draft);
    for (name, target) in [("Actor", "o365.audit.Actor"), ("Target", "o365.audit.Target")] {
        if let Some(value) = record.get(name) {
            draft.set_json(target, with_types_as_texts(value.to_value()), Naming::Same);
        }
    }
    if let Some(links) = record.get("AlertLinks") {
        draft.set_json("o365.audit.AlertLinks", links_of(links.to_value()), Naming::Same);
    }
    for (name, target) in OBJECTS_IN_TEXTS {
        if let Some(value) = record.get(name) {
            draft.set_json(target, read_if_json(value), Naming::Same);
        }
    }
    if let Some(severity) = record.get("Severity").and_then(TapeValue::as_str).and_then(severity) {
        draft.set("event.severity", severity);
    }
    if code.starts_with("ComplianceDLP") {
        data_loss_prevention(record, operation, draft);
    }
    data(record, draft);
    peers(record, &code, draft);
    users(draft);
    if let Some(name) = draft.copy_text("organization.name").or_else(|| draft.copy_text("user.domain")) {
        draft.set("host.name", name);
    }
}

/// What some services write as an object, and others as its text.
const OBJECTS_IN_TEXTS: [(&str, &str); 2] = [
    ("AdditionalInfo", "o365.audit.AdditionalInfo"),
    ("OperationProperties", "o365.audit.OperationProperties"),
];

fn read_if_json(value: TapeValue<'_>) -> Value {
    let text = value.as_str().filter(|text| text.starts_with(['{', '[']));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.to_value())
}

/// Categories and types of an operation.
struct Classes {
    categories: Vec<Cow<'static, str>>,
    types: Vec<Cow<'static, str>>,
}

impl Classes {
    fn of(code: &str, operation: &str) -> Self {
        let mut classes = Self { categories: vec!["web".into()], types: vec!["info".into()] };
        match (code, operation) {
            ("AzureActiveDirectory", "Add user.") => classes.add(&["iam"], &["user", "creation"]),
            ("AzureActiveDirectory", "Update user.") => classes.add(&["iam"], &["user", "change"]),
            ("AzureActiveDirectory" | "MicrosoftTeams", "Delete user.") => {
                classes.add(&["iam"], &["user", "deletion"]);
            }
            ("AzureActiveDirectoryStsLogon", _) => classes.add(&["authentication"], &["start", "access"]),
            ("MicrosoftTeams", "TeamCreated") => classes.add(&["iam"], &["group", "creation"]),
            ("MicrosoftTeams", "MemberAdded") => classes.add(&["iam"], &["group", "change"]),
            ("Yammer", _) => classes.of_yammer(operation),
            ("ComplianceDLPSharePoint" | "ComplianceDLPExchange", _) => classes.add(&["file"], &["access"]),
            _ => {}
        }
        match operation {
            "FileAccessed" | "FileDownloaded" => classes.add(&["file"], &["access"]),
            "FileModified" | "FileMoved" | "FileRenamed" | "FileRestored" | "FolderModified"
            | "FolderMoved" | "FolderRenamed" | "FolderRestored" => classes.add(&["file"], &["change"]),
            "FileDeleted" | "FolderDeleted" => classes.add(&["file"], &["deletion"]),
            "FileUploaded" | "FolderCopied" | "FolderCreated" => classes.add(&["file"], &["creation"]),
            "ComplianceSettingChanged" => classes.add(&["configuration"], &["change"]),
            _ => {}
        }
        classes
    }

    fn of_yammer(&mut self, operation: &str) {
        match operation {
            "NetworkConfigurationUpdated"
            | "SoftDeleteSettingsUpdated"
            | "ProcessProfileFields"
            | "SupervisorAdminToggled" => self.add(&["configuration"], &["change"]),
            "NetworkSecurityConfigurationUpdated" => {
                self.add(&["configuration", "iam"], &["change", "admin"]);
            }
            "GroupCreation" => self.add(&["iam"], &["creation", "group"]),
            "GroupDeletion" => self.add(&["iam"], &["deletion", "group"]),
            "NetworkUserSuspended" | "UserSuspension" => self.add(&["iam"], &[]),
            "FileCreated" | "FileUpdateName" => self.add(&["file"], &["creation"]),
            "FileDownloaded" | "FileShared" | "FileUpdateDescription" | "FileVisited" => {
                self.add(&["file"], &["access"]);
            }
            _ => {}
        }
    }

    fn add(&mut self, categories: &[&'static str], types: &[&'static str]) {
        for (list, more) in [(&mut self.categories, categories), (&mut self.types, types)] {
            for word in more {
                if !list.iter().any(|known| known == word) {
                    list.push((*word).into());
                }
            }
        }
    }
}

/// A list of `{"Name": …, "Value": …}` as fields; a text, which is the command line of a cmdlet, under `_raw`.
fn named_values<'a>(record: TapeObject<'a>, name: &str, target: &'static str, draft: &mut Draft<'a, '_>) {
    let Some(value) = record.get(name) else { return };
    if let Some(items) = value.as_array() {
        for item in items.filter_map(TapeValue::as_object) {
            let name = item.get("Name").and_then(TapeValue::as_str).filter(|name| !name.is_empty());
            if let (Some(name), Some(value)) = (name, item.get("Value")) {
                draft.set_named_value(&format!("{target}.{name}"), value, Naming::Same);
            }
        }
    } else if let Some(text) = value.as_str() {
        draft.set_below(target, "_raw", text);
    } else {
        draft.set_value(target, value, Naming::Same);
    }
}

/// What was changed, with both values; in names neither blanks nor dots.
fn modified_properties<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    const TARGET: &str = "o365.audit.ModifiedProperties";
    let Some(value) = record.get("ModifiedProperties") else { return };
    if let Some(text) = value.as_str() {
        draft.set_below(TARGET, "_raw", text);
    }
    for item in value.as_array().into_iter().flatten().filter_map(TapeValue::as_object) {
        let name = item.get("Name").and_then(TapeValue::as_str).unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        let name = name.replace([' ', '.'], "_");
        for side in ["NewValue", "OldValue"] {
            if let Some(value) = item.get(side) {
                draft.set_named_value(&format!("{TARGET}.{name}.{side}"), value, Naming::Same);
            }
        }
    }
}

/// The kinds of actors and targets, which are numbers, as texts.
fn with_types_as_texts(mut value: Value) -> Value {
    for item in value.as_array_mut().into_iter().flatten() {
        if let Some(kind @ Value::Number(_)) = item.get_mut("Type") {
            *kind = Value::String(kind.to_string());
        }
    }
    value
}

fn links_of(links: Value) -> Value {
    match links {
        Value::Array(links) => links
            .into_iter()
            .filter_map(|mut link| match link.get_mut("AlertLinkHref") {
                Some(Value::String(text)) => Some(Value::String(std::mem::take(text))),
                _ => None,
            })
            .collect(),
        other => other,
    }
}

fn severity(word: &str) -> Option<i64> {
    const WORDS: [&str; 4] = ["informational", "low", "medium", "high"];
    WORDS.iter().zip(1..).find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, number)| number)
}

/// Which rules fired, how bad it is, and whether something was kept from happening.
fn data_loss_prevention<'a>(record: TapeObject<'a>, operation: &str, draft: &mut Draft<'a, '_>) {
    let mail = record.get("ExchangeMetaData").and_then(TapeValue::as_object);
    let mut recipients: Vec<Cow<'a, str>> = Vec::new();
    for list in ["To", "CC", "BCC"].iter().filter_map(|name| mail?.get(name)) {
        recipients.extend(list.as_str().map(Cow::Borrowed));
        recipients
            .extend(list.as_array().into_iter().flatten().filter_map(TapeValue::as_str).map(Cow::Borrowed));
    }
    recipients.retain(|recipient| !recipient.is_empty());
    if !recipients.is_empty() {
        draft.set("destination.user.email", recipients);
    }
    match record.get("ExceptionInfo") {
        Some(info) if info.as_str().is_some_and(|text| !text.is_empty()) => {
            draft.remove("o365.audit.ExceptionInfo");
            draft.set_named_value("o365.audit.ExceptionInfo.Reason", info, Naming::Same);
        }
        _ => {}
    }
    let Some(policies) = record.get("PolicyDetails").and_then(TapeValue::as_array) else { return };
    let (mut ids, mut names): (Vec<Cow<'a, str>>, Vec<Cow<'a, str>>) = (Vec::new(), Vec::new());
    let (mut worst, mut blocked) = (0, false);
    let rules = policies.filter_map(|policy| policy.as_object()?.get("Rules")?.as_array()).flatten();
    for rule in rules.filter_map(TapeValue::as_object) {
        let text = |name: &str| rule.get(name).and_then(TapeValue::as_str);
        if let (Some(id), Some(name)) = (text("RuleId"), text("RuleName")) {
            ids.push(id.into());
            names.push(name.into());
        }
        worst = worst.max(text("Severity").and_then(severity).unwrap_or(0));
        let mut actions = rule.get("Actions").and_then(TapeValue::as_array).into_iter().flatten();
        blocked |= actions.any(|action| action.as_str() == Some("BlockAccess"));
    }
    if !ids.is_empty() {
        draft.set("rule.id", ids);
        draft.set("rule.name", names);
    }
    draft.set("event.severity", worst);
    let excepted = record.get("ExceptionInfo").is_some_and(|info| match info.as_object() {
        Some(object) => object.iter().next().is_some(),
        None => info.as_str().is_some_and(|text| !text.is_empty()),
    });
    let failed = blocked && operation != "DlpRuleUndo" && (operation == "DlpInfo" || !excepted);
    draft.set("event.outcome", if failed { "failure" } else { "success" });
}

/// Details of an alert, which are an object in a text.
fn data<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    const TARGET: &str = "o365.audit.Data";
    let Some(value) = record.get("Data") else { return };
    let value = read_if_json(value);
    if let Value::Object(members) = &value {
        // Whom an alert is about.
        if let Some(Value::String(user)) = members.get("f3u") {
            draft.relate_user(&Cow::Owned(user.clone()));
        }
        for (name, value) in members {
            let date = matches!(name.as_str(), "at" | "md" | "te" | "ts" | "ttdt")
                .then(|| value.as_str().and_then(watchfire_events::Timestamp::parse))
                .flatten();
            match (date, value) {
                (Some(date), _) => draft.set_named_below(TARGET, name, date.to_iso_millis()),
                (None, Value::String(text)) => draft.set_named_below(TARGET, name, text.clone()),
                // Anything else is only where all of it is.
                _ => {}
            }
        }
    }
    draft.set_json("o365.audit.Data.flattened", value, Naming::Same);
}

/// Who asked, and which server answered.
fn peers<'a>(record: TapeObject<'a>, code: &str, draft: &mut Draft<'a, '_>) {
    let text = |name: &str| {
        record.get(name).and_then(TapeValue::as_str).map(str::trim).filter(|text| !text.is_empty())
    };
    if let Some(client) = ["ClientIPAddress", "ClientIP", "ActorIpAddress"].iter().find_map(|name| text(name))
    {
        let client = Peer::of(client);
        if let Some(domain) = client.domain {
            draft.set("client.domain", domain);
        }
        if let Some(address) = client.address {
            draft.set("client.address", address);
            let address = Cow::Borrowed(address);
            if draft.set_address("client.ip", &address) {
                draft.set_address("source.ip", &address);
                draft.set("network.type", if address.contains(':') { "ipv6" } else { "ipv4" });
            }
        }
        if let Some(port) = client.port {
            draft.set("client.port", i64::from(port));
            draft.set("source.port", i64::from(port));
        }
    }
    if matches!(code, "ExchangeAdmin" | "ExchangeItem")
        && let Some(server) = text("OriginatingServer")
    {
        let server = Peer::of(server);
        if let Some(address) = server.address.filter(|_| server.domain.is_some()) {
            draft.set("server.address", address);
            let address = Cow::Borrowed(address);
            if draft.set_address("server.ip", &address) {
                draft.set_address("destination.ip", &address);
            }
        }
        if let Some(domain) = server.domain {
            // A name without an address is all that is known of where it is.
            let field = if server.address.is_some() { "server.domain" } else { "server.address" };
            draft.set(field, domain);
        }
    }
}

/// One side of a connection.
#[derive(Debug, PartialEq, Eq)]
struct Peer<'t> {
    address: Option<&'t str>,
    domain: Option<&'t str>,
    port: Option<u16>,
}

impl<'t> Peer<'t> {
    /// Reads `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]:443`, `NAME (192.0.2.1)`, `[NAME (192.0.2.1)]`, `NAME`.
    fn of(text: &'t str) -> Self {
        let (address, port) = address_and_port(text);
        let address = plain_address(address);
        if parse_ip(address).is_some() {
            return Self { address: Some(address), domain: None, port };
        }
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        match inner.strip_suffix(')').and_then(|inner| inner.split_once(" (")) {
            Some((name, address)) => Self { address: Some(address), domain: Some(name), port: None },
            None => Self { address: None, domain: Some(text), port: None },
        }
    }
}

/// Names and domains from ids that are mail addresses.
fn users(draft: &mut Draft<'_, '_>) {
    for (id, prefix) in [("user.id", "user"), ("user.target.id", "user.target")] {
        if let Some(id) = draft.copy_text(id).filter(|id| id.matches('@').count() == 1) {
            draft.set_email(prefix, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_read_in_all_their_forms() {
        for (text, address, domain, port) in [
            ("192.0.2.1", Some("192.0.2.1"), None, None),
            ("[::ffff:192.0.2.1]:443", Some("192.0.2.1"), None, Some(443)),
            ("[2001:db8::1]", Some("2001:db8::1"), None, None),
            ("[MAIL01 (192.0.2.1)]", Some("192.0.2.1"), Some("MAIL01"), None),
            ("MAIL01 (192.0.2.900)", Some("192.0.2.900"), Some("MAIL01"), None),
            ("localhost:443", None, Some("localhost:443"), None),
        ] {
            assert_eq!(Peer::of(text), Peer { address, domain, port }, "{text}");
        }
    }

    #[test]
    fn severities_are_numbers() {
        assert_eq!(severity("High"), Some(4));
        assert_eq!(severity("informational"), Some(1));
        assert_eq!(severity("dire"), None);
    }
}
