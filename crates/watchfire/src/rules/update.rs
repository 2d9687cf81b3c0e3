//! `watchfire rules update`: a new release of rules brought to a copy of them with edits of its own.
//!
//! ```text
//! FROM (base) ─┐
//! TO (theirs) ─┼─ by rule id ─► plan of each rule ─► report, and then files and the lock
//! LOCAL (ours) ┘                  └ both have it and one of them was edited: merge, key by key
//! ```
//!
//! All is worked out before the first file is written, and a rule in which anything disagrees is left as it is.

mod document;
mod json;
mod lock;
mod merge;
mod plan;
mod report;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use watchfire_diagnostics::render::one_line;
use watchfire_rules::load::{Fate, LoadedFile};
use watchfire_sources::normalise::catalogue;

use self::lock::Lock;
use self::plan::{Action, RuleText, Rules, plans};
use crate::destination::replace_text;
use crate::exit::Exit;
use crate::rule_paths::load_paths;

/// Tells what changed between two releases of rules, and brings the changes into a folder of rules with edits of its own.
///
/// Rules are the same if their `rule_id` is. With --into, each key of a rule that changed upstream is taken over where it
/// was not edited, and own edits are kept. Lists such as `tags` and `index` are merged by element, dates and versions by
/// the later one. Where both sides changed a key, the rule stays as it is, and both sides are shown. Comments and layout
/// of local files are kept; a rule that is a line of an export is merged in that line. The lock (`watchfire.lock` in the folder) notes which release each rule comes from.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire rules update rules-2026-01/ rules-2026-02/
  watchfire rules update rules-2026-01/ rules-2026-02/ --into our-rules/ --dry-run
  watchfire rules update rules-2026-01/ rules-2026-02/ --into our-rules/

Exit codes:
  0  done
  1  done, but there are conflicts, or some file could not be used
  2  wrong usage")]
pub(super) struct Update {
    /// The release that the local rules come from: a file or folder.
    #[arg(value_name = "FROM")]
    base: PathBuf,
    /// The release to go to.
    #[arg(value_name = "TO")]
    theirs: PathBuf,
    /// The folder of local rules; without it, changes are only told.
    #[arg(long, value_name = "LOCAL")]
    into: Option<PathBuf>,
    /// Tells what would be done, and changes nothing.
    #[arg(long, requires = "into")]
    dry_run: bool,
    /// How the changes are told.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl Update {
    pub(super) fn update(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let mut failed = 0;
        let base = load(&self.base, &mut failed, log)?;
        let theirs = load(&self.theirs, &mut failed, log)?;
        let (local, lock) = match &self.into {
            Some(folder) if !folder.is_dir() => {
                let message = format!("`{}` is no folder", folder.display());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            Some(folder) => (Some(load(folder, &mut failed, log)?), Lock::read(folder)?),
            None => (None, Lock::default()),
        };
        let plans = plans(&base, &theirs, local.as_ref(), &lock, &catalogue());
        match self.format {
            Format::Text => report::text(&plans, out)?,
            Format::Json => report::json(&plans, out)?,
        }
        out.flush()?;
        if let (Some(folder), false) = (&self.into, self.dry_run) {
            apply(folder, &plans, lock)?;
        }
        report::counts(&plans, self.into.is_some(), self.dry_run, log)?;
        let conflicts = plans.iter().any(|plan| matches!(plan.action, Action::Conflict { .. }));
        Ok(if conflicts || failed > 0 { Exit::Problems } else { Exit::Success })
    }
}

/// The rules below a path by id; files that cannot be used are told and counted.
fn load(path: &Path, failed: &mut usize, log: &mut dyn Write) -> io::Result<Rules> {
    let mut rules = Rules::new();
    let mut texts: BTreeMap<PathBuf, String> = BTreeMap::new();
    for LoadedFile { source, fate, content, diagnostics, .. } in load_paths(&[path.to_owned()])? {
        match (fate, content) {
            (Fate::Loaded, Some(content)) => {
                let Some(id) = content.rule.rule_id.as_ref() else {
                    *failed += 1;
                    writeln!(log, "{}: the rule has no `rule_id`, so it cannot be compared", source.name())?;
                    continue;
                };
                let file = PathBuf::from(source.name());
                let below = match file.strip_prefix(path) {
                    Ok(below) if below.as_os_str().is_empty() => file.file_name().map(PathBuf::from),
                    Ok(below) => Some(below.to_owned()),
                    Err(_) => None,
                };
                let whole = match texts.entry(file.clone()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => place.insert(fs::read_to_string(&file)?),
                };
                let whole = whole.trim_start_matches('\u{feff}').trim();
                let line = (whole != source.text().trim()).then(|| source.first_line());
                let rule = RuleText {
                    name: content.rule.name.clone(),
                    below: below.unwrap_or_else(|| file.clone()),
                    file,
                    line,
                    version: content.rule.version,
                    text: source.text().to_owned(),
                };
                rules.insert(id.as_str().to_owned(), rule);
            }
            (Fate::NotARule, _) => {}
            _ => {
                *failed += 1;
                for diagnostic in diagnostics {
                    writeln!(log, "{}", one_line(&diagnostic, &source))?;
                }
            }
        }
    }
    Ok(rules)
}

/// Gives a line of a file, counted from 1, another text.
fn replace_line(file: &Path, line: usize, text: &str) -> io::Result<()> {
    let whole = fs::read_to_string(file)?;
    let whole = whole.trim_start_matches('\u{feff}');
    let mut lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let Some(old) = lines.get_mut(line - 1) else {
        return Err(io::Error::other(format!("{}: line {line} is not there any more", file.display())));
    };
    let end = &old[old.trim_end_matches(['\r', '\n']).len()..];
    let new = format!("{text}{end}");
    *old = &new;
    replace_text(file, &lines.concat())
}

/// Does what is planned, and notes it in the lock.
fn apply(folder: &Path, plans: &[plan::Plan], mut lock: Lock) -> io::Result<()> {
    let mut is_same = true;
    for plan in plans {
        match &plan.action {
            Action::Add { below, text } => {
                let path = folder.join(below);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
                file.write_all(text.as_bytes())?;
            }
            Action::Remove { file } => {
                fs::remove_file(file)?;
                lock.remove(&plan.id);
                is_same = false;
            }
            Action::Write { file, line: None, text, .. } => replace_text(file, text)?,
            Action::Write { file, line: Some(line), text, .. } => replace_line(file, *line, text)?,
            Action::Changed { .. } | Action::Conflict { .. } | Action::Nothing | Action::LeftOut => {}
        }
        if let Some(entry) = &plan.lock {
            lock.set(&plan.id, entry.clone());
            is_same = false;
        }
    }
    if is_same { Ok(()) } else { lock.write(folder) }
}
