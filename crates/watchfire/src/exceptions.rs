//! `watchfire exceptions`: exceptions checked, and made from an alert.

mod check;
mod preview;
mod suggest;
mod suggested_item;

pub(crate) use self::suggest::{open as open_alerts, suggest_from};

use std::io;
use std::process::ExitCode;

use crate::exit;

/// Checks exceptions, or makes one from an alert.
#[derive(Debug, clap::Args)]
pub(crate) struct Exceptions {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Check(check::Check),
    Suggest(Box<suggest::Suggest>),
}

impl Exceptions {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let mut log = io::stderr();
        exit::of(match &self.command {
            Subcommand::Check(check) => check.check(&mut log),
            Subcommand::Suggest(suggest) => suggest.suggest(&mut log),
        })
    }
}
