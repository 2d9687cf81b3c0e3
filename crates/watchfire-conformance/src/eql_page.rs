//! The page `docs/eql.md`: prose that lies beside this file, and in its places what the program knows of itself.
//!
//! ```text
//!  page.md ── {{functions}} {{limits}} {{dialects}} ◄── the tables and constants of the crates
//!          └─ {{figures}}                           ◄── the conformance report; without its data, those of the page
//! ```

mod functions;

use std::path::Path;

use watchfire_engine::correlate::{MAX_KEY_TUPLES, MAX_SAMPLE_STAGES, SequenceShape};
use watchfire_eql::limits::{MAX_DIAGNOSTICS, MAX_NESTING, MAX_QUERY_BYTES, MAX_RUNS};
use watchfire_eql::{CODES, codes};
use watchfire_ir::{MAX_COMBINATIONS, MAX_REGEX_BYTES, MAX_REGEX_NESTING, MAX_REGEX_REPEAT};

use crate::report::{Section, Table};
use crate::{eql_cases, eql_unit};

const PROSE: &str = include_str!("eql_page/page.md");
const FIGURES_BEGIN: &str = "<!-- figures: begin -->";
const FIGURES_END: &str = "<!-- figures: end -->";

/// The page with these figures.
pub fn eql_page(figures: &str) -> String {
    let figures = format!("{FIGURES_BEGIN}\n\n{}\n\n{FIGURES_END}", figures.trim());
    let mut page = PROSE.to_owned();
    for (place, content) in [
        ("{{functions}}", functions::table()),
        ("{{limits}}", limits()),
        ("{{dialects}}", dialects()),
        ("{{figures}}", figures),
    ] {
        assert_eq!(page.matches(place).count(), 1, "the page has one place for {place}");
        page = page.replace(place, &content);
    }
    page
}

/// The figures that a page shows; `None` if it has no place for them.
pub fn figures_of_page(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once(FIGURES_BEGIN)?;
    let (figures, _) = rest.split_once(FIGURES_END)?;
    Some(figures.trim())
}

/// The figures of the report over the folder of shared data.
///
/// # Errors
/// With what is not as expected.
pub fn eql_figures(shared: &Path) -> Result<String, Vec<String>> {
    let sections = [eql_cases::section(shared), eql_unit::section(shared)];
    let failures: Vec<String> = sections.iter().flat_map(Section::failures).cloned().collect();
    if !failures.is_empty() {
        return Err(failures);
    }
    // One level below the heading that they stand under.
    Ok(sections.map(|section| format!("#{}", section.to_string().trim())).join("\n\n"))
}

fn limits() -> String {
    let mut table = Table::new(["at most", "of what"]);
    let mut row = |most: u64, what: &str| table.row([grouped(most), what.to_owned()]);
    row(MAX_QUERY_BYTES as u64, "bytes of a query");
    row(MAX_NESTING as u64, "levels of parentheses, calls and brackets; a chain of `and` or `or` is one");
    row(MAX_DIAGNOSTICS as u64, "diagnostics of reading a query; what is left out is counted");
    row(MAX_RUNS, "`runs` of a stage");
    row(SequenceShape::MAX_PLACES as u64, "places of a sequence, `runs` spelled out");
    row(MAX_SAMPLE_STAGES as u64, "stages of a sample");
    row(
        MAX_KEY_TUPLES as u64,
        "tuples of key values of one event at one stage; those beyond are left out and counted",
    );
    row(
        MAX_COMBINATIONS,
        "combinations of values that a computed test tries for one event; beyond, it is false and counted",
    );
    row(MAX_REGEX_BYTES as u64, "bytes of a regular expression");
    row(MAX_REGEX_NESTING as u64, "levels in a regular expression");
    row(MAX_REGEX_REPEAT.into(), "as a count in a regular expression's `{n,m}`");
    table.to_string()
}

/// The number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}

/// The codes that name features of the other dialects.
fn dialects() -> String {
    let mut table = Table::new(["code", "feature", "what to know"]);
    let mut others = [codes::SINGLE_QUOTES, codes::OLD_RAW_STRING, codes::SINGLE_EQUALS].to_vec();
    others.extend(
        CODES
            .iter()
            .map(|info| info.code)
            .filter(|code| (codes::JOIN..=codes::DEFEND_VARIABLE).contains(code)),
    );
    for info in CODES.iter().filter(|info| others.contains(&info.code)) {
        table.row([info.code.to_string(), info.title.to_owned(), info.explanation.replace('|', "\\|")]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_again() {
        let page = eql_page("| a |\n|---|");
        assert_eq!(figures_of_page(&page), Some("| a |\n|---|"));
        assert!(!page.contains("{{"));
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([7, 100, 4_096, 1_048_576].map(grouped), ["7", "100", "4 096", "1 048 576"]);
    }
}
