//! Chores of this repository, each one command: `cargo xtask --help`.

mod fuzz;
mod gate;
mod layers;
mod tools;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const HELP: &str = "\
Chores of this repository.

  cargo xtask test              all tests; what is skipped is named, with the reason
  cargo xtask ci                the gate: formatting, lints, tests, documentation, layers, fuzz replay,
                                Windows check; and, for information, a quick benchmark
  cargo xtask fuzz-replay [N]   the fuzz targets over their corpora and mutations, for N seconds (default 30)
  cargo xtask layers            dependencies between crates point down
  cargo xtask conformance       what public rules, events and cases give, as tables (needs the shared data);
                                some parts only: rules, positive-events, explain, eql, kql, sources, own-rules,
                                solve
  cargo xtask bench [WORD…]     what a scan costs, as ratios to reading alone (needs the shared data);
                                `cargo xtask bench --help` lists workloads and options
";

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its streams")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if matches!(words.as_slice(), [] | ["help" | "--help" | "-h"]) {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    match words {
        ["test"] => gate::test(gate::Strictness::Developer),
        ["ci"] => gate::ci(),
        ["fuzz-replay"] => fuzz::replay(fuzz::DEFAULT_SECONDS),
        ["fuzz-replay", seconds] => {
            let seconds = seconds.parse().with_context(|| format!("`{seconds}` is no number of seconds"))?;
            fuzz::replay(seconds)
        }
        ["layers"] => layers::check(),
        ["conformance", parts @ ..] => tools::conformance(parts),
        ["bench", words @ ..] => tools::bench(words),
        other => bail!("unknown chore `{}`; see `cargo xtask --help`", other.join(" ")),
    }
}
