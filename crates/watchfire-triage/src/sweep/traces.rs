//! What is looked for: the traces of an alert, and of what its process did.

use serde_json::json;
use watchfire_events::{Document, parse_ip};
use watchfire_ir::{Condition, Schema};

use crate::conditions::clause;
use crate::evidence::{DeedKind, Evidence};
use crate::fields::{text_in, values_of};

/// Most names of files that a process wrote which are looked for.
const MOST_DROPPED: usize = 50;

/// What a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TraceKind {
    /// The hash of a program, file or module.
    Hash,
    /// A path; where it names a user, that of any.
    Path,
    /// A program of the same name, wherever it lies.
    Name,
    /// A program of the same name at its making.
    OriginalName,
    /// Whoever signed.
    Signer,
    /// An address.
    Address,
    /// A name of the network.
    Domain,
    /// A file that the process wrote, wherever it lies.
    Dropped,
    /// A value of the registry that makes something come back.
    Registry,
}

impl TraceKind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Path => "path",
            Self::Name => "name",
            Self::OriginalName => "original name",
            Self::Signer => "signer",
            Self::Address => "address",
            Self::Domain => "domain",
            Self::Dropped => "dropped file",
            Self::Registry => "registry",
        }
    }
}

/// Something that is looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// What it is.
    pub kind: TraceKind,
    /// A value, in paths with `*` for what may be anything.
    pub value: String,
    /// The fields of which one has to have it.
    pub fields: Vec<&'static str>,
}

const PROGRAM_PATHS: [&str; 4] = ["process.executable", "process.parent.executable", "file.path", "dll.path"];

/// Parts of paths, in lower case and with slashes, of folders that every host has.
const EVERYWHERE: [&str; 14] = [
    ":/windows/system32/",
    ":/windows/syswow64/",
    ":/windows/winsxs/",
    ":/windows/microsoft.net/",
    ":/windows/explorer.exe",
    ":/program files/",
    ":/program files (x86)/",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/lib/",
    "/usr/libexec/",
    "/bin/",
    "/sbin/",
    "/system/library/",
];

/// Endings of files that are looked for by their name when a process wrote them.
const DROPPED_ENDINGS: [&str; 31] = [
    "exe", "dll", "sys", "scr", "cpl", "msi", "ps1", "psm1", "js", "jse", "vbs", "vbe", "wsf", "hta", "bat",
    "cmd", "lnk", "zip", "7z", "rar", "iso", "img", "jar", "py", "sh", "so", "dylib", "ini", "lic", "plist",
    "service",
];

/// The traces of an alert and of its evidence, and what is none because every host has it.
pub(crate) fn of_alert(alert: &Document, evidence: &Evidence) -> (Vec<Trace>, Vec<(String, &'static str)>) {
    let mut traces = Vec::new();
    let mut left_out = Vec::new();
    let mut add = |kind, value: &str, fields: &[&'static str]| {
        traces.push(Trace { kind, value: value.to_owned(), fields: fields.to_vec() });
    };
    let is_of_system = |path: &str| {
        let path = path.to_lowercase().replace('\\', "/");
        EVERYWHERE.iter().any(|part| path.contains(part))
    };
    for (path_field, hashes) in
        [("process.executable", "process"), ("file.path", "file"), ("dll.path", "dll")]
    {
        let path = text_in(alert, path_field);
        if let Some(path) = path {
            if is_of_system(path) {
                left_out.push((path.to_owned(), "it lies where every host has it"));
                continue;
            }
            add(TraceKind::Path, &any_user(path), &PROGRAM_PATHS);
            if let Some(name) = file_name(path) {
                add(TraceKind::Name, &format!("*{name}"), &PROGRAM_PATHS);
            }
        }
        for (algorithm, fields) in [
            (
                "sha256",
                ["process.hash.sha256", "file.hash.sha256", "dll.hash.sha256", "process.parent.hash.sha256"],
            ),
            ("sha1", ["process.hash.sha1", "file.hash.sha1", "dll.hash.sha1", "process.parent.hash.sha1"]),
            ("md5", ["process.hash.md5", "file.hash.md5", "dll.hash.md5", "process.parent.hash.md5"]),
        ] {
            for hash in values_of(alert, &format!("{hashes}.hash.{algorithm}")) {
                if let Some(hash) = hash.as_str() {
                    add(TraceKind::Hash, hash, &fields);
                }
            }
        }
        if let Some(name) = text_in(alert, &format!("{hashes}.pe.original_file_name")) {
            let fields =
                ["process.pe.original_file_name", "file.pe.original_file_name", "dll.pe.original_file_name"];
            add(TraceKind::OriginalName, name, &fields);
        }
        if let Some(signer) = text_in(alert, &format!("{hashes}.code_signature.subject_name")) {
            if signer.starts_with("Microsoft") {
                left_out.push((signer.to_owned(), "every host has what it signed"));
            } else {
                let fields = [
                    "process.code_signature.subject_name",
                    "dll.code_signature.subject_name",
                    "file.code_signature.subject_name",
                ];
                add(TraceKind::Signer, signer, &fields);
            }
        }
    }
    let deeds = |kind| evidence.deeds.of_kind(kind).iter();
    let own_addresses = values_of(alert, "destination.ip").into_iter().filter_map(|value| value.as_str());
    let deeds_addresses = deeds(DeedKind::Network).filter_map(|deed| {
        deed.details.iter().chain(&deed.weighed).find(|(field, _)| field == "destination.ip")
    });
    for address in own_addresses.chain(deeds_addresses.map(|(_, address)| address.as_str())) {
        if is_public(address) {
            add(TraceKind::Address, address, &["destination.ip", "source.ip", "dns.resolved_ip"]);
        } else {
            left_out.push((address.to_owned(), "it is an address of a private network"));
        }
    }
    let own_names = ["dns.question.name", "destination.domain", "url.domain"];
    let own_names = own_names.into_iter().filter_map(|field| text_in(alert, field));
    let deeds_names = deeds(DeedKind::Dns).map(|deed| deed.object.as_str());
    for name in own_names.chain(deeds_names).filter(|name| name.contains('.')) {
        add(TraceKind::Domain, name, &["dns.question.name", "destination.domain", "url.domain"]);
    }
    let written = deeds(DeedKind::File).filter(|deed| !deed.action.contains("delet")).take(MOST_DROPPED);
    for deed in written {
        let Some(name) = file_name(&deed.object) else { continue };
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
        if ending.is_some_and(|ending| DROPPED_ENDINGS.contains(&ending.as_str())) {
            add(TraceKind::Dropped, &format!("*{name}"), &PROGRAM_PATHS);
        }
    }
    for deed in deeds(DeedKind::Registry).filter(|deed| deed.persistence.is_some()) {
        add(TraceKind::Registry, &any_user(&deed.object), &["registry.path"]);
    }
    traces.sort();
    traces.dedup();
    // A file that a process wrote may be the program itself.
    let names: Vec<String> = traces
        .iter()
        .filter(|trace| trace.kind == TraceKind::Name)
        .map(|trace| trace.value.to_lowercase())
        .collect();
    traces.retain(|trace| trace.kind != TraceKind::Dropped || !names.contains(&trace.value.to_lowercase()));
    left_out.sort();
    left_out.dedup();
    (traces, left_out)
}

/// What is behind the last separator of a path, with the separator.
fn file_name(path: &str) -> Option<&str> {
    let at = path.rfind(['\\', '/'])?;
    (at + 1 < path.len()).then(|| &path[at..])
}

/// Parts of paths behind which the name of a user stands, in lower case.
const BEFORE_USERS: [&str; 6] =
    [":\\users\\", "\\documents and settings\\", "/home/", "/users/", "hkey_users\\", "\\registry\\user\\"];

/// Users that stand for all: their folders are the same everywhere.
const SHARED_FOLDERS: [&str; 4] = ["public", "default", "shared", "all users"];

/// A path with a `*` in place of the user that it names.
fn any_user(path: &str) -> String {
    let lower = path.to_lowercase();
    for before in BEFORE_USERS {
        // Lower case may change the length of a text; a path that it does is taken as it is.
        if lower.len() != path.len() {
            break;
        }
        let Some(at) = lower.find(before) else { continue };
        let start = at + before.len();
        let Some(length) = path[start..].find(['\\', '/']) else { continue };
        if SHARED_FOLDERS.contains(&&lower[start..start + length]) {
            continue;
        }
        return format!("{}*{}", &path[..start], &path[start + length..]);
    }
    path.to_owned()
}

fn is_public(address: &str) -> bool {
    let Some(address) = parse_ip(address) else { return false };
    match address.to_canonical() {
        std::net::IpAddr::V4(address) => {
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_unspecified()
                // Shared by the customers of a carrier.
                || (address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64))
        }
        std::net::IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_multicast()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}

/// The condition of a trace: case does not count.
pub(super) fn lowered(trace: &Trace, schema: &dyn Schema) -> Condition {
    let has_wildcard =
        matches!(trace.kind, TraceKind::Path | TraceKind::Name | TraceKind::Dropped | TraceKind::Registry);
    let of_field = |field: &&'static str| {
        if matches!(trace.kind, TraceKind::Address) {
            json!({ "match_phrase": { (*field): trace.value } })
        } else if has_wildcard {
            json!({ "wildcard": { (*field): { "value": escaped(&trace.value), "case_insensitive": true } } })
        } else {
            json!({ "term": { (*field): { "value": trace.value, "case_insensitive": true } } })
        }
    };
    let fields: Vec<_> = trace.fields.iter().map(of_field).collect();
    clause(&json!({ "bool": { "should": fields, "minimum_should_match": 1 } }), schema)
}

/// A value as a wildcard query takes it: only `*` has a meaning.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('?', "\\?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_anybody() {
        for (path, expected) in [
            ("C:\\Users\\nora.velde\\AppData\\x.exe", "C:\\Users\\*\\AppData\\x.exe"),
            ("/home/nora/.cache/x", "/home/*/.cache/x"),
            ("C:\\Users\\Public\\x.exe", "C:\\Users\\Public\\x.exe"),
            ("C:\\ProgramData\\x.exe", "C:\\ProgramData\\x.exe"),
            ("HKEY_USERS\\S-1-5-21-1\\Software\\Run\\x", "HKEY_USERS\\*\\Software\\Run\\x"),
            ("C:\\Users\\x.exe", "C:\\Users\\x.exe"),
        ] {
            assert_eq!(any_user(path), expected);
        }
    }

    #[test]
    fn private_addresses_are_no_traces() {
        for address in [
            "10.1.2.3",
            "192.168.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "100.64.0.1",
            "x",
        ] {
            assert!(!is_public(address), "{address}");
        }
        for address in ["203.0.113.9", "2001:db8::1", "100.128.0.1"] {
            assert!(is_public(address), "{address}");
        }
    }
}
