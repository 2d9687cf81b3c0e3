//! What the tables of Google Workspace cannot say (sources §9-21, row 19).

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::{Document, Timestamp, set_field};

use super::draft::Draft;
use super::tables::naming::Naming;
use crate::fields::part;
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::integer_text;

/// Refines an event of the Admin console: times, numbers, whom it is done to.
pub(crate) fn refine_admin<'a>(_record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    const DEFINED: &str = "google_workspace.admin.user_defined_setting.name";
    for field in [
        "google_workspace.admin.email.log_search_filter.start_date",
        "google_workspace.admin.email.log_search_filter.end_date",
        "google_workspace.admin.user.birthdate",
        "event.start",
        "event.end",
    ] {
        date(field, draft);
    }
    let times = ["event.start", "event.end"].map(|field| draft.text(field).and_then(Timestamp::parse));
    if let [Some(start), Some(end)] = times
        && let Ok(nanos) = i64::try_from(end.nanos() - start.nanos())
    {
        draft.set("event.duration", nanos);
    }
    for field in ["google_workspace.admin.bulk_upload.failed", "google_workspace.admin.bulk_upload.total"] {
        number(field, draft);
    }
    if let Some(Cow::Borrowed(groups)) = draft.copy_text("google_workspace.admin.group.allowed_list") {
        let groups: Vec<Cow<'a, str>> = groups.split(',').map(|group| group.trim().into()).collect();
        draft.set("google_workspace.admin.group.allowed_list", groups);
    }
    if let Some(url) = draft.copy_text("url.full") {
        draft.set_url("url", url);
    }
    // Rules know it by both names.
    if let Some(name) = draft.copy_text(DEFINED) {
        draft.set("google_workspace.admin.USER_DEFINED_SETTING_NAME", name);
    }
    target_user("google_workspace.admin.user.email", draft);
    group("google_workspace.admin.group.email", draft);
}

/// Refines an event of Drive: the file.
pub(crate) fn refine_drive<'a>(_record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    if !draft.has("google_workspace.drive.target")
        && let Some(target) = draft.remove("google_workspace.drive.target_user")
    {
        draft.set("google_workspace.drive.target", target);
    }
    let is_folder = matches!(draft.text("google_workspace.drive.file.type"), Some("folder" | "shared"));
    draft.set("file.type", if is_folder { "dir" } else { "file" });
    if let Some(name) = draft.copy_text("file.name")
        && let Some((_, extension)) = name.rsplit_once('.').filter(|(_, extension)| !extension.is_empty())
    {
        draft.set("file.extension", extension.to_owned());
    }
    for target in draft.texts("google_workspace.drive.target") {
        if let Some((name, _)) = mail_parts(&target) {
            draft.relate_user(&name);
        }
    }
    if let Some((name, _)) = mail_of("google_workspace.drive.file.owner.email", draft) {
        draft.relate_user(&name);
        draft.set("file.owner", name);
    }
}

/// Refines a sign-in: when it began, and whom it is about.
pub(crate) fn refine_login<'a>(_record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    number("google_workspace.login.timestamp", draft);
    let micros = draft.copy_value("google_workspace.login.timestamp");
    let micros = micros.and_then(|value| value.scalar().and_then(crate::windows::values::integer));
    if let Some(micros) = micros.filter(|micros| *micros > 0) {
        let start = Timestamp::from_nanos(i128::from(micros) * 1_000);
        draft.set("event.start", start.to_iso_millis());
    }
    target_user("google_workspace.login.affected_email_address", draft);
}

/// Refines an event of a group.
pub(crate) fn refine_groups<'a>(_record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    target_user("google_workspace.groups.member.email", draft);
    group("google_workspace.groups.email", draft);
}

/// Refines the match of a rule: whom and what it matched.
pub(crate) fn refine_rules<'a>(_record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    relate_domain(draft);
    number("google_workspace.rules.resource.recipients_omitted_count", draft);
    let has_alert = match draft.text("google_workspace.rules.has_alert") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    if let Some(has_alert) = has_alert {
        draft.set("google_workspace.rules.has_alert", has_alert);
    }
    if let Some(address) = draft.copy_text("google_workspace.rules.actor_ip_address")
        && let Some(address) = Draft::address(&address)
    {
        draft.relate_address(&address);
    }
    for recipient in draft.texts("google_workspace.rules.resource.recipients") {
        if let Some((_, domain)) = mail_parts(&recipient) {
            draft.relate_host(&domain);
        }
    }
}

/// Refines an event of a token.
pub(crate) fn refine_token<'a>(_record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    relate_domain(draft);
    number("google_workspace.token.num_response_bytes", draft);
}

/// Refines an event of a device: its user, times and numbers.
pub(crate) fn refine_device<'a>(_record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    relate_domain(draft);
    for field in
        ["google_workspace.device.failed_passwd_attempts", "google_workspace.device.security.event_id"]
    {
        number(field, draft);
    }
    for field in [
        "google_workspace.device.application.report.timestamp",
        "google_workspace.device.last_sync_audit_date",
    ] {
        date(field, draft);
    }
    if let Some(hash) = draft.copy_text("google_workspace.device.apk_sha256_hash") {
        draft.relate_hash(&hash);
    }
    if let Some(mail) = draft.copy_text("google_workspace.device.user_email") {
        draft.relate_user(&mail);
        let mut mails = draft.texts("user.email");
        if !mails.contains(&mail) {
            mails.push(mail);
        }
        draft.set("user.email", mails);
    }
}

/// Refines an event of an enterprise group.
pub(crate) fn refine_group_enterprise<'a>(_record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    relate_domain(draft);
    date("google_workspace.group_enterprise.membership_expiry", draft);
}

/// Refines an alert: the mails it is about, and all users that it names.
pub(crate) fn refine_alert<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    for list in LISTS {
        if let Some(value) = record.get_field(list.from) {
            draft.set_named_json(list.to, list.items(value));
        }
    }
    let messages = record.get_field("data.messages").and_then(TapeValue::as_array);
    let mut times: Vec<Value> = Vec::new();
    for message in messages.into_iter().flatten().filter_map(TapeValue::as_object) {
        let text = |name: &str| message.get(name).and_then(TapeValue::as_str);
        if let Some(time) = text("date").and_then(Timestamp::parse) {
            times.push(Value::String(time.to_iso_millis()));
        }
        if let Some(hash) = text("md5HashSubject") {
            draft.relate_hash(&hash.into());
        }
    }
    if !times.is_empty() {
        draft.set("email.delivery_timestamp", times);
    }
    let mut mails: Vec<Cow<'a, str>> = Vec::new();
    for path in [
        "metadata.assignee",
        "data.maliciousEntity.entity.emailAddress",
        "data.email",
        "data.affectedUserEmails",
        "data.actorEmail",
    ] {
        let Some(value) = record.get_field(path) else { continue };
        let texts = value
            .as_str()
            .into_iter()
            .chain(value.as_array().into_iter().flatten().filter_map(TapeValue::as_str));
        for mail in texts.filter(|mail| !mail.is_empty()) {
            if !mails.iter().any(|known| known == mail) {
                mails.push(mail.into());
            }
        }
    }
    if !mails.is_empty() {
        draft.set("user.email", mails);
    }
    if let Some(address) = record.get_field("data.loginDetails.ipAddress").and_then(TapeValue::as_str)
        && let Some(address) = Draft::address(&address.into())
    {
        draft.relate_address(&address);
    }
}

/// A list of objects within an alert whose members have other names in its document.
struct List {
    from: &'static str,
    to: &'static str,
    names: &'static [(&'static str, &'static str)],
}

const LISTS: &[List] = &[
    List {
        from: "data.messages",
        to: "google_workspace.alert.data.messages",
        names: &[
            ("messageId", "id"),
            ("recipient", "recipient_email"),
            ("md5HashMessageBody", "md5.hash.message_body"),
            ("md5HashSubject", "md5.hash.subject"),
        ],
    },
    List {
        from: "data.events",
        to: "google_workspace.alert.data.events",
        names: &[
            ("deviceId", "device.id"),
            ("deviceModel", "device.model"),
            ("deviceProperty", "device.property"),
            ("deviceType", "device.type"),
            ("iosVendorId", "ios_vendor.id"),
            ("resourceId", "resource.id"),
            ("serialNumber", "serial.number"),
        ],
    },
    List {
        from: "data.requestInfo",
        to: "google_workspace.alert.data.request.info",
        names: &[("appDeveloperEmail", "app.developer_email"), ("appKey", "app.key")],
    },
    List {
        from: "data.ruleViolationInfo.matchInfo",
        to: "google_workspace.alert.data.rule.violation_info.match_info",
        names: &[
            ("detectorName", "name"),
            ("displayName", "display.name"),
            ("resourceName", "resource.name"),
        ],
    },
];

impl List {
    fn items(&self, value: TapeValue<'_>) -> Value {
        match value.as_array() {
            Some(items) => items.map(|item| self.renamed(item.to_value())).collect(),
            None => self.renamed(value.to_value()),
        }
    }

    fn renamed(&self, value: Value) -> Value {
        let members = match value {
            Value::Object(members) => members,
            Value::Array(items) => return items.into_iter().map(|item| self.renamed(item)).collect(),
            other => return other,
        };
        let mut object = Document::new();
        for (name, value) in members {
            let value = match &value {
                Value::String(text) if name == "date" => {
                    Timestamp::parse(text).map_or(value, |time| Value::String(time.to_iso_millis()))
                }
                _ => self.renamed(value),
            };
            match self.names.iter().find(|(raw, _)| *raw == name) {
                Some((_, path)) => set_field(&mut object, path, value),
                None => {
                    object.insert(Naming::Snake.of(&name).into_owned(), value);
                }
            }
        }
        Value::Object(object)
    }
}

/// A field that is a time, in one form.
fn date(field: &'static str, draft: &mut Draft<'_, '_>) {
    if let Some(time) = draft.text(field).and_then(time_of) {
        draft.set(field, time.to_iso_millis());
    }
}

/// Besides ISO 8601, `2026/03/02 09:15:30 UTC`.
fn time_of(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| {
        let text = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT"))?;
        Timestamp::parse(&format!("{}Z", text.replace('/', "-").replacen(' ', "T", 1)))
    })
}

/// A field that is a number, even if it came as a text.
fn number(field: &'static str, draft: &mut Draft<'_, '_>) {
    if let Some(number) = draft.text(field).and_then(integer_text) {
        draft.set(field, number);
    }
}

/// The domain of who acted.
fn relate_domain(draft: &mut Draft<'_, '_>) {
    if let Some(domain) = draft.copy_text("user.domain") {
        draft.relate_host(&domain);
    }
}

/// Name and domain of a mail address.
fn mail_parts<'a>(mail: &Cow<'a, str>) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    let (name, _) = mail.split_once('@').filter(|(_, domain)| !domain.contains('@'))?;
    let at = name.len();
    Some((part(mail, |mail| Some(&mail[..at]))?, part(mail, |mail| Some(&mail[at + 1..]))?))
}

fn mail_of<'a>(field: &'static str, draft: &mut Draft<'a, '_>) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    mail_parts(&draft.copy_text(field)?)
}

/// To whom something is done.
fn target_user(field: &'static str, draft: &mut Draft<'_, '_>) {
    let Some((name, domain)) = mail_of(field, draft) else { return };
    draft.relate_user(&name);
    draft.set("user.target.name", name);
    draft.set("user.target.domain", domain);
    if let Some(mail) = draft.copy_text(field) {
        draft.set("user.target.email", mail);
    }
}

/// The group that something is done in.
fn group(field: &'static str, draft: &mut Draft<'_, '_>) {
    if let Some((name, domain)) = mail_of(field, draft) {
        draft.set("group.name", name);
        draft.set("group.domain", domain);
    }
    for (from, to) in [("group.name", "user.target.group.name"), ("group.domain", "user.target.group.domain")]
    {
        if let Some(value) = draft.copy_text(from) {
            draft.set(to, value);
        }
    }
}
