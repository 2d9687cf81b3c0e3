//! `watchfire completions`: what a shell needs to complete the command's options.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::exit::{self, Exit};

/// Prints the completions of this command for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  watchfire completions bash > ~/.local/share/bash-completion/completions/watchfire")]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

impl Completions {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Command::command(), "watchfire", &mut script);
        exit::of(io::stdout().write_all(&script).map(|()| Exit::Success))
    }
}
