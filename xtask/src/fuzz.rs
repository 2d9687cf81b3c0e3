//! The fuzz targets on a stable toolchain: their own lints, and the replay of their corpora.

use std::process::Command;

use anyhow::{Context, Result};

use crate::gate::{cargo, root, run};

/// How long the replay takes in the gate, building aside.
pub(crate) const DEFAULT_SECONDS: u64 = 30;

/// Formatting, lints and tests of the fuzz workspace, which `--workspace` does not reach.
pub(crate) fn check() -> Result<()> {
    run(fuzz_cargo(&["fmt"], &["--check"]))?;
    // In release mode, because the replay needs the same build scripts and their libraries.
    run(fuzz_cargo(&["clippy", "--release", "--locked"], &["--", "-D", "warnings"])).context(
        "if its lock file is behind: `cargo fetch --manifest-path fuzz/Cargo.toml`, and commit fuzz/Cargo.lock",
    )?;
    run(fuzz_cargo(&["test", "--release", "--locked", "--lib"], &[]))
}

/// Runs the corpus of every target, then mutations of it, for so many seconds.
pub(crate) fn replay(seconds: u64) -> Result<()> {
    let seconds = seconds.to_string();
    run(fuzz_cargo(&["run", "--release", "--locked", "--bin", "replay"], &["--", "--seconds", &seconds]))
        .context("a fuzz target failed; fuzz/README.md says what to do with a finding")
}

/// A cargo command on the fuzz workspace. It builds into its own folder inside of the main workspace's, unless the user
/// has chosen one for everything.
fn fuzz_cargo(command: &[&str], rest: &[&str]) -> Command {
    let mut cargo = cargo(command);
    cargo.arg("--manifest-path").arg(root().join("fuzz/Cargo.toml")).args(rest);
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        cargo.env("CARGO_TARGET_DIR", root().join("target/fuzz"));
    }
    cargo
}
