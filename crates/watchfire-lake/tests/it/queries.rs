//! SQL, statistics and export.

use serde_json::{Value, json};
use watchfire_lake::{LakeError, LakeReader, QueryOptions, Selection};

use crate::support::{NOW, catalogue, clock, event, open};

fn lake_of_two(folder: &std::path::Path) -> watchfire_lake::Lake {
    let lake = open(folder, &clock());
    let given = [
        event(
            "a",
            json!({"@timestamp": "2026-03-02T07:00:00Z", "process": {"pid": 7, "entity_id": "e7", "args": ["x", "x"]}}),
        ),
        event(
            "b",
            json!({"@timestamp": "2026-03-02T06:00:00Z", "process": {"pid": 8, "name": ["one", "two"]}}),
        ),
    ];
    lake.append(&given).expect("there is room");
    lake.commit().expect("it commits");
    lake
}

#[test]
fn tables_are_queried_in_sql() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = lake_of_two(folder.path());
    let query = |sql: &str| lake.reader().query(sql, QueryOptions::default());
    let table = |sql: &str| query(sql).expect("it runs").to_table().expect("it can be shown");
    insta::assert_snapshot!(table(
        r#"SELECT "_id", "@timestamp", "process.pid", "process.args", "_diverted", arrival_date
           FROM "logs-test-default" WHERE "@timestamp" >= TIMESTAMP '2026-03-02T00:00:00Z' ORDER BY "@timestamp""#
    ));
    insta::assert_snapshot!(table(
        r#"SELECT count(*) AS n FROM "logs-test-default" WHERE "process.entity_id" = 'e7'"#
    ));
    assert_eq!(query(r#"SELECT "_id" FROM "logs-test-default" WHERE false"#).expect("it runs").rows(), 0);
    for refused in [
        r#"DELETE FROM "logs-test-default""#,
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM '/etc/passwd'",
    ] {
        assert!(matches!(query(refused), Err(LakeError::Query(_))), "{refused}");
    }
}

#[test]
fn statistics_are_those_of_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = lake_of_two(folder.path());
    let statistics = lake.reader().statistics().expect("they can be read").remove(0);
    assert_eq!((statistics.files, statistics.rows, statistics.diverted_rows), (1, 2, 1));
    assert_eq!(statistics.ingested, Some((NOW * 1_000, NOW * 1_000)));
    assert_eq!(statistics.timestamps, Some(((NOW - 7_200_000) * 1_000, (NOW - 3_600_000) * 1_000)));
    assert_eq!(statistics.sequences, Some((1, 2)));
}

#[test]
fn events_are_exported_as_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(lake_of_two(folder.path()));
    let reader = LakeReader::open(folder.path()).expect("it opens");
    let mut out = Vec::new();
    let written = reader.export(&*catalogue(), &Selection::default(), &mut out).expect("it exports");
    assert_eq!(written, 2);
    let lines: Vec<Value> = String::from_utf8(out)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!((&lines[0]["_id"], &lines[1]["_id"]), (&json!("a"), &json!("b")), "in order of arrival");
    assert_eq!(lines[0]["_source"]["process"]["args"], json!(["x", "x"]));
    assert_eq!(lines[0]["_index"], "logs-test-default");
}

#[test]
fn a_folder_without_a_lake_is_an_empty_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let reader = LakeReader::open(&folder.path().join("none")).expect("it opens");
    assert_eq!(reader.statistics().expect("they can be read"), []);
    assert!(!folder.path().join("none").exists(), "reading makes nothing");
}
