//! What a failing disk does.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;
use watchfire_lake::{CheckDepth, DamageKind, LakeOptions, LakeReader, Selection};

use crate::support::{clock, event, ids, open, open_with};

fn newest(folder: &Path, end: &str) -> PathBuf {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == end))
        .collect();
    paths.sort();
    paths.pop().expect("a file")
}

fn cut(path: &Path, less: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("a file");
    file.set_len(file.metadata().expect("its size").len() - less).expect("it can be cut");
}

fn append(lake: &watchfire_lake::Lake, id: &str) {
    lake.append(&[event(id, json!({"message": "x".repeat(40)}))]).expect("there is room");
}

#[test]
fn a_torn_end_of_the_spool_is_cut_off_and_told() {
    for less in [1, 20, 60] {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = clock();
        let lake = open(folder.path(), &clock);
        append(&lake, "a");
        append(&lake, "b");
        drop(lake);
        let segment = newest(&folder.path().join("spool"), "spool");
        cut(&segment, less);
        let (lake, report) = open_with(folder.path(), &clock, LakeOptions::default());
        assert_eq!(report.replayed, 1);
        let [damage] = &report.spool.damage[..] else { panic!("{report:?}") };
        assert_eq!(damage.kind, DamageKind::TornTail);
        assert_eq!(fs::metadata(&damage.copy).expect("a copy").len(), damage.bytes);
        append(&lake, "c");
        lake.commit().expect("it commits");
        assert_eq!(ids(lake.reader(), Selection::default()), ["a", "c"]);
        drop(lake);
        let (_, report) = open_with(folder.path(), &clock, LakeOptions::default());
        assert_eq!(report.spool.damage, [], "it is told once");
    }
}

#[test]
fn damage_between_records_loses_only_these() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let lake = open(folder.path(), &clock);
    for id in ["a", "b", "c", "d"] {
        append(&lake, id);
    }
    drop(lake);
    let segment = newest(&folder.path().join("spool"), "spool");
    let mut bytes = fs::read(&segment).expect("a segment");
    let record = (bytes.len() - 16) / 4;
    bytes[16 + record + record / 2] ^= 0x55;
    fs::write(&segment, bytes).expect("it can be written");
    let (lake, report) = open_with(folder.path(), &clock, LakeOptions::default());
    let [damage] = &report.spool.damage[..] else { panic!("{report:?}") };
    assert_eq!(damage.kind, DamageKind::Corrupt { missing: Some(1) });
    assert_eq!((damage.offset, damage.bytes), (16 + record as u64, record as u64));
    lake.commit().expect("it commits");
    assert_eq!(ids(lake.reader(), Selection::default()), ["a", "c", "d"]);
}

#[test]
fn a_torn_commit_is_made_again_from_the_spool() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let lake = open(folder.path(), &clock);
    append(&lake, "a");
    lake.commit().expect("it commits");
    append(&lake, "b");
    let spool = folder.path().join("spool");
    let kept: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(&spool)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), fs::read(&path).expect("a segment")))
        .collect();
    lake.commit().expect("it commits");
    drop(lake);
    // As after a loss of power behind the commit: the newest part of the log is empty, the spool still there.
    for (path, bytes) in kept {
        fs::write(path, bytes).expect("it can be written");
    }
    let log = folder.path().join("tables/logs-test-default/_delta_log");
    fs::write(newest(&log, "json"), b"").expect("it can be written");
    let reader = LakeReader::open(folder.path()).expect("it opens");
    assert!(!reader.check(CheckDepth::Footers).expect("it can be checked").is_sound());
    let (lake, report) = open_with(folder.path(), &clock, LakeOptions::default());
    assert_eq!((report.set_aside.len(), report.replayed), (1, 1));
    lake.commit().expect("it commits");
    assert_eq!(ids(lake.reader(), Selection::default()), ["a", "b"]);
    assert!(lake.reader().check(CheckDepth::Values).expect("it can be checked").is_sound());
}

#[test]
fn a_table_that_was_never_finished_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("tables/logs-test-default/_delta_log")).expect("it can be made");
    let lake = open(folder.path(), &clock());
    append(&lake, "a");
    lake.commit().expect("it commits");
    assert_eq!(ids(lake.reader(), Selection::default()), ["a"]);
}

#[test]
fn a_damaged_checkpoint_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let lake = open(folder.path(), &clock);
    append(&lake, "a");
    lake.commit().expect("it commits");
    lake.vacuum(24).expect("it vacuums, and writes a checkpoint");
    append(&lake, "b");
    lake.commit().expect("it commits");
    drop(lake);
    let log = folder.path().join("tables/logs-test-default/_delta_log");
    fs::write(newest(&log, "parquet"), b"PAR1").expect("it can be written");
    let reader = LakeReader::open(folder.path()).expect("it opens");
    assert!(!reader.check(CheckDepth::Footers).expect("it can be checked").is_sound());
    let (lake, report) = open_with(folder.path(), &clock, LakeOptions::default());
    assert_eq!(report.set_aside.len(), 2, "the checkpoint, and the file that names it");
    assert_eq!(ids(lake.reader(), Selection::default()), ["a", "b"]);
}

#[test]
fn damaged_files_are_found_and_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let lake = open(folder.path(), &clock);
    for id in ["a", "b", "c", "d"] {
        append(&lake, id);
        lake.commit().expect("it commits");
    }
    let partition = folder.path().join("tables/logs-test-default/arrival_date=2026-03-02");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&partition).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    fs::remove_file(&files[0]).expect("it can be deleted");
    cut(&files[1], 7);
    // The bytes behind the first four are those of the first page.
    let mut bytes = fs::read(&files[2]).expect("a file");
    bytes[4..200].fill(0xff);
    let mut file = OpenOptions::new().write(true).open(&files[2]).expect("a file");
    file.write_all(&bytes).expect("it can be written");

    let shallow = lake.reader().check(CheckDepth::Footers).expect("it can be checked");
    assert_eq!(shallow.tables[0].problems.len(), 2);
    let deep = lake.reader().check(CheckDepth::Values).expect("it can be checked");
    assert_eq!(deep.tables[0].problems.len(), 3, "{deep:?}");
    let done = lake.repair(CheckDepth::Values).expect("it can be repaired");
    assert_eq!(done.given_up.iter().map(|(_, problem)| problem.rows).sum::<u64>(), 3);
    assert_eq!(ids(lake.reader(), Selection::default()), ["d"]);
    assert!(lake.reader().check(CheckDepth::Values).expect("it can be checked").is_sound());
    let quarantined = fs::read_dir(folder.path().join("quarantine")).expect("a folder").count();
    assert_eq!(quarantined, 2, "what is left of a file is kept");
}
