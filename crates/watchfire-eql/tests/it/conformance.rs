//! Elasticsearch's own lists of queries, read where they lie: what it takes is taken, what it refuses is refused.

use std::path::Path;

use watchfire_diagnostics::Code;
use watchfire_eql::{TokenKind, codes, tokenize};

use crate::invariants::{errors, parse_checked};

/// What is said of a query in Endgame's dialect, and of nothing but the dialect.
const OLD_DIALECT: &[Code] = &[
    codes::SINGLE_QUOTES,
    codes::OLD_RAW_STRING,
    codes::SINGLE_EQUALS,
    codes::MAXSPAN_VALUE,
    codes::KEY_NOT_A_FIELD,
    codes::JOIN,
    codes::PROCESS_RELATION,
    codes::ARRAY_INDEX,
    codes::METHOD_CALL,
    codes::ENDGAME_FUNCTION,
    codes::ENDGAME_PIPE,
    codes::FORK,
    // `descendant of` is Endgame's as well, and Elastic Defend kept it.
    codes::DEFEND_DESCENDANT,
];

/// Queries of the list of supported ones that are refused here, by a part of their text, and why.
const SUPPORTED_BUT_REFUSED: &[(&str, &str)] = &[
    ("join\n", "the grammar has `join`, and what is built on it refuses it"),
    ("join by ", "the grammar has `join`, and what is built on it refuses it"),
    (", false, true)", "a fifth argument of `between`, gone since functions have `~`"),
];

/// The queries of a file, each ended by `;`, and the lines behind the last of them.
fn queries(path: &Path) -> (Vec<String>, Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut queries = vec![String::new()];
    let (tokens, _) = tokenize(&text);
    for token in tokens {
        match (&text[token.span.range()], token.kind) {
            (";", _) => queries.push(String::new()),
            (_, TokenKind::Comment) => {}
            (piece, _) => queries.last_mut().unwrap().push_str(piece),
        }
    }
    let rest = queries.pop().unwrap();
    let filled = |query: &str| Some(query.trim().to_owned()).filter(|query| !query.is_empty());
    let queries = queries.iter().filter_map(|query| filled(query)).collect();
    (queries, rest.lines().filter_map(filled).collect())
}

#[test]
fn shared_supported_queries_are_taken() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let (queries, lines) = queries(&shared.join("conformance/eql/unit/queries-supported.eql"));
    assert!(queries.len() >= 170, "only {} queries", queries.len());
    for query in &queries {
        let parsed = parse_checked(query);
        let refused = errors(&parsed.diagnostics).next();
        let listed = SUPPORTED_BUT_REFUSED.iter().any(|(part, _)| query.contains(part));
        assert_eq!(refused.is_some(), listed, "{query}: {refused:?}");
    }
    for (part, reason) in SUPPORTED_BUT_REFUSED {
        assert!(queries.iter().any(|query| query.contains(part)), "no query has `{part}` ({reason})");
    }
    // These are not ended, so nobody runs them; several would fail for their numbers of keys. Their syntax is right.
    assert!(lines.len() >= 20, "only {} lines", lines.len());
    for line in &lines {
        for problem in errors(&parse_checked(line).diagnostics) {
            assert_eq!(problem.code, codes::KEY_COUNT, "{line}: {problem:?}");
        }
    }
}

#[test]
fn shared_unsupported_queries_are_refused() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let (queries, lines) = queries(&shared.join("conformance/eql/unit/queries-unsupported.eql"));
    assert!(queries.len() >= 80, "only {} queries", queries.len());
    assert_eq!(lines, [""; 0]);
    for query in &queries {
        let parsed = parse_checked(query);
        assert!(!parsed.is_valid(), "{query}");
        for problem in errors(&parsed.diagnostics) {
            assert!(OLD_DIALECT.contains(&problem.code), "{query}: {problem:?}");
        }
    }
}

/// Cases whose first line names what the translator is asked, and whose other lines say what it answers.
#[test]
fn shared_translated_queries_are_taken() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let text =
        std::fs::read_to_string(shared.join("conformance/eql/unit/querytranslator_tests.txt")).unwrap();
    let blocks = text.split("\n;").filter_map(|block| {
        let mut lines =
            block.lines().filter(|line| !line.trim_start().starts_with("//") && !line.trim().is_empty());
        let _name = lines.next()?;
        let query: Vec<&str> = lines.collect();
        Some(query.join("\n"))
    });
    let mut count = 0;
    for query in blocks.filter(|query| query.contains(" where ")) {
        let parsed = parse_checked(&query);
        assert!(parsed.is_valid(), "{query}: {:?}", parsed.diagnostics);
        count += 1;
    }
    assert!(count >= 100, "only {count} queries");
}

#[test]
fn shared_cases_are_taken() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let text = std::fs::read_to_string(shared.join("conformance/eql/derived/cases.jsonl")).unwrap();
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let query = case["query"].as_str().unwrap();
        let parsed = parse_checked(query);
        assert!(parsed.is_valid(), "{query}: {:?}", parsed.diagnostics);
    }
}

/// The forerunners of today's cases are in the old dialect: they are refused for nothing but that.
#[test]
fn shared_cases_of_the_old_dialect_are_refused_for_it() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    for file in ["conformance/eql/test_queries_supported.toml", "conformance/eql/endgame/test_queries.toml"] {
        let text = std::fs::read_to_string(shared.join(file)).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let queries = table["queries"].as_array().unwrap();
        assert!(queries.len() >= 30, "{file}: only {} queries", queries.len());
        for query in queries {
            let query = query["query"].as_str().unwrap();
            for problem in errors(&parse_checked(query).diagnostics) {
                assert!(OLD_DIALECT.contains(&problem.code), "{file}: {query}: {problem:?}");
            }
        }
    }
}
