//! The `watchfire` command: runs detection rules over logs.
//!
//! Results go to standard output, everything else to standard error. [`exit::Exit`] has the exit codes.

mod backtest;
mod block;
mod case;
mod check;
mod completions;
mod coverage;
mod demo;
mod destination;
mod doing;
mod event_text;
mod exception_options;
mod exceptions;
mod exit;
mod explain;
mod html;
mod hunt;
mod indicator_options;
mod intake;
mod json_lines;
#[cfg(feature = "lake")]
mod lake;
mod memory;
mod normalize;
mod parallel;
mod progress;
mod reading;
mod reference;
mod respond;
mod rule_paths;
mod rules;
mod scan;
#[cfg(feature = "serve")]
mod serve;
mod source_tables;
mod sources;
mod sweep;
mod terminal;
mod test;
mod time_argument;
mod triage;

use std::process::ExitCode;

use clap::Parser;

/// Records become trees of small texts and go again: with the allocator of the system, a quarter of a scan's time was
/// spent on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs Elastic's detection rules over a folder of logs.
#[derive(Debug, Parser)]
#[command(version, about)]
enum Command {
    Scan(scan::Scan),
    Hunt(hunt::Hunt),
    Normalize(normalize::Normalize),
    Explain(explain::Explain),
    Backtest(backtest::Backtest),
    Check(check::Check),
    Test(Box<test::Test>),
    Rules(rules::Rules),
    Coverage(coverage::Coverage),
    Exceptions(exceptions::Exceptions),
    Triage(Box<triage::Triage>),
    Sweep(Box<sweep::Sweep>),
    Case(Box<case::CaseCommand>),
    Respond(Box<respond::Respond>),
    Block(Box<block::Block>),
    Sources(sources::Sources),
    #[cfg(feature = "lake")]
    Lake(Box<lake::LakeCommand>),
    #[cfg(feature = "serve")]
    Serve(Box<serve::Serve>),
    #[cfg(feature = "serve")]
    Alerts(Box<serve::alerts::Alerts>),
    #[cfg(feature = "serve")]
    Status(serve::status::Status),
    #[cfg(feature = "serve")]
    Keys(serve::keys::Keys),
    #[cfg(feature = "serve")]
    Config(Box<serve::ConfigCommand>),
    Demo(demo::Demo),
    Completions(completions::Completions),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Scan(scan) => scan.run(),
        Command::Hunt(hunt) => hunt.run(),
        Command::Normalize(normalize) => normalize.run(),
        Command::Explain(explain) => explain.run(),
        Command::Backtest(backtest) => backtest.run(),
        Command::Check(check) => check.run(),
        Command::Test(test) => test.run(),
        Command::Rules(rules) => rules.run(),
        Command::Coverage(coverage) => coverage.run(),
        Command::Exceptions(exceptions) => exceptions.run(),
        Command::Triage(triage) => triage.run(),
        Command::Sweep(sweep) => sweep.run(),
        Command::Case(case) => case.run(),
        Command::Respond(respond) => respond.run(),
        Command::Block(block) => block.run(),
        Command::Sources(sources) => sources.run(),
        #[cfg(feature = "lake")]
        Command::Lake(lake) => lake.run(),
        #[cfg(feature = "serve")]
        Command::Serve(serve) => serve.run(),
        #[cfg(feature = "serve")]
        Command::Alerts(alerts) => alerts.run(),
        #[cfg(feature = "serve")]
        Command::Status(status) => status.run(),
        #[cfg(feature = "serve")]
        Command::Keys(keys) => keys.run(),
        #[cfg(feature = "serve")]
        Command::Config(config) => config.run(),
        Command::Demo(demo) => demo.run(),
        Command::Completions(completions) => completions.run(),
    }
}
