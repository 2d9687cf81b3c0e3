//! Elasticsearch's and Endgame's own queries, read where they lie: what holds of every text holds of these. Which of them
//! are taken, and what the others are refused for, is the conformance report's.

use watchfire_test_support::{read_json_lines, read_text, shared_folder};

use crate::invariants::parse_checked;

#[test]
fn shared_queries_of_upstream_keep_the_invariants() {
    let Some(shared) = shared_folder() else { return };
    let folder = shared.join("conformance/eql");
    let mut texts: Vec<String> = Vec::new();
    for file in [
        "queries-supported.eql",
        "queries-unsupported.eql",
        "grammar-queries.eql",
        "querytranslator_tests.txt",
    ] {
        texts.extend(read_text(&folder.join("unit").join(file)).split(';').map(str::to_owned));
    }
    for case in read_json_lines(&folder.join("derived/cases.jsonl")) {
        texts.push(case["query"].as_str().unwrap().to_owned());
    }
    for file in ["test_queries_supported.toml", "endgame/test_queries.toml"] {
        let table: toml::Table = read_text(&folder.join(file)).parse().unwrap();
        let queries = table["queries"].as_array().unwrap();
        texts.extend(queries.iter().map(|query| query["query"].as_str().unwrap().to_owned()));
    }
    assert!(texts.len() >= 1_000, "only {} texts", texts.len());
    for text in &texts {
        parse_checked(text);
    }
}
