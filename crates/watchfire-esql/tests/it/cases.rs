//! Cases that are files: `tests/cases/grammar` has queries and what they are printed as, `tests/cases/diagnostics` queries
//! and what is wrong with them.

use std::collections::BTreeSet;
use std::path::Path;

use watchfire_diagnostics::{SourceText, render};
use watchfire_esql::CODES;
use watchfire_test_support::text_cases;

use crate::bare::parse_checked;

fn each(folder: &str, show: impl Fn(&str, &str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut differing = Vec::new();
    for (name, text) in text_cases(&folder, "esql") {
        let shown = show(&name, &text);
        let compare = || settings.bind(|| insta::assert_snapshot!(name.clone(), shown));
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare)).is_err() {
            differing.push(name);
        }
    }
    assert!(differing.is_empty(), "not as expected: {differing:?}");
}

#[test]
fn queries_are_printed_as_expected() {
    each("grammar", |name, text| {
        let parsed = parse_checked(text);
        assert!(parsed.is_valid(), "{name}: {:?}", parsed.diagnostics);
        parsed.query.expect("it is valid").to_string()
    });
}

#[test]
fn problems_are_told_as_expected() {
    each("diagnostics", |name, text| {
        let parsed = parse_checked(text);
        assert!(!parsed.is_valid(), "{name} has no problem");
        let source = SourceText::new(name, text);
        let shown: Vec<String> =
            parsed.diagnostics.iter().map(|one| render::full(one, &source, render::Colour::Never)).collect();
        shown.join("\n")
    });
}

/// What no file of its own is for: longer than anybody reads.
const WITHOUT_CASE: [&str; 2] = ["ESQ001", "ESQ016"];

#[test]
fn every_code_has_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/diagnostics");
    let found: BTreeSet<&str> = text_cases(&folder, "esql")
        .iter()
        .flat_map(|(_, text)| parse_checked(text).diagnostics)
        .map(|problem| problem.code.as_str())
        .collect();
    let all: BTreeSet<&str> =
        CODES.iter().map(|info| info.code.as_str()).filter(|code| !WITHOUT_CASE.contains(code)).collect();
    assert_eq!(found, all);
}
