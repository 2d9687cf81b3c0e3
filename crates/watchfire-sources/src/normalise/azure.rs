//! What the tables of Azure's logs cannot say (sources §9-21, row 14).

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::Scalar;

use super::draft::Draft;
use super::tables::naming::Naming;
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::integer;

const NANOS_PER_MILLI: i64 = 1_000_000;

/// Refines a record of the activity log: its claims have no dots in their names, and the bodies of requests and
/// responses are objects, not texts of them.
pub(crate) fn refine_activity<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    const BODIES: [&str; 2] =
        ["azure.activitylogs.properties.requestbody", "azure.activitylogs.properties.responseBody"];
    refine(record, draft);
    for body in BODIES {
        let text = draft.text(body).filter(|text| text.starts_with('{'));
        if let Some(value @ Value::Object(_)) = text.and_then(|text| serde_json::from_str(text).ok()) {
            draft.remove(body);
            draft.set_json(body, value, Naming::Same);
        }
    }
    let claims = record.get_field("identity.claims").and_then(TapeValue::as_object);
    for (name, value) in claims.into_iter().flat_map(TapeObject::iter) {
        let name = format!("azure.activitylogs.identity.claims.{}", name.replace('.', "_"));
        draft.set_named_value(&name, value, Naming::Same);
    }
}

/// Refines a sign-in.
pub(crate) fn refine_sign_in<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    refine(record, draft);
    if let Some(address) = record.get("callerIpAddress").and_then(TapeValue::as_str) {
        draft.set("source.address", address);
    }
}

/// Refines a change of a directory: what was changed are objects by number, since rules name them so.
pub(crate) fn refine_audit<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    refine(record, draft);
    let targets = record.get_field("properties.targetResources").and_then(TapeValue::as_array);
    for (number, target) in targets.into_iter().flatten().enumerate() {
        let prefix = format!("azure.auditlogs.properties.target_resources.{number}");
        let Some(target) = target.as_object() else {
            draft.set_named_value(&prefix, target, Naming::Snake);
            continue;
        };
        for (name, value) in target.iter() {
            if name != "modifiedProperties" || value.as_array().is_none() {
                draft.set_named_value(&format!("{prefix}.{}", Naming::Snake.of(name)), value, Naming::Snake);
                continue;
            }
            for (number, property) in value.as_array().into_iter().flatten().enumerate() {
                let prefix = format!("{prefix}.modified_properties.{number}");
                draft.set_named_value(&prefix, property, Naming::Snake);
            }
        }
    }
}

/// Refines a record of identity protection: some of its times have hours of one digit.
pub(crate) fn refine_identity_protection<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    const TIMES: [&str; 4] = [
        "azure.identityprotection.properties.activity_datetime",
        "azure.identityprotection.properties.detected_datetime",
        "azure.identityprotection.properties.last_updated_datetime",
        "azure.identityprotection.properties.risk_last_updated_datetime",
    ];
    refine(record, draft);
    for field in TIMES {
        let padded = draft.text(field).and_then(with_hour_of_two_digits);
        if let Some(padded) = padded {
            draft.set(field, padded);
        }
    }
}

/// `2026-03-02T9:15:30Z` as `2026-03-02T09:15:30Z`; nothing if the hour has two digits.
fn with_hour_of_two_digits(time: &str) -> Option<String> {
    let (date, rest) = time.split_once('T')?;
    (date.len() == 10 && rest.as_bytes().get(1) == Some(&b':')).then(|| format!("{date}T0{rest}"))
}

/// What all of them have.
fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    if let Some(millis) = record.get("durationMs").and_then(TapeValue::scalar).and_then(integer)
        && let Some(nanos) = millis.checked_mul(NANOS_PER_MILLI)
    {
        draft.set("event.duration", nanos);
    }
    if let Some(caller) =
        record.get("callerIpAddress").and_then(TapeValue::as_str).filter(|text| !text.is_empty())
    {
        set_caller(caller, draft);
    }
    if let Some(Scalar::Text(id)) = record.get("resourceId").and_then(TapeValue::scalar) {
        set_resource(id, draft);
    }
}

/// An address, or one with a port; anything else is kept as it is.
fn set_caller<'a>(caller: &'a str, draft: &mut Draft<'a, '_>) {
    let (address, port) = address_and_port(caller);
    let address = Cow::Borrowed(address);
    if draft.set_address("source.ip", &address) {
        draft.set_address("client.ip", &address);
        if let Some(port) = port {
            draft.set("source.port", i64::from(port));
        }
    } else {
        draft.set("source.address", caller);
    }
}

/// Cuts `192.0.2.1:443` and `[2001:db8::1]:443`. A bare IPv6 address has several colons.
pub(super) fn address_and_port(text: &str) -> (&str, Option<u16>) {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('[')
        && let Some((address, rest)) = inner.split_once(']')
    {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.split_once(':') {
        Some((address, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (address, Some(port)),
            Err(_) => (text, None),
        },
        _ => (text, None),
    }
}

/// The parts of `/subscriptions/<id>/resourceGroups/<group>/providers/<provider>/<type>/<name>`, whatever their case.
fn set_resource<'a>(id: &'a str, draft: &mut Draft<'a, '_>) {
    let mut rest = id;
    if let Some(behind) = behind_keyword(rest, "/subscriptions/") {
        let (subscription, behind) = cut(behind);
        set_part(draft, "azure.subscription_id", subscription);
        rest = behind;
        if let Some(behind) = behind_keyword(rest, "/resourceGroups/") {
            let (group, behind) = cut(behind);
            set_part(draft, "azure.resource.group", group);
            rest = behind;
        }
    }
    let in_group = rest.len() < id.len() && draft.has("azure.resource.group");
    let Some(provider) = find_keyword(rest, "/providers/") else { return };
    if in_group
        && let Some((provider, namespace)) = split_keyword(provider, "/namespaces/")
        && let Some((namespace, rule)) = split_keyword(namespace, "/authorizationRules/")
    {
        set_part(draft, "azure.resource.provider", provider);
        set_part(draft, "azure.resource.namespace", namespace);
        set_part(draft, "azure.resource.authorization_rule", rule);
        return;
    }
    // In a group, the provider has the type of the resource with it, and the rest is its name.
    let mut parts = provider.match_indices('/').map(|(at, _)| at);
    match parts.nth(1) {
        Some(at) if in_group => {
            set_part(draft, "azure.resource.provider", &provider[..at]);
            set_part(draft, "azure.resource.name", &provider[at + 1..]);
        }
        _ => set_part(draft, "azure.resource.provider", provider),
    }
}

fn set_part<'a>(draft: &mut Draft<'a, '_>, name: &'static str, part: &'a str) {
    if !part.is_empty() {
        draft.set(name, part);
    }
}

/// A segment, and the rest with its slash.
fn cut(text: &str) -> (&str, &str) {
    text.split_at(text.find('/').unwrap_or(text.len()))
}

fn behind_keyword<'t>(text: &'t str, keyword: &str) -> Option<&'t str> {
    let start = text.get(..keyword.len())?;
    start.eq_ignore_ascii_case(keyword).then(|| &text[keyword.len()..])
}

fn find_keyword<'t>(text: &'t str, keyword: &str) -> Option<&'t str> {
    split_keyword(text, keyword).map(|(_, behind)| behind)
}

/// What is before and behind the first place of a keyword.
fn split_keyword<'t>(text: &'t str, keyword: &str) -> Option<(&'t str, &'t str)> {
    let mut slashes = memchr::memchr_iter(b'/', text.as_bytes());
    slashes.find_map(|at| Some((&text[..at], behind_keyword(&text[at..], keyword)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_have_ports() {
        for (text, expected) in [
            ("192.0.2.1", ("192.0.2.1", None)),
            ("192.0.2.1:443", ("192.0.2.1", Some(443))),
            ("[2001:db8::1]:443", ("2001:db8::1", Some(443))),
            ("[2001:db8::1]", ("2001:db8::1", None)),
            ("2001:db8::1", ("2001:db8::1", None)),
            ("192.0.2.1:99999", ("192.0.2.1:99999", None)),
            ("", ("", None)),
        ] {
            assert_eq!(address_and_port(text), expected, "{text}");
        }
    }

    #[test]
    fn hours_get_two_digits() {
        assert_eq!(with_hour_of_two_digits("2026-03-02T9:15:30Z").as_deref(), Some("2026-03-02T09:15:30Z"));
        assert_eq!(with_hour_of_two_digits("2026-03-02T19:15:30Z"), None);
        assert_eq!(with_hour_of_two_digits("T"), None);
    }

    #[test]
    fn keywords_are_found_whatever_their_case() {
        assert_eq!(split_keyword("/a/PROVIDERS/b/c", "/providers/"), Some(("/a", "b/c")));
        assert_eq!(split_keyword("/a/é", "/providers/"), None);
        assert_eq!(split_keyword("", "/providers/"), None);
    }
}
