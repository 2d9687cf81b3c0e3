//! Tools that are crates of their own, in a release build: without optimisation they take many times as long, or measure
//! what nobody runs.

use anyhow::Result;

use crate::gate::{cargo, run, shared_folder};

/// The figures that a quick benchmark is compared with.
const BASELINE: &str = "crates/watchfire-bench/baseline.json";

/// Prints the parts of the conformance report that are named, or all; fails if anything is not as expected.
pub(crate) fn conformance(parts: &[&str]) -> Result<()> {
    tool("watchfire-conformance", parts)
}

/// Measures scans: builds the command as it is shipped but for link-time optimisation, then runs it.
pub(crate) fn bench(words: &[&str]) -> Result<()> {
    run(cargo(&["build", "--release", "--quiet", "--locked", "-p", "watchfire"]))?;
    tool("watchfire-bench", words)
}

/// What a few scans cost, compared with the baseline. It is printed and no gate: a machine that others use too says little
/// about time, and whoever makes a scan dearer has to say why in any case.
#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
pub(crate) fn quick_bench() {
    if shared_folder().is_none() {
        println!("skipped: there is no shared data to scan; set WATCHFIRE_SHARED");
    } else if let Err(error) = bench(&["--quick", "--compare", BASELINE]) {
        println!("skipped: {error:#}");
    }
}

fn tool(package: &str, arguments: &[&str]) -> Result<()> {
    let mut command = cargo(&["run", "--release", "--quiet", "--locked", "-p", package, "--"]);
    command.args(arguments);
    run(command)
}
