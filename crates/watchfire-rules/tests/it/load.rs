//! Loading: public rules where they lie, our own rules, and files that are something else.

use std::path::Path;

use watchfire_diagnostics::Severity;
use watchfire_rules::format;
use watchfire_rules::load::{Fate, load};

#[test]
fn shared_detection_rules_load_and_survive_the_api_form() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let files = load(&[shared.join("corpus/detection-rules")]);
    assert!(files.len() >= 1_897, "only {} files", files.len());
    for file in &files {
        let errors: Vec<_> =
            file.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
        assert_eq!((file.fate, errors.len()), (Fate::Loaded, 0), "{}: {errors:?}", file.source.name());
        let rule = &file.content.as_ref().expect("loaded").rule;
        let text = format::json::write(rule).expect("a rule can be written").to_string();
        let again = format::json::parse(&text);
        let again_rule = again.file.map(|file| file.rule);
        assert_eq!(again_rule.as_ref(), Some(rule), "{}: {:?}", file.source.name(), again.diagnostics);
    }
}

#[test]
fn our_own_rules_load_without_a_word() {
    let files = load(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules")]);
    assert!(files.len() >= 12);
    for file in &files {
        assert_eq!(
            (file.fate, file.diagnostics.as_slice()),
            (Fate::Loaded, [].as_slice()),
            "{}",
            file.source.name()
        );
    }
}

#[test]
fn every_file_ends_in_a_state() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).expect("writable");
    let rule =
        "[rule]\nname='n'\ndescription='d'\nrisk_score=21\nseverity='low'\ntype='query'\nrule_id='1'\n";
    write("a.toml", rule.as_bytes());
    write("b.toml", rule.as_bytes());
    write("c.toml", b"[rule]\nname = ");
    write("d.toml", b"\xff\xfe");
    write("e.toml", b"[rule]\nid='x'\nos_list=['windows']\n");
    write("f.toml", b"[rule]\nname='n'\nseverety='low'\n");
    write("g.tests.toml", b"");
    write("h.txt", b"");
    let files = load(&[folder.path().to_path_buf(), folder.path().join("missing.toml")]);
    let told: Vec<String> = files
        .iter()
        .map(|file| {
            let codes: Vec<String> = file.diagnostics.iter().map(|found| found.code.to_string()).collect();
            let name =
                Path::new(file.source.name()).file_name().expect("a name").to_string_lossy().into_owned();
            format!("{name} {:?} {}", file.fate, codes.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "a.toml Loaded ",
            "b.toml Failed RUL011",
            "c.toml Failed RUL001",
            "d.toml Failed RUL010",
            "e.toml NotARule RUL007",
            "f.toml Failed RUL004 RUL004 RUL004 RUL004 RUL003",
            "missing.toml Failed RUL009",
        ]
    );
    let empty = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(load(&[empty.path().to_path_buf()])[0].diagnostics[0].code.as_str(), "RUL012");
}
