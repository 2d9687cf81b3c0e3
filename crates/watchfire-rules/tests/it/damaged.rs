//! Texts cut off or garbled anywhere: nothing panics, and every place that is named exists.

use proptest::prelude::*;
use watchfire_diagnostics::Diagnostic;
use watchfire_rules::format::MAX_DIAGNOSTICS;
use watchfire_rules::lint::{QueryFacts, lint};
use watchfire_rules::load::load_text;
use watchfire_rules::testing::load_tests;
use watchfire_rules::{guide, page};

use crate::cases::cases;

fn assert_places(diagnostics: &[Diagnostic], text: &str) {
    for diagnostic in diagnostics {
        for label in &diagnostic.labels {
            assert!(text.get(label.span.range()).is_some(), "{diagnostic:?} in {text:?}");
        }
        assert!(diagnostic.labels.iter().filter(|label| label.primary).count() <= 1);
    }
}

fn read_all(text: &str) {
    let (_, found) = load_tests(text);
    assert_places(&found, text);
    for file in load_text("rule", text.to_owned()) {
        assert_places(&file.diagnostics, file.source.text());
        if let Some(content) = &file.content {
            let facts = QueryFacts { sequence: true, max_span_millis: Some(u64::MAX) };
            assert_places(&lint(content, file.source.text(), &facts), file.source.text());
            let note = content.guide().unwrap_or_default();
            assert!(guide::parts(&note).len() <= note.len());
            assert!(!page::markdown(content).is_empty());
        }
    }
}

fn texts() -> Vec<String> {
    let readable = |case: &crate::cases::Case| std::fs::read_to_string(&case.path).ok();
    ["reading", "guide", "rule_tests", "lint", "page"]
        .into_iter()
        .flat_map(cases)
        .filter_map(|case| readable(&case))
        .collect()
}

#[test]
fn a_text_may_end_anywhere() {
    for text in texts() {
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        // Every place of a short text, a hundred of a long one.
        for at in ends.iter().step_by(ends.len() / 100 + 1) {
            read_all(&text[..*at]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_text_may_be_garbled(
        choice in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        removed in 0_usize..40,
        inserted in prop::sample::select(&["", "\"", "'''", "{", "}", "[", "]", "\n", "\\", "$", "!{", "é", "\u{0}", "=", ","][..]),
    ) {
        let texts = texts();
        let text: Vec<char> = choice.get(&texts).chars().collect();
        let start = place.index(text.len() + 1);
        let end = (start + removed).min(text.len());
        let garbled: String = text[..start].iter().copied().chain(inserted.chars()).chain(text[end..].iter().copied()).collect();
        read_all(&garbled);
    }
}

/// Much of anything wrong is neither slow (a square of these numbers would not end) nor said more than a hundred times.
#[test]
fn what_is_said_is_bounded() {
    const MANY: usize = 50_000;
    let rule = r#"{"name":"n","description":"d","risk_score":1,"severity":"low","type":"query""#;
    let keys: Vec<String> = (0..MANY).map(|number| format!(",\"k{number}\":1")).collect();
    let keys = keys.concat();
    let texts = [
        format!("{rule}{keys}{keys}}}"),
        format!("{rule},\"tags\":[{}1]}}", "1,".repeat(MANY)),
        format!("{rule},\"note\":\"{}\"}}", "$osquery_1 ".repeat(MANY)),
        format!("{rule},\"note\":\"{}\"}}", "!{osquery{} ".repeat(MANY)),
        format!("{rule},\"note\":\"{}\"}}", r#"!{osquery{\"a\":\"}} "#.repeat(MANY)),
        format!("[rule]\n{}", "x = [\n".repeat(MANY)),
        format!("[[test]]\nname='a'\nexpect='match'\nevents='''{}'''", "1 ".repeat(9_000)),
        "{}\n".repeat(MANY),
    ];
    for text in texts {
        let (_, found) = load_tests(&text);
        let loaded = load_text("rule", text);
        let most = loaded.iter().map(|file| file.diagnostics.len()).chain([found.len()]).max();
        assert!(most.is_some_and(|most| (1..=MAX_DIAGNOSTICS + 1).contains(&most)), "{most:?}");
        assert!(loaded.len() <= 10);
    }
}
