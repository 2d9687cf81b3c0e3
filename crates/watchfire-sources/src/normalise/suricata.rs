//! What the table of Suricata cannot say: sums and durations, community ids, addresses of network cards, answers of DNS,
//! and the names within certificates.

use std::borrow::Cow;

use serde_json::{Map, Value};
use watchfire_events::Timestamp;

use super::community_id::community_id;
use super::draft::Draft;
use crate::fields::FieldValue;
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::{integer, scalar_text};

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let object = |name| record.get(name).and_then(TapeValue::as_object);
    if let Some(ether) = object("ether") {
        for (raw, field) in [("src_mac", "source.mac"), ("dest_mac", "destination.mac")] {
            if let Some(mac) = ether.text(raw) {
                draft.set(field, mac.replace(':', "-").to_uppercase());
            }
        }
    }
    if object("flow").is_some() {
        add_up("source.bytes", "destination.bytes", "network.bytes", draft);
        add_up("source.packets", "destination.packets", "network.packets", draft);
        set_duration(draft);
    }
    if record.get("event_type").and_then(TapeValue::as_str) == Some("http")
        && let Some(status) = object("http").and_then(|http| number(http, "status"))
    {
        draft.set("event.outcome", if status < 400 { "success" } else { "failure" });
    }
    set_community_id(record, draft);
    if let Some(dns) = object("dns") {
        set_dns(dns, draft);
    }
    if let Some(tls) = object("tls") {
        set_tls(tls, draft);
    }
}

fn number(object: TapeObject<'_>, name: &str) -> Option<i64> {
    integer(object.get(name)?.scalar()?)
}

/// Of ICMP, kind and code stand for the ports.
fn set_community_id(record: TapeObject<'_>, draft: &mut Draft<'_, '_>) {
    let address = |name| record.text(name).and_then(|text| text.parse().ok());
    let port = |names: [&str; 2]| {
        let number = names.into_iter().find_map(|name| number(record, name))?;
        u16::try_from(number).ok()
    };
    let id = community_id(
        draft.text("network.transport").unwrap_or_default(),
        [address("src_ip"), address("dest_ip")],
        [port(["icmp_type", "src_port"]), port(["icmp_code", "dest_port"])],
    );
    if let Some(id) = id {
        draft.set("network.community_id", id);
    }
}

/// The sum of two counts, if it is more than nothing.
fn add_up(one: &'static str, other: &'static str, sum: &'static str, draft: &mut Draft<'_, '_>) {
    let mut count = |field| match draft.copy_value(field) {
        Some(FieldValue::Integer(number)) => number,
        Some(FieldValue::Unsigned(number)) => i64::try_from(number).unwrap_or(0),
        _ => 0,
    };
    let total = count(one).saturating_add(count(other));
    if total > 0 {
        draft.set(sum, total);
    }
}

/// In nanoseconds.
fn set_duration(draft: &mut Draft<'_, '_>) {
    let mut time = |field| draft.text(field).and_then(Timestamp::parse);
    let (Some(start), Some(end)) = (time("event.start"), time("event.end")) else { return };
    let nanos = (i128::from(end.millis()) - i128::from(start.millis())) * 1_000_000;
    if let Some(nanos) = i64::try_from(nanos).ok().filter(|nanos| *nanos >= 0) {
        draft.set("event.duration", nanos);
    }
}

/// Answers, of the first version one a record, of the later ones in a list; flags of the header.
fn set_dns<'a>(dns: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let mut answers = Vec::new();
    let mut resolved: Vec<Cow<'a, str>> = Vec::new();
    let mut add = |object: TapeObject<'a>| {
        let mut answer = Map::new();
        for (name, value) in object.iter() {
            let name = match name {
                "rrname" => "name",
                "rrtype" => "type",
                "rdata" => "data",
                "ttl" => "ttl",
                _ => continue,
            };
            answer.insert(name.to_owned(), value.to_value());
        }
        if let Some(data) =
            object.text("rdata").filter(|_| matches!(object.text("rrtype"), Some("A" | "AAAA")))
        {
            resolved.push(Cow::Borrowed(data));
        }
        if !answer.is_empty() {
            answers.push(Value::Object(answer));
        }
    };
    match dns.get("answers").and_then(TapeValue::as_array) {
        Some(items) => items.filter_map(TapeValue::as_object).for_each(&mut add),
        None if dns.text("type") == Some("answer") && !dns.contains_key("version") => add(dns),
        None => {}
    }
    if !answers.is_empty() {
        draft.set("dns.answers", answers);
    }
    resolved = resolved.iter().filter_map(Draft::address).collect();
    resolved.iter().for_each(|address| draft.relate_address(address));
    if !resolved.is_empty() {
        draft.set("dns.resolved_ip", resolved);
    }
    let flags: Vec<Cow<'a, str>> = [("aa", "AA"), ("tc", "TC"), ("rd", "RD"), ("ra", "RA")]
        .into_iter()
        .filter(|(raw, _)| {
            dns.get(raw).and_then(TapeValue::scalar).is_some_and(|scalar| scalar_text(scalar) == "true")
        })
        .map(|(_, flag)| Cow::Borrowed(flag))
        .collect();
    if !flags.is_empty() {
        draft.set("dns.header_flags", flags);
    }
}

fn set_tls<'a>(tls: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    if let Some(name) = tls.text("sni").map(|name| Cow::Borrowed(name.trim_end_matches('.'))) {
        draft.relate_host(&name);
        draft.add_texts("destination.domain", std::iter::once(name.clone()));
        if let [only] = &draft.texts("destination.domain")[..] {
            draft.set("destination.domain", only.clone());
        }
        draft.set("suricata.eve.tls.sni", name.clone());
        draft.set("tls.client.server_name", name);
    }
    if let Some(fingerprint) = tls.text("fingerprint") {
        let hash = Cow::Owned(fingerprint.replace(':', "").to_uppercase());
        draft.relate_hash(&hash);
        draft.set("tls.server.hash.sha1", hash);
    }
    if let Some(serial) = tls.text("serial") {
        draft.set("tls.server.x509.serial_number", serial.replace(':', ""));
    }
    for (raw, prefix) in [("subject", "tls.server.x509.subject"), ("issuerdn", "tls.server.x509.issuer")] {
        let name = tls.text(raw).unwrap_or_default();
        for (attribute, field) in ATTRIBUTES {
            let values: Vec<Cow<'a, str>> = parts_of_name(name)
                .filter(|(key, _)| key == attribute)
                .map(|(_, value)| Cow::Borrowed(value))
                .collect();
            if !values.is_empty() {
                draft.set_named_below(prefix, field, values);
            }
        }
    }
}

/// Attributes of distinguished names.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("CN", "common_name"),
    ("C", "country"),
    ("L", "locality"),
    ("O", "organization"),
    ("OU", "organizational_unit"),
    ("ST", "state_or_province"),
];

/// The attributes of a distinguished name such as `C=DE, O=Example, Inc., CN=example.org`: a value goes on to the last
/// comma before the next attribute.
fn parts_of_name(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let (key, behind) = rest.split_once('=')?;
        let end = behind
            .match_indices(", ")
            .map(|(at, _)| at)
            .find(|at| {
                behind[at + 2..].split_once('=').is_some_and(|(key, _)| {
                    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
                })
            })
            .unwrap_or(behind.len());
        let value = &behind[..end];
        rest = behind.get(end + 2..).unwrap_or_default();
        Some((key.trim(), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_commas() {
        let parts: Vec<_> = parts_of_name("C=DE, O=Example, Inc., CN=example.org").collect();
        assert_eq!(parts, [("C", "DE"), ("O", "Example, Inc."), ("CN", "example.org")]);
        assert_eq!(parts_of_name("CN=a=b").collect::<Vec<_>>(), [("CN", "a=b")]);
        assert_eq!(parts_of_name("none").count(), 0);
        assert_eq!(parts_of_name("").count(), 0);
    }
}
