//! `watchfire rules`: what rules there are, and everything one of them says.

mod docs;
mod list;
mod show;
mod update;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use watchfire_diagnostics::render::one_line;
use watchfire_rules::format::RuleFile;
use watchfire_rules::load::{Fate, LoadedFile};

use crate::exit::{self, Exit};
use crate::rule_paths::load_paths;

/// Lists rules, shows one, writes their pages, or brings a new release to local copies.
#[derive(Debug, clap::Args)]
pub(crate) struct Rules {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    List(list::List),
    Show(show::Show),
    Docs(docs::Docs),
    Update(update::Update),
}

impl Rules {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let (mut out, mut log) = (io::BufWriter::new(io::stdout()), io::stderr());
        exit::of(match &self.command {
            Subcommand::List(list) => list.list(&mut out, &mut log),
            Subcommand::Show(show) => show.show(&mut out, &mut log),
            Subcommand::Docs(docs) => docs.docs(&mut out, &mut log),
            Subcommand::Update(update) => update.update(&mut out, &mut log),
        })
    }
}

/// A rule and the name of its file.
struct NamedRule {
    file: String,
    content: RuleFile,
}

/// The rules of some paths.
struct Loaded {
    rules: Vec<NamedRule>,
    /// Files that hold something else.
    not_rules: usize,
    /// Files that could not be used; the reasons were told.
    failed: usize,
}

impl Loaded {
    /// Loads rules, and tells of each file that could not be used.
    fn from_paths(paths: &[PathBuf], log: &mut dyn Write) -> io::Result<Self> {
        let mut loaded = Self { rules: Vec::new(), not_rules: 0, failed: 0 };
        for LoadedFile { source, fate, content, diagnostics, .. } in load_paths(paths)? {
            match (fate, content) {
                (Fate::Loaded, Some(content)) => {
                    loaded.rules.push(NamedRule { file: source.name().to_owned(), content });
                }
                (Fate::NotARule, _) => loaded.not_rules += 1,
                _ => {
                    loaded.failed += 1;
                    for diagnostic in diagnostics {
                        writeln!(log, "{}", one_line(&diagnostic, &source))?;
                    }
                }
            }
        }
        Ok(loaded)
    }

    /// Success if every file could be used.
    fn exit(&self) -> Exit {
        if self.failed == 0 { Exit::Success } else { Exit::Problems }
    }
}
