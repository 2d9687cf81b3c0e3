//! `cargo xtask conformance [PART…]`: prints the report as Markdown; exit code 1 if anything is not as expected.

use std::io::{self, Write};
use std::process::ExitCode;

use watchfire_conformance::{Part, Section, run};
use watchfire_test_support::find_shared_folder;

fn main() -> io::Result<ExitCode> {
    let (mut out, mut log) = (io::stdout().lock(), io::stderr().lock());
    let mut parts = Vec::new();
    for word in std::env::args().skip(1) {
        let Some(part) = Part::ALL.into_iter().find(|part| part.name() == word) else {
            let names: Vec<&str> = Part::ALL.into_iter().map(Part::name).collect();
            writeln!(log, "unknown part `{word}`; the parts are {}", names.join(", "))?;
            return Ok(ExitCode::from(2));
        };
        parts.push(part);
    }
    if parts.is_empty() {
        parts.extend(Part::ALL);
    }
    let Some(shared) = find_shared_folder() else {
        writeln!(log, "there is no shared data to report on; set WATCHFIRE_SHARED to its folder")?;
        return Ok(ExitCode::FAILURE);
    };
    let sections = run(&parts, &shared);
    for section in &sections {
        writeln!(out, "{section}")?;
    }
    let failures: usize = sections.iter().map(|section: &Section| section.failures().len()).sum();
    writeln!(log, "{failures} not as expected")?;
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
