//! `watchfire rules show`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use watchfire_diagnostics::closest;
use watchfire_rules::format::json;
use watchfire_rules::page;

use super::{Loaded, NamedRule};
use crate::exit::Exit;
use crate::terminal::escape_controls;

/// Shows one rule: as a page for people, or as the JSON of Elastic's API.
///
/// The first way of naming that fits any rule counts: its id, its whole name, its file, a part of its name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire rules show 'Remote Support Tool' detection-rules/rules
  watchfire rules show 6f0e6a52-0c0e-4c0b-9a5e-000000000001 export.ndjson --format json

Exit codes:
  0  done
  1  no rule is so named or several are, or some file could not be used
  2  wrong usage")]
pub(super) struct Show {
    /// The rule's id, its name or a part of it, or the name of its file.
    #[arg(value_name = "RULE")]
    wanted: String,
    /// Rule files and folders of rules; `-` alone is standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How the rule is written.
    #[arg(long, value_enum, default_value_t = Format::Page)]
    format: Format,
}

/// How a rule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Markdown with everything the rule says: facts, guide, setup, query.
    Page,
    /// The object of Elastic's API, with the queries of the guide in place.
    Json,
}

impl Show {
    pub(super) fn show(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let loaded = Loaded::from_paths(&self.paths, log)?;
        match self.find(&loaded.rules).as_slice() {
            [] => {
                write!(log, "no rule has the id, name or file `{}`", self.wanted)?;
                let names = loaded.rules.iter().map(|rule| rule.content.rule.name.as_str());
                match closest(&self.wanted, names) {
                    Some(name) => writeln!(log, "; did you mean `{}`?", escape_controls(name))?,
                    None => writeln!(log)?,
                }
                Ok(Exit::Problems)
            }
            [rule] => {
                match self.format {
                    Format::Page => out.write_all(page::markdown(&rule.content).as_bytes())?,
                    Format::Json => {
                        serde_json::to_writer_pretty(&mut *out, &json::write(&rule.content.to_api())?)?;
                        writeln!(out)?;
                    }
                }
                out.flush()?;
                Ok(loaded.exit())
            }
            several => {
                writeln!(log, "`{}` stands for {} rules:", self.wanted, several.len())?;
                for NamedRule { file, content } in several {
                    let id = content.rule.rule_id.as_ref().map_or("no id", |id| id.as_str());
                    writeln!(log, "  {}", escape_controls(&format!("{} ({id}, {file})", content.rule.name)))?;
                }
                Ok(Exit::Problems)
            }
        }
    }

    /// The rules that are meant: the first way of naming that fits any counts.
    fn find<'r>(&self, rules: &'r [NamedRule]) -> Vec<&'r NamedRule> {
        let wanted = self.wanted.to_lowercase();
        let path = Path::new(&self.wanted);
        let has_id = |rule: &NamedRule| {
            rule.content.rule.rule_id.as_ref().is_some_and(|id| id.as_str().to_lowercase() == wanted)
        };
        let has_file = |rule: &NamedRule| {
            let file = Path::new(&rule.file);
            file.ends_with(path) || file.file_stem().is_some_and(|stem| *stem == *self.wanted)
        };
        let has_name = |rule: &NamedRule| rule.content.rule.name.to_lowercase() == wanted;
        let has_part = |rule: &NamedRule| rule.content.rule.name.to_lowercase().contains(&wanted);
        let ways: [&dyn Fn(&NamedRule) -> bool; 4] = [&has_id, &has_name, &has_file, &has_part];
        ways.iter()
            .map(|fits| rules.iter().filter(|rule| fits(rule)).collect::<Vec<_>>())
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }
}
