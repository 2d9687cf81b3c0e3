//! How far the normaliser's documents agree with those of the reference pipelines.

use std::collections::BTreeMap;
use std::path::Path;

use watchfire_test_support::read_text;

use crate::fixture_comparison::{self, Comparison};
use crate::report::{Section, Table};

const LEAST_PERCENT: &str = include_str!("../expected/fixtures-least-percent.tsv");

/// The least that any set may be excused to, and what is asked of those that the file does not name.
const PROMISED: f64 = 97.0;

/// The agreement of each fixture set, and every difference. Each must be explained in `expected/differences/`.
pub(crate) fn section(shared: &Path) -> Section {
    let mut section = Section::new("Fixtures of the reference pipelines");
    let comparisons = fixture_comparison::compare_all(&shared.join("fixtures"));
    let explained = Explained::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("expected/differences"));
    section.table(&table(&comparisons));
    check_least(&comparisons, &mut section);
    let mut differences = Vec::new();
    for comparison in &comparisons {
        for label in &comparison.of_other_source {
            section.fail(format!("{} {label}", comparison.set));
        }
        for label in &comparison.without_stream_fields {
            section.fail(format!("{} {label}: the constants of the data stream are missing", comparison.set));
        }
        for field in &comparison.misfits {
            section.fail(format!("{} {field}: a value does not fit the field's type", comparison.set));
        }
        for field in &comparison.unlisted {
            section
                .fail(format!("{} {field}: the table of the source does not list the field", comparison.set));
        }
        for difference in &comparison.differences {
            let found = difference.found.as_ref().map_or("nothing".to_owned(), ToString::to_string);
            let what = format!(
                "{} {} `{}`: expected {}, found {found}",
                comparison.set, difference.label, difference.field, difference.expected
            );
            if !explained.explains(&comparison.set, &difference.label, &difference.field) {
                section.fail(format!("expected/differences/ does not explain: {what}"));
            }
            differences.push(what);
        }
    }
    section.list("Every difference, explained in `expected/differences/`:", differences);
    section
}

/// The differences that have a reason.
struct Explained(Vec<[String; 3]>);

impl Explained {
    fn read(folder: &Path) -> Self {
        let entries =
            std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut rows = Vec::new();
        for entry in entries {
            let path = entry.expect("a folder entry").path();
            for line in read_text(&path).lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let fields: Vec<&str> = line.split('\t').collect();
                let [set, record, field, why] = fields[..] else {
                    panic!("{}: set, record, field and reason expected: {line}", path.display())
                };
                assert!(!why.trim().is_empty(), "{}: no reason: {line}", path.display());
                rows.push([set, record, field].map(str::to_owned));
            }
        }
        Self(rows)
    }

    fn explains(&self, set: &str, record: &str, field: &str) -> bool {
        self.0.iter().any(|[of_set, of_record, of_field]| {
            of_set == set
                && (of_record == "*" || of_record == record)
                && match of_field.strip_suffix('*') {
                    Some(start) => field.starts_with(start),
                    None => of_field == field,
                }
        })
    }
}

fn table(comparisons: &[Comparison]) -> Table {
    let mut table = Table::new([
        "fixture set",
        "documents",
        "fields",
        "equal",
        "different",
        "missing",
        "equal %",
        "optional fields",
        "optional equal",
    ]);
    for comparison in comparisons {
        let missing = comparison.missing();
        let numbers = [
            comparison.documents,
            comparison.expected(),
            comparison.equal,
            comparison.differences.len() - missing,
            missing,
            comparison.optional,
            comparison.optional_equal,
        ];
        let [documents, fields, equal, different, missing, optional, optional_equal] =
            numbers.map(|number| number.to_string());
        let percent = format!("{:.2} %", comparison.percent());
        table.row([
            comparison.set.clone(),
            documents,
            fields,
            equal,
            different,
            missing,
            percent,
            optional,
            optional_equal,
        ]);
    }
    table
}

/// Holds every set to its committed least agreement, and that to the promised one.
fn check_least(comparisons: &[Comparison], section: &mut Section) {
    let lines = LEAST_PERCENT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut least: BTreeMap<&str, f64> = lines
        .map(|line| {
            let (set, percent) = line.split_once('\t').expect("a fixture set and a number");
            (set, percent.parse().expect("a number"))
        })
        .collect();
    for comparison in comparisons {
        let (set, percent) = (&comparison.set, comparison.percent());
        match least.remove(set.as_str()).or(Some(PROMISED)) {
            _ if comparison.documents == 0 => section.fail(format!("{set}: no documents")),
            Some(least) if least < PROMISED => section.fail(format!("{set}: {least} % is not enough")),
            Some(least) if percent < least => {
                section.fail(format!("{set}: {percent:.2} %, expected {least} %"));
            }
            _ => {}
        }
    }
    least.into_keys().for_each(|set| section.fail(format!("{set}: there is no such fixture set")));
}
