//! Runs of the command as files: each folder `tests/cases/<topic>/<name>` is one run.
//!
//! ```text
//! tests/cases/check/unknown-field/
//!   case.toml      how it is run
//!   rule.toml …    what it reads: the command runs in a copy of the folder
//!   expected.snap  exit code, standard output, standard error, and what the run wrote (INSTA_UPDATE=always writes it)
//! ```
//!
//! The keys of `case.toml`, of which only `args` must be there:
//!
//! ```toml
//! about = "…"                     # what the run shows, for a person
//! args = ["check", "rule.toml"]
//! stdin = "stdin.txt"             # a file of the folder; nothing if absent
//! empty_folders = ["rules"]       # which the repository cannot hold
//! env = { NO_COLOR = "1" }
//! hide_after = ["elapsed: "]      # the rest of a line behind this text differs from run to run
//! hide_below = ["profile: "]      # all lines below the first with this text differ from run to run
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    #[serde(rename = "about")]
    _about: String,
    args: Vec<String>,
    stdin: Option<String>,
    #[serde(default)]
    empty_folders: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    hide_after: Vec<String>,
    #[serde(default)]
    hide_below: Vec<String>,
}

#[test]
fn every_case_ends_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let folders: Vec<PathBuf> = folders_in(&root).iter().flat_map(|topic| folders_in(topic)).collect();
    assert!(!folders.is_empty());
    let mut differing = Vec::new();
    for folder in folders {
        let shown = run(&folder);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let compare = || settings.bind(|| insta::assert_snapshot!("expected", shown));
        // All cases are run, so that one run of the tests tells of every difference.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare)).is_err() {
            differing.push(folder);
        }
    }
    assert!(differing.is_empty(), "not as expected: {differing:#?}");
}

/// Runs one case and shows all that came of it.
fn run(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("case.toml"))
        .unwrap_or_else(|error| panic!("{}/case.toml: {error}", folder.display()));
    let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let place = tempfile::tempdir().expect("a temporary folder");
    copy(folder, place.path());
    for name in &case.empty_folders {
        fs::create_dir_all(place.path().join(name)).expect("a folder can be made");
    }
    let before = files_below(place.path());
    let stdin = match &case.stdin {
        Some(name) => {
            Stdio::from(fs::File::open(place.path().join(name)).expect("the file of stdin is there"))
        }
        None => Stdio::null(),
    };
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(&case.args)
        .current_dir(place.path())
        .env_remove("NO_COLOR")
        .env("COLUMNS", "100")
        .envs(&case.env)
        .stdin(stdin)
        .output()
        .expect("the command runs");
    let mut shown = format!("exit code: {}\n", output.status.code().map_or(-1, i64::from));
    let mut show = |title: &str, bytes: &[u8]| {
        if !bytes.is_empty() {
            let text = hide(&String::from_utf8_lossy(bytes), &case);
            writeln!(shown, "──── {title}\n{}", text.trim_end_matches('\n')).expect("a text takes all");
        }
    };
    show("stdout", &output.stdout);
    show("stderr", &output.stderr);
    for (name, content) in files_below(place.path()) {
        if before.get(&name) != Some(&content) {
            show(&format!("file {name}"), &content);
        }
    }
    shown
}

fn hide(text: &str, case: &Case) -> String {
    let mut shown = Vec::new();
    for line in text.lines() {
        let found = case.hide_after.iter().find_map(|mark| line.find(mark).map(|at| at + mark.len()));
        shown.push(found.map_or_else(|| line.to_owned(), |end| format!("{}…", &line[..end])));
        if case.hide_below.iter().any(|mark| line.contains(mark)) {
            shown.push("…".to_owned());
            break;
        }
    }
    shown.join("\n")
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder that can be read");
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// Copies what the command reads: all but the case itself and its snapshot.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder that can be read") {
        let entry = entry.expect("an entry");
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            fs::create_dir_all(&target).expect("a folder can be made");
            copy(&path, &target);
        } else if entry.file_name() != "case.toml" && path.extension().is_none_or(|end| !is_snapshot(end)) {
            fs::copy(&path, &target).expect("a file can be copied");
        }
    }
}

fn is_snapshot(extension: &std::ffi::OsStr) -> bool {
    extension == "snap" || extension == "new"
}

/// Every file below a folder: its name with `/`, and its content.
fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder that can be read") {
            let entry = entry.expect("an entry");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push((format!("{name}/"), entry.path()));
            } else {
                found.insert(name, fs::read(entry.path()).expect("a file can be read"));
            }
        }
    }
    found
}
