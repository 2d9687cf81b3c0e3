//! Reading files and folders: what becomes of each, and that every code can be seen somewhere.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use watchfire_diagnostics::SourceText;
use watchfire_rules::load::{LoadedFile, load};

use crate::cases::{assert_snapshot, cases, told_of};

fn describe(files: &[LoadedFile]) -> String {
    let mut out = String::new();
    for file in files {
        let name = file.source.name().replace('\\', "/");
        // A line of an export is told by its number.
        let line = Some(file.source.first_line()).filter(|line| *line > 1);
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        write!(out, "=== {name}{line}: {:?}", file.fate).unwrap();
        if let Some(content) = &file.content {
            write!(out, ", {:?}, {}", content.rule.name, content.rule.kind.rule_type()).unwrap();
        }
        if let Some(export) = &file.export {
            let (lists, items) = (export.exception_lists.len(), export.exception_items.len());
            write!(out, ", lists {lists}, items {items}, connectors {}", export.connectors.len()).unwrap();
        }
        let source = SourceText::new(name, file.source.text()).starting_at_line(file.source.first_line());
        let shown = told_of(&file.diagnostics, &source);
        write!(out, "\n{}\n\n", shown.trim_end()).unwrap();
    }
    out
}

fn codes(files: &[LoadedFile]) -> BTreeSet<String> {
    files.iter().flat_map(|file| &file.diagnostics).map(|found| found.code.to_string()).collect()
}

#[test]
fn each_case_ends_in_a_state() {
    for case in cases("reading") {
        let files = load(std::slice::from_ref(&case.path));
        assert!(!files.is_empty());
        match case.code() {
            "read" => assert!(files.iter().all(|file| file.diagnostics.is_empty()), "{}", case.name),
            code => assert!(codes(&files).contains(code), "{} gives {:?}", case.name, codes(&files)),
        }
        assert_snapshot("reading", &case.name, &describe(&files));
    }
}

/// A code that no case gives is either dead or untested.
#[test]
fn every_code_is_shown_by_a_case() {
    let mut shown: BTreeSet<String> = ["reading", "guide", "rule_tests", "lint"]
        .into_iter()
        .flat_map(cases)
        .map(|case| case.code().to_owned())
        .collect();
    // No file of a repository is missing, or larger than a limit.
    shown.extend(codes(&load(&[PathBuf::from("tests/cases/no such file")])));
    let all: BTreeSet<String> = watchfire_rules::CODES.iter().map(|info| info.code.to_string()).collect();
    assert_eq!(all.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn codes_are_in_order_and_explained() {
    let codes = watchfire_rules::CODES;
    for prefix in ["RUL", "LNT"] {
        let ours: Vec<&str> =
            codes.iter().map(|info| info.code.as_str()).filter(|code| code.starts_with(prefix)).collect();
        let expected: Vec<String> = (1..=ours.len()).map(|number| format!("{prefix}{number:03}")).collect();
        assert_eq!(ours, expected);
    }
    for info in codes {
        assert!(!info.title.is_empty() && info.explanation.ends_with('.'), "{}", info.code);
    }
}

#[test]
fn sizes_are_capped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    let file = std::fs::File::create(&path).unwrap();
    for bytes in [watchfire_rules::load::MAX_FILE_BYTES + 1, watchfire_rules::load::MAX_EXPORT_BYTES + 1] {
        // A hole in the file: nothing is written.
        file.set_len(bytes).unwrap();
        assert_eq!(codes(&load(std::slice::from_ref(&path))), BTreeSet::from(["RUL013".to_owned()]));
    }
    let deep = (0..40).fold(folder.path().to_owned(), |path, _| path.join("d"));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(codes(&load(&[folder.path().to_owned()])).contains("RUL013"));
}
