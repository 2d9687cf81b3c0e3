//! Reading EQL: `cargo bench -p watchfire-eql --bench parse`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use watchfire_eql::{parse, tokenize};

/// Queries of the kinds that rules have, the short ones first.
const QUERIES: [(&str, &str); 4] = [
    (
        "one event",
        r#"process where event.type == "start" and process.name : "certutil.exe" and process.args : "-urlcache""#,
    ),
    (
        "exclusions",
        r#"file where host.os.type == "windows" and event.type != "deletion" and
           file.extension : ("exe", "dll", "sys") and file.path : ("?:\\Users\\*\\AppData\\*", "?:\\ProgramData\\*") and
           not (process.code_signature.trusted == true and
                process.code_signature.subject_name : ("Meadow Software", "Ferry Software GmbH*")) and
           not process.executable : (
             "?:\\Program Files\\*.exe", "?:\\Program Files (x86)\\*.exe", "?:\\Windows\\System32\\svchost.exe",
             "?:\\Windows\\servicing\\TrustedInstaller.exe", "?:\\Windows\\WinSxS\\*\\TiWorker.exe"
           )"#,
    ),
    (
        "sequence",
        r#"sequence by host.id, process.entity_id with maxspan=5m
             [process where event.type == "start" and startsWith~(process.name, "ps") and process.args_count > 2]
             [network where destination.port in (80, 443) and not cidrmatch(destination.ip, "10.0.0.0/8", "fe80::/10")]
             [file where length(file.name) >= 8 and stringContains(file.path, "temp")]
           until [process where event.type == "end"]"#,
    ),
    (
        "mistakes",
        r#"process where process.name = "a.exe" and (process.args : "x" or event.typ == 'start' and )"#,
    ),
];

/// A query with a list as long as the longest of public rules.
fn long_list() -> String {
    let names: Vec<String> = (0..600).map(|number| format!("\"tool-{number}.exe\"")).collect();
    format!("process where process.name in~ ({})", names.join(", "))
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("eql");
    let long = long_list();
    for (name, text) in QUERIES.into_iter().chain([("long list", long.as_str())]) {
        // A query that is refused for another reason than its mistakes would measure something else.
        assert_eq!(parse(text).is_valid(), name != "mistakes", "{name}: {:?}", parse(text).diagnostics);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("parse, {name}"), |bencher| bencher.iter(|| parse(black_box(text))));
    }
    group.bench_function("tokens, long list", |bencher| bencher.iter(|| tokenize(black_box(&long))));
    group.finish();
}

criterion_group!(benches, parsing);
criterion_main!(benches);
