//! Compaction, retention, vacuum.

use std::fs;
use std::path::Path;

use serde_json::json;
use watchfire_events::{IndexPatterns, Timestamp};
use watchfire_lake::{CheckDepth, CompactionOptions, CompactionReport, ExpiryReport, LakeReader, Selection};

use crate::support::{NOW, clock, event, ids, open, stream};

const DAY: i64 = 86_400_000;

fn parquet_files(folder: &Path) -> usize {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("_delta_log") {
                parquet_files(&path)
            } else {
                usize::from(path.extension().is_some_and(|end| end == "parquet"))
            }
        })
        .sum()
}

#[test]
fn small_files_become_one_of_each_day_and_the_old_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let lake = open(folder.path(), &clock);
    let patterns = IndexPatterns::default();
    for day in 0..3_i64 {
        for number in 0..4_i64 {
            clock.set(Timestamp::from_millis(NOW + day * DAY + number * 1_000));
            let time = Timestamp::from_millis(NOW - number * 1_000).to_iso_millis();
            // Each commit brings a column that the others lack.
            let document = json!({"@timestamp": time, format!("only.{day}{number}"): number, "host.id": "h"});
            lake.append(&[event(&format!("{day}{number}"), document)]).expect("there is room");
            lake.commit().expect("it commits");
        }
    }
    let all = ids(lake.reader(), Selection::default());
    let options = CompactionOptions { least_files: 5, ..CompactionOptions::default() };
    let nothing = lake.compact(&patterns, options).expect("it compacts");
    assert_eq!(nothing, CompactionReport::default(), "too few files to be worth it");
    let options = CompactionOptions { least_files: 4, ..options };
    let done = lake.compact(&patterns, options).expect("it compacts");
    assert_eq!((done.files_before, done.files_after, done.rows), (12, 3, 12));
    assert_eq!(ids(lake.reader(), Selection::default()), all);
    let report = lake.reader().check(CheckDepth::Values).expect("it can be checked");
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.tables[0].files, report.tables[0].unknown_files.0), (3, 12));
    let again = lake.compact(&patterns, options).expect("it compacts");
    assert_eq!(again, CompactionReport::default(), "what is compacted is left alone");

    let days = |name: &watchfire_events::DataStream| (*name == stream()).then_some(1);
    let gone = lake.expire(&days).expect("it expires");
    assert_eq!((gone.files, gone.rows), (1, 4));
    assert_eq!(lake.expire(&days).expect("it expires"), ExpiryReport::default());
    assert_eq!(ids(lake.reader(), Selection::default()), all[4..]);

    let reader = LakeReader::open(folder.path()).expect("it opens");
    let table = folder.path().join("tables/logs-test-default");
    assert_eq!(parquet_files(&table), 15);
    clock.set(Timestamp::from_millis(NOW + 2 * DAY + 3_600_000));
    let kept = lake.vacuum(24).expect("it vacuums");
    assert_eq!((kept.files, parquet_files(&table)), (0, 15), "within the margin nothing goes");
    // Files that no table ever knew are told by when they were written, which is the present of this machine.
    let written = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    clock.set(Timestamp::from_millis(NOW.max(written.as_millis() as i64) + 4 * DAY));
    let done = lake.vacuum(24).expect("it vacuums");
    assert_eq!((done.files, parquet_files(&table)), (13, 2));
    assert_eq!(ids(&reader, Selection::default()), all[4..]);
    let report = reader.check(CheckDepth::Values).expect("it can be checked");
    assert!(report.is_sound() && report.tables[0].unknown_files == (0, 0), "{report:?}");
    lake.append(&[event("after", json!({}))]).expect("there is room");
    lake.commit().expect("a table can be written to after all that");
}
