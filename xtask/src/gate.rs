//! The tests and the gate.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::{fuzz, layers, tools};

/// What the command can be built with, one set for all steps: with another, DataFusion would be built again.
const ALL_FEATURES: &str = "watchfire/serve";

/// What a missing tool means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// A missing tool is named and its part skipped.
    Developer,
    /// A missing tool is a failure.
    Gate,
}

/// The whole gate.
pub(crate) fn ci() -> Result<()> {
    step("layers", layers::check)?;
    step("formatting", || run(cargo(&["fmt", "--all", "--check"])))?;
    step("lints", || {
        let workspace = ["--workspace", "--all-targets", "--features", ALL_FEATURES, "--locked"];
        run(cargo(&[&["clippy"], &workspace[..], &["--", "-D", "warnings"]].concat()))
    })?;
    step("tests", || test(Strictness::Gate))?;
    step("documentation", || {
        let arguments = ["--workspace", "--no-deps", "--locked", "--document-private-items"];
        let mut command = cargo(&[&["doc", "--features", ALL_FEATURES], &arguments[..]].concat());
        command.env("RUSTDOCFLAGS", "-D warnings");
        run(command)
    })?;
    step("fuzz workspace", fuzz::check)?;
    step("fuzz replay", || fuzz::replay(fuzz::DEFAULT_SECONDS))?;
    step("Windows check", windows_check)?;
    step("quick benchmark, for information", || {
        tools::quick_bench();
        Ok(())
    })
}

/// All tests: unit and integration tests, then the examples in the documentation.
#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
pub(crate) fn test(strictness: Strictness) -> Result<()> {
    let shared = shared_folder();
    match &shared {
        Some(folder) => println!("shared data: {}", folder.display()),
        None => println!(
            "skipped: the suites over shared data (tests named `shared_…`), because there is no such folder; \
             set WATCHFIRE_SHARED"
        ),
    }
    if available("cargo-nextest") {
        let arguments = ["--workspace", "--features", ALL_FEATURES, "--locked", "--no-fail-fast"];
        run(cargo(&[&["nextest", "run"], &arguments[..]].concat()))?;
    } else {
        ensure!(
            strictness == Strictness::Developer,
            "cargo-nextest is missing: cargo install --locked cargo-nextest"
        );
        println!(
            "skipped: cargo-nextest is not installed (cargo install --locked cargo-nextest); using cargo test"
        );
        let targets = ["--lib", "--bins", "--tests"];
        run(cargo(
            &[&["test", "--workspace", "--features", ALL_FEATURES, "--locked"], &targets[..]].concat(),
        ))?;
    }
    run(cargo(&["test", "--workspace", "--features", ALL_FEATURES, "--locked", "--doc"]))?;
    if shared.is_none() {
        println!("skipped by name: {} suites over shared data", count_shared_suites()?);
        ensure!(
            std::env::var("WATCHFIRE_REQUIRE_SHARED").as_deref() != Ok("1"),
            "WATCHFIRE_REQUIRE_SHARED=1, and there is no shared data"
        );
    }
    Ok(())
}

/// The folder of shared data, if it is there.
pub(crate) fn shared_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("WATCHFIRE_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_path_buf()
}

/// A cargo command in the repository's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command to its end; anything but success is an error.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(())
}

fn available(tool: &str) -> bool {
    let command = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    command.is_ok_and(|status| status.success())
}

#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
fn step(name: &str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("==> {name}");
    let start = Instant::now();
    body().with_context(|| format!("{name} failed"))?;
    println!("<== {name}: {} s", start.elapsed().as_secs());
    Ok(())
}

/// Type-checks for Windows where the toolchain has that target.
#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
fn windows_check() -> Result<()> {
    const TARGET: &str = "x86_64-pc-windows-gnu";
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let folder = String::from_utf8_lossy(&libraries.stdout).trim().to_owned();
    if !libraries.status.success() || !Path::new(&folder).is_dir() {
        println!("skipped: the toolchain has no {TARGET} (rustup target add {TARGET})");
        return Ok(());
    }
    run(cargo(&["check", "--workspace", "--locked", "--target", TARGET]))
}

/// How many test functions are named `shared_…`.
fn count_shared_suites() -> Result<usize> {
    let mut folders = vec![root().join("crates")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                count += std::fs::read_to_string(&path)?.matches("fn shared_").count();
            }
        }
    }
    if count == 0 {
        bail!("found no suite over shared data: the counting is broken");
    }
    Ok(count)
}
