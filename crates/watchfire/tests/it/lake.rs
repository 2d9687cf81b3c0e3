//! `watchfire lake`, from files to a table and back.

use std::path::Path;
use std::process::{Command, Output};

fn watchfire(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}

fn folder_with_events() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/elastic-defend.ndjson");
    std::fs::copy(demo, folder.path().join("events.ndjson")).expect("it can be copied");
    folder
}

#[test]
fn events_go_into_a_lake_and_come_out_again() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    let (code, _, log) = run(&["lake", "import", "lake", "events.ndjson"]);
    assert!(code == 0 && log.contains("; 0 had arrived before"), "{log}");
    let (code, _, log) = run(&["lake", "import", "lake", "events.ndjson"]);
    assert!(code == 0 && log.contains("stored: 0 events; "), "{log}");
    let (code, out, _) = run(&["lake", "check", "lake", "--deep"]);
    assert!(code == 0 && out.ends_with("spool: 0 events\n"), "{out}");
    let sql = "SELECT count(*) AS n FROM \"logs-endpoint.events.process-default\" WHERE \"process.name\" = 'cmd.exe'";
    let (code, out, log) = run(&["lake", "query", "lake", sql]);
    insta::assert_snapshot!(out);
    assert_eq!(code, 0, "{log}");
    let (code, out, _) = run(&["lake", "stats", "lake"]);
    assert_eq!((code, out.lines().count()), (0, 6));
    // What a lake gives back, rules find the same in.
    let (code, _, log) = run(&["lake", "export", "lake", "--output", "exported.ndjson"]);
    assert_eq!(code, 0, "{log}");
    let query = "process where process.name : \"cmd.exe\"";
    let found = |file: &str| run(&["hunt", query, file, "--format", "ndjson"]).1.lines().count();
    let all = found("events.ndjson");
    assert!(all > 0);
    assert_eq!(found("exported.ndjson"), all);
    let (code, out, log) = run(&["hunt", query, "--lake", "lake", "--format", "ndjson"]);
    assert_eq!((code, out.lines().count()), (0, all), "{log}");
    let sequence = "sequence by host.id with maxspan=1d [process where true] [network where true]";
    let sequences =
        |arguments: &[&str]| run(&[&["hunt", sequence, "--format", "ndjson"], arguments].concat()).1;
    assert_eq!(sequences(&["--lake", "lake"]), sequences(&["exported.ndjson"]));
    let (code, _, log) = run(&["lake", "compact", "lake", "--vacuum", "24"]);
    assert!(code == 0 && log.contains("deleted: 0 files"), "{log}");
}

/// Queries that columns decide, in part, or not at all; the last part of each log is the same too: what was read, what is missing.
#[test]
fn a_hunt_in_a_lake_finds_what_one_in_its_export_does() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    run(&["lake", "import", "lake", "events.ndjson"]);
    run(&["lake", "export", "lake", "--output", "exported.ndjson"]);
    let mut found = 0;
    let queries = |language, text: &'static str| text.lines().map(move |query| (query, language));
    let of_eql = queries("eql", include_str!("../lake_queries.txt"));
    for (query, language) in of_eql.chain(queries("esql", include_str!("../lake_esql_queries.txt"))) {
        for window in [&[][..], &["--from", "2026-03-17T08:10:00Z", "--to", "2026-03-17T09:00:00Z"]] {
            let hunt = |input: &[&str]| {
                let asked = ["hunt", query, "--format", "ndjson", "--language", language];
                let (code, out, log) = run(&[&asked, input, window].concat());
                assert!(code < 2, "{query}: {log}");
                (code, out, log.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
            };
            let of_lake = hunt(&["--lake", "lake"]);
            found += of_lake.1.lines().count();
            // Events outside of a window are not looked at in a lake, and so not counted.
            // Nor are data streams that a query does not name.
            if window.is_empty() && language != "esql" {
                assert_eq!(of_lake, hunt(&["exported.ndjson"]), "{query}");
            } else {
                let of_file = hunt(&["exported.ndjson"]);
                assert_eq!(of_lake.1, of_file.1, "{query}, in {window:?}");
                if language == "esql" {
                    assert_eq!(of_lake.2.last(), of_file.2.last(), "{query}, in {window:?}");
                }
            }
        }
    }
    assert!(found > 100, "{found}");
}

/// The ids of the events of all tables that a query for single events finds, by a condition behind `WHERE`.
fn ids_in_sql(folder: &Path, query: &str) -> (Vec<String>, String) {
    let tables = ["process", "network", "file", "library", "registry", "security"];
    let condition = query.replace('\'', "''");
    let of_table = |table| {
        format!("SELECT \"_id\" FROM \"logs-endpoint.events.{table}-default\" WHERE eql('{condition}')")
    };
    let sql = tables.map(of_table).join(" UNION ALL ");
    let (code, out, log) = watchfire(folder, &["lake", "query", "lake", &sql]);
    assert_eq!(code, 0, "{query}: {log}");
    let ids = out.lines().skip(3).filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    let mut ids: Vec<String> = ids.map(str::to_owned).collect();
    ids.sort();
    (ids, log)
}

#[test]
fn a_condition_in_sql_means_what_it_means_in_a_hunt() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    run(&["lake", "import", "lake", "events.ndjson"]);
    let mut found = 0;
    let single = |query: &&str| !query.starts_with("sequence") && !query.starts_with("sample");
    for query in include_str!("../lake_queries.txt").lines().filter(single) {
        let (_, out, _) = run(&["hunt", query, "--lake", "lake", "--format", "ndjson"]);
        let id = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
            event["_id"].as_str().expect("an id").to_owned()
        };
        let mut expected: Vec<String> = out.lines().map(id).collect();
        expected.sort();
        let (ids, log) = ids_in_sql(folder.path(), query);
        assert_eq!(ids, expected, "{query}");
        if query.contains("own.field") {
            assert!(log.contains("the rows have no column `own.field`"), "{log}");
        }
        found += ids.len();
    }
    assert!(found > 100, "{found}");
}

#[test]
fn conditions_are_asked_before_rows_are_read() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    run(&["lake", "import", "lake", "events.ndjson"]);
    let plan = |sql: &str| {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
        let sql = format!("EXPLAIN ANALYZE {sql}");
        let (code, out, log) =
            run(&["lake", "query", "lake", &sql, "--rules", rules.to_str().expect("a path in UTF-8")]);
        assert_eq!(code, 0, "{log}");
        out
    };
    let table = "\"logs-endpoint.events.process-default\"";
    let some = plan(&format!("SELECT \"_id\" FROM {table} WHERE kql('process.name: whoami.exe')"));
    assert!(some.contains("LakeScanExec") && some.contains("selectivity=100% (2/2)"), "{some}");
    let none = plan(&format!(
        "SELECT \"_id\" FROM {table} WHERE kql('process.name: *.exe') AND \"@timestamp\" > '2027-01-01T00:00:00Z'"
    ));
    assert!(none.contains("files_passed_over=1,"), "{none}");
    // Without a condition the library of tables reads, by its own statistics.
    let plain = plan(&format!("SELECT \"_id\" FROM {table} WHERE \"process.name\" = 'whoami.exe'"));
    assert!(!plain.contains("LakeScanExec"), "{plain}");
    let hits = plan("SELECT rule_name FROM rule_hits");
    assert!(hits.contains("RuleSetExec"), "{hits}");
}

/// Rules for single events make an alert of each hit.
#[test]
fn rules_hit_in_sql_what_they_alert_on_in_a_scan() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let rules = rules.to_str().expect("a path in UTF-8");
    run(&["lake", "import", "lake", "events.ndjson"]);
    let sql = "SELECT rule_name, count(*) AS n FROM rule_hits WHERE stage IS NULL GROUP BY 1 ORDER BY 1";
    let (code, out, log) = run(&["lake", "query", "lake", sql, "--rules", rules]);
    assert_eq!((code, &*log), (0, ""));
    let hits: Vec<(String, usize)> = out
        .lines()
        .skip(3)
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split('|').map(str::trim);
            Some((cells.next()?.to_owned(), cells.next()?.parse().ok()?))
        })
        .collect();
    let (_, alerts, _) = run(&["scan", "--lake", "lake", "--rules", rules, "--format", "ndjson"]);
    let mut expected = std::collections::BTreeMap::new();
    for line in alerts.lines() {
        let alert: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if alert.get("kibana.alert.group.id").is_none() {
            let name = alert["kibana.alert.rule.name"].as_str().expect("a name").to_owned();
            *expected.entry(name).or_insert(0) += 1;
        }
    }
    assert!(!hits.is_empty());
    assert_eq!(hits, expected.into_iter().collect::<Vec<_>>());
}

/// All but where an alert's event was read.
#[test]
fn a_scan_of_a_lake_alerts_as_one_of_its_export() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let rules = rules.to_str().expect("a path in UTF-8");
    run(&["lake", "import", "lake", "events.ndjson"]);
    run(&["lake", "export", "lake", "--output", "exported.ndjson"]);
    let scan = |input: &[&str]| -> Vec<serde_json::Value> {
        let (_, out, _) = run(&[&["scan", "--rules", rules, "--format", "ndjson"], input].concat());
        let alert = |line: &str| {
            let mut alert: serde_json::Value = serde_json::from_str(line).expect("JSON");
            alert.as_object_mut().expect("an object").remove("watchfire.evidence");
            alert
        };
        out.lines().map(alert).collect()
    };
    let of_lake = scan(&["--lake", "lake"]);
    assert!(!of_lake.is_empty());
    assert!(of_lake == scan(&["exported.ndjson"]), "alerts differ");
    let window = ["--from", "2026-03-17T08:00:00Z", "--to", "2026-03-17T09:00:00Z"];
    let inside = scan(&[&["--lake", "lake"], &window[..]].concat());
    assert!(!inside.is_empty() && inside.len() < of_lake.len());
    assert!(inside == scan(&[&["exported.ndjson"], &window[..]].concat()), "alerts within a window differ");
}

#[test]
fn what_is_wrong_is_told() {
    let folder = folder_with_events();
    let run = |arguments: &[&str]| watchfire(folder.path(), arguments);
    let (code, _, log) = run(&["lake", "stats", "none"]);
    assert!(code == 2 && log.contains("is no lake"), "{log}");
    run(&["lake", "import", "lake", "events.ndjson"]);
    let (code, _, log) = run(&["lake", "query", "lake", "DROP TABLE x"]);
    assert!(code == 2 && log.contains("DDL"), "{log}");
    let of_events = "FROM \"logs-endpoint.events.process-default\" WHERE";
    for (sql, why) in [
        ("eql('process where')", "eql(…): query:1:14: error[EQL011]"),
        ("eql('process where true | head 1')", "a condition has no pipes"),
        ("eql('sequence [any where true] [any where true]')", "no sequence or sample"),
        ("kql(\"process.name\")", "kql(…) takes the text of a query, in single quotes"),
    ] {
        let (code, _, log) = run(&["lake", "query", "lake", &format!("SELECT 1 {of_events} {sql}")]);
        assert!(code == 2 && log.contains(why) && log.lines().count() == 1, "{log}");
    }
    let joined = "SELECT 1 FROM \"logs-endpoint.events.process-default\" AS a JOIN \
        \"logs-endpoint.events.process-default\" AS b ON a.\"_id\" = b.\"_id\" WHERE kql('process.name: x')";
    let (code, _, log) = run(&["lake", "query", "lake", joined]);
    assert!(code == 2 && log.contains("ask it in a subquery of one table"), "{log}");
    let rule = folder.path().join("broken.toml");
    std::fs::write(&rule, "[rule]\nname = 1\n").expect("it can be written");
    let (code, _, log) = run(&["lake", "query", "lake", "SELECT * FROM rule_hits", "--rules", "broken.toml"]);
    assert!(code == 1 && log.contains("broken.toml"), "{log}");
    let table = folder.path().join("lake/tables/logs-endpoint.events.process-default");
    let partition = std::fs::read_dir(table)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.file_name().is_some_and(|name| name != "_delta_log"))
        .expect("a partition");
    for file in std::fs::read_dir(partition).expect("a folder") {
        std::fs::write(file.expect("an entry").path(), "gone").expect("it can be written");
    }
    let (code, out, _) = run(&["lake", "check", "lake"]);
    assert!(code == 1 && out.contains("damaged: "), "{out}");
    let (code, out, _) = run(&["lake", "check", "lake", "--repair"]);
    assert!(code == 1 && out.contains("given up: "), "{out}");
    assert_eq!(run(&["lake", "check", "lake", "--deep"]).0, 0);
}
