//! The founding rule over every source that it names: raw records of the same executions as each source writes them.
//!
//! ```text
//! tests/netsupport/<source>/child.*              client32.exe runs out of a user's profile: an alert
//!                           parent.*             client32.exe starts a program of ProgramData: an alert
//!                           parent_executable.*  client32.exe of a profile starts a program of the system: an alert,
//!                                                where the source carries the path of a parent
//!                           program_files.*      client32.exe runs where it is installed: none
//! ```
//!
//! A file of another name beside them is context that is read with each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use watchfire_test_support::{read_json_lines, shared_folder};

const RULE: &str = "corpus/detection-rules/rules/windows/command_and_control_rmm_netsupport_susp_path.toml";

/// The records, and whether they are to give an alert.
const CASES: &[(&str, bool)] =
    &[("child", true), ("parent", true), ("parent_executable", true), ("program_files", false)];

#[test]
fn shared_founding_rule_fires_for_every_source_that_it_names() {
    let Some(shared) = shared_folder() else { return };
    let rule = shared.join(RULE);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/netsupport");
    let mut wrong = Vec::new();
    let mut streams = BTreeSet::new();
    for (source, files) in sources(&root) {
        for (case, fires) in CASES {
            let Some(record) = files.get(*case) else {
                assert_eq!(*case, "parent_executable", "{source} has no record `{case}`");
                continue;
            };
            let is_case = |name: &&String| CASES.iter().any(|(case, _)| case == name);
            let context = files.iter().filter(|(name, _)| !is_case(name)).map(|(_, path)| path);
            let (alerts, log) = scan(&rule, context.chain([record]));
            // Each record of a file is such an execution.
            let records = if record.extension().is_some_and(|extension| extension == "ndjson") {
                read_json_lines(record).len()
            } else {
                1
            };
            if alerts.len() != if *fires { records } else { 0 } {
                wrong.push(format!("{source} {case}: {} alerts\n{log}", alerts.len()));
            }
            streams.extend(alerts.iter().map(stream));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One for each index pattern of the rule.
    let expected: BTreeSet<String> = [
        "endgame-default",
        "logs-crowdstrike.fdr-default",
        "logs-endpoint.events.process-default",
        "logs-m365_defender.event-default",
        "logs-sentinel_one_cloud_funnel.event-default",
        "logs-system.security-default",
        "logs-windows.sysmon_operational-default",
        "winlogbeat-8.15.0",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(streams, expected);
}

/// By source, its files by their names without an ending.
fn sources(root: &Path) -> BTreeMap<String, BTreeMap<String, PathBuf>> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("the folder can be read");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let files = |folder: &Path| entries(folder).into_iter().map(|path| (stem(&path), path)).collect();
    entries(root).iter().map(|folder| (name(folder), files(folder))).collect()
}

fn scan<'p>(rule: &Path, records: impl Iterator<Item = &'p PathBuf>) -> (Vec<Value>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["scan", "--format", "ndjson"])
        .args(records)
        .arg("--rules")
        .arg(rule)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("alerts are UTF-8");
    let alerts = text.lines().map(|line| serde_json::from_str(line).expect("an alert is JSON"));
    (alerts.collect(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn stream(alert: &Value) -> String {
    alert["kibana.alert.ancestors"][0]["index"].as_str().unwrap_or_default().to_owned()
}
