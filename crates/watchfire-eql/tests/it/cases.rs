//! Cases that are files; a new one costs a file.
//!
//! [`watchfire_test_support::text_cases`] says how text is written that would not be seen in a file.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use watchfire_diagnostics::{Diagnostic, SourceText, render};
use watchfire_eql::limits::MAX_DIAGNOSTICS;
use watchfire_eql::{CODES, parse};

use crate::dump::dump;
use crate::edits;
use crate::invariants::{errors, parse_checked};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

/// The case files of a folder: name without extension, and text.
pub(crate) fn files(name: &str) -> Vec<(String, String)> {
    watchfire_test_support::text_cases(&folder(name), "eql")
}

fn assert_snapshot(folder: &str, name: &str, content: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../cases/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, content));
}

#[test]
fn valid_queries() {
    for (name, text) in files("valid") {
        let parsed = parse_checked(&text);
        assert!(parsed.diagnostics.is_empty(), "{name}: {:?}", parsed.diagnostics);
        let query = parsed.query.unwrap();
        assert_snapshot("valid", &name, &format!("{query}\n\n{}", dump(&text, &query)));
    }
}

/// Each case is named for the codes it shows, mostly one, and shows no other.
#[test]
fn every_code_is_shown_by_a_case() {
    let mut shown = BTreeSet::new();
    for (name, text) in files("invalid") {
        let codes: BTreeSet<&str> = name.split('-').next().unwrap().split('+').collect();
        let parsed = parse_checked(&text);
        let found: BTreeSet<&str> = parsed.diagnostics.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(found, codes, "{name} gives {:#?}", parsed.diagnostics);
        assert_snapshot("invalid", &name, &describe(&text, &parsed.diagnostics));
        shown.extend(codes.into_iter().map(str::to_owned));
    }
    for info in CODES {
        assert!(shown.remove(info.code.as_str()), "no case shows {} ({})", info.code, info.title);
    }
    assert!(shown.is_empty(), "cases of codes that are not: {shown:?}");
}

/// Each mistake is found, and none is found twice: the first line of the case, a comment, says what is expected.
#[test]
fn several_mistakes_are_each_found_once() {
    for (name, text) in files("recovery") {
        let expected = text.lines().next().and_then(|line| line.strip_prefix("// ")).unwrap();
        let parsed = parse_checked(&text);
        let found: Vec<&str> = parsed.diagnostics.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(found.join(" "), expected, "{name}: {:#?}", parsed.diagnostics);
        assert_snapshot("recovery", &name, &describe(&text, &parsed.diagnostics));
    }
}

/// All diagnostics in full, the edits they offer, and what is left when these are made.
fn describe(text: &str, diagnostics: &[Diagnostic]) -> String {
    /// Most diagnostics of one case that are shown in full.
    const SHOWN: usize = 8;
    let source = SourceText::new("query", text);
    let mut out = String::new();
    let (first, rest) = diagnostics.split_at(diagnostics.len().min(SHOWN));
    for problem in first {
        let full = render::full(problem, &source, render::Colour::Never);
        writeln!(out, "{}\n\n{full}", render::one_line(problem, &source)).unwrap();
        if let Some(edit) = &problem.edit {
            writeln!(out, "  = edit: `{}` to `{}`", &text[edit.span.range()], edit.replacement).unwrap();
        }
        out.push('\n');
    }
    if let Some(last) = rest.last() {
        writeln!(out, "… {} more …\n{}", rest.len() - 1, render::one_line(last, &source)).unwrap();
    }
    if diagnostics.iter().any(|problem| problem.edit.is_some()) {
        let edited = edits::apply_all(text, diagnostics);
        let left: Vec<&str> =
            parse(&edited).diagnostics.iter().map(|problem| problem.code.as_str()).collect();
        let left = if left.is_empty() { "nothing".to_owned() } else { left.join(" ") };
        writeln!(out, "With all edits, {left} is left to say:\n\n{edited}").unwrap();
    }
    out
}

/// An edit settles what it belongs to and makes nothing worse, alone or with all others.
#[test]
fn edits_settle_what_they_belong_to() {
    let mut settled = 0;
    for (name, text) in files("invalid").into_iter().chain(files("recovery")) {
        let before = parse(&text).diagnostics;
        if before.len() > MAX_DIAGNOSTICS {
            continue;
        }
        for problem in &before {
            let Some(edit) = &problem.edit else { continue };
            let edited = edits::apply(&text, edit);
            let after = parse_checked(&edited).diagnostics;
            assert!(
                after.len() < before.len() && errors(&after).count() <= errors(&before).count(),
                "{name}: {problem:?}\n{edited}\n{after:#?}"
            );
            settled += 1;
        }
        let edited = edits::apply_all(&text, &before);
        if edited != text {
            let after = parse_checked(&edited).diagnostics;
            assert!(after.len() < before.len(), "{name}: {edited}\n{after:#?}");
        }
    }
    assert!(settled > 40, "only {settled} edits");
}

/// A snapshot whose case is gone would never be looked at again.
#[test]
fn no_snapshot_is_left_over() {
    for kind in ["valid", "invalid", "recovery"] {
        for entry in fs::read_dir(folder(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("snap") => {
                    let case = folder(kind).join(name.replace(".snap", ".eql"));
                    assert!(case.exists(), "{name} has no case");
                }
                Some("eql") => {}
                _ => panic!("{name} is neither a case nor a snapshot"),
            }
        }
    }
}
