//! The `watchfire` command: runs detection rules over logs.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 some input or rule could
//! not be used, 2 wrong usage.

mod scan;

use std::process::ExitCode;

use clap::Parser;

/// Runs Elastic's detection rules over a folder of logs.
#[derive(Debug, Parser)]
#[command(version, about)]
enum Command {
    Scan(scan::Scan),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Scan(scan) => scan.run(),
    }
}
