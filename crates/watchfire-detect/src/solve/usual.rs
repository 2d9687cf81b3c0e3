//! Values that people expect in a field of which a rule says nothing, or too little.

use watchfire_events::{FieldType, TypeFamily};

use super::value::Value;

/// Texts for a field by the last parts of its name, the most telling first.
const TEXTS: &[(&str, &[&str])] = &[
    ("process.parent.name", &["explorer.exe", "cmd.exe", "bash"]),
    (
        "process.parent.executable",
        &["C:\\Windows\\explorer.exe", "/usr/bin/bash", "C:\\Users\\Public\\setup.exe"],
    ),
    ("process.name", &["setup.exe", "notepad.exe", "python3", "curl"]),
    (
        "executable",
        &["C:\\Users\\Public\\setup.exe", "/opt/tool/setup", "C:\\Windows\\System32\\notepad.exe"],
    ),
    ("working_directory", &["/home/alice", "C:\\Users\\alice"]),
    ("command_line", &["setup.exe /quiet", "setup --all", "bash -c ls"]),
    ("args", &["/quiet", "--all", "-c"]),
    ("code_signature.subject_name", &["Example Software Ltd", "Microsoft Windows"]),
    ("code_signature.status", &["trusted", "errorUntrustedRoot"]),
    ("dll.path", &["C:\\Users\\Public\\plugin.dll"]),
    ("file.path", &["C:\\Users\\alice\\Downloads\\report.txt", "/home/alice/report.txt", "/tmp/report"]),
    ("file.name", &["report.txt", "setup.exe", "report"]),
    ("file.extension", &["txt", "exe", "dat"]),
    ("file.directory", &["C:\\Users\\alice\\Downloads", "/home/alice"]),
    ("registry.path", &["HKEY_LOCAL_MACHINE\\SOFTWARE\\Example\\Value"]),
    ("registry.key", &["SOFTWARE\\Example"]),
    ("registry.value", &["Value"]),
    ("registry.data.strings", &["C:\\Users\\Public\\setup.exe"]),
    ("host.name", &["ws01", "srv02", "ws03"]),
    ("host.hostname", &["ws01", "srv02"]),
    ("computer_name", &["ws01.example.com", "srv02.example.com"]),
    ("host.id", &["4c3f1b7e-8a52-4d1c-9f60-2b7d5e8a1c34"]),
    ("entity_id", &["NGMzZjFiN2UtNDI0Mi0xNzY3MjI1NjAw", "NGMzZjFiN2UtNDI0My0xNzY3MjI1NjAx"]),
    ("user.email", &["alice@example.com", "bob@example.com"]),
    ("user.domain", &["EXAMPLE", "WS01"]),
    ("user.id", &["S-1-5-21-1004336348-1177238915-682003330-1001", "1001"]),
    ("user.name", &["alice", "bob", "svc-backup"]),
    ("user_agent.original", &["Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0"]),
    ("url.path", &["/index.html", "/login"]),
    ("url.original", &["https://www.example.com/index.html"]),
    ("url.full", &["https://www.example.com/index.html"]),
    ("domain", &["www.example.com", "mail.example.org"]),
    ("dns.question.name", &["www.example.com", "mail.example.org"]),
    ("hash.sha256", &["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]),
    ("hash.md5", &["098f6bcd4621d373cade4e832627b4f6"]),
    ("cloud.account.id", &["123456789012", "210987654321"]),
    ("account_id", &["123456789012", "210987654321"]),
    ("cloud.region", &["eu-central-1", "us-east-1"]),
    ("country_name", &["Germany", "Brazil"]),
    ("country_iso_code", &["DE", "BR"]),
    ("LogonId", &["0x3e4a1", "0x51b2c"]),
    ("event.action", &["start", "other"]),
    ("event.outcome", &["success", "failure"]),
    ("message", &["something happened"]),
];

const ANY_TEXTS: &[&str] = &["example", "sample", "other", "x1", "Example 2"];

/// Addresses of hosts inside and outside.
const ADDRESSES: &[&str] = &[
    "81.2.69.142",
    "10.20.30.40",
    "192.168.1.20",
    "175.16.199.10",
    "8.8.8.8",
    "203.0.113.10",
    "2a02:cf40::5",
    "fd00::15",
];

/// Numbers for a field by the last part of its name.
const NUMBERS: &[(&str, i64)] =
    &[("pid", 4_242), ("port", 50_123), ("args_count", 3), ("size", 48_128), ("bytes", 2_048)];

const TIMES: &[&str] = &["2026-01-01T00:00:00.000Z", "2025-12-31T12:00:00.000Z", "2026-01-02T08:30:00.000Z"];

/// Values that fit the type of a field, the most usual first; `further` so many more, if there can be.
pub(super) fn values(name: &str, column: FieldType, further: usize) -> Vec<Value> {
    let text = |text: &&str| Value::Text((*text).to_owned());
    let ends = |end: &str| name == end || name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
    match column.family() {
        TypeFamily::Text | TypeFamily::AnalysedText | TypeFamily::Dynamic => {
            let own = TEXTS.iter().find(|(end, _)| ends(end)).map_or(&[][..], |(_, texts)| texts);
            let more = (0..further).map(|number| Value::Text(format!("sample-{}", number + 2)));
            own.iter().chain(ANY_TEXTS).map(text).chain(more).collect()
        }
        TypeFamily::Version => ["1.2.3", "10.0.1", "0.9"].iter().map(text).collect(),
        TypeFamily::Number => {
            let own = NUMBERS.iter().find(|(end, _)| name.ends_with(end)).map(|(_, number)| *number);
            let numbers = own.into_iter().chain([1, 0, 2, 10, 100, 1_000, 100_000]);
            numbers.chain((0..further as i64).map(|number| 5_000 + number)).map(Value::Integer).collect()
        }
        TypeFamily::Boolean => vec![Value::Boolean(true), Value::Boolean(false)],
        TypeFamily::Ip => {
            let more = (0..further).map(|number| {
                Value::Text(format!("175.16.{}.{}", 200 + number / 250 % 50, number % 250 + 1))
            });
            ADDRESSES.iter().map(text).chain(more).collect()
        }
        TypeFamily::Date => TIMES.iter().map(text).collect(),
        TypeFamily::Other => Vec::new(),
    }
}
