//! Exports that are written and read again.

use std::path::Path;

use watchfire_diagnostics::Diagnostic;
use watchfire_rules::format::ndjson::{LineContent, is_export, parse, write, write_rules};
use watchfire_rules::load::{Fate, load, load_text};
use watchfire_rules::model::{Export, MissingRule, RuleId};

use crate::cases::assert_snapshot;

/// Writes, reads, and compares: the objects, their order, and the summary's counts.
fn assert_survives(export: &Export) -> String {
    let text = write(export).unwrap();
    assert!(is_export(&text));
    let parsed = parse(&text);
    // What is wrong with a guide is wrong with it in every form.
    let about_export = |found: &&Diagnostic| found.code != watchfire_rules::codes::NO_TABLE;
    let found = parsed.lines.iter().flat_map(|line| &line.diagnostics).find(about_export);
    assert_eq!(found, None);
    assert!(matches!(parsed.lines.last().unwrap().content, Some(LineContent::Summary(_))));
    let again = parsed.into_export();
    assert_eq!(&again, export);
    assert_eq!(write(&again).unwrap(), text);
    text
}

/// The rules of a folder in the form of the API.
fn rules_of(folder: &Path) -> Export {
    let files = load(&[folder.to_owned()]).into_iter();
    let rules = files.map(|file| file.content.expect("loaded").to_api()).collect();
    Export { rules, ..Export::default() }
}

#[test]
fn our_own_rules_survive_an_export() {
    let export = rules_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules"));
    let text = assert_survives(&export);
    let loaded = load_text("export.ndjson", text);
    assert_eq!(loaded.len(), export.rules.len());
    assert!(loaded.iter().all(|file| file.fate == Fate::Loaded && file.diagnostics.is_empty()));
}

#[test]
fn objects_are_written_in_order_and_counted() {
    let text = std::fs::read_to_string("tests/cases/reading/RUL007-whole-export.ndjson").unwrap();
    let mut export = parse(&text).into_export();
    // What the objects refer to, and what was asked for, need not be there.
    let mut other = export.rules[0].clone();
    other.rule_id = RuleId::new("aaaaaaaa-0000-4000-8000-000000000009");
    other.exceptions_list.as_mut().unwrap()[0].list_id = "lost".to_owned();
    other.actions.as_mut().unwrap()[0].id = "gone".to_owned();
    export.rules.push(other);
    let asked = RuleId::new("aaaaaaaa-0000-4000-8000-00000000000f").unwrap();
    export.missing_rules.push(MissingRule { rule_id: asked });
    assert_snapshot("export", "whole", &assert_survives(&export));
}

#[test]
fn an_export_without_details_has_rules_only() {
    let text = std::fs::read_to_string("tests/cases/reading/RUL007-whole-export.ndjson").unwrap();
    let export = parse(&text).into_export();
    let rules = write_rules(&export.rules).unwrap();
    assert_eq!(rules.lines().count(), 1);
    assert_eq!(parse(&rules).into_export(), Export { rules: export.rules, ..Export::default() });
}

#[test]
fn shared_rules_survive_an_export() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let export = rules_of(&shared.join("corpus/detection-rules"));
    let text = assert_survives(&export);
    let loaded = load_text("export.ndjson", text);
    let rules = loaded.iter().filter(|file| file.fate == Fate::Loaded).count();
    assert_eq!(rules, export.rules.len());
    // One placeholder of the public rules has no table (see the table of lints); nothing else is said.
    let found: Vec<_> = loaded.iter().flat_map(|file| &file.diagnostics).collect();
    assert_eq!(found.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["RUL018"]);
}
