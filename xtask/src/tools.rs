//! Tools that are crates of their own, in a release build: without optimisation they take many times as long, or measure
//! what nobody runs.

use anyhow::Result;

use crate::gate::{cargo, run};

/// Prints the parts of the conformance report that are named, or all; fails if anything is not as expected.
pub(crate) fn conformance(parts: &[&str]) -> Result<()> {
    tool("watchfire-conformance", parts)
}

/// Measures scans: builds the command as it is shipped but for link-time optimisation, then runs it.
pub(crate) fn bench(words: &[&str]) -> Result<()> {
    run(cargo(&["build", "--release", "--quiet", "--locked", "-p", "watchfire"]))?;
    tool("watchfire-bench", words)
}

fn tool(package: &str, arguments: &[&str]) -> Result<()> {
    let mut command = cargo(&["run", "--release", "--quiet", "--locked", "-p", package, "--"]);
    command.args(arguments);
    run(command)
}
