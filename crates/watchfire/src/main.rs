//! The `watchfire` command: runs detection rules over logs.
//!
//! Results go to standard output, everything else to standard error. `exit` has the exit codes.

mod destination;
mod exit;
mod intake;
mod memory;
mod progress;
mod reading;
mod scan;
mod schema;
mod time_argument;

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
