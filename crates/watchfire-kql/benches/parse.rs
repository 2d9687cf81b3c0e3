//! Reading KQL: `cargo bench -p watchfire-kql --bench parse`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use watchfire_kql::parse;

/// Queries of the kinds that rules have, the short ones first.
const QUERIES: [(&str, &str); 4] = [
    ("one event", r#"event.category: process and event.type: start and process.name: "certutil.exe""#),
    (
        "groups",
        r#"data_stream.dataset: "aws.cloudtrail" and event.provider: iam.amazonaws.com and
           event.action: (CreateUser or AttachUserPolicy or PutUserPolicy or CreateLoginProfile) and
           event.outcome: success and not user.name: (ci-publisher or deploy-*) and
           not (source.ip: 10.0.0.0/8 or user_agent.original: *terraform*)"#,
    ),
    (
        "nested",
        r#"related.items: { name: (alpha or beta) and size > 100 } and not (host.name: web-* and (process.args: -enc or
           process.command_line: (*hidden* or *bypass*))) and @timestamp >= "2026-03-02T08:00:00Z" and winlog.event_id: *"#,
    ),
    ("mistakes", r#"process.name: (a or ) and event.type: "start and host.name :"#),
];

/// A query with a list as long as the longest of public rules.
fn long_list() -> String {
    let names: Vec<String> = (0..600).map(|number| format!("tool-{number}.exe")).collect();
    format!("process.name: ({})", names.join(" or "))
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kql");
    let long = long_list();
    for (name, text) in QUERIES.into_iter().chain([("long list", long.as_str())]) {
        // A query that is refused for another reason than its mistakes would measure something else.
        assert_eq!(parse(text).is_valid(), name != "mistakes", "{name}: {:?}", parse(text).diagnostics);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("parse, {name}"), |bencher| bencher.iter(|| parse(black_box(text))));
    }
    group.finish();
}

criterion_group!(benches, parsing);
criterion_main!(benches);
