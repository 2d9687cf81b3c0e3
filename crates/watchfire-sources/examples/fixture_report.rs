//! Prints how far the normaliser's documents agree with those of the reference pipelines:
//! `cargo run -p watchfire-sources --example fixture_report -- FIXTURES`.
#![expect(clippy::print_stdout, reason = "a report is what it is for")]

#[path = "../tests/it/fixture_comparison.rs"]
#[expect(dead_code, reason = "tests use more of it than the report")]
mod fixture_comparison;

fn main() {
    let fixtures = std::env::args_os().nth(1).expect("the folder of fixtures");
    let comparisons = fixture_comparison::compare_all(std::path::Path::new(&fixtures));
    println!("{}", fixture_comparison::table(&comparisons));
    for comparison in &comparisons {
        for label in &comparison.without_stream_fields {
            println!("{} {label}: the constants of the data stream are missing", comparison.set);
        }
        for difference in &comparison.differences {
            let found = difference.found.as_ref().map_or("nothing".to_owned(), ToString::to_string);
            println!(
                "{} {} {}: expected {}, found {found}",
                comparison.set, difference.label, difference.field, difference.expected
            );
        }
    }
}
