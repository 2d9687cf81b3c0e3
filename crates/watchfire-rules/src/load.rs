//! Loading files and folders of rules: every file ends in a state with a reason.

mod export;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use watchfire_diagnostics::{Diagnostic, Severity, SourceText, Span};

use crate::codes;
use crate::format::{self, ParsedRule, RuleFile, ndjson};
use crate::model::Export;
use crate::testing::is_tests_name;

pub use export::MAX_USELESS_LINES_SHOWN;

/// Largest file of one rule in bytes; the largest of the public rules has 60 KB.
pub const MAX_FILE_BYTES: u64 = 16 << 20;
/// Largest export in bytes; all public rules together have about 30 MB.
pub const MAX_EXPORT_BYTES: u64 = 256 << 20;
/// Deepest nesting of folders.
pub const MAX_FOLDER_DEPTH: usize = 32;

/// The names of rule files in a folder end so.
const RULE_EXTENSIONS: [&str; 3] = ["toml", "json", "ndjson"];

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It holds a rule, which is loaded.
    Loaded,
    /// It is well formed, and holds something else than a detection rule; the diagnostic says what.
    NotARule,
    /// It could not be read, or its rule not be used; the diagnostics say why.
    Failed,
}

/// A file, its text and what there is to say about it. Each rule of an export counts as a file of its own: the text is
/// that of its line, with the name and the line numbers of the export.
#[derive(Clone, Debug)]
pub struct LoadedFile {
    /// The text under the name that diagnostics show.
    pub source: SourceText,
    /// What became of it.
    pub fate: Fate,
    /// The rule, if it was loaded.
    pub content: Option<RuleFile>,
    /// Of an export as a whole: what it holds beside its rules.
    pub export: Option<Box<Export>>,
    /// Everything there is to say.
    pub diagnostics: Vec<Diagnostic>,
}

/// Loads rules from files and folders, in the order of their paths.
///
/// Folders are searched for `.toml`, `.json` and `.ndjson` files, without the tests of rules; a file
/// named directly is read whatever its name is. What a file is, its content decides. Of two rules with the same
/// `rule_id` the first one is loaded.
pub fn load(paths: &[PathBuf]) -> Vec<LoadedFile> {
    load_by(paths, |files, load_file| files.iter().map(|path| load_file(path)).collect())
}

/// As [`load`], where `load_all` decides on which threads each file is loaded: it is given the files and what loads one,
/// and gives back what came of them in the same order.
pub fn load_by(
    paths: &[PathBuf],
    load_all: impl FnOnce(&[PathBuf], fn(&Path) -> Vec<LoadedFile>) -> Vec<Vec<LoadedFile>>,
) -> Vec<LoadedFile> {
    let mut files = Vec::new();
    let mut loaded = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            collect(path, 0, &mut files, &mut loaded);
            if files.len() == before {
                let message = format!("`{}` holds no rule file", path.display());
                loaded.push(failed(&path.display().to_string(), Diagnostic::error(codes::NO_RULES, message)));
            }
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    loaded.extend(load_all(&files, load_file).into_iter().flatten());
    refuse_duplicates(&mut loaded);
    loaded
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, loaded: &mut Vec<LoadedFile>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(_) if depth > MAX_FOLDER_DEPTH => {
            let message = format!("folders are nested deeper than {MAX_FOLDER_DEPTH}");
            loaded.push(failed(&folder.display().to_string(), Diagnostic::error(codes::TOO_LARGE, message)));
            return;
        }
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("the folder cannot be read: {error}");
            loaded.push(failed(&folder.display().to_string(), Diagnostic::error(codes::UNREADABLE, message)));
            return;
        }
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                let message = format!("the folder cannot be listed to its end: {error}");
                loaded.push(failed(
                    &folder.display().to_string(),
                    Diagnostic::error(codes::UNREADABLE, message),
                ));
                continue;
            }
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, depth + 1, files, loaded);
        } else if path
            .extension()
            .is_some_and(|extension| RULE_EXTENSIONS.iter().any(|one| extension == *one))
            && !is_tests_name(&name)
        {
            files.push(path);
        }
    }
}

fn failed(name: &str, diagnostic: Diagnostic) -> LoadedFile {
    let source = SourceText::new(name, "");
    LoadedFile { source, fate: Fate::Failed, content: None, export: None, diagnostics: vec![diagnostic] }
}

fn load_file(path: &Path) -> Vec<LoadedFile> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let message = format!("the file cannot be read: {error}");
        vec![failed(&name, Diagnostic::error(codes::UNREADABLE, message))]
    };
    let bytes = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_EXPORT_BYTES => {
            return vec![failed(&name, too_large(metadata.len(), MAX_EXPORT_BYTES))];
        }
        Ok(_) => match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return unreadable(error),
        },
        Err(error) => return unreadable(error),
    };
    match String::from_utf8(bytes) {
        Ok(text) => load_text(&name, text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let message = format!("the file is not UTF-8: byte {at} begins no character");
            vec![failed(&name, Diagnostic::error(codes::NOT_UTF8, message))]
        }
    }
}

fn too_large(bytes: u64, most: u64) -> Diagnostic {
    let message = format!("the file has {bytes} bytes, more than the {most} allowed");
    Diagnostic::error(codes::TOO_LARGE, message)
}

/// Loads the rule, or the rules of the export, in a text. `name` is the one that diagnostics show.
pub fn load_text(name: &str, mut text: String) -> Vec<LoadedFile> {
    // Editors under Windows mark UTF-8 so.
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if ndjson::is_export(&text) {
        return export::load(name, &text);
    }
    if text.len() as u64 > MAX_FILE_BYTES {
        return vec![failed(name, too_large(text.len() as u64, MAX_FILE_BYTES))];
    }
    let ParsedRule { file, diagnostics } = format::parse(&text);
    let fate = match &file {
        Some(_) => Fate::Loaded,
        None if diagnostics.iter().any(|diagnostic| diagnostic.code == codes::NOT_A_RULE) => Fate::NotARule,
        None => Fate::Failed,
    };
    vec![LoadedFile { source: SourceText::new(name, text), fate, content: file, export: None, diagnostics }]
}

fn refuse_duplicates(files: &mut [LoadedFile]) {
    let mut first: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for file in files {
        let Some(id) = file.content.as_ref().and_then(|content| content.rule.rule_id.as_ref()) else {
            continue;
        };
        let id = id.to_string();
        let (name, line) = (file.source.name().to_owned(), file.source.first_line());
        let Some((other, other_line)) = first.get(&id) else {
            first.insert(id, (name, line));
            continue;
        };
        let place = match other_line {
            _ if *other == name => format!("that of line {other_line}"),
            1 => format!("that of `{other}`"),
            _ => format!("that of `{other}`, line {other_line}"),
        };
        let message = format!("the rule id `{id}` is already {place}");
        let mut diagnostic = Diagnostic::new(codes::DUPLICATE_RULE, Severity::Error, message);
        if line > 1 {
            diagnostic = diagnostic.at(Span::empty(0), "");
        }
        file.diagnostics.push(diagnostic);
        file.content = None;
        file.fate = Fate::Failed;
    }
}
