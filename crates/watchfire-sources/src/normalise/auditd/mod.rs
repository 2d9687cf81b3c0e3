//! Events of the Linux audit system (sources §9–21): as the lines of one event, as an agent or Auditbeat has put them
//! together, and line by line.
//!
//! ```text
//! {"messages": […]} ─► message: fields of each line ─► event: one, and what it means ─► document
//! {"auditd": {…}}   ─► the table, which says where an agent's fields go ─────────────► document
//! ```

mod action;
mod event;
mod field_map;
pub(crate) mod log;
mod message;
mod numbers;
mod words;

use std::borrow::Cow;

use serde_json::{Map, Value};
use watchfire_events::Timestamp;

use self::event::{AuditEvent, Entity, Peer, is_unset, value};
use self::message::Message;
use super::draft::Draft;
use super::tables::naming::Naming;
use crate::fields::FieldValue;
use crate::tape::{TapeObject, TapeValue};

/// What ECS has below `user`. Whatever else an agent writes there is about the audit system.
const USER_FIELDS: &[&str] = &[
    "id",
    "name",
    "group",
    "effective",
    "target",
    "changes",
    "domain",
    "email",
    "full_name",
    "hash",
    "roles",
];

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    draft.set("host.os.type", "linux");
    draft.set("service.type", "auditd");
    let lines = lines(record, "messages");
    if lines.is_empty() {
        return of_agent(record, draft);
    }
    let messages: Vec<Message<'a>> = lines.iter().filter_map(|line| Message::read(line)).collect();
    draft.set("auditd.messages", lines.into_iter().map(Cow::Borrowed).collect::<Vec<_>>());
    if let Some(event) = AuditEvent::of(messages) {
        put(event, draft);
    }
}

/// Texts in a list, or the one that stands for it.
fn lines<'a>(record: TapeObject<'a>, name: &str) -> Vec<&'a str> {
    let Some(value) = record.get_field(name) else { return Vec::new() };
    match value.as_array() {
        Some(items) => items.filter_map(TapeValue::as_str).collect(),
        None => value.as_str().map(|text| text.lines().collect()).unwrap_or_default(),
    }
}

/// What the table cannot say of an event that an agent put together.
fn of_agent<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    if let Some(data) = record.get_field("auditd.data").and_then(TapeValue::as_object) {
        for (name, value) in data.iter() {
            match name {
                "id" => draft.set_value("event.id", value, Naming::Same),
                _ => draft.set_named_value(&format!("auditd.data.{}", data_name(name)), value, Naming::Same),
            }
        }
    }
    if let Some(user) = record.get_field("user").and_then(TapeValue::as_object) {
        for (name, value) in user.iter().filter(|(name, _)| !USER_FIELDS.contains(name)) {
            let name = format!("auditd.user.{}", name.replace('-', "_"));
            draft.set_named_value(&name, value, Naming::Same);
        }
    }
    let lines = lines(record, "event.original");
    if !draft.has("@timestamp")
        && let Some(message) = lines.first().and_then(|line| Message::read(line))
    {
        set_time(message.milliseconds, draft);
    }
    if !lines.is_empty() {
        draft.set("auditd.messages", lines.into_iter().map(Cow::Borrowed).collect::<Vec<_>>());
    }
}

fn set_time(milliseconds: u64, draft: &mut Draft<'_, '_>) {
    /// As for the times of other sources: years beyond 9999 are no times of events.
    const MOST: u64 = 253_402_300_800_000;
    if (1..MOST).contains(&milliseconds) {
        let time = Timestamp::from_nanos(i128::from(milliseconds) * 1_000_000);
        draft.set("@timestamp", time.to_iso_millis());
    }
}

/// The name of a datum below `auditd.data`.
fn data_name(name: &str) -> Cow<'_, str> {
    let name = if name.contains('-') { Cow::Owned(name.replace('-', "_")) } else { Cow::Borrowed(name) };
    match name.strip_prefix("socket_") {
        Some(part) => Cow::Owned(format!("socket.{part}")),
        None => name,
    }
}

fn put<'a>(mut event: AuditEvent<'a>, draft: &mut Draft<'a, '_>) {
    set_time(event.milliseconds, draft);
    draft.set("event.sequence", FieldValue::Unsigned(event.serial));
    if let Some(node) = event.node {
        let node: Cow<'a, str> = Cow::Borrowed(node);
        draft.relate_host(&node);
        // Sequences join on it; a line has nothing else that names its machine.
        draft.set("host.id", node.to_lowercase());
        draft.set("host.name", node);
    }
    draft.set("auditd.message_type", event.kind.to_ascii_lowercase());
    draft.set("auditd.result", event.result);
    let outcome = if event.result == "fail" { "failure" } else { event.result };
    draft.set("event.outcome", outcome);
    if let Some(session) = event.session.take() {
        draft.set("auditd.session", session);
    }
    put_action(&event, draft);
    put_summary(&event, draft);
    put_users(&event, draft);
    put_file(&event, draft);
    put_process(&mut event, draft);
    put_peers(&mut event, draft);
    if let Some(id) = event.take("id") {
        draft.set("event.id", id);
    }
    for (name, value) in event.data.into_iter() {
        draft.set_named_below("auditd.data", &data_name(&name), value);
    }
    for (part, value) in event.context {
        draft.set_named_below("auditd.user.selinux", part, value);
    }
    if !event.paths.is_empty() && !draft.drops_list("auditd.paths") {
        let object = |path: Vec<message::Field<'_>>| {
            let members = path
                .into_iter()
                .map(|field| (field.name.replace('-', "_"), Value::String(field.value.into_owned())));
            Value::Object(members.collect::<Map<_, _>>())
        };
        draft.set("auditd.paths", FieldValue::Json(event.paths.into_iter().map(object).collect()));
    }
    if !event.tags.is_empty() {
        draft.set("tags", event.tags);
    }
}

fn put_action(event: &AuditEvent<'_>, draft: &mut Draft<'_, '_>) {
    draft.set("event.kind", event.action.map_or("event", |action| action.kind));
    let (mut category, mut types) = (Vec::new(), Vec::new());
    for action in [event.action, event.call].into_iter().flatten() {
        category.extend(action.category.iter().map(|name| Cow::Borrowed(*name)));
        types.extend(action.types.iter().map(|name| Cow::Borrowed(*name)));
    }
    if !category.is_empty() {
        draft.set("event.category", category);
    }
    if !types.is_empty() {
        draft.set("event.type", types);
    }
    if let Some(action) = event.action.filter(|action| !action.word.is_empty()) {
        draft.set("event.action", action.word);
    }
}

fn put_summary<'a>(event: &AuditEvent<'a>, draft: &mut Draft<'a, '_>) {
    for (target, who) in [
        ("auditd.summary.actor.primary", &event.actor),
        ("auditd.summary.actor.secondary", &event.second_actor),
    ] {
        if let Some(who) = who {
            let entity = event.entity(true, who);
            draft.set(target, entity.name.unwrap_or_else(|| who.clone()));
        }
    }
    for (target, text) in [
        ("auditd.summary.object.primary", &event.object),
        ("auditd.summary.object.secondary", &event.second_object),
        ("auditd.summary.how", &event.how),
    ] {
        if let Some(text) = text {
            draft.set(target, text.clone());
        }
    }
    if !event.what.is_empty() {
        draft.set("auditd.summary.object.type", event.what);
    }
}

/// Writes `<prefix>.id` and `<prefix>.name`; what is unset leaves neither.
fn put_entity<'a>(prefix: &str, entity: Entity<'a>, draft: &mut Draft<'a, '_>) {
    if let Some(id) = entity.id {
        draft.set_named_below(prefix, "id", id);
    }
    if let Some(name) = entity.name {
        draft.set_named_below(prefix, "name", name);
    }
}

fn put_users<'a>(event: &AuditEvent<'a>, draft: &mut Draft<'a, '_>) {
    let is_other = |id: &str, than: &str| event.id(id).is_some_and(|id| event.id(than) != Some(id));
    let is_effective = is_other("euid", "uid");
    for (name, value) in event.ids.iter() {
        if is_unset(value) && value != "4294967295" {
            continue;
        }
        let (prefix, is_user): (Cow<'_, str>, bool) = match &**name {
            "uid" => ("user".into(), true),
            "gid" => ("user.group".into(), false),
            "euid" | "egid" if !is_effective => continue,
            "euid" => ("user.effective".into(), true),
            "egid" => ("user.effective.group".into(), false),
            "suid" => ("auditd.user.saved".into(), true),
            "sgid" => ("auditd.user.saved.group".into(), false),
            "fsuid" => ("auditd.user.filesystem".into(), true),
            "fsgid" => ("auditd.user.filesystem.group".into(), false),
            "auid" => ("auditd.user.audit".into(), true),
            other => (format!("auditd.user.{}", other.replace('-', "_")).into(), other.ends_with("uid")),
        };
        put_entity(&prefix, event.entity(is_user, value), draft);
    }
    let Some(action) = event.action else { return };
    for &(from, target) in action.entities {
        if target == "user" {
            draft.remove("user.id");
            draft.remove("user.name");
        }
        let Some(whom) = event.whom(from).filter(|whom| !is_unset(whom)) else { continue };
        let entity = event.entity(target != "group", whom);
        if target != "group"
            && let Some(name) = &entity.name
        {
            draft.relate_user(name);
        }
        put_entity(target, entity, draft);
    }
}

fn put_file<'a>(event: &AuditEvent<'a>, draft: &mut Draft<'a, '_>) {
    let Some(path) = event.path.and_then(|at| event.paths.get(at)) else { return };
    for (name, target) in [
        ("name", "file.path"),
        ("inode", "file.inode"),
        ("rdev", "file.device"),
        ("ouid", "file.uid"),
        ("ogid", "file.gid"),
    ] {
        if let Some(value) = value(path, name) {
            draft.set(target, value.clone());
        }
    }
    for (name, is_user, target) in [("ouid", true, "file.owner"), ("ogid", false, "file.group")] {
        let known = value(path, name).and_then(|id| event.entity(is_user, id).name);
        if let Some(name) = known {
            draft.set(target, name);
        }
    }
    if let Some(mode) = value(path, "mode").and_then(|mode| u32::from_str_radix(mode, 8).ok()) {
        draft.set("file.mode", format!("{:04o}", mode & 0o7_777));
    }
    for field in path {
        if let Some(part) = field.name.strip_prefix("obj_") {
            draft.set_named_below("auditd.file.selinux", part, field.value.clone());
        }
    }
}

fn put_process<'a>(event: &mut AuditEvent<'a>, draft: &mut Draft<'a, '_>) {
    for (name, target) in [("pid", "process.pid"), ("ppid", "process.parent.pid")] {
        if let Some(number) = event.take(name)
            && !draft.set_number(target, &number)
        {
            draft.set_named_below("auditd.data", name, number);
        }
    }
    for (name, target) in [
        ("proctitle", "process.title"),
        ("comm", "process.name"),
        ("exe", "process.executable"),
        ("cwd", "process.working_directory"),
    ] {
        if let Some(text) = event.take(name) {
            draft.set(target, text);
        }
    }
    let arguments = std::mem::take(&mut event.arguments);
    if !arguments.is_empty() {
        draft.set("process.args", arguments);
    }
}

fn put_peers<'a>(event: &mut AuditEvent<'a>, draft: &mut Draft<'a, '_>) {
    for (peer, prefix, direction) in
        [(event.from.take(), "source", "ingress"), (event.to.take(), "destination", "egress")]
    {
        let Some(Peer { address, port, path }) = peer else { continue };
        if let Some(address) = address {
            let field = if prefix == "source" { "source.ip" } else { "destination.ip" };
            if !draft.set_address(field, &address) {
                draft.set_below(prefix, "address", address);
            }
        }
        if let Some(port) = port {
            draft.set_below(prefix, "port", i64::from(port));
        }
        if let Some(path) = path {
            draft.set_below(prefix, "path", path);
        }
        draft.set("network.direction", direction);
    }
}
