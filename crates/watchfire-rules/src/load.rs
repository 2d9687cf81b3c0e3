//! Loading files and folders of rules: every file ends in a state with a reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use watchfire_diagnostics::{Diagnostic, Severity, SourceText};

use crate::codes;
use crate::format::{self, ParsedRule, RuleFile};

/// Largest rule file in bytes; the largest of the public rules has 60 KB.
pub const MAX_FILE_BYTES: u64 = 16 << 20;
/// Deepest nesting of folders.
pub const MAX_FOLDER_DEPTH: usize = 32;

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

/// A file, its text and what there is to say about it.
#[derive(Clone, Debug)]
pub struct LoadedFile {
    /// The text under the name that diagnostics show.
    pub source: SourceText,
    /// What became of it.
    pub fate: Fate,
    /// The rule, if it was loaded.
    pub content: Option<RuleFile>,
    /// Everything there is to say.
    pub diagnostics: Vec<Diagnostic>,
}

/// Loads rules from files and folders, in the order of their paths.
///
/// Folders are searched for `.toml` and `.json` files, without the tests of rules (`.tests.toml`); a file named
/// directly is read whatever its name is. Of two rules with the same `rule_id` the first one is loaded.
pub fn load(paths: &[PathBuf]) -> Vec<LoadedFile> {
    let mut files = Vec::new();
    let mut loaded = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            collect(path, 0, &mut files, &mut loaded);
            if files.len() == before {
                let message = format!("`{}` holds no rule file", path.display());
                loaded.push(failed(path, Diagnostic::error(codes::NO_RULES, message)));
            }
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    loaded.extend(files.iter().map(|path| load_file(path)));
    refuse_duplicates(&mut loaded);
    loaded
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, loaded: &mut Vec<LoadedFile>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(_) if depth > MAX_FOLDER_DEPTH => {
            let message = format!("folders are nested deeper than {MAX_FOLDER_DEPTH}");
            loaded.push(failed(folder, Diagnostic::error(codes::TOO_LARGE, message)));
            return;
        }
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("the folder cannot be read: {error}");
            loaded.push(failed(folder, Diagnostic::error(codes::UNREADABLE, message)));
            return;
        }
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                let message = format!("the folder cannot be listed to its end: {error}");
                loaded.push(failed(folder, Diagnostic::error(codes::UNREADABLE, message)));
                continue;
            }
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, depth + 1, files, loaded);
        } else if path.extension().is_some_and(|extension| extension == "toml" || extension == "json")
            && !name.ends_with(".tests.toml")
        {
            files.push(path);
        }
    }
}

fn failed(path: &Path, diagnostic: Diagnostic) -> LoadedFile {
    let source = SourceText::new(path.display().to_string(), "");
    LoadedFile { source, fate: Fate::Failed, content: None, diagnostics: vec![diagnostic] }
}

fn load_file(path: &Path) -> LoadedFile {
    let unreadable = |error: std::io::Error| {
        Diagnostic::error(codes::UNREADABLE, format!("the file cannot be read: {error}"))
    };
    let bytes = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_FILE_BYTES => {
            let message =
                format!("the file has {} bytes, more than the {MAX_FILE_BYTES} allowed", metadata.len());
            return failed(path, Diagnostic::error(codes::TOO_LARGE, message));
        }
        Ok(_) => match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return failed(path, unreadable(error)),
        },
        Err(error) => return failed(path, unreadable(error)),
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let message = format!("the file is not UTF-8: byte {at} begins no character");
            return failed(path, Diagnostic::error(codes::NOT_UTF8, message));
        }
    };
    let ParsedRule { file, diagnostics } = format::parse(&text);
    let fate = match &file {
        Some(_) => Fate::Loaded,
        None if diagnostics.iter().any(|diagnostic| diagnostic.code == codes::NOT_A_RULE) => Fate::NotARule,
        None => Fate::Failed,
    };
    LoadedFile { source: SourceText::new(path.display().to_string(), text), fate, content: file, diagnostics }
}

fn refuse_duplicates(files: &mut [LoadedFile]) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for file in files {
        let Some(id) = file.content.as_ref().and_then(|content| content.rule.rule_id.as_ref()) else {
            continue;
        };
        let id = id.to_string();
        if let Some(other) = first.get(&id) {
            let message = format!("the rule id `{id}` is already that of `{other}`");
            file.diagnostics.push(Diagnostic::new(codes::DUPLICATE_RULE, Severity::Error, message));
            file.content = None;
            file.fate = Fate::Failed;
        } else {
            first.insert(id, file.source.name().to_owned());
        }
    }
}
