//! Cases that are files; a new one costs a file.
//!
//! [`watchfire_test_support::text_cases`] says how text is written that would not be seen in a file.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use watchfire_diagnostics::{CodeInfo, Diagnostic, Severity, SourceText, render};

use watchfire_kql::MAX_DIAGNOSTICS;

use crate::dump::dump;
use crate::invariants::{check_against_reference, parse_checked};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

/// The case files of a folder: name without extension, and text.
pub(crate) fn files(name: &str) -> Vec<(String, String)> {
    watchfire_test_support::text_cases(&folder(name), "kql")
}

pub(crate) fn assert_snapshot(folder: &str, name: &str, content: &str) {
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
        let errors: Vec<_> =
            parsed.diagnostics.iter().filter(|one| one.severity == Severity::Error).collect();
        assert!(parsed.is_valid(), "{name}: {errors:?}");
        let query = parsed.query.unwrap();
        assert_snapshot("valid", &name, &format!("{query}\n\n{}", dump(query.expr.as_ref())));
    }
}

#[test]
fn grammar() {
    many("grammar", |text| {
        let parsed = parse_checked(text);
        check_against_reference(text, &parsed);
        let tree = parsed.is_valid().then(|| dump(parsed.query.unwrap().expr.as_ref()));
        (parsed.diagnostics, tree)
    });
}

/// Files with many short queries, each under a line `### title`.
pub(crate) fn many(folder: &str, parse: impl Fn(&str) -> (Vec<Diagnostic>, Option<String>)) {
    for (name, content) in files(folder) {
        let mut out = String::new();
        for section in content.split("### ").skip(1) {
            let (title, text) = section.split_once('\n').unwrap_or((section, ""));
            let text = text.trim_end_matches('\n');
            let (problems, tree) = parse(text);
            writeln!(out, "### {title}\n{text:?}").unwrap();
            let source = SourceText::new("query", text);
            for problem in &problems {
                writeln!(out, "{}", render::one_line(problem, &source)).unwrap();
            }
            writeln!(out, "{}", tree.unwrap_or_default()).unwrap();
        }
        assert_snapshot(folder, &name, &out);
    }
}

/// Each case is named for the code it shows, and may show others too.
pub(crate) fn diagnostics(folder: &str, codes: &[CodeInfo], parse: impl Fn(&str) -> Vec<Diagnostic>) {
    let mut shown = BTreeSet::new();
    for (name, text) in files(folder) {
        let code = name.split('-').next().unwrap();
        let info = codes.iter().find(|info| info.code.as_str() == code);
        assert!(info.is_some(), "{name}: there is no code {code}");
        let found = parse(&text);
        assert!(found.iter().any(|problem| problem.code.as_str() == code), "{name} gives {found:?}");
        let source = SourceText::new("query", text.as_str());
        let mut out = String::new();
        let (first, rest) = found.split_at(found.len().min(8));
        for problem in first {
            let full = render::full(problem, &source, render::Colour::Never);
            writeln!(out, "{}\n\n{full}\n", render::one_line(problem, &source)).unwrap();
        }
        if let Some(last) = rest.last() {
            writeln!(out, "… {} more …\n{}", rest.len() - 1, render::one_line(last, &source)).unwrap();
        }
        assert_snapshot(folder, &name, &out);
        shown.insert(code.to_owned());
    }
    for info in codes {
        assert!(shown.contains(info.code.as_str()), "no case shows {} ({})", info.code, info.title);
    }
}

#[test]
fn every_code_is_shown_by_a_case() {
    diagnostics("diagnostics", watchfire_kql::CODES, |text| parse_checked(text).diagnostics);
}

/// An edit settles what it belongs to and makes nothing worse. It may bring the next problem to light: of several escapes
/// in one path only the first is spoken of.
#[test]
fn edits_settle_what_they_belong_to() {
    let errors = |problems: &[Diagnostic]| {
        problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    };
    let mut settled = 0;
    for (name, text) in files("diagnostics") {
        let before = parse_checked(&text).diagnostics;
        if before.len() > MAX_DIAGNOSTICS {
            continue;
        }
        for problem in &before {
            let Some(edit) = &problem.edit else { continue };
            let mut edited = text.clone();
            edited.replace_range(edit.span.range(), &edit.replacement);
            let after = parse_checked(&edited).diagnostics;
            let again = after.iter().any(|one| (one.code, &one.message) == (problem.code, &problem.message));
            assert!(
                !again && after.len() <= before.len() && errors(&after) <= errors(&before),
                "{name}: {problem:?}\n{edited}\n{after:#?}"
            );
            settled += 1;
        }
    }
    assert!(settled >= 10, "only {settled} edits");
}

#[test]
fn codes_are_in_order_and_explained() {
    for codes in [watchfire_kql::CODES, watchfire_kql::lucene::CODES] {
        assert!(codes.windows(2).all(|pair| pair[0].code < pair[1].code));
        for info in codes {
            assert!(!info.title.is_empty() && info.explanation.ends_with('.'), "{}", info.code);
        }
    }
}

/// A snapshot whose case is gone would never be looked at again.
#[test]
fn no_snapshot_is_left_over() {
    for kind in ["valid", "grammar", "diagnostics", "lucene", "lucene_diagnostics"] {
        for entry in fs::read_dir(folder(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("snap") => {
                    let case = folder(kind).join(name.replace(".snap", ".kql"));
                    assert!(case.exists(), "{name} has no case");
                }
                Some("kql") => {}
                _ => panic!("{name} is neither a case nor a snapshot"),
            }
        }
    }
}
