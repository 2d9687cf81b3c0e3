//! `watchfire check`: what is wrong or unwise about rules, without running them.
//!
//! ```text
//!  files ─load─► rules ─examine─► diagnostics ─select─► text · JSON lines · SARIF · GitHub   (standard output, or --output)
//!    ▲             └──relations──────┘ │ └──────────► tally                                  (standard error)
//!    └──────────── fix ◄── edits ──────┘
//! ```

mod codes;
mod esql_traps;
mod examine;
mod field_checks;
mod field_use;
mod file_edit;
mod fix;
mod github;
mod key_fields;
mod relations;
pub(crate) mod report;
mod sarif;
mod sources;
mod tally;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) use codes::CODES;
use watchfire_detect::{CompileOptions, RuleProgram, compile_rule};
use watchfire_diagnostics::{Diagnostic, Severity, SourceText};
use watchfire_rules::load::{Fate, LoadedFile};
use watchfire_sources::normalise::catalogue;

pub(crate) use self::examine::{Examination, Search};
use self::relations::Relations;
pub(crate) use self::sources::NamedSources;
use self::tally::Tally;
use crate::destination::Destination;
use crate::exit::{self, Exit};
use crate::reference::examples::markdown;
use crate::reference::{find_code, similar_code};
use crate::rule_paths::load_paths;

/// Checks rules: their files, queries, fields and data streams, and what the detection-rules repository demands.
///
/// Reads TOML as in the detection-rules repository, the JSON of Elastic's API, and exports. Every diagnostic has its
/// place in the file; counts go to standard error. docs/diagnostics.md explains every code.
///
/// Beside each rule by itself, rules are compared: those that ask the same, and those whose events all fit another one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire check detection-rules/rules
  watchfire check my_rule.toml --fail-on warning
  watchfire check rules/ --format sarif --output rules.sarif
  watchfire check rules/ --select EQL,KQL --ignore KQL102
  watchfire check rules/ --fix --dry-run
  watchfire check rules/ --format github
  watchfire check --explain CHK003

Keys of a JSON line:
  file, rule {id, name}, code, severity (error, warning, note), message,
  line, column, end_line, end_column: the place, or null
  labels [{line, column, end_line, end_column, message, primary}], notes [text], help: text or null
  edit {line, column, end_line, end_column, replacement}: what to write instead, or null
Lines and columns count from 1, columns in characters; the end lies behind the last one.

Exit codes:
  0  done
  1  done, and there is a diagnostic of the severity of --fail-on or a worse one; with --dry-run, something to change
  2  wrong usage")]
pub(crate) struct Check {
    /// Rule files and folders of rules; `-` alone is standard input.
    #[arg(required_unless_present = "explain")]
    paths: Vec<PathBuf>,
    /// How the diagnostics are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    destination: Destination,
    /// Ends with exit code 1 if there is a diagnostic of this severity or a worse one.
    #[arg(long, value_enum, default_value_t = FailOn::Error, value_name = "SEVERITY")]
    fail_on: FailOn,
    /// Shows only diagnostics whose code begins so, such as `EQL` or `LNT005`.
    #[arg(long, value_name = "CODE", num_args = 1.., value_delimiter = ',')]
    select: Vec<String>,
    /// Leaves out diagnostics whose code begins so. Wins over `--select`.
    #[arg(long, value_name = "CODE", num_args = 1.., value_delimiter = ',')]
    ignore: Vec<String>,
    /// Changes files as diagnostics propose, then checks what they have become. Only diagnostics that are selected count.
    ///
    /// A file is changed as a whole or not at all, and not if it had more errors afterwards than before. Rules of exports
    /// are not changed.
    #[arg(long, conflicts_with = "explain")]
    fix: bool,
    /// With `--fix`: shows the changes as a unified diff, and changes no file.
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// Prints what a code means, and checks nothing.
    #[arg(long, value_name = "CODE", conflicts_with = "paths")]
    explain: Option<String>,
}

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people, with the lines of the file.
    Text,
    /// One JSON object a line.
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
    /// Workflow commands, which GitHub Actions shows beside the lines of a change.
    Github,
}

/// What makes the run fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FailOn {
    /// Errors.
    Error,
    /// Warnings and errors.
    Warning,
    /// Any diagnostic.
    Note,
    /// Nothing.
    Never,
}

impl FailOn {
    /// Whether a diagnostic of this severity does.
    pub(crate) fn fails(self, severity: Severity) -> bool {
        match self {
            Self::Error => severity >= Severity::Error,
            Self::Warning => severity >= Severity::Warning,
            Self::Note => true,
            Self::Never => false,
        }
    }
}

/// A file with what is shown of it.
pub(crate) struct Checked {
    /// The text.
    pub(crate) source: SourceText,
    /// Id and name of its rule, if it could be loaded.
    pub(crate) rule: Option<RuleName>,
    /// What is shown.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// By what a rule is known.
pub(crate) struct RuleName {
    id: Option<String>,
    name: String,
}

impl Check {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let mut log = io::stderr().lock();
        exit::of(match &self.explain {
            Some(code) => explain(code, &mut io::stdout().lock(), &mut log),
            None => self.check(&mut log),
        })
    }

    fn check(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let mut out = self.destination.open()?;
        let catalogue = catalogue();
        let mut examination = Examination::new(&catalogue);
        if self.fix {
            let changed = self.fix(&mut examination, &mut *out, log)?;
            if self.dry_run {
                out.flush()?;
                return Ok(if changed { Exit::Problems } else { Exit::Success });
            }
        }
        examination.with_unknown_streams = 0;
        let mut tally = Tally::default();
        let mut relations = Relations::default();
        let mut files = Vec::new();
        let options = CompileOptions { now: Some(examine::NOW) };
        for file in load_paths(&self.paths)? {
            tally.file(file.fate);
            let LoadedFile { source, fate, content, mut diagnostics, .. } = file;
            if fate == Fate::NotARule && !self.is_named(source.name()) {
                // In a folder such files may well lie; it is the one who names a file that expects a rule.
                diagnostics.iter_mut().for_each(|diagnostic| diagnostic.severity = Severity::Note);
            }
            if let Some(content) = &content {
                diagnostics.extend(examination.rule(content, &source));
                let program = compile_rule(&content.rule, &catalogue, &options).program;
                if let Some(RuleProgram::Unsupported(what)) = &program {
                    tally.not_run_yet(what);
                }
                if let Some(program) = program {
                    relations.add(files.len(), &content.rule, &source, program);
                }
            }
            let rule = content.map(|content| {
                let id = content.rule.rule_id.as_ref().map(ToString::to_string);
                RuleName { id, name: content.rule.name }
            });
            files.push(Checked { source, rule, diagnostics });
        }
        for (at, diagnostic) in relations.find() {
            files[at].diagnostics.push(diagnostic);
        }
        let mut fails = false;
        for file in &mut files {
            let before = file.diagnostics.len();
            file.diagnostics.retain(|diagnostic| self.selects(diagnostic));
            tally.diagnostics(&file.diagnostics, before - file.diagnostics.len());
            fails |= file.diagnostics.iter().any(|diagnostic| self.fail_on.fails(diagnostic.severity));
        }
        match self.format {
            Format::Text => report::text(&files, self.destination.colour(), &mut *out)?,
            Format::Json => report::json(&files, &mut *out)?,
            Format::Sarif => sarif::write(&files, &mut *out)?,
            Format::Github => github::write(&files, &mut *out)?,
        }
        out.flush()?;
        tally.with_unknown_streams = examination.with_unknown_streams;
        tally.write(log)?;
        Ok(if fails { Exit::Problems } else { Exit::Success })
    }

    /// Whether the user named this very file.
    fn is_named(&self, name: &str) -> bool {
        self.paths.iter().any(|path| path.as_path() == Path::new(name))
    }

    fn selects(&self, diagnostic: &Diagnostic) -> bool {
        let code = diagnostic.code.as_str();
        let one_of = |list: &[String]| {
            list.iter().any(|prefix| {
                code.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
            })
        };
        (self.select.is_empty() || one_of(&self.select)) && !one_of(&self.ignore)
    }
}

fn explain(text: &str, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
    if let Some((group, info)) = find_code(text) {
        writeln!(out, "{}: {}\n\n{}\n\nPart: {}", info.code, info.title, info.explanation, group.title)?;
        let example = markdown(info.code);
        if !example.is_empty() {
            write!(out, "\n{example}")?;
        }
        return Ok(Exit::Success);
    }
    write!(log, "watchfire: there is no code `{text}`")?;
    match similar_code(text) {
        Some(similar) => writeln!(log, "; did you mean `{similar}`?")?,
        None => writeln!(log, "; docs/diagnostics.md lists all")?,
    }
    Ok(Exit::Usage)
}
