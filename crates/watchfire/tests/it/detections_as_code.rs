//! The worked repository in `examples/detections-as-code`, the action and the container file: what can be shown of them
//! without their hosts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use yaml_rust2::{Yaml, YamlLoader};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is there")
}

/// A copy of the worked repository.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a temporary folder");
        copy(&root().join("examples/detections-as-code"), place.path());
        Self(place)
    }

    /// Replaces a text in a file, in which it must stand.
    fn edit(&self, file: &str, old: &str, new: &str) {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).expect("the file is there");
        assert!(text.contains(old), "{file} has no `{old}`");
        fs::write(&path, text.replace(old, new)).expect("the file can be written");
    }

    /// The exit code of the script, and the steps that it says failed.
    fn failed_steps(&self) -> (Option<i32>, String) {
        let output = Command::new("sh")
            .arg("ci.sh")
            .current_dir(self.0.path())
            .env("WATCHFIRE", env!("CARGO_BIN_EXE_watchfire"))
            .env_remove("GITHUB_ACTIONS")
            .output()
            .expect("a shell runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = text.lines().last().unwrap_or_default();
        let failed = last.strip_prefix("failed: ").unwrap_or(last).to_owned();
        (output.status.code(), failed)
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder that can be read") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).expect("a folder can be made");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a file can be copied");
        }
    }
}

const OFFICE: &str = "rules/execution_command_tool_under_document_program.toml";
const DATABASE: &str = "rules/credential_access_copy_of_the_account_database.toml";
const EXCEPTION: &str = "exceptions/finance_add_in.toml";
const WORKING_DIRECTORY: &str = "field = \"process.working_directory\"\noperator = \"included\"";

#[test]
fn the_worked_repository_passes_and_fails_where_it_is_broken() {
    assert_eq!(Repository::new().failed_steps(), (Some(0), "all steps passed".to_owned()));
    // A rule that runs as before, and says what does not fit together.
    let broken = Repository::new();
    broken.edit(OFFICE, "risk_score = 73", "risk_score = 21");
    assert_eq!(broken.failed_steps(), (Some(1), "check".to_owned()));
    // A well-formed rule that finds less.
    let broken = Repository::new();
    broken.edit(OFFICE, "\"cmd.exe\", \"powershell.exe\", ", "\"cmd.exe\", ");
    assert_eq!(broken.failed_steps(), (Some(1), "test".to_owned()));
    // A rule that says it is for another technique, so that nothing is for the one that was promised.
    let broken = Repository::new();
    broken.edit(DATABASE, "T1003.003", "T1003.001");
    broken.edit(DATABASE, "T1003/003", "T1003/001");
    broken.edit(DATABASE, "NTDS\"", "LSASS Memory\"");
    assert_eq!(broken.failed_steps(), (Some(1), "coverage".to_owned()));
    // An exception that hides what the rule was written for.
    let broken = Repository::new();
    broken.edit(EXCEPTION, "EXCEL.EXE", "WINWORD.EXE");
    broken.edit(EXCEPTION, WORKING_DIRECTORY, &WORKING_DIRECTORY.replace("included", "excluded"));
    assert_eq!(broken.failed_steps(), (Some(1), "exceptions test".to_owned()));
    // A query that cannot be read is no rule for any step.
    let broken = Repository::new();
    broken.edit(DATABASE, "process.args: *ntds.dit)", "process.args: *ntds.dit");
    assert_eq!(broken.failed_steps(), (Some(1), "check test coverage".to_owned()));
}

fn yaml(text: &str, name: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

fn text(value: &Yaml) -> String {
    match value {
        Yaml::String(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}

/// Runs a step of the action as its host does: expressions in its environment replaced, its lines given to `sh -e`.
fn run_step(step: &Yaml, inputs: &[(&str, &str)], action: &Yaml, place: &Path) -> Output {
    let bin = place.join("bin");
    fs::create_dir_all(&bin).expect("a folder can be made");
    let program = bin.join("watchfire");
    if !program.exists() {
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_watchfire"));
        fs::write(&program, script).expect("a file can be written");
        let made = Command::new("chmod").arg("+x").arg(&program).status().expect("a file can be changed");
        assert!(made.success());
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-e", "-c", &text(&step["run"])]).current_dir(place).env("PATH", path);
    for (key, value) in step["env"].as_hash().into_iter().flatten() {
        let mut value = text(value).replace("${{ github.action_path }}", &root().display().to_string());
        for (name, _) in action["inputs"].as_hash().expect("inputs") {
            let name = text(name);
            let given = inputs.iter().find(|(input, _)| *input == name).map(|(_, value)| (*value).to_owned());
            let shown = given.unwrap_or_else(|| text(&action["inputs"][name.as_str()]["default"]));
            value = value.replace(&format!("${{{{ inputs.{name} }}}}"), &shown);
        }
        assert!(!value.contains("${{"), "{value}");
        command.env(text(key), value);
    }
    command.output().expect("a shell runs")
}

#[test]
fn the_action_does_what_the_script_does() {
    let action =
        yaml(&fs::read_to_string(root().join("action.yml")).expect("the action is there"), "action.yml");
    assert_eq!(text(&action["runs"]["using"]), "composite");
    let steps = action["runs"]["steps"].as_vec().expect("steps");
    let ids: Vec<String> = steps.iter().map(|step| text(&step["id"])).collect();
    assert_eq!(ids, ["install", "check", "test", "coverage"]);
    for step in steps {
        assert_eq!(text(&step["shell"]), "sh");
        // What a user gives reaches a shell by the environment only, where it cannot become commands.
        assert!(!text(&step["run"]).contains("${{"));
    }
    // The example of the README names inputs that there are.
    let readme = fs::read_to_string(root().join("examples/detections-as-code/README.md")).expect("a page");
    let block = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let workflow = yaml(block, "the workflow of the README");
    let uses = &workflow["jobs"]["rules"]["steps"][1]["with"];
    let inputs: Vec<(String, String)> =
        uses.as_hash().expect("inputs").iter().map(|(key, value)| (text(key), text(value))).collect();
    let inputs: Vec<(&str, &str)> = inputs.iter().map(|(key, value)| (&**key, &**value)).collect();
    for (name, _) in &inputs {
        assert!(!action["inputs"][*name].is_badvalue(), "{name}");
    }

    let place = Repository::new();
    for step in steps {
        let output = run_step(step, &inputs, &action, place.0.path());
        assert!(
            output.status.success(),
            "{}: {}",
            text(&step["id"]),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let page = fs::read_to_string(place.0.path().join("coverage.html")).expect("the coverage was written");
    assert!(page.contains("T1204.002"));

    place.edit(DATABASE, "T1003.003", "T1003.001");
    let failed: Vec<String> = steps
        .iter()
        .filter(|step| !run_step(step, &inputs, &action, place.0.path()).status.success())
        .map(|step| text(&step["id"]))
        .collect();
    // The reference of the technique leads elsewhere, which `check` says.
    assert_eq!(failed, ["check", "coverage"]);
}

#[test]
fn the_container_file_copies_what_is_there() {
    let file = fs::read_to_string(root().join("Containerfile")).expect("the file is there");
    let ignored = fs::read_to_string(root().join(".containerignore")).expect("the file is there");
    let kept: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut copied = BTreeSet::new();
    for line in file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (instruction, rest) = line.split_once(' ').expect("an instruction and its words");
        let known = ["FROM", "ARG", "RUN", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"];
        assert!(known.contains(&instruction), "{line}");
        let words: Vec<&str> = rest.split_whitespace().collect();
        if instruction == "COPY" && !words[0].starts_with("--from") {
            for source in &words[..words.len() - 1] {
                assert!(root().join(source).exists(), "{source} is not there");
                assert!(kept.contains(source), "{source} is left out of what is sent");
                copied.insert(*source);
            }
        }
    }
    // Whatever the workspace is made of is copied.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest is there");
    let manifest: toml::Table = toml::from_str(&manifest).expect("TOML");
    let members = manifest["workspace"]["members"].as_array().expect("members");
    for member in members.iter().filter_map(toml::Value::as_str) {
        let folder = member.split('/').next().expect("a name");
        assert!(copied.contains(folder), "{folder} is not copied");
    }
    let oldest = manifest["workspace"]["package"]["rust-version"].as_str().expect("a version");
    assert!(file.contains(&format!("rust:{oldest}-")), "the toolchain is not {oldest}");
    assert!(file.contains("target/release/watchfire"));
}
