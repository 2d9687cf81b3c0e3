//! What the table of Zeek cannot say (sources §9–21): names below `zeek.<log>`, sums, distinguished names, answers of
//! DNS, and the community id.

use std::borrow::Cow;
use std::net::IpAddr;

use serde_json::{Value, json};
use watchfire_events::Scalar;

use super::community_id::community_id;
use super::draft::Draft;
use super::tables::naming::Naming;
use crate::fields::FieldValue;
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::scalar_text;

/// Columns whose values are elsewhere in every document.
const COMMON: &[&str] = &[
    "ts",
    "uid",
    "id",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "_path",
    "_system_name",
];

/// A log: columns whose values are elsewhere in its documents, and those of other names below `zeek.<log>`.
struct Log {
    name: &'static str,
    elsewhere: &'static [&'static str],
    renamed: &'static [(&'static str, &'static str)],
}

const LOGS: &[Log] = &[
    Log {
        name: "connection",
        elsewhere: &["service", "duration", "orig_ip_bytes", "orig_pkts", "resp_ip_bytes", "resp_pkts"],
        renamed: &[("conn_state", "state")],
    },
    Log { name: "dns", elsewhere: &["trans_id"], renamed: &[] },
    Log {
        name: "http",
        elsewhere: &[
            "method",
            "referrer",
            "version",
            "request_body_len",
            "response_body_len",
            "status_code",
            "uri",
            "host",
            "username",
            "password",
            "user_agent",
        ],
        renamed: &[],
    },
    Log {
        name: "ssl",
        elsewhere: &[
            "subject",
            "issuer",
            "client_subject",
            "client_issuer",
            "not_valid_before",
            "not_valid_after",
            "ja3",
            "ja3s",
            "ja4",
            "resp_certificate_sha1",
            "orig_certificate_sha1",
        ],
        renamed: &[
            ("server_name", "server.name"),
            ("cert_chain_fuids", "server.cert_chain_fuids"),
            ("client_cert_chain_fuids", "client.cert_chain_fuids"),
            ("cert_chain_fps", "server.cert_chain_fps"),
            ("client_cert_chain_fps", "client.cert_chain_fps"),
            ("validation_status", "validation.status"),
        ],
    },
    Log {
        name: "x509",
        elsewhere: &[
            "certificate.subject",
            "certificate.issuer",
            "certificate.not_valid_before",
            "certificate.not_valid_after",
        ],
        renamed: &[
            ("certificate.key_alg", "certificate.key.algorithm"),
            ("certificate.key_length", "certificate.key.length"),
            ("certificate.key_type", "certificate.key.type"),
            ("certificate.sig_alg", "certificate.signature_algorithm"),
            ("basic_constraints.ca", "basic_constraints.certificate_authority"),
            ("basic_constraints.path_len", "basic_constraints.path_length"),
        ],
    },
    Log { name: "files", elsewhere: &["tx_hosts", "rx_hosts"], renamed: &[("conn_uids", "session_ids")] },
    Log {
        name: "ssh",
        elsewhere: &[],
        renamed: &[
            ("cipher_alg", "algorithm.cipher"),
            ("compression_alg", "algorithm.compression"),
            ("host_key_alg", "algorithm.host_key"),
            ("kex_alg", "algorithm.key_exchange"),
            ("mac_alg", "algorithm.mac"),
            ("auth_attempts", "auth.attempts"),
            ("auth_success", "auth.success"),
        ],
    },
    Log {
        name: "smb_files",
        elsewhere: &["times", "times.accessed", "times.created", "times.modified", "times.changed"],
        renamed: &[("prev_name", "previous_name")],
    },
    Log {
        name: "kerberos",
        elsewhere: &["till", "from", "cert.client_subject", "cert.server_subject", "cert"],
        renamed: &[
            ("error_msg", "error.msg"),
            ("error_code", "error.code"),
            ("client_cert_subject", "cert.client.subject"),
            ("server_cert_subject", "cert.server.subject"),
        ],
    },
    Log {
        name: "ntlm",
        elsewhere: &[],
        renamed: &[
            ("domainname", "domain"),
            ("server_nb_computer_name", "server.name.netbios"),
            ("server_dns_computer_name", "server.name.dns"),
            ("server_tree_name", "server.name.tree"),
        ],
    },
    Log {
        name: "rdp",
        elsewhere: &[],
        renamed: &[
            ("cert_count", "cert.count"),
            ("cert_type", "cert.type"),
            ("cert_permanent", "cert.permanent"),
            ("client_build", "client.build"),
            ("client_name", "client.name"),
            ("client_dig_product_id", "client.product_id"),
            ("desktop_width", "desktop.width"),
            ("desktop_height", "desktop.height"),
            ("requested_color_depth", "desktop.color_depth"),
            ("encryption_level", "encryption.level"),
            ("encryption_method", "encryption.method"),
        ],
    },
    Log {
        name: "ftp",
        elsewhere: &["file_size", "mime_type"],
        renamed: &[
            ("reply_code", "reply.code"),
            ("reply_msg", "reply.msg"),
            ("data_channel.orig_h", "data_channel.originating_host"),
            ("data_channel.resp_h", "data_channel.response_host"),
            ("data_channel.resp_p", "data_channel.response_port"),
        ],
    },
    Log { name: "smtp", elsewhere: &[], renamed: &[("trans_depth", "transaction_depth")] },
    Log { name: "notice", elsewhere: &["src", "dst", "p"], renamed: &[("file_desc", "file.description")] },
    Log { name: "weird", elsewhere: &[], renamed: &[("addl", "additional_info")] },
];

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let dataset = draft.copy_text("event.dataset").unwrap_or(Cow::Borrowed("zeek.log"));
    let log = dataset.strip_prefix("zeek.").unwrap_or(&dataset);
    let known = LOGS.iter().find(|known| known.name == log);
    put_rest(record, log, known, draft);
    match log {
        "connection" => connection(record, draft),
        "dns" => dns(record, draft),
        "ssl" => {
            let server = ["tls.server", "zeek.ssl.server"];
            certificate(record, ["subject", "issuer"], server, draft);
            certificate(
                record,
                ["client_subject", "client_issuer"],
                ["tls.client", "zeek.ssl.client"],
                draft,
            );
        }
        "x509" => x509(record, draft),
        "kerberos" => kerberos(record, draft),
        _ => {}
    }
    let id = community_id(
        draft.text("network.transport").unwrap_or_default(),
        [address(record, "id.orig_h"), address(record, "id.resp_h")],
        [port(record, "id.orig_p"), port(record, "id.resp_p")],
    );
    if let Some(id) = id {
        draft.set("network.community_id", id);
    }
}

fn text<'a>(record: TapeObject<'a>, name: &str) -> Option<Cow<'a, str>> {
    record.get_field(name).and_then(TapeValue::scalar).map(scalar_text)
}

fn number(record: TapeObject<'_>, name: &str) -> Option<f64> {
    match record.get_field(name)?.scalar()? {
        Scalar::Text(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

fn address(record: TapeObject<'_>, name: &str) -> Option<IpAddr> {
    text(record, name)?.parse().ok()
}

fn port(record: TapeObject<'_>, name: &str) -> Option<u16> {
    text(record, name)?.parse().ok()
}

/// Every other column goes below `zeek.<log>`.
fn put_rest<'a>(record: TapeObject<'a>, log: &str, known: Option<&Log>, draft: &mut Draft<'a, '_>) {
    let holder = format!("zeek.{log}");
    let mut put = |name: &str, value: TapeValue<'a>| {
        let elsewhere = known.is_some_and(|known| known.elsewhere.contains(&name));
        let says_nothing = value.as_str().is_some_and(|text| matches!(text, "" | "-"));
        if elsewhere || COMMON.contains(&name) || says_nothing {
            return;
        }
        let renamed = known.and_then(|known| known.renamed.iter().find(|(raw, _)| *raw == name));
        let name = renamed.map_or(name, |(_, name)| name);
        draft.set_named_value(&format!("{holder}.{name}"), value, Naming::Same);
    };
    for (name, value) in record.iter() {
        match value.as_object() {
            // Shippers make objects of names with dots.
            Some(inner) => {
                for (member, value) in inner.iter() {
                    put(&format!("{name}.{member}"), value);
                }
            }
            None => put(name, value),
        }
    }
}

/// A number of seconds as nanoseconds in `event.duration`.
fn set_duration(record: TapeObject<'_>, name: &str, draft: &mut Draft<'_, '_>) {
    if let Some(seconds) = number(record, name)
        && seconds.is_finite()
    {
        draft.set("event.duration", (seconds * 1e9) as i64);
    }
}

fn connection(record: TapeObject<'_>, draft: &mut Draft<'_, '_>) {
    set_duration(record, "duration", draft);
    for (target, parts) in [
        ("network.bytes", ["orig_ip_bytes", "resp_ip_bytes"]),
        ("network.packets", ["orig_pkts", "resp_pkts"]),
    ] {
        let found: Vec<f64> = parts.iter().filter_map(|part| number(record, part)).collect();
        if !found.is_empty() {
            draft.set(target, found.iter().sum::<f64>() as i64);
        }
    }
    if draft.text("network.transport") == Some("icmp") {
        for (port, target) in
            [("source.port", "zeek.connection.icmp.type"), ("destination.port", "zeek.connection.icmp.code")]
        {
            if let Some(value) = draft.remove(port) {
                draft.set(target, value);
            }
        }
    }
}

fn dns<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    set_duration(record, "rtt", draft);
    let is_set = |name: &str| record.get(name).and_then(TapeValue::scalar) == Some(Scalar::Boolean(true));
    let flags: Vec<Cow<'a, str>> =
        ["AA", "TC", "RD", "RA"].into_iter().filter(|flag| is_set(flag)).map(Cow::Borrowed).collect();
    if !flags.is_empty() {
        draft.set("dns.header_flags", flags);
    }
    let Some(answers) = record.get("answers").and_then(TapeValue::as_array) else { return };
    let ttls: Vec<Option<f64>> = record
        .get("TTLs")
        .and_then(TapeValue::as_array)
        .map(|ttls| ttls.map(|ttl| ttl.scalar().and_then(Scalar::as_f64)).collect())
        .unwrap_or_default();
    let mut items = Vec::new();
    let mut resolved = Vec::new();
    for (at, answer) in answers.enumerate() {
        let Some(answer) = answer.scalar().map(scalar_text) else { continue };
        let mut item = json!({ "data": answer });
        if let Some(Some(ttl)) = ttls.get(at) {
            item["ttl"] = json!(*ttl as i64);
        }
        items.push(item);
        if answer.parse::<IpAddr>().is_ok() {
            resolved.push(answer);
        }
    }
    draft.set("dns.answers", FieldValue::Json(Value::Array(items)));
    if !resolved.is_empty() {
        draft.set("dns.resolved_ip", resolved);
    }
}

/// Parts of a distinguished name: as written, in ECS, and below `zeek`.
const NAME_PARTS: [(&str, &str, &str); 6] = [
    ("CN", "common_name", "common_name"),
    ("C", "country", "country"),
    ("L", "locality", "locality"),
    ("O", "organization", "organization"),
    ("OU", "organizational_unit", "organizational_unit"),
    ("ST", "state_or_province", "state"),
];

/// Subject and issuer of a certificate, as texts and in parts.
fn certificate(
    record: TapeObject<'_>,
    names: [&str; 2],
    [ecs, zeek]: [&'static str; 2],
    draft: &mut Draft<'_, '_>,
) {
    for (name, role) in names.into_iter().zip(["subject", "issuer"]) {
        let Some(subject) = text(record, name) else { continue };
        let subject = without_escapes(&subject);
        distinguished(&subject, &format!("{ecs}.x509.{role}"), &format!("{zeek}.{role}"), draft);
        draft.set_below(ecs, role, subject);
    }
}

fn x509(record: TapeObject<'_>, draft: &mut Draft<'_, '_>) {
    for role in ["subject", "issuer"] {
        if let Some(name) = text(record, &format!("certificate.{role}")) {
            let (ecs, zeek) = (format!("file.x509.{role}"), format!("zeek.x509.certificate.{role}"));
            distinguished(&without_escapes(&name), &ecs, &zeek, draft);
        }
    }
    for (from, to) in [
        ("file.x509.not_before", "zeek.x509.certificate.valid.from"),
        ("file.x509.not_after", "zeek.x509.certificate.valid.until"),
    ] {
        if let Some(time) = draft.copy_value(from) {
            draft.set(to, time);
        }
    }
}

fn kerberos(record: TapeObject<'_>, draft: &mut Draft<'_, '_>) {
    if let Some(client) = text(record, "client") {
        let (name, domain) = match client.split_once('/') {
            Some((name, domain)) => (name, Some(domain)),
            None => (&*client, None),
        };
        let name: Cow<'_, str> = Cow::Owned(name.to_owned());
        draft.relate_user(&name);
        draft.set("user.name", name);
        if let Some(domain) = domain {
            draft.set("user.domain", domain.to_owned());
        }
    }
    for side in ["client", "server"] {
        if let Some(subject) = text(record, &format!("cert.{side}_subject")) {
            let subject = without_escapes(&subject);
            distinguished(&subject, &format!("tls.{side}.x509.subject"), "", draft);
            draft.set_named_below("zeek.kerberos.cert", &format!("{side}.subject"), subject);
        }
    }
}

/// A distinguished name whose commas are no separators but for the real ones: escaped ones are left out, as the
/// reference does it.
fn without_escapes(name: &str) -> String {
    name.replace("\\,", "")
}

/// Writes the parts of a distinguished name: below `ecs` as lists, and below `zeek` as texts.
fn distinguished(name: &str, ecs: &str, zeek: &str, draft: &mut Draft<'_, '_>) {
    for (key, in_ecs, in_zeek) in NAME_PARTS {
        let found = name.split(',').filter_map(|part| part.trim().split_once('='));
        let values: Vec<String> = found
            .filter(|(name, value)| *name == key && !value.is_empty())
            .map(|(_, value)| value.to_owned())
            .collect();
        let Some(first) = values.first().cloned() else { continue };
        draft.set_named_below(ecs, in_ecs, values.into_iter().map(Cow::Owned).collect::<Vec<_>>());
        if !zeek.is_empty() {
            draft.set_named_below(zeek, in_zeek, first);
        }
    }
}
