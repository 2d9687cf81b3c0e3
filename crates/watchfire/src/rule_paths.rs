//! Rules from where the user says: files, folders, or standard input.

use std::io;
use std::path::{Path, PathBuf};

use watchfire_diagnostics::SourceText;
use watchfire_rules::load::{LoadedFile, load};

/// The name under which diagnostics show standard input.
const STDIN: &str = "<stdin>";

/// Loads rules from paths; `-` alone is standard input.
///
/// # Errors
/// Standard input cannot be read, or is named together with other paths.
pub(crate) fn load_paths(paths: &[PathBuf]) -> io::Result<Vec<LoadedFile>> {
    if !paths.iter().any(|path| path == Path::new("-")) {
        return Ok(load(paths));
    }
    if paths.len() > 1 {
        let message = "`-` (standard input) cannot be named together with other paths";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    // By way of a file, so that its size is limited and its format found as that of any other.
    let mut spool = tempfile::NamedTempFile::new()?;
    io::copy(&mut io::stdin().lock(), &mut spool)?;
    let path = spool.path().display().to_string();
    let mut files = load(&[spool.path().to_owned()]);
    for file in &mut files {
        let name = file.source.name().replace(&path, STDIN);
        file.source = SourceText::new(name, file.source.text());
        for diagnostic in &mut file.diagnostics {
            diagnostic.message = diagnostic.message.replace(&path, STDIN);
        }
    }
    Ok(files)
}
