//! How a run of the command ends, for scripts.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// The exit code of every subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was read, and nothing was found that the run was asked to fail on.
    Success,
    /// Some input or rule could not be used, or something at or above the asked severity was found. The rest of the run
    /// was completed.
    Problems,
    /// The command was called in a way that makes no sense, or would overwrite a file; nothing was done.
    Usage,
    /// There is an alert of the severity, or a difference of the kind, that the run was asked to fail on. The run was
    /// completed.
    Alerts,
}

impl Exit {
    /// The number that the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Problems => 1,
            // The number that clap ends with on its own account.
            Self::Usage => 2,
            Self::Alerts => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The exit code of a run whose output may have failed.
pub(crate) fn of(result: io::Result<Exit>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        // Who stops reading has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => {
            // If this fails too, there is no other place left to say it.
            let _ = writeln!(io::stderr(), "watchfire: {error}");
            match error.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::InvalidInput => Exit::Usage,
                _ => Exit::Problems,
            }
        }
    };
    exit.into()
}
