//! Processes that are killed while they write: what was acknowledged is there, once.
//!
//! The child is this test binary, told by [`FOLDER`] what to do.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use watchfire_events::{IndexPatterns, Timestamp};
use watchfire_lake::{
    Appended, CheckDepth, CompactionOptions, LakeError, LakeOptions, Selection, SpoolOptions,
};

use crate::support::{NOW, clock, event, ids, open_with};

/// The folder of the lake that a child writes to.
const FOLDER: &str = "WATCHFIRE_LAKE_TEST_FOLDER";
/// The number of its run, which is in its ids.
const RUN: &str = "WATCHFIRE_LAKE_TEST_RUN";

/// A generator of numbers that are the same in every run of the tests.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn small_segments() -> LakeOptions {
    LakeOptions {
        spool: SpoolOptions { segment_bytes: 20_000, most_bytes: 8 << 20 },
        ..LakeOptions::default()
    }
}

fn child(folder: &Path, run: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["crash::writes_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(RUN, run.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// No test but what the others start.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let run: u64 = std::env::var(RUN).ok().and_then(|run| run.parse().ok()).expect("a number");
    let clock = clock();
    let opened = watchfire_lake::Lake::open(
        Path::new(&folder),
        crate::support::catalogue(),
        clock.clone(),
        small_segments(),
    );
    let lake = match opened {
        Ok((lake, _)) => lake,
        Err(error) => {
            println!("\nopen: {error}");
            return;
        }
    };
    let mut random = Random(run);
    for round in 0.. {
        clock.set(Timestamp::from_millis(NOW + run as i64 * 10_000 + round));
        let given: Vec<_> = (0..=random.next(20))
            .map(|at| {
                let text = "x".repeat(random.next(2_000) as usize);
                event(&format!("{run}-{round}-{at}"), json!({"message": text, "n": round}))
            })
            .collect();
        match lake.append(&given) {
            Ok(answers) => {
                let stored = answers.iter().filter(|answer| matches!(answer, Appended::Stored(_))).count();
                println!("\nack {run}-{round} {stored}");
            }
            Err(LakeError::Full { .. }) => {}
            Err(error) => {
                println!("\nappend: {error}");
                return;
            }
        }
        if random.next(4) == 0
            && let Err(error) = lake.commit()
        {
            println!("\ncommit: {error}");
            return;
        }
        if random.next(12) == 0 {
            let options = CompactionOptions { least_files: 3, ..CompactionOptions::default() };
            lake.compact(&IndexPatterns::default(), options).expect("it compacts");
        }
    }
}

/// The ids that a child acknowledged.
fn acknowledged(output: &str) -> BTreeSet<String> {
    let acks = output.lines().filter_map(|line| line.strip_prefix("ack ")?.split_once(' '));
    let events = acks.flat_map(|(round, number)| {
        let number: usize = number.parse().unwrap_or(0);
        (0..number).map(move |at| format!("{round}-{at}"))
    });
    events.collect()
}

fn kill_after(mut child: Child, wait: Duration) -> String {
    let mut lines = BufReader::new(child.stdout.take().expect("its output"));
    // The time counts from the first answer, so that a slow start is no reason to kill nothing but starts.
    let mut output = String::new();
    while !output.contains("ack ") && lines.read_line(&mut output).is_ok_and(|read| read > 0) {}
    let end = Instant::now() + wait;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    lines.read_to_string(&mut output).expect("its output is text");
    output
}

/// Seeds and times are fixed, but when exactly a process dies is not; what is checked holds of any moment.
#[test]
fn killed_writers_lose_nothing_and_double_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut expected = BTreeSet::new();
    let mut random = Random(7);
    let runs = 30;
    for run in 0..runs {
        let running = child(folder.path(), run).spawn().expect("it starts");
        let output = kill_after(running, Duration::from_millis(random.next(250)));
        let answers = acknowledged(&output);
        assert!(!answers.is_empty(), "run {run} wrote nothing: {output}");
        expected.extend(answers);
    }
    let (lake, report) = open_with(folder.path(), &clock(), small_segments());
    assert!(report.unreadable.is_empty() && report.set_aside.is_empty(), "{report:?}");
    lake.commit().expect("it commits");
    let found = ids(lake.reader(), Selection::default());
    let unique: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!(found.len(), unique.len(), "an event is there twice");
    let lost: Vec<&String> = expected.difference(&unique).collect();
    assert!(lost.is_empty(), "of {} events {} are lost: {lost:?}", expected.len(), lost.len());
    let check = lake.reader().check(CheckDepth::Values).expect("it can be checked");
    assert!(check.is_sound(), "{check:?}");
}

/// A disk that takes no more: files of the child may grow to a limit, and then every write fails.
#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let task = child(folder.path(), 1);
    let program = task.get_program().to_owned();
    let arguments: Vec<_> = task.get_args().map(std::ffi::OsStr::to_owned).collect();
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""]).arg(program).args(arguments);
    for (name, value) in task.get_envs() {
        limited.env(name, value.expect("it is set"));
    }
    let output = limited.stdout(Stdio::piped()).stderr(Stdio::null()).output().expect("it runs");
    let output = String::from_utf8(output.stdout).expect("text");
    assert!(output.contains("append: cannot write") || output.contains("commit: "), "{output}");
    let expected = acknowledged(&output);
    assert!(!expected.is_empty());
    let (lake, _) = open_with(folder.path(), &clock(), small_segments());
    lake.commit().expect("with room again it commits");
    let found: BTreeSet<String> = ids(lake.reader(), Selection::default()).into_iter().collect();
    let lost: Vec<&String> = expected.difference(&found).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

/// A folder that may not be written to: it can be read, and a writer is told. Who may do everything cannot be kept
/// from writing, so the child is then somebody else.
#[cfg(unix)]
#[test]
fn a_read_only_folder_can_be_read() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    let folder = tempfile::tempdir().expect("a folder");
    let lake_folder = folder.path().join("lake");
    let (lake, _) = open_with(&lake_folder, &clock(), small_segments());
    lake.append(&[event("a", json!({}))]).expect("there is room");
    lake.commit().expect("it commits");
    drop(lake);
    let set = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("they can be set");
    };
    for_all_below(folder.path(), &|path| set(path, if path.is_dir() { 0o555 } else { 0o444 }));
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command = child(&lake_folder, 1);
    if is_root {
        // The program itself may lie where nobody else may look.
        let copy = folder.path().with_extension("program");
        fs::copy(std::env::current_exe().expect("this program"), &copy).expect("it can be copied");
        set(&copy, 0o755);
        let mut other = Command::new(&copy);
        other.args(command.get_args()).uid(65_534).stdout(Stdio::piped()).stderr(Stdio::null());
        for (name, value) in command.get_envs() {
            other.env(name, value.expect("it is set"));
        }
        command = other;
        let output = command.output().expect("it runs");
        fs::remove_file(&copy).expect("it can be deleted");
        assert_told(&output.stdout);
    } else {
        assert_told(&command.output().expect("it runs").stdout);
    }
    let reader = watchfire_lake::LakeReader::open(&lake_folder).expect("it opens");
    assert_eq!(ids(&reader, Selection::default()), ["a"]);
    for_all_below(folder.path(), &|path| set(path, 0o755));
}

/// Visits a folder's contents, then the folder.
#[cfg(unix)]
fn for_all_below(path: &Path, visit: &dyn Fn(&Path)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            for_all_below(&entry.expect("an entry").path(), visit);
        }
    }
    visit(path);
}

#[cfg(unix)]
fn assert_told(output: &[u8]) {
    let output = String::from_utf8_lossy(output);
    assert!(output.contains("open: cannot open") && output.contains("Permission denied"), "{output}");
}
