//! Cases that are files or folders under `tests/cases/SUITE`; a new one costs a file. What a case gives is a snapshot
//! beside it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use watchfire_diagnostics::{Diagnostic, SourceText, render};

/// A case: its name without extension, and its path from the crate's folder, in which tests run.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// The cases of a suite in order of their names. A snapshot without a case is an error: nobody would look at it again.
pub(crate) fn cases(suite: &str) -> Vec<Case> {
    let folder = Path::new("tests/cases").join(suite);
    let (mut cases, mut snapshots) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let name = file.split('.').next().unwrap().to_owned();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("snap") => snapshots.push(name),
            Some("new") => panic!("{} has to be looked at", path.display()),
            _ => cases.push(Case { name, path }),
        }
    }
    cases.sort_by(|left, right| left.name.cmp(&right.name));
    let names: BTreeSet<&String> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases of {suite} have the same name");
    let left_over: Vec<_> = snapshots.iter().filter(|name| !names.contains(name)).collect();
    assert!(left_over.is_empty(), "snapshots without a case in {suite}: {left_over:?}");
    assert!(!cases.is_empty(), "no cases in {suite}");
    cases
}

impl Case {
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    /// The code a case is named for.
    pub(crate) fn code(&self) -> &str {
        self.name.split('-').next().unwrap()
    }
}

/// Compares with the snapshot beside the case.
pub(crate) fn assert_snapshot(suite: &str, name: &str, content: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../cases/{suite}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, content));
}

/// Of how many diagnostics both forms are shown.
const SHOWN: usize = 8;

/// Both forms of every diagnostic; of many only those of the first ones, and the last one.
pub(crate) fn told(diagnostics: &[Diagnostic], name: &str, text: &str) -> String {
    told_of(diagnostics, &SourceText::new(name, text))
}

/// Both forms of every diagnostic about this source.
pub(crate) fn told_of(diagnostics: &[Diagnostic], source: &SourceText) -> String {
    let mut out = String::new();
    let (first, rest) = diagnostics.split_at(diagnostics.len().min(SHOWN));
    for diagnostic in first {
        let full = render::full(diagnostic, source, render::Colour::Never);
        writeln!(out, "{}\n\n{full}\n", render::one_line(diagnostic, source)).unwrap();
    }
    if let Some(last) = rest.last() {
        writeln!(out, "… {} more …\n{}", rest.len() - 1, render::one_line(last, source)).unwrap();
    }
    if out.is_empty() { "nothing to say\n".to_owned() } else { out }
}
