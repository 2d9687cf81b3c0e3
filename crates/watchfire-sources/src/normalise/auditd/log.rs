//! Audit logs line by line, as the integration `auditd` publishes them: each line is a document, with its fields below
//! `auditd.log` but for those that ECS has. Rules read `auditd_manager.auditd`, which puts the lines of an event
//! together; so a log is mapped like this only if it is asked for.

use std::borrow::Cow;

use super::action;
use super::message::{Field, Message, decoded};
use super::numbers;
use super::set_time;
use crate::fields::FieldValue;
use crate::normalise::draft::Draft;
use crate::tape::TapeObject;

/// Fields of ECS that are numbers.
const NUMBERS: [(&str, &str); 3] =
    [("pid", "process.pid"), ("ppid", "process.parent.pid"), ("exit", "process.exit_code")];

/// Fields of ECS that are texts.
const TEXTS: [(&str, &str); 17] = [
    ("comm", "process.name"),
    ("exe", "process.executable"),
    ("cwd", "process.working_directory"),
    ("uid", "user.id"),
    ("gid", "user.group.id"),
    ("auid", "user.audit.id"),
    ("euid", "user.effective.id"),
    ("egid", "user.effective.group.id"),
    ("suid", "user.saved.id"),
    ("sgid", "user.saved.group.id"),
    ("fsuid", "user.filesystem.id"),
    ("fsgid", "user.filesystem.group.id"),
    ("ouid", "user.owner.id"),
    ("ogid", "user.owner.group.id"),
    ("terminal", "user.terminal"),
    ("user", "user.name"),
    ("grp", "group.name"),
];

/// Fields below `auditd.log` that are numbers, and that are true or false.
const LONGS: &[&str] =
    &["lport", "rport", "ksize", "src_prefixlen", "dst_prefixlen", "entries", "new_pe", "old_pe"];
const BOOLEANS: &[&str] = &["success", "key_enforce"];

/// Records of accounts: whoever logged in did it, as another user perhaps, to a third.
const ACCOUNTS: &[&str] = &[
    "ADD_GROUP",
    "ADD_USER",
    "CRED_ACQ",
    "CRED_DISP",
    "CRED_REFR",
    "DEL_GROUP",
    "DEL_USER",
    "GRP_CHAUTHTOK",
    "GRP_MGMT",
    "LOGIN",
    "USER_ACCT",
    "USER_AUTH",
    "USER_CHAUTHTOK",
    "USER_END",
    "USER_LOGIN",
    "USER_LOGOUT",
    "USER_MGMT",
    "USER_START",
];

/// Maps a line; of the lines of one event in one record, the fields of all of them.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    draft.set("event.kind", "event");
    draft.set("host.os.type", "linux");
    let mut lines = super::lines(record, "messages");
    if lines.is_empty() {
        lines = super::lines(record, "message");
    }
    let messages: Vec<Message<'a>> = lines.into_iter().filter_map(Message::read).collect();
    if let Some(first) = messages.first() {
        set_time(first.milliseconds, draft);
        draft.set("auditd.log.record_type", Cow::Borrowed(first.kind));
        draft.set("auditd.log.sequence", FieldValue::Unsigned(first.serial));
        if let Some(node) = first.node {
            draft.set("auditd.log.node", Cow::Borrowed(node));
        }
        act(first, draft);
    }
    for message in messages {
        put(message, draft);
    }
}

/// What it means.
fn act(message: &Message<'_>, draft: &mut Draft<'_, '_>) {
    let Some(action) = action::of_record(message.kind) else {
        draft.set("event.action", message.kind.to_ascii_lowercase());
        if message.kind == "SYSCALL" {
            draft.set("event.category", FieldValue::Words(&["process"]));
            draft.set("event.type", FieldValue::Words(&["info"]));
        }
        return;
    };
    draft.set("event.action", action.word);
    // The reference has categories of its own for hosts, and none for what the security module decides.
    let types: &'static [&'static str] = match (message.kind, action.category) {
        (kind, _) if kind.starts_with("VIRT_") => &["creation"],
        ("SYSTEM_BOOT" | "SYSTEM_SHUTDOWN", _) => &["info"],
        _ => action.types,
    };
    if !types.is_empty() {
        draft.set("event.category", FieldValue::Words(action.category));
        draft.set("event.type", FieldValue::Words(types));
    }
}

fn put<'a>(message: Message<'a>, draft: &mut Draft<'a, '_>) {
    let Message { kind, fields, known, .. } = message;
    if kind == "EXECVE" {
        return arguments(fields, draft);
    }
    let is_account = ACCOUNTS.contains(&kind);
    let mut uids: Vec<Cow<'a, str>> = Vec::new();
    let (mut architecture, mut login) = (None, None);
    for field in fields {
        let value = field.value;
        match &*field.name {
            "res" | "result" => {
                let succeeded = matches!(&*value, "1" | "yes" | "success");
                draft.set("event.outcome", if succeeded { "success" } else { "failure" });
            }
            "addr" | "src" | "saddr_ip" => address("source", value, draft),
            "dst" => address("destination", value, draft),
            "arch" => {
                let name = super::event::architecture(&value);
                architecture = Some(name.clone());
                draft.set("host.architecture", name);
            }
            "syscall" => {
                let call = architecture.as_ref().and_then(|arch| numbers::call(arch, value.parse().ok()?));
                match call {
                    Some("connect" | "sendto" | "sendmsg") => draft.set("network.direction", "egress"),
                    Some("recvfrom" | "recvmsg" | "accept" | "accept4") => {
                        draft.set("network.direction", "ingress");
                    }
                    _ => {}
                }
                draft.set("auditd.log.syscall", value);
            }
            "cmd" => {
                let arguments: Vec<Cow<'a, str>> =
                    value.split_ascii_whitespace().map(|word| Cow::Owned(word.to_owned())).collect();
                draft.set("process.args_count", arguments.len());
                draft.set("process.args", arguments);
            }
            "key" => {
                let text = (!field.quoted).then(|| decoded(&value)).flatten();
                draft.set("auditd.log.key", text.map_or(value, Cow::Owned));
            }
            "vm" => {
                draft.set("container.name", value.clone());
                draft.set("auditd.log.vm", value);
            }
            "virt" => {
                draft.set("container.runtime", value.clone());
                draft.set("auditd.log.virt", value);
            }
            "uid" if is_account => uids.push(value),
            name @ ("old_auid" | "old-auid") if kind == "LOGIN" => {
                draft.set_named_below("auditd.log", name, value.clone());
                login = Some(value);
            }
            "new_auid" if kind == "LOGIN" => {
                draft.set("auditd.log.new_auid", value.clone());
                draft.set("user.effective.id", value);
            }
            "auid" if kind == "LOGIN" => {
                draft.set("user.effective.id", value.clone());
                draft.set("user.audit.id", value);
            }
            "auid" => {
                draft.set("user.audit.id", value.clone());
                login = Some(value);
            }
            "acct" => account(kind, "name", value, draft),
            "id" => {
                account(kind, "id", value.clone(), draft);
                draft.set("auditd.log.id", value);
            }
            name => {
                if let Some((_, target)) = NUMBERS.iter().find(|(raw, _)| *raw == name)
                    && draft.set_number(target, &value)
                {
                    continue;
                }
                if let Some((_, target)) = TEXTS.iter().find(|(raw, _)| *raw == name) {
                    draft.set(target, value);
                    continue;
                }
                let value = match value.parse() {
                    Ok(number) if LONGS.contains(&name) => FieldValue::Integer(number),
                    _ if BOOLEANS.contains(&name) => FieldValue::Boolean(matches!(&*value, "yes" | "1")),
                    _ => FieldValue::Text(value),
                };
                draft.set_named_below("auditd.log", name, value);
            }
        }
    }
    if is_account {
        accounts(kind, login, uids, draft);
    }
    enriched(kind, known, draft);
}

/// Who did it: whoever logged in, as whom he is.
fn accounts<'a>(
    kind: &str,
    login: Option<Cow<'a, str>>,
    mut uids: Vec<Cow<'a, str>>,
    draft: &mut Draft<'a, '_>,
) {
    let changes_accounts = kind.ends_with("_GROUP")
        || matches!(
            kind,
            "ADD_USER" | "DEL_USER" | "USER_CHAUTHTOK" | "USER_MGMT" | "GRP_MGMT" | "GRP_CHAUTHTOK"
        );
    if let Some(uid) = uids.first().filter(|_| changes_accounts) {
        draft.set("user.effective.id", uid.clone());
    }
    if let Some(login) = login.or_else(|| uids.first().cloned()) {
        draft.set("user.id", login);
    }
    match uids.len() {
        0 => {}
        1 => draft.set("auditd.log.uid", uids.swap_remove(0)),
        _ => draft.set("auditd.log.uid", uids),
    }
}

/// An account that a record names, by its id or name.
fn account<'a>(kind: &str, part: &'static str, value: Cow<'a, str>, draft: &mut Draft<'a, '_>) {
    match kind {
        "ADD_GROUP" | "DEL_GROUP" | "GRP_MGMT" | "GRP_CHAUTHTOK" => {
            draft.set_named_below("group", part, value);
        }
        "ADD_USER" | "DEL_USER" | "USER_CHAUTHTOK" | "USER_MGMT" => {
            if part == "name" {
                draft.set("user.name", value.clone());
            }
            draft.set_named_below("user.target", part, value);
        }
        _ => {
            if part == "name" {
                draft.set("user.name", value.clone());
            }
            if ACCOUNTS.contains(&kind) {
                draft.set_named_below("user.effective", part, value);
            }
        }
    }
}

fn address<'a>(prefix: &'static str, value: Cow<'a, str>, draft: &mut Draft<'a, '_>) {
    let field = if prefix == "source" { "source.ip" } else { "destination.ip" };
    draft.set_address(field, &value);
    draft.set_below(prefix, "address", value);
}

/// What the audit daemon knew: names for ids, and addresses in words.
fn enriched<'a>(kind: &str, known: Vec<Field<'a>>, draft: &mut Draft<'a, '_>) {
    for field in known {
        match &*field.name {
            "ARCH" => {}
            "saddr_fam" | "laddr" | "lport" | "SADDR" if kind == "SOCKADDR" => {
                draft.set("auditd.log.original_field", "saddr");
                match (&*field.name, field.value.parse()) {
                    ("SADDR", _) => {}
                    ("lport", Ok(port)) => {
                        let port: i64 = port;
                        draft.set("auditd.log.lport", port);
                    }
                    (name, _) => draft.set_named_below("auditd.log", name, field.value.clone()),
                }
            }
            name => draft.set_named_below("auditd.log", name, field.value.clone()),
        }
    }
}

/// Arguments, of which a line may have only some.
fn arguments<'a>(fields: Vec<Field<'a>>, draft: &mut Draft<'a, '_>) {
    let mut arguments: Vec<Cow<'a, str>> = Vec::new();
    let (mut first, mut is_whole) = (None, false);
    for field in fields {
        if field.name == "argc" {
            is_whole = true;
            continue;
        }
        let Some(name) = field.name.strip_prefix('a') else { continue };
        let (number, piece) = match name.split_once('[') {
            Some((number, piece)) => {
                (number, piece.strip_suffix(']').and_then(|piece| piece.parse::<usize>().ok()))
            }
            None => (name, None),
        };
        let Ok(number) = number.parse::<usize>() else { continue };
        // A piece of which the beginning is on another line is no argument that could be named first.
        let is_rest = piece.is_some_and(|piece| piece > 0) && arguments.is_empty();
        if is_rest {
            first = Some(number + 1);
            continue;
        }
        first.get_or_insert(number);
        arguments.push(field.value);
    }
    if let Some(missing) = first.filter(|first| *first > 0) {
        arguments.insert(0, Cow::Owned(format!("[... {missing} truncated arguments ...]")));
    } else if let Some(executable) = arguments.first().cloned()
        && !draft.has("process.executable")
    {
        draft.set("process.executable", executable);
    }
    if is_whole {
        draft.set("process.args_count", arguments.len());
    }
    if !arguments.is_empty() {
        draft.set("process.args", arguments);
    }
}
