//! Every part of the report is as its committed expectations say.

use watchfire_conformance::{Language, Part, Section, own_cases, own_rules, run};
use watchfire_test_support::shared_folder;

fn check(part: Part) {
    let Some(shared) = shared_folder() else { return };
    check_sections(&run(&[part], &shared));
}

#[expect(clippy::print_stdout, reason = "the report of a failing test is what is wanted")]
fn check_sections(sections: &[Section]) {
    assert!(!sections.is_empty());
    sections.iter().for_each(|section| println!("{section}"));
    let failures: Vec<_> = sections.iter().flat_map(Section::failures).cloned().collect();
    assert!(failures.is_empty(), "{} not as expected:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn shared_rules_load_and_compile() {
    check(Part::Rules);
}

#[test]
fn shared_positive_events_fire_their_rules() {
    check(Part::PositiveEvents);
}

#[test]
fn shared_explanations_name_the_leaf_that_decides() {
    check(Part::Explain);
}

#[test]
fn shared_eql_cases_pass() {
    check(Part::Eql);
}

#[test]
fn shared_esql_cases_pass() {
    check(Part::Esql);
}

#[test]
fn our_cases_give_the_same_through_the_engine() {
    check_sections(&[own_cases(Language::Eql), own_cases(Language::Kql)]);
}

#[test]
fn shared_fixtures_agree_with_the_reference() {
    check(Part::Sources);
}

#[test]
fn our_rules_pass_their_tests() {
    check_sections(&[own_rules()]);
}

#[test]
fn shared_rules_have_first_tests() {
    check(Part::Solve);
}
