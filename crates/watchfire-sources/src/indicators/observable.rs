//! What an indicator can be, and where the Elastic Common Schema keeps it.

use serde_json::Value;

/// Kinds of values by the names that feeds give them, with the type of the indicator and its fields.
const KINDS: [(&[&str], &str, &[&str]); 15] = [
    (&["ip", "ipv4", "ipv4-addr", "ip-dst", "ip-src", "ip_address", "ipv4addr"], "ipv4-addr", &["ip"]),
    (&["ipv6", "ipv6-addr", "ipv6addr"], "ipv6-addr", &["ip"]),
    (&["domain", "domain-name", "hostname", "fqdn", "host"], "domain-name", &["url.domain"]),
    (&["url", "uri", "link"], "url", &["url.full", "url.original"]),
    (&["email", "email-addr", "email-src", "email-dst", "email_address"], "email-addr", &["email.address"]),
    (&["md5", "md5_hash", "file_md5"], "file", &["file.hash.md5"]),
    (&["sha1", "sha-1", "sha1_hash", "file_sha1"], "file", &["file.hash.sha1"]),
    (&["sha256", "sha-256", "sha256_hash", "file_sha256"], "file", &["file.hash.sha256"]),
    (&["sha384", "sha-384"], "file", &["file.hash.sha384"]),
    (&["sha512", "sha-512"], "file", &["file.hash.sha512"]),
    (&["ssdeep"], "file", &["file.hash.ssdeep"]),
    (&["tlsh"], "file", &["file.hash.tlsh"]),
    (&["imphash"], "file", &["file.pe.imphash"]),
    (&["filename", "file_name", "file-name"], "file", &["file.name"]),
    (
        &["registry", "regkey", "registry_key", "windows-registry-key"],
        "windows-registry-key",
        &["registry.path", "registry.key"],
    ),
];

/// Adds a value of a kind to the fields of an indicator. False if no such kind is known.
pub(super) fn add(kind: &str, value: &str, fields: &mut Vec<(String, Value)>) -> bool {
    let kind = kind.trim().to_lowercase();
    let Some((_, indicator_type, names)) = KINDS.iter().find(|(names, ..)| names.contains(&kind.as_str()))
    else {
        return false;
    };
    let indicator_type =
        if *indicator_type == "ipv4-addr" && value.contains(':') { "ipv6-addr" } else { indicator_type };
    fields.push(("threat.indicator.type".to_owned(), indicator_type.into()));
    for name in *names {
        fields.push((format!("threat.indicator.{name}"), value.into()));
    }
    true
}

/// Whether a column of this name holds values of a kind.
pub(super) fn is_kind(name: &str) -> bool {
    KINDS.iter().any(|(names, ..)| names.contains(&name))
}
