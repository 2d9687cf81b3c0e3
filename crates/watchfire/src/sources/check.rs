//! `watchfire sources check`.

use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_diagnostics::render::full;
use watchfire_sources::normalise::tables::source_page;

use crate::destination::Destination;
use crate::exit::Exit;
use crate::source_tables;

/// Checks tables of sources of one's own, as `check` does rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes:
  0  all tables can be used
  1  something is wrong with one
  2  wrong usage")]
pub(super) struct Check {
    /// Tables, and folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Prints the page of each table in Markdown: how its records are recognised, and where each field goes.
    #[arg(long)]
    page: bool,
}

impl Check {
    pub(super) fn check(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let colour = Destination::default().colour();
        let (mut good, mut bad) = (0, 0);
        for file in source_tables::read(&self.paths)? {
            match file.table {
                Ok(table) => {
                    good += 1;
                    if self.page {
                        writeln!(out, "{}", source_page(table))?;
                    }
                }
                Err(problems) => {
                    bad += 1;
                    for problem in problems {
                        writeln!(out, "{}", full(&problem, &file.source, colour))?;
                    }
                }
            }
        }
        out.flush()?;
        writeln!(log, "tables: {} = {good} good + {bad} with errors", good + bad)?;
        Ok(if bad == 0 { Exit::Success } else { Exit::Problems })
    }
}
