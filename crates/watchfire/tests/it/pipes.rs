//! Who stops reading has seen enough: a closed pipe is no error.

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn a_closed_pipe_is_no_error() {
    // Every diagnostic of every case: more than a pipe takes before somebody reads.
    let run = |stdout: Stdio| {
        Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(["check", "check", "--format", "sarif", "--fail-on", "error"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"))
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs")
    };
    let whole = run(Stdio::piped()).wait_with_output().expect("the command ends");
    assert!(whole.stdout.len() > 1 << 16, "only {} bytes", whole.stdout.len());
    assert_eq!(whole.status.code(), Some(1));
    let mut child = run(Stdio::piped());
    drop(child.stdout.take());
    let cut = child.wait_with_output().expect("the command ends");
    let log = String::from_utf8_lossy(&cut.stderr);
    assert_eq!((cut.status.code(), &*log), (Some(0), ""));
}

#[test]
fn a_closed_pipe_ends_the_reading() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let large = place.path().join("large.ndjson");
    std::fs::write(&large, "{\"message\":\"a record like any other\"}\n".repeat(50_000)).expect("writable");
    let mut child = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .arg("normalize")
        .arg(&large)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    drop(child.stdout.take());
    let cut = child.wait_with_output().expect("the command ends");
    let log = String::from_utf8_lossy(&cut.stderr);
    assert_eq!((cut.status.code(), &*log), (Some(0), ""));
}
