//! Lines of syslog (sources §9–21): who wrote what, and what lines of logins, `sudo` and user management say.
//!
//! What concerns logins and accounts is of `system.auth`, whatever file it lies in; the rest is of `system.syslog`.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use watchfire_events::Timestamp;

use super::draft::Draft;
use crate::fields::FieldValue;
use crate::syslog::{Head, Stamp, behind_words};
use crate::tape::{TapeObject, TapeValue};

/// Programs that write of logins and accounts.
const AUTH_PROGRAMS: &[&str] = &[
    "chage",
    "chfn",
    "chpasswd",
    "chsh",
    "doas",
    "gdm-password",
    "gpasswd",
    "groupadd",
    "groupdel",
    "groupmod",
    "lightdm",
    "login",
    "newusers",
    "passwd",
    "pkexec",
    "polkitd",
    "remote",
    "runuser",
    "sshd",
    "sshd-session",
    "su",
    "sudo",
    "systemd-logind",
    "unix_chkpwd",
    "useradd",
    "userdel",
    "usermod",
];

/// Facilities of logins: `auth` and `authpriv`.
const AUTH_FACILITIES: [u16; 2] = [4, 10];

/// What a line says before its message.
struct Line<'a> {
    head: Option<Head<'a>>,
    host: Option<&'a str>,
    program: Option<&'a str>,
    process: Option<&'a str>,
    message: &'a str,
}

impl<'a> Line<'a> {
    fn read(text: &'a str) -> Self {
        let Some(head) = Head::of(text.as_bytes()) else {
            return Self { head: None, host: None, program: None, process: None, message: text };
        };
        // A head is ASCII, so what is behind it begins at a character.
        let behind = |rest: &[u8]| &text[text.len() - rest.len()..];
        let says_something = |word: &&str| !word.is_empty() && *word != "-";
        if head.version.is_some() {
            let mut words = behind(head.rest).split(' ').map(|word| Some(word).filter(says_something));
            let mut word = || words.next().flatten();
            let (host, program, process) = (word(), word(), word());
            let message = match head.behind_structured_data() {
                Some(message) => behind(message),
                None => behind_words(head.rest, 4).map_or("", behind),
            };
            return Self { head: Some(head), host, program, process, message: message.trim_start() };
        }
        let (host, rest) = behind(head.rest).split_once(' ').unwrap_or((behind(head.rest), ""));
        let (program, process, message) = writer(rest).unwrap_or((None, None, rest));
        Self { head: Some(head), host: Some(host).filter(says_something), program, process, message }
    }

    fn priority(&self) -> Option<u16> {
        self.head.and_then(|head| head.priority)
    }

    /// Whether it is of logins or accounts.
    fn is_auth(&self) -> bool {
        let facility = self.priority().map(|priority| priority / 8);
        self.program.is_some_and(|program| AUTH_PROGRAMS.contains(&program))
            || facility.is_some_and(|facility| AUTH_FACILITIES.contains(&facility))
            || self.message.starts_with("pam_")
    }
}

/// `proc[pid]: message`
fn writer(text: &str) -> Option<(Option<&str>, Option<&str>, &str)> {
    let (tag, message) = text.split_once(':')?;
    if tag.is_empty() || tag.contains(char::is_whitespace) {
        return None;
    }
    let (program, process) = match tag.strip_suffix(']').and_then(|tag| tag.split_once('[')) {
        Some((program, process)) => (program, Some(process)),
        None => (tag, None),
    };
    Some((Some(program), process, message.trim_start()))
}

/// Whether a record is a line of logins or accounts.
pub(crate) fn is_auth(record: TapeObject<'_>) -> bool {
    text(record, "message").is_some_and(|message| Line::read(message).is_auth())
        || text(record, "log.syslog.appname").is_some_and(|program| AUTH_PROGRAMS.contains(&program))
}

fn text<'a>(record: TapeObject<'a>, name: &str) -> Option<&'a str> {
    record.get_field(name).and_then(TapeValue::as_str)
}

/// Refines what the table of logins and accounts made of a record.
pub(crate) fn refine_auth<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    refine(record, draft);
    if let Some(version) = draft.copy_value("log.syslog.version") {
        draft.set("system.auth.syslog.version", version);
    }
}

/// Refines what the table of all other lines made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    draft.set("event.kind", "event");
    draft.set("host.os.type", "linux");
    let Some(message) = text(record, "message") else { return };
    let mut line = Line::read(message);
    if line.head.is_none() {
        // An agent has taken the line apart.
        line.program = text(record, "log.syslog.appname");
        line.process = text(record, "log.syslog.procid");
    }
    draft.set("message", Cow::Borrowed(line.message));
    if let Some(head) = line.head {
        set_time(head.stamp, draft);
        if let Some(priority) = head.priority {
            draft.set("log.syslog.priority", i64::from(priority));
        }
        if let Some(version) = head.version {
            draft.set("log.syslog.version", String::from_utf8_lossy(version).into_owned());
        }
    }
    if let Some(host) = line.host {
        let host: Cow<'a, str> = Cow::Borrowed(host);
        draft.relate_host(&host);
        // Sequences join on it; a line has nothing else that names its machine.
        draft.set("host.id", host.to_lowercase());
        draft.set("host.name", host.clone());
        draft.set("host.hostname", host);
    }
    if let Some(program) = line.program {
        draft.set("process.name", Cow::Borrowed(program));
    }
    if let Some(process) = line.process {
        draft.set_number("process.pid", process);
    }
    meaning(&line, draft);
}

/// A stamp without a year is in the year that was asked for; without one, the event has no time, and is counted so.
fn set_time(stamp: Stamp<'_>, draft: &mut Draft<'_, '_>) {
    let zone = draft.zone.clone().unwrap_or(TimeZone::UTC);
    let local: Option<DateTime> = match stamp {
        Stamp::None => None,
        Stamp::Named { month, day, year, time } => year.or(draft.year).and_then(|named| {
            draft.year_is_taken = year.is_none();
            let date = Date::new(named, month, day).ok()?;
            let time: jiff::civil::Time = std::str::from_utf8(time).ok()?.parse().ok()?;
            Some(date.to_datetime(time))
        }),
        Stamp::Iso(text) => {
            let text = String::from_utf8_lossy(text);
            if let Ok(time) = text.parse::<jiff::Timestamp>() {
                let time = Timestamp::from_nanos(time.as_nanosecond());
                return draft.set("@timestamp", time.to_iso_millis());
            }
            text.parse().ok()
        }
    };
    let Some(time) = local.and_then(|local| zone.to_timestamp(local).ok()) else { return };
    let seconds = zone.to_offset(time).seconds();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    draft.set("event.timezone", format!("{sign}{:02}{:02}", minutes / 60, minutes % 60));
    draft.set("@timestamp", Timestamp::from_nanos(time.as_nanosecond()).to_iso_millis());
}

/// What the message says.
fn meaning<'a>(line: &Line<'a>, draft: &mut Draft<'a, '_>) {
    let message = line.message;
    match line.program.unwrap_or_default() {
        "sudo" if sudo(message, draft) => return,
        "sshd" | "sshd-session" if ssh(message, draft) => return,
        "useradd" if new_user(message, draft) => return account(line, "user", "creation", draft),
        "groupadd" if new_group(message, draft) => return account(line, "group", "creation", draft),
        _ => {}
    }
    users(message, draft);
    match line.program.unwrap_or_default() {
        "useradd" => account(line, "user", "creation", draft),
        "userdel" => account(line, "user", "deletion", draft),
        "usermod" => account(line, "user", "change", draft),
        "groupadd" => account(line, "group", "creation", draft),
        "groupdel" => account(line, "group", "deletion", draft),
        "groupmod" | "gpasswd" => account(line, "group", "change", draft),
        _ => {}
    }
    if message.contains("session opened for user") {
        set_words("event.category", &["session"], draft);
        draft.set("event.action", "logged-on");
    } else if message.contains("session closed for user") {
        set_words("event.category", &["session"], draft);
        draft.set("event.action", "logged-off");
    } else if message.contains("authentication failure") {
        set_words("event.category", &["authentication"], draft);
        draft.set("event.outcome", "failure");
    }
}

fn set_words(field: &'static str, words: &'static [&'static str], draft: &mut Draft<'_, '_>) {
    draft.set(field, FieldValue::Words(words));
}

fn account(line: &Line<'_>, what: &'static str, change: &'static str, draft: &mut Draft<'_, '_>) {
    set_words("event.category", &["iam"], draft);
    draft.set("event.type", vec![Cow::Borrowed(what), Cow::Borrowed(change)]);
    let failed = line.message.starts_with("failed") || line.message.contains("exit code");
    draft.set("event.outcome", if failed { "failure" } else { "success" });
}

fn set_user<'a>(user: &'a str, draft: &mut Draft<'a, '_>) {
    if !user.is_empty() {
        let user: Cow<'a, str> = Cow::Borrowed(user);
        draft.relate_user(&user);
        draft.set("user.name", user);
    }
}

fn set_effective<'a>(user: &'a str, draft: &mut Draft<'a, '_>) {
    if !user.is_empty() {
        let user: Cow<'a, str> = Cow::Borrowed(user);
        draft.relate_user(&user);
        draft.set("user.effective.name", user);
    }
}

fn set_source<'a>(source: &'a str, draft: &mut Draft<'a, '_>) {
    let source: Cow<'a, str> = Cow::Borrowed(source);
    if !draft.set_address("source.ip", &source) {
        draft.set("source.domain", source.clone());
    }
    draft.set("source.address", source);
}

/// `ana : TTY=pts/0 ; PWD=/home/ana ; USER=root ; COMMAND=/usr/bin/id`, with what went wrong before it.
fn sudo<'a>(message: &'a str, draft: &mut Draft<'a, '_>) -> bool {
    let Some((user, rest)) = message.split_once(" : ") else { return false };
    let Some(command_at) = rest.find("COMMAND=") else { return false };
    let (settings, command) = rest.split_at(command_at);
    let mut problems = Vec::new();
    for setting in settings.split(" ; ").map(str::trim).filter(|setting| !setting.is_empty()) {
        match setting.trim_end_matches(';').trim_end().split_once('=') {
            Some(("TTY", value)) => draft.set("system.auth.sudo.tty", Cow::Borrowed(value)),
            Some(("PWD", value)) => draft.set("system.auth.sudo.pwd", Cow::Borrowed(value)),
            Some(("CHROOT", value)) => draft.set("system.auth.sudo.chroot", Cow::Borrowed(value)),
            Some(("USER", value)) => {
                draft.set("system.auth.sudo.user", Cow::Borrowed(value));
            }
            Some(("GROUP", value)) => draft.set("system.auth.sudo.group", Cow::Borrowed(value)),
            Some(("ENV", value)) => draft.set("system.auth.sudo.env", Cow::Borrowed(value)),
            _ => problems.push(setting),
        }
    }
    if !problems.is_empty() {
        draft.set("system.auth.sudo.error", problems.join(" ; "));
    }
    draft.set("system.auth.sudo.command", Cow::Borrowed(&command["COMMAND=".len()..]));
    set_user(user.trim(), draft);
    let effective = settings.split(" ; ").find_map(|setting| setting.trim().strip_prefix("USER="));
    set_effective(effective.unwrap_or_default().trim_end_matches(';').trim(), draft);
    set_words("event.category", &["process"], draft);
    true
}

/// What the SSH server says of who comes in.
fn ssh<'a>(message: &'a str, draft: &mut Draft<'a, '_>) -> bool {
    if let Some(source) = message.strip_prefix("Did not receive identification string from ") {
        let source = source.split(' ').next().unwrap_or(source);
        let address = Cow::Borrowed(source);
        draft.set_address("source.ip", &address);
        draft.set("system.auth.ssh.dropped_ip", address);
        return true;
    }
    // `Accepted publickey for ana from 192.0.2.7 port 50110 ssh2: ED25519 SHA256:…`. A name can hold anything, also
    // what looks like the rest of the line: what comes last counts.
    let first = |text: &'a str| text.split_once(' ');
    if let Some((event @ ("Accepted" | "Failed" | "Postponed"), rest)) = first(message)
        && let Some((method, rest)) = rest.split_once(" for ")
        && !method.contains(' ')
        && let Some((who, from)) = last_source(rest)
    {
        draft.set("system.auth.ssh.event", Cow::Borrowed(event));
        draft.set("system.auth.ssh.method", Cow::Borrowed(method));
        set_user(who.strip_prefix("invalid user ").unwrap_or(who), draft);
        let mut words = from.splitn(4, ' ');
        set_source(words.next().unwrap_or_default(), draft);
        if let (Some("port"), Some(port)) = (words.next(), words.next()) {
            draft.set_number("source.port", port);
        }
        if let Some((_, signature)) = words.next().and_then(|rest| rest.split_once(": ")) {
            draft.set("system.auth.ssh.signature", Cow::Borrowed(signature.trim_end_matches(" [preauth]")));
        }
        login(event, draft);
        return true;
    }
    // `Invalid user ben from 192.0.2.7 port 50110`, `… illegal user ben from host`
    if let Some(at) = message.find(" user ")
        && let Some((who, from)) = last_source(&message[at + " user ".len()..])
        && (message.starts_with("Invalid user") || message.starts_with("error: PAM:"))
    {
        let event = &message[..at];
        draft.set("system.auth.ssh.event", Cow::Borrowed(event));
        set_user(who, draft);
        let mut words = from.split(' ');
        set_source(words.next().unwrap_or_default(), draft);
        if let (Some("port"), Some(port)) = (words.next(), words.next()) {
            draft.set_number("source.port", port);
        }
        login(event, draft);
        return true;
    }
    false
}

/// Who, and from where, at the last ` from ` of a text.
fn last_source(text: &str) -> Option<(&str, &str)> {
    let (who, from) = text.rsplit_once(" from ")?;
    Some((who, from))
}

fn login(event: &str, draft: &mut Draft<'_, '_>) {
    let outcome = match event {
        "Accepted" => "success",
        "Failed" | "Invalid" => "failure",
        _ => return,
    };
    draft.set("event.action", "ssh_login");
    draft.set("event.outcome", outcome);
    set_words("event.type", &["info"], draft);
    let category: &'static [&'static str] =
        if outcome == "success" { &["authentication", "session"] } else { &["authentication"] };
    set_words("event.category", category, draft);
}

/// `new group: name=ana, GID=1000`
fn new_group<'a>(message: &'a str, draft: &mut Draft<'a, '_>) -> bool {
    let Some(settings) = message.strip_prefix("new group: ") else { return false };
    for setting in settings.split(", ") {
        match setting.split_once('=') {
            Some(("name", value)) => draft.set("group.name", Cow::Borrowed(value)),
            Some(("GID", value)) => draft.set("group.id", Cow::Borrowed(value)),
            _ => {}
        }
    }
    true
}

/// `new user: name=ana, UID=1000, GID=1000, home=/home/ana, shell=/bin/sh`
fn new_user<'a>(message: &'a str, draft: &mut Draft<'a, '_>) -> bool {
    let Some(settings) = message.strip_prefix("new user: ") else { return false };
    for setting in settings.split(", ") {
        match setting.split_once('=') {
            Some(("name", value)) => set_user(value, draft),
            Some(("UID", value)) => draft.set("user.id", Cow::Borrowed(value)),
            Some(("GID", value)) => draft.set("group.id", Cow::Borrowed(value)),
            Some(("home", value)) => draft.set("system.auth.useradd.home", Cow::Borrowed(value)),
            Some(("shell", value)) => draft.set("system.auth.useradd.shell", Cow::Borrowed(value)),
            Some(("from", value)) if value != "none" => {
                draft.set("system.auth.useradd.from", Cow::Borrowed(value));
            }
            _ => {}
        }
    }
    true
}

/// Whom any other message is about: `for user ana by root(uid=0)`, `for user ana`, `by user ana`, `user 'ana'`.
fn users<'a>(message: &'a str, draft: &mut Draft<'a, '_>) {
    let unquoted = |text: &'a str| text.trim_matches(['"', '\'']);
    if let Some((_, rest)) = message.rsplit_once("for user ") {
        let Some((user, by)) = rest.split_once(" by ") else {
            if is_name(rest) {
                set_user(unquoted(rest), draft);
            }
            return;
        };
        set_effective(effective_name(unquoted(user)), draft);
        let (name, id) = match by.trim_end_matches(')').split_once("(uid=") {
            Some((name, id)) => (name, Some(id)),
            None => (by, None),
        };
        set_user(unquoted(name), draft);
        if let Some(id) = id {
            draft.set("user.id", Cow::Borrowed(id));
        }
    } else if let Some((_, user)) = message.rsplit_once("by user ")
        && is_name(user)
    {
        set_user(unquoted(user), draft);
    } else if let Some(at) = message.find("user '")
        && let Some((user, _)) = message[at + "user '".len()..].split_once('\'')
    {
        set_user(user, draft);
    }
}

/// Newer PAM writes `root(uid=0)` of whom a session is for as well.
fn effective_name(user: &str) -> &str {
    user.split_once("(uid=").map_or(user, |(name, _)| name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}
