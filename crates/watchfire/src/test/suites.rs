//! Rules with the tests that stand beside them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use watchfire_diagnostics::SourceText;
use watchfire_diagnostics::render::one_line;
use watchfire_rules::load::{Fate, LoadedFile};
use watchfire_rules::model::Rule;
use watchfire_rules::testing::{RuleTests, is_tests_name, load_tests, tests_paths};

use crate::rule_paths::load_paths;

/// A rule, and its tests if it has any.
pub(super) struct Suite {
    pub(super) source: SourceText,
    pub(super) rule: Rule,
    pub(super) tests: Option<LoadedTests>,
    /// Whether a filter leaves nothing of it.
    pub(super) is_left_out: bool,
}

/// A file of tests.
pub(super) struct LoadedTests {
    pub(super) path: PathBuf,
    pub(super) source: SourceText,
    pub(super) tests: RuleTests,
}

/// What was found under the paths.
pub(super) struct Suites {
    pub(super) rules: Vec<Suite>,
    /// Files that could not be used; the reasons were told.
    pub(super) unusable: usize,
    /// Files that hold no rule.
    pub(super) not_rules: usize,
}

/// Loads rules and their tests, and tells of each file that could not be used.
pub(super) fn load(paths: &[PathBuf], log: &mut dyn Write) -> io::Result<Suites> {
    let paths: Vec<PathBuf> = paths.iter().map(|path| rule_of_tests(path)).collect();
    let mut found = Suites { rules: Vec::new(), unusable: 0, not_rules: 0 };
    let files = load_paths(&paths)?;
    let mut rules_of_file: BTreeMap<String, usize> = BTreeMap::new();
    for file in files.iter().filter(|file| file.content.is_some()) {
        *rules_of_file.entry(file.source.name().to_owned()).or_default() += 1;
    }
    for LoadedFile { source, fate, content, diagnostics, .. } in files {
        let Some(content) = content else {
            let is_named = paths.iter().any(|path| path == Path::new(source.name()));
            if !is_named && (fate == Fate::NotARule || is_of_another_kind(source.text())) {
                found.not_rules += 1;
                continue;
            }
            found.unusable += 1;
            for diagnostic in &diagnostics {
                writeln!(log, "{}", one_line(diagnostic, &source))?;
            }
            continue;
        };
        // Tests belong to one rule: a file of many, such as an export, has none beside it.
        let tests = if rules_of_file.get(source.name()) == Some(&1) {
            beside(Path::new(source.name()), &mut found.unusable, log)?
        } else {
            None
        };
        found.rules.push(Suite { source, rule: content.rule, tests, is_left_out: false });
    }
    Ok(found)
}

/// Whether a text in a folder is neither a rule nor a broken one: a project has other files of these formats, and events
/// of tests.
fn is_of_another_kind(text: &str) -> bool {
    !text.is_empty() && !["[rule]", "rule_id"].iter().any(|mark| text.contains(mark))
}

/// The rule file of a file of tests; any other path is itself.
fn rule_of_tests(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !is_tests_name(&name) {
        return path.to_owned();
    }
    let stem = name.trim_end_matches(".toml").rsplit_once('.').map_or(&*name, |(stem, _)| stem);
    let json = path.with_file_name(format!("{stem}.json"));
    let toml = path.with_file_name(format!("{stem}.toml"));
    if json.exists() && !toml.exists() { json } else { toml }
}

/// The tests beside a rule file.
fn beside(rule_file: &Path, unusable: &mut usize, log: &mut dyn Write) -> io::Result<Option<LoadedTests>> {
    let there: Vec<PathBuf> = tests_paths(rule_file).into_iter().filter(|path| path.exists()).collect();
    let Some(path) = there.first() else { return Ok(None) };
    if let Some(other) = there.get(1) {
        *unusable += 1;
        writeln!(log, "{}: not read, since there is `{}` as well", other.display(), path.display())?;
    }
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            *unusable += 1;
            writeln!(log, "{name}: cannot be read: {error}")?;
            return Ok(None);
        }
    };
    let (tests, diagnostics) = load_tests(&text);
    let source = SourceText::new(name, text);
    for diagnostic in &diagnostics {
        writeln!(log, "{}", one_line(diagnostic, &source))?;
    }
    if tests.is_none() {
        *unusable += 1;
    }
    Ok(tests.map(|tests| LoadedTests { path: path.clone(), source, tests }))
}
