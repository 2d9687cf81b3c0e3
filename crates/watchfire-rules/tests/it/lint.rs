//! What the lint says of rules: cases by code, our own rules, and the public ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use watchfire_diagnostics::Diagnostic;
use watchfire_eql::ast::{MaxSpan, QueryKind};
use watchfire_rules::format::{self, RuleFile};
use watchfire_rules::lint::{QueryFacts, lint};
use watchfire_rules::load::load;
use watchfire_rules::model::RuleKind;

use crate::cases::{assert_snapshot, cases, told};

/// The facts as the command finds them.
fn facts(file: &RuleFile) -> QueryFacts {
    let RuleKind::Eql(rule) = &file.rule.kind else { return QueryFacts::default() };
    let Some(query) = watchfire_eql::parse(&rule.query.text).query else { return QueryFacts::default() };
    let QueryKind::Sequence(sequence) = query.kind else { return QueryFacts::default() };
    let max_span_millis = sequence.maxspan.map(MaxSpan::millis);
    QueryFacts { sequence: true, max_span_millis }
}

pub(crate) fn lint_text(name: &str, text: &str) -> Vec<Diagnostic> {
    let parsed = format::parse(text);
    let file = parsed.file.unwrap_or_else(|| panic!("{name} cannot be read: {:?}", parsed.diagnostics));
    assert_eq!(parsed.diagnostics, [], "{name}");
    lint(&file, text, &facts(&file))
}

#[test]
fn each_case_shows_the_code_it_is_named_for() {
    for case in cases("lint") {
        let text = case.text();
        let found = lint_text(&case.name, &text);
        match case.code() {
            "clean" => assert_eq!(found, [], "{}", case.name),
            code => {
                let shown = found.iter().any(|one| one.code.as_str() == code);
                assert!(shown, "{} gives {found:?}", case.name);
            }
        }
        assert_snapshot("lint", &case.name, &told(&found, "rule.toml", &text));
    }
}

#[test]
fn every_lint_is_shown_by_a_case() {
    let cases = cases("lint");
    let codes = watchfire_rules::CODES.iter().map(|info| info.code.as_str());
    for code in codes.filter(|code| code.starts_with("LNT")) {
        assert!(cases.iter().any(|case| case.code() == code), "no case shows {code}");
    }
}

#[test]
fn our_own_rules_are_clean() {
    for file in load(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules")]) {
        let rule = file.content.as_ref().expect("loaded");
        assert_eq!(lint(rule, file.source.text(), &facts(rule)), [], "{}", file.source.name());
    }
}

/// The public rules pass the checks of their own repository, so a code with many rules would be wrong here.
#[test]
fn shared_rules_by_code() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let files = load(&[shared.join("corpus/detection-rules")]);
    let mut rules: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for file in &files {
        let rule = file.content.as_ref().expect("loaded");
        let lints = lint(rule, file.source.text(), &facts(rule));
        for found in file.diagnostics.iter().chain(&lints) {
            let name = Path::new(file.source.name()).file_name().expect("a file").to_str().expect("a name");
            rules.entry(found.code.to_string()).or_default().insert(name);
        }
    }
    let mut table = format!("{} files\n\ncode    rules\n", files.len());
    for (code, names) in &rules {
        writeln!(table, "{code}  {:>5}", names.len()).unwrap();
    }
    assert_snapshot("public_rules", "lint_by_code", &table);
}
