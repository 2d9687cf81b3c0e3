//! Files of exceptions: lists and items as Elastic's API and the detection-rules repository write them, and value lists.
//!
//! ```text
//! JSON: an object, a list of objects, or the answer of a search      ─┐
//! NDJSON: an export, with rules and connectors between, or not        ├─► ExceptionSource: lists, items, where they stand
//! TOML: `[metadata]`, `[[exceptions]]` with `container` and `items`  ─┘
//! a folder of files with one value a line                            ──► ValueList
//! ```
//!
//! What is an item, a list or something else, its keys decide. Each line of an NDJSON file is a source of its own, with
//! the name and the line number that it has there. What the items mean is not known here.

pub(crate) mod codes;
mod read;
mod value_list;

use std::path::{Path, PathBuf};

use watchfire_diagnostics::{Diagnostic, Severity, SourceText, Span};

pub use self::codes::CODES;
pub use self::value_list::{
    MAX_BAD_VALUES_SHOWN, MAX_VALUE_LIST_BYTES, ValueList, ValueListType, load_value_lists, parse_range,
};
use crate::load::{MAX_EXPORT_BYTES, MAX_FOLDER_DEPTH};
use crate::model::{ExceptionContainer, ExceptionItem};

/// The names of files of exceptions in a folder end so.
const EXTENSIONS: [&str; 3] = ["toml", "json", "ndjson"];

/// A text with exceptions in it: a file, or a line of an export.
#[derive(Clone, Debug)]
pub struct ExceptionSource {
    /// The text under the name that diagnostics show.
    pub source: SourceText,
    /// The lists.
    pub lists: Vec<LoadedList>,
    /// The items.
    pub items: Vec<LoadedItem>,
    /// The rules that take all lists of the text, by their ids.
    pub rule_ids: Vec<String>,
    /// The same by their names.
    pub rule_names: Vec<String>,
    /// Objects of other kinds, which belong to an export: rules, connectors, its summary.
    pub others: usize,
    /// Everything there is to say of the text alone.
    pub diagnostics: Vec<Diagnostic>,
}

/// A list and where it stands.
#[derive(Clone, Debug)]
pub struct LoadedList {
    /// The list.
    pub list: ExceptionContainer,
    /// Where its name stands.
    pub span: Span,
}

/// An item and where it stands.
#[derive(Clone, Debug)]
pub struct LoadedItem {
    /// The item.
    pub item: ExceptionItem,
    /// Where its name stands.
    pub span: Span,
    /// Where the value of each entry stands, else its field.
    pub entries: Vec<Span>,
}

impl ExceptionSource {
    fn failed(name: &str, diagnostic: Diagnostic) -> Self {
        Self::new(SourceText::new(name, ""), vec![diagnostic])
    }

    fn new(source: SourceText, diagnostics: Vec<Diagnostic>) -> Self {
        let (lists, items, rule_ids, rule_names) = Default::default();
        Self { source, lists, items, rule_ids, rule_names, others: 0, diagnostics }
    }

    /// Whether some of it could not be read.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Loads exceptions from files and folders, in the order of their paths. A folder is searched for `.toml`, `.json` and
/// `.ndjson` files, of which those without exceptions are passed over; a file that is named must hold some.
pub fn load(paths: &[PathBuf]) -> Vec<ExceptionSource> {
    let mut sources = Vec::new();
    for path in paths {
        if !path.is_dir() {
            let found = load_file(path);
            if let [only] = &found[..]
                && only.lists.is_empty()
                && only.items.is_empty()
                && !only.has_errors()
            {
                let message = "the file holds no exceptions";
                sources.push(ExceptionSource::failed(
                    only.source.name(),
                    Diagnostic::error(codes::NO_EXCEPTIONS, message),
                ));
            } else {
                sources.extend(found);
            }
            continue;
        }
        let mut files = Vec::new();
        files_below(path, 0, &EXTENSIONS, &mut files, &mut |folder, diagnostic| {
            sources.push(ExceptionSource::failed(&folder.display().to_string(), diagnostic));
        });
        files.sort();
        let before = sources.len();
        for file in files {
            let found = load_file(&file).into_iter();
            sources.extend(found.filter(|one| {
                !one.lists.is_empty() || !one.items.is_empty() || one.others == 0 && one.has_errors()
            }));
        }
        if sources.len() == before {
            let message = format!("`{}` holds no exceptions", path.display());
            sources.push(ExceptionSource::failed(
                &path.display().to_string(),
                Diagnostic::error(codes::NO_EXCEPTIONS, message),
            ));
        }
    }
    sources
}

/// Loads the exceptions in a text. `name` is the one that diagnostics show.
pub fn load_text(name: &str, text: &str) -> Vec<ExceptionSource> {
    read::text(name, text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn load_file(path: &Path) -> Vec<ExceptionSource> {
    let name = path.display().to_string();
    match read_to_text(path, MAX_EXPORT_BYTES) {
        Ok(text) => load_text(&name, &text),
        Err(diagnostic) => vec![ExceptionSource::failed(&name, *diagnostic)],
    }
}

/// The text of a file, if it is not too large.
fn read_to_text(path: &Path, most: u64) -> Result<String, Box<Diagnostic>> {
    let because = |why: String| Box::new(Diagnostic::error(codes::UNREADABLE, why));
    let unreadable = |error: std::io::Error| because(format!("the file cannot be read: {error}"));
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > most {
        return Err(because(format!("the file has {bytes} bytes, more than the {most} allowed")));
    }
    String::from_utf8(std::fs::read(path).map_err(unreadable)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        because(format!("the file is not UTF-8: byte {at} begins no character"))
    })
}

/// Adds the files below a folder whose names end so, all if there are no ends; what cannot be listed is told.
fn files_below(
    folder: &Path,
    depth: usize,
    extensions: &[&str],
    files: &mut Vec<PathBuf>,
    tell: &mut dyn FnMut(&Path, Diagnostic),
) {
    let unreadable = |why: String| Diagnostic::error(codes::UNREADABLE, why);
    if depth > MAX_FOLDER_DEPTH {
        return tell(folder, unreadable(format!("folders are nested deeper than {MAX_FOLDER_DEPTH}")));
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return tell(folder, unreadable(format!("the folder cannot be read: {error}"))),
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                tell(folder, unreadable(format!("the folder cannot be listed to its end: {error}")));
                continue;
            }
        };
        let ends = |end: &&str| path.extension().is_some_and(|extension| extension == *end);
        if path.is_dir() {
            files_below(&path, depth + 1, extensions, files, tell);
        } else if extensions.is_empty() || extensions.iter().any(ends) {
            files.push(path);
        }
    }
}
