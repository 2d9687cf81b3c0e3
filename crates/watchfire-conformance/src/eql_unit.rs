//! Elasticsearch's own unit files of EQL: queries that it takes and refuses, constant expressions and their values, what
//! queries become, and sequences as pictures.

mod folding;
mod pictures;
mod queries;
mod refusal;
mod translator;

use std::collections::BTreeMap;
use std::path::Path;

use crate::expected::{Expected, abbreviated};
use crate::report::{Section, Table};

const MISSED: &str = include_str!("../expected/eql-unit-missed.tsv");

/// The cases of a file, or of a part of it, and what became of them.
struct Suite {
    /// The name of the file.
    file: &'static str,
    /// What its cases ask.
    asks: &'static str,
    /// Fewer cases than this mean that the file was not read as it should be.
    least: usize,
    /// By what names the case within the file.
    outcomes: Vec<(String, Outcome)>,
}

/// What became of a case.
#[derive(Debug)]
enum Outcome {
    Passed,
    /// Upstream lists it as one that Elasticsearch does not meet.
    NotMetUpstream,
    /// It is otherwise here; in one line, how.
    Missed(String),
}

impl Outcome {
    /// Passed, or what is otherwise.
    fn of(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Missed, |()| Self::Passed)
    }
}

/// All unit files.
pub(crate) fn section(shared: &Path) -> Section {
    let folder = shared.join("conformance/eql");
    let unit = folder.join("unit");
    let mut suites = queries::suites(&unit);
    suites.extend(queries::old_dialect(&folder));
    suites.extend(folding::suites(&unit));
    suites.push(translator::suite(&unit));
    suites.push(pictures::suite(&unit));

    let mut section = Section::new("EQL unit files of Elasticsearch");
    let expected = Expected::parse("eql-unit-missed.tsv", MISSED, 2);
    let mut table = Table::new(["file", "its cases", "number", "passed", "explained", "failed"]);
    let mut missed = BTreeMap::new();
    let mut not_met_upstream = Vec::new();
    for suite in &suites {
        let [mut passed, mut explained, mut failed] = [0_usize; 3];
        let mut exempt = Vec::new();
        for (name, outcome) in &suite.outcomes {
            match outcome {
                Outcome::Passed => passed += 1,
                Outcome::NotMetUpstream => {
                    explained += 1;
                    exempt.push(name.as_str());
                }
                Outcome::Missed(how) => {
                    let key = format!("{} {name}", suite.file);
                    let column = if expected.explains(&key) { &mut explained } else { &mut failed };
                    *column += 1;
                    missed.insert(key, how.clone());
                }
            }
        }
        section.require(suite.outcomes.len(), suite.least, &format!("cases in {}", suite.file));
        let [cases, passed, explained, failed] =
            [suite.outcomes.len(), passed, explained, failed].map(|number| number.to_string());
        table.row([suite.file.to_owned(), suite.asks.to_owned(), cases, passed, explained, failed]);
        if !exempt.is_empty() {
            not_met_upstream.push(format!("{} × {}: {}", exempt.len(), suite.file, abbreviated(exempt)));
        }
    }
    table.sums(2);
    section.table(&table);
    section.list(
        "Elasticsearch does not meet these either (its test_unsupported.toml lists them); section and number within it:",
        not_met_upstream,
    );
    expected.compare(&missed, &mut section);
    section
}
