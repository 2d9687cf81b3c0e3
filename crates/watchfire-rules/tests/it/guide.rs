//! Investigation guides: placeholders, directives, the section on setup.

use std::fmt::Write;

use watchfire_rules::format;
use watchfire_rules::guide::{GuidePart, parts};
use watchfire_rules::load::load;

use crate::cases::{assert_snapshot, cases, told};

#[test]
fn each_case_is_filled_and_taken_apart() {
    for case in cases("guide") {
        let text = case.text();
        let parsed = format::parse(&text);
        let found = &parsed.diagnostics;
        let file = parsed.file.as_ref().unwrap_or_else(|| panic!("{} gives {found:?}", case.name));
        if case.code().starts_with("RUL") {
            assert!(
                found.iter().any(|one| one.code.as_str() == case.code()),
                "{} gives {found:?}",
                case.name
            );
        }
        let rule = file.to_api();
        let note = rule.note.unwrap_or_default();
        let mut out = format!("--- note\n{note}\n");
        if let Some(setup) = rule.setup {
            writeln!(out, "--- setup\n{setup}").unwrap();
        }
        writeln!(out, "--- parts").unwrap();
        for part in parts(&note) {
            match part {
                GuidePart::Text(text) => writeln!(out, "text {text:?}"),
                GuidePart::Broken(text) => writeln!(out, "broken {text:?}"),
                GuidePart::Investigate(search) => writeln!(out, "investigate {}", search.to_directive()),
                GuidePart::Osquery(hunt) => writeln!(out, "osquery {}", hunt.to_directive()),
            }
            .unwrap();
        }
        writeln!(out, "--- diagnostics\n{}", told(found, "rule", &text)).unwrap();
        assert_snapshot("guide", &case.name, &out);
    }
}

/// Every query of every guide arrives in the form of the API, and can be read from there.
#[test]
fn shared_guides_keep_their_queries() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let (mut investigations, mut hunts, mut setups) = (0, 0, 0);
    for file in load(&[shared.join("corpus/detection-rules")]) {
        let content = file.content.expect("loaded");
        let rule = content.to_api();
        let note = rule.note.as_deref().unwrap_or_default();
        let mut text = String::new();
        for part in parts(note) {
            match part {
                GuidePart::Text(part) => text.push_str(part),
                GuidePart::Broken(part) => panic!("{}: {part}", file.source.name()),
                GuidePart::Investigate(search) => {
                    assert!(content.transform.as_ref().expect("a table").investigate.contains(&search));
                    text += &search.to_directive();
                    investigations += 1;
                }
                GuidePart::Osquery(hunt) => {
                    assert!(content.transform.as_ref().expect("a table").osquery.contains(&hunt));
                    text += &hunt.to_directive();
                    hunts += 1;
                }
            }
        }
        assert_eq!(text, note, "{}", file.source.name());
        setups += usize::from(content.rule.setup.is_none() && rule.setup.is_some());
    }
    assert_snapshot(
        "public_rules",
        "guides",
        &format!("investigate {investigations}\nosquery     {hunts}\nsetup taken from the note {setups}\n"),
    );
}
