//! Behavior rules of Elastic Defend: a larger dialect of EQL, whose extensions the parser names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use watchfire_diagnostics::{Code, Severity};
use watchfire_test_support::{files_below, read_text};

use crate::report::{Section, Table};

/// The codes that name a feature of another dialect (`watchfire_eql::codes`).
const DIALECTS: std::ops::RangeInclusive<&str> = "EQL080"..="EQL094";

/// Which of them parse, and what the others need.
pub(crate) fn section(shared: &Path) -> Section {
    let mut section = Section::new("EQL of protections-artifacts");
    let (mut rules, mut parsed, mut extended, mut wrong) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut extensions: BTreeMap<Code, usize> = BTreeMap::new();
    for path in files_below(&shared.join("corpus/protections-artifacts"), "toml") {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let file: toml::Table = match read_text(&path).parse() {
            Ok(file) => file,
            Err(error) => {
                section.fail(format!("{name}: {error}"));
                continue;
            }
        };
        let Some(query) = file["rule"].get("query").and_then(toml::Value::as_str) else {
            section.fail(format!("{name}: no query"));
            continue;
        };
        rules += 1;
        let diagnostics = watchfire_eql::parse(query).diagnostics;
        let errors: Vec<_> =
            diagnostics.into_iter().filter(|found| found.severity == Severity::Error).collect();
        let mut others = errors.iter().filter(|error| !DIALECTS.contains(&error.code.as_str())).peekable();
        if errors.is_empty() {
            parsed += 1;
        } else if others.peek().is_none() {
            extended += 1;
            let codes: BTreeSet<Code> = errors.iter().map(|error| error.code).collect();
            codes.into_iter().for_each(|code| *extensions.entry(code).or_default() += 1);
        } else {
            wrong += 1;
            others.for_each(|error| section.fail(format!("{name}: {}: {}", error.code, error.message)));
        }
    }
    let mut table = Table::new(["rules", "parse", "need an extension, which is named", "otherwise refused"]);
    table.row([rules, parsed, extended, wrong].map(|number| number.to_string()));
    section.table(&table);
    section.require(rules, 1_000, "rules");
    let mut table = Table::new(["code", "extension", "rules"]);
    for (code, number) in extensions {
        let title = watchfire_eql::CODES.iter().find(|info| info.code == code).map_or("", |info| info.title);
        table.row([code.to_string(), title.to_owned(), number.to_string()]);
    }
    section.table(&table);
    section
}
