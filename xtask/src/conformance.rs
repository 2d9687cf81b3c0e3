//! The conformance report, in a release build: the same suites take many times as long without optimisation.

use anyhow::Result;

use crate::gate::{cargo, run};

/// Prints the parts named, or all; fails if anything is not as expected.
pub(crate) fn report(parts: &[&str]) -> Result<()> {
    let mut command =
        cargo(&["run", "--release", "--quiet", "--locked", "-p", "watchfire-conformance", "--"]);
    command.args(parts);
    run(command)
}
