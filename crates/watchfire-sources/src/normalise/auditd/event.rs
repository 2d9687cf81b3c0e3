//! The lines of one audit event, as one: its fields together, who did what to what, and how.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use rustc_hash::FxHashMap;

use super::action::{self, Action, From};
use super::field_map::FieldMap;
use super::message::{Field, Message, decoded};
use super::numbers;

/// Ids that stand for none.
const UNSET: [&str; 3] = ["4294967295", "-1", "unset"];

/// The one user and group whose id is the same on all machines, and its id.
const ROOT: (&str, &str) = ("root", "0");

/// The field of an id, by how the audit daemon names what it knows of it.
fn known_id(known_as: &str) -> Option<&'static str> {
    Some(match known_as {
        "AUID" => "auid",
        "UID" => "uid",
        "GID" => "gid",
        "EUID" => "euid",
        "EGID" => "egid",
        "SUID" => "suid",
        "SGID" => "sgid",
        "FSUID" => "fsuid",
        "FSGID" => "fsgid",
        "OUID" => "ouid",
        "OGID" => "ogid",
        "OAUID" => "oauid",
        "INODE_UID" => "inode_uid",
        "INODE_GID" => "inode_gid",
        _ => return None,
    })
}

/// Programs that run scripts: the name of what they run says more.
const INTERPRETERS: [&str; 4] = ["/usr/bin/python", "/usr/bin/sh", "/usr/bin/bash", "/usr/bin/perl"];

/// Whether an id stands for none.
pub(super) fn is_unset(id: &str) -> bool {
    UNSET.contains(&id)
}

/// A name for an id, or an id for a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entity<'t> {
    pub(super) id: Option<Cow<'t, str>>,
    pub(super) name: Option<Cow<'t, str>>,
}

/// An address at one end of a socket.
#[derive(Debug, Default)]
pub(super) struct Peer<'t> {
    pub(super) address: Option<Cow<'t, str>>,
    pub(super) port: Option<u16>,
    pub(super) path: Option<Cow<'t, str>>,
}

/// An audit event.
#[derive(Debug)]
pub(super) struct AuditEvent<'t> {
    pub(super) node: Option<&'t str>,
    pub(super) kind: &'t str,
    pub(super) milliseconds: u64,
    pub(super) serial: u64,
    pub(super) result: &'static str,
    pub(super) session: Option<Cow<'t, str>>,
    pub(super) data: FieldMap<'t>,
    /// Ids of users and groups, by the names of their fields.
    pub(super) ids: FieldMap<'t>,
    /// Parts of the security context: user, role, domain, level, category.
    pub(super) context: Vec<(&'static str, Cow<'t, str>)>,
    pub(super) paths: Vec<Vec<Field<'t>>>,
    pub(super) arguments: Vec<Cow<'t, str>>,
    pub(super) tags: Vec<Cow<'t, str>>,
    /// Names of users (and groups, for which it is false) by their ids.
    known: FxHashMap<(bool, Cow<'t, str>), Cow<'t, str>>,
    pub(super) from: Option<Peer<'t>>,
    pub(super) to: Option<Peer<'t>>,

    pub(super) action: Option<&'static Action>,
    /// What the call is of which a record of another kind is a part.
    pub(super) call: Option<&'static Action>,
    pub(super) actor: Option<Cow<'t, str>>,
    pub(super) second_actor: Option<Cow<'t, str>>,
    pub(super) object: Option<Cow<'t, str>>,
    pub(super) second_object: Option<Cow<'t, str>>,
    pub(super) what: &'static str,
    pub(super) how: Option<Cow<'t, str>>,
    /// The path that it is about.
    pub(super) path: Option<usize>,
}

impl<'t> AuditEvent<'t> {
    /// The event of some lines; nothing if none of them is one.
    pub(super) fn of(messages: Vec<Message<'t>>) -> Option<Self> {
        let call = messages.iter().position(|message| message.kind == "SYSCALL");
        let first = messages.first()?;
        // A record that comes before that of its call is what the event is about.
        let (kind, base) = (first.kind, call.unwrap_or(0));
        let mut event = Self {
            node: first.node,
            kind,
            milliseconds: first.milliseconds,
            serial: first.serial,
            result: "unknown",
            session: None,
            data: FieldMap::default(),
            ids: FieldMap::default(),
            context: Vec::new(),
            paths: Vec::new(),
            arguments: Vec::new(),
            tags: Vec::new(),
            known: FxHashMap::default(),
            from: None,
            to: None,
            action: None,
            call: None,
            actor: None,
            second_actor: None,
            object: None,
            second_object: None,
            what: "",
            how: None,
            path: None,
        };
        let is_alone = messages.len() == 1;
        for message in &messages {
            event.learn(message);
        }
        let mut messages: Vec<Option<Message<'t>>> = messages.into_iter().map(Some).collect();
        if let Some(message) = messages[base].take() {
            event.base(message, is_alone);
        }
        for message in messages.into_iter().flatten() {
            match message.kind {
                "PATH" => event.paths.push(with_context(message.fields)),
                "SOCKADDR" => event.socket(&message),
                "EXECVE" => event.execve(message),
                "SYSCALL" => {}
                _ => {
                    for mut field in message.fields {
                        match &*field.name {
                            "subj" | "obj" | "key" => continue,
                            "res" | "success" => {
                                field.value = Cow::Borrowed(result(&field.value));
                                field.name = Cow::Borrowed("result");
                            }
                            "auid" | "ses" if is_unset(&field.value) => {
                                field.value = Cow::Borrowed("unset");
                            }
                            _ => {}
                        }
                        event.data.set_absent(field.name, field.value);
                    }
                }
            }
        }
        event.mean();
        Some(event)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Cow<'t, str>> {
        self.data.get(name)
    }

    pub(super) fn id(&self, name: &str) -> Option<&Cow<'t, str>> {
        self.ids.get(name)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Cow<'t, str>> {
        self.data.take(name)
    }

    /// The names that the audit daemon knew for ids.
    fn learn(&mut self, message: &Message<'t>) {
        for known in &message.known {
            let Some(field) = known_id(&known.name) else { continue };
            if let Some(id) = message.get(field)
                && known.value != "unset"
                && known.value != *id
            {
                let key = (field.ends_with("uid"), id.clone());
                self.known.entry(key).or_insert_with(|| known.value.clone());
            }
        }
    }

    /// A user (or group) of an id or a name, with the other of the two if it is known.
    pub(super) fn entity(&self, is_user: bool, value: &Cow<'t, str>) -> Entity<'t> {
        if value.bytes().all(|byte| byte.is_ascii_digit()) {
            let name = self.known.get(&(is_user, value.clone())).cloned();
            let name = name.or_else(|| (value == ROOT.1).then_some(Cow::Borrowed(ROOT.0)));
            Entity { id: Some(value.clone()), name }
        } else {
            let of_name = self.known.iter().filter(|((user, _), name)| *user == is_user && *name == value);
            let id = of_name.map(|((_, id), _)| id.clone()).min();
            let id = id.or_else(|| (value == ROOT.0).then_some(Cow::Borrowed(ROOT.1)));
            Entity { id, name: Some(value.clone()) }
        }
    }

    /// The record that says who it was.
    fn base(&mut self, message: Message<'t>, is_alone: bool) {
        let architecture = message.get("arch").map(|arch| architecture(arch));
        for mut field in message.fields {
            match &*field.name {
                "success" | "res" | "result" => {
                    self.result = result(&field.value);
                    continue;
                }
                "ses" => {
                    self.session = Some(field.value).filter(|session| !is_unset(session));
                    continue;
                }
                "subj" => {
                    self.context = context(&field.value);
                    continue;
                }
                "key" => {
                    self.tags = tags(&field);
                    continue;
                }
                "items" if !is_alone => continue,
                "arch" => field.value = architecture.clone().unwrap_or(field.value),
                "syscall" => {
                    let name =
                        architecture.as_ref().and_then(|arch| numbers::call(arch, field.value.parse().ok()?));
                    field.value = name.map_or(field.value, Cow::Borrowed);
                }
                "exit" => {
                    let error = field.value.strip_prefix('-').and_then(|number| number.parse().ok());
                    field.value = error.and_then(numbers::error).map_or(field.value, Cow::Borrowed);
                }
                "auid" | "old-auid" if is_unset(&field.value) => field.value = Cow::Borrowed("unset"),
                "saddr" if is_alone => {
                    let parts = socket_address(&field.value);
                    parts.into_iter().for_each(|(name, value)| self.data.set(Cow::Borrowed(name), value));
                    continue;
                }
                _ => {}
            }
            let is_id = field.name.ends_with("uid") || field.name.ends_with("gid");
            let fields = if is_id { &mut self.ids } else { &mut self.data };
            // What a program says again in its message counts.
            fields.set(field.name, field.value);
        }
    }

    fn socket(&mut self, message: &Message<'t>) {
        let Some(address) = message.get("saddr") else { return };
        let parts = socket_address(address);
        let part = |name: &str| parts.iter().find(|(part, _)| *part == name).map(|(_, value)| value.clone());
        let peer = Peer {
            address: part("addr"),
            port: part("port").and_then(|port| port.parse().ok()),
            path: part("path"),
        };
        match self.get("syscall").map(|call| &**call) {
            Some("recvfrom" | "recvmsg" | "accept" | "accept4") => self.from = Some(peer),
            Some("connect" | "sendto" | "sendmsg") => self.to = Some(peer),
            _ => {}
        }
        for (name, value) in parts {
            self.data.set(Cow::Owned(format!("socket_{name}")), value);
        }
    }

    /// The arguments of a program. Long ones come in pieces (`a3[0]`, `a3[1]`), over several lines.
    fn execve(&mut self, message: Message<'t>) {
        for field in message.fields {
            if field.name == "argc" {
                self.data.set_absent(field.name, field.value);
                continue;
            }
            let Some(name) = field.name.strip_prefix('a') else { continue };
            let (number, piece) = match name.split_once('[') {
                Some((number, _)) => (number, true),
                None => (name, false),
            };
            let Ok(number) = number.parse::<usize>() else { continue };
            // An argument that was lost leaves its place to the next one; a number without end leaves no place at all.
            if piece && number + 1 == self.arguments.len() {
                self.arguments[number].to_mut().push_str(&field.value);
            } else {
                self.arguments.push(field.value);
            }
        }
    }

    /// Finds out what it means.
    fn mean(&mut self) {
        let call = self.get("syscall").map(|name| action::of_call(name));
        let is_apparmor = self.kind == "AVC" && self.get("apparmor").is_some();
        self.action = match self.kind {
            "SYSCALL" => call,
            "AVC" if is_apparmor => action::of_record("AVC_APPARMOR"),
            kind => action::of_record(kind),
        };
        self.call = call.filter(|_| self.kind != "SYSCALL");
        self.actor = self.id("auid").cloned();
        self.second_actor = self.id("uid").cloned();
        self.how = self.get("exe").or_else(|| self.get("comm")).cloned();
        if let Some(how) = &self.how
            && INTERPRETERS.iter().any(|program| how.starts_with(program))
            && let Some(name) = self.get("comm")
        {
            self.how = Some(name.clone());
        }
        let Some(action) = self.action else { return };
        self.what = action.what;
        match action.what {
            "file" | "filesystem" => self.find_path(action.path),
            "socket" => {
                self.object = self.get("socket_addr").or_else(|| self.get("socket_path")).cloned();
                self.second_object = self.get("socket_port").cloned();
            }
            _ => {}
        }
        let first = |event: &Self, names: &[&str]| {
            names.iter().find_map(|name| event.get(name).or_else(|| event.id(name))).cloned()
        };
        self.actor = first(self, action.actor).or(self.actor.take());
        self.second_actor = first(self, action.second_actor).or(self.second_actor.take());
        self.object = first(self, action.object).or(self.object.take());
        self.second_object = first(self, action.second_object).or(self.second_object.take());
        self.how = first(self, action.how).or(self.how.take());
        if action.from_address
            && self.from.is_none()
            && let Some(address) = self.take("addr")
        {
            self.from = Some(Peer { address: Some(address), ..Peer::default() });
        }
    }

    fn find_path(&mut self, hint: usize) {
        let start = if hint < self.paths.len() { hint } else { 0 };
        let kind = |path: &[Field<'t>]| value(path, "nametype").map(ToString::to_string);
        // The folder of a file is listed beside it.
        let found = self.paths[start.min(self.paths.len())..]
            .iter()
            .position(|path| !matches!(kind(path).as_deref(), Some("PARENT" | "UNKNOWN")));
        let Some(path) = self.paths.get(start + found.unwrap_or(0)) else { return };
        self.path = Some(start + found.unwrap_or(0));
        self.object = value(path, "name").cloned();
        let mode = value(path, "mode").and_then(|mode| u32::from_str_radix(mode, 8).ok());
        self.what = match mode.map(|mode| mode & 0o170_000) {
            Some(0o040_000) => "directory",
            Some(0o020_000) => "character-device",
            Some(0o060_000) => "block-device",
            Some(0o010_000) => "named-pipe",
            Some(0o120_000) => "symlink",
            Some(0o140_000) => "socket",
            Some(_) => "file",
            None => self.what,
        };
    }

    /// Whom a field of ECS is about.
    pub(super) fn whom(&self, from: From) -> Option<&Cow<'t, str>> {
        match from {
            From::Actor => self.actor.as_ref(),
            From::SecondActor => self.second_actor.as_ref(),
            From::Object => self.object.as_ref(),
            From::Uid => self.id("uid"),
        }
    }
}

/// What a result is, however a program writes it.
fn result(text: &str) -> &'static str {
    let text = text.to_ascii_lowercase();
    if matches!(&*text, "yes" | "1") || text.starts_with("suc") { "success" } else { "fail" }
}

fn plain<'t>(name: &str, value: Cow<'t, str>) -> Field<'t> {
    Field { name: Cow::Owned(name.to_owned()), value, quoted: false }
}

/// A field of several.
pub(super) fn value<'f, 't>(fields: &'f [Field<'t>], name: &str) -> Option<&'f Cow<'t, str>> {
    fields.iter().find(|field| field.name == name).map(|field| &field.value)
}

/// The fields of a path, with its security context in parts.
fn with_context(fields: Vec<Field<'_>>) -> Vec<Field<'_>> {
    if fields.iter().all(|field| field.name != "obj") {
        return fields;
    }
    let mut all = Vec::with_capacity(fields.len() + 4);
    for field in fields {
        if field.name == "obj" {
            let parts = context(&field.value);
            all.extend(parts.into_iter().map(|(part, value)| plain(&format!("obj_{part}"), value)));
        } else {
            all.push(field);
        }
    }
    all
}

/// `user:role:domain:level:category`
fn context<'t>(text: &str) -> Vec<(&'static str, Cow<'t, str>)> {
    let parts = text.splitn(5, ':').map(|part| Cow::Owned(part.to_owned()));
    ["user", "role", "domain", "level", "category"].into_iter().zip(parts).collect()
}

/// Names of the rules that an event is recorded for.
fn tags<'t>(field: &Field<'t>) -> Vec<Cow<'t, str>> {
    let owned = |text: &str| Cow::Owned(text.to_owned());
    if !field.quoted
        && let Some(text) = decoded(&field.value)
    {
        return text.split('\u{1}').map(owned).collect();
    }
    let text = field.value.split_once('=').map_or(&*field.value, |(_, name)| name);
    vec![owned(text)]
}

pub(super) fn architecture(code: &str) -> Cow<'static, str> {
    Cow::Borrowed(match code.to_ascii_lowercase().as_str() {
        "c000003e" => "x86_64",
        "c00000b7" => "aarch64",
        "40000003" => "i386",
        "40000028" => "arm",
        "c0000015" => "ppc64le",
        "80000016" => "s390x",
        "c00000f3" => "riscv64",
        other => return Cow::Owned(other.to_owned()),
    })
}

/// What the bytes of an address say.
fn socket_address<'t>(digits: &str) -> Vec<(&'static str, Cow<'t, str>)> {
    let digits: &str = &digits[..digits.bytes().take_while(u8::is_ascii_hexdigit).count()];
    let byte = |at: usize| digits.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let text = |text: String| Cow::Owned(text);
    // The family is in the order of the machine, and the rest in that of the network.
    let (Some(low), Some(high)) = (byte(0), byte(1)) else { return Vec::new() };
    let bytes = |range: std::ops::Range<usize>| range.map(byte).collect::<Option<Vec<u8>>>();
    let whole = || text(digits.to_owned());
    let port = || Some(text((u32::from(byte(2)?) << 8 | u32::from(byte(3)?)).to_string()));
    match u32::from(high) << 8 | u32::from(low) {
        1 => {
            let path: Vec<u8> = (2..digits.len() / 2).map_while(byte).collect();
            // An abstract socket begins with a zero, and any ends with the next one.
            let start = usize::from(path.first() == Some(&0));
            let end = path[start..].iter().position(|byte| *byte == 0).map_or(path.len(), |end| start + end);
            let name = String::from_utf8_lossy(&path[start..end]).into_owned();
            vec![("family", Cow::Borrowed("unix")), ("path", text(name))]
        }
        2 => match (port(), bytes(4..8)) {
            (Some(port), Some(address)) => {
                let address: [u8; 4] = address.try_into().unwrap_or_default();
                let address = Ipv4Addr::from(address).to_string();
                vec![("family", Cow::Borrowed("ipv4")), ("addr", text(address)), ("port", port)]
            }
            _ => vec![("family", Cow::Borrowed("ipv4")), ("saddr", whole())],
        },
        10 => match (port(), bytes(8..24)) {
            (Some(port), Some(address)) => {
                let address: [u8; 16] = address.try_into().unwrap_or_default();
                let address = Ipv6Addr::from(address).to_string();
                vec![("family", Cow::Borrowed("ipv6")), ("addr", text(address)), ("port", port)]
            }
            _ => vec![("family", Cow::Borrowed("ipv6")), ("saddr", whole())],
        },
        16 => vec![("family", Cow::Borrowed("netlink")), ("saddr", whole())],
        family => vec![("family", text(family.to_string())), ("saddr", whole())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(digits: &str) -> Vec<(&'static str, String)> {
        socket_address(digits).into_iter().map(|(name, value)| (name, value.into_owned())).collect()
    }

    #[test]
    fn addresses_are_read_by_their_family() {
        let pair = |name: &'static str, value: &str| (name, value.to_owned());
        assert_eq!(
            address("020001BBC00002070000000000000000"),
            [pair("family", "ipv4"), pair("addr", "192.0.2.7"), pair("port", "443")]
        );
        assert_eq!(
            address("0A0000160000000020010DB800000000000000000000000100000000"),
            [pair("family", "ipv6"), pair("addr", "2001:db8::1"), pair("port", "22")]
        );
        assert_eq!(address("01002F746D702F7800"), [pair("family", "unix"), pair("path", "/tmp/x")]);
        assert_eq!(address("0100007879"), [pair("family", "unix"), pair("path", "xy")]);
        assert_eq!(address("0200"), [pair("family", "ipv4"), pair("saddr", "0200")]);
        assert_eq!(address("1100"), [pair("family", "17"), pair("saddr", "1100")]);
        assert_eq!(address("0"), []);
        assert_eq!(address("é"), []);
    }

    #[test]
    fn arguments_in_pieces_are_put_together() {
        let lines = [
            "type=SYSCALL msg=audit(19.001:4): arch=c000003e syscall=59 success=no exit=-13 items=1 pid=7 auid=4294967295 uid=0",
            "type=EXECVE msg=audit(19.001:4): argc=3 a0=\"sh\" a1_len=4 a1[0]=6162",
            "type=EXECVE msg=audit(19.001:4): a1[1]=6364 a2=\"x y\"",
        ];
        let event = AuditEvent::of(lines.iter().filter_map(|line| Message::read(line)).collect());
        let event = event.expect("an event");
        assert_eq!(event.arguments, ["sh", "abcd", "x y"]);
        assert_eq!((event.result, event.get("exit").map(|exit| &**exit)), ("fail", Some("EACCES")));
        assert_eq!(event.action.map(|action| action.word), Some("executed"));
        assert_eq!(event.get("items"), None);
    }
}
