//! Sources of the user's own: tables beside those of the program.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use watchfire_diagnostics::render::{Colour, full};
use watchfire_diagnostics::{Diagnostic, SourceText};
use watchfire_sources::normalise::TableRef;

/// The option that names them.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "How input is read")]
pub(crate) struct SourceTables {
    /// A table that says how records of a source of one's own are mapped, or a folder of them (docs/sources/README.md).
    /// They are tried before the sources of the program; one of the same name takes its place.
    #[arg(long = "source-table", value_name = "PATH")]
    source_tables: Vec<PathBuf>,
}

/// A table as it was read.
pub(crate) struct TableFile {
    pub(crate) source: SourceText,
    pub(crate) table: Result<TableRef, Vec<Diagnostic>>,
}

impl SourceTables {
    /// Reads the tables.
    ///
    /// # Errors
    /// Of kind [`InvalidInput`](io::ErrorKind::InvalidInput), with all that is wrong: a run that maps a part of its input
    /// otherwise than it was told to would be no good.
    pub(crate) fn load(&self) -> io::Result<Vec<TableRef>> {
        let (mut tables, mut problems) = (Vec::new(), Vec::new());
        for file in read(&self.source_tables)? {
            match file.table {
                Ok(table) => tables.push(table),
                Err(found) => {
                    problems.extend(found.iter().map(|problem| full(problem, &file.source, Colour::Never)));
                }
            }
        }
        if problems.is_empty() {
            return Ok(tables);
        }
        let message = format!("a table of a source cannot be used\n{}", problems.join("\n"));
        Err(io::Error::new(io::ErrorKind::InvalidInput, message.trim_end().to_owned()))
    }
}

/// Reads the tables of files, and of `.toml` files in folders in the order of their names.
///
/// # Errors
/// If one cannot be read.
pub(crate) fn read(paths: &[PathBuf]) -> io::Result<Vec<TableFile>> {
    let explain = |path: &Path, error: &io::Error| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` cannot be read: {error}", path.display()))
    };
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = fs::read_dir(path).map_err(|error| explain(path, &error))?;
            let mut found = entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<Vec<_>>>()
                .map_err(|error| explain(path, &error))?;
            found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
            found.sort();
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| explain(path, &error))?;
        let table = TableRef::read(&text);
        Ok(TableFile { source: SourceText::new(path.display().to_string(), text), table })
    };
    let mut files = files.iter().map(read).collect::<io::Result<Vec<_>>>()?;
    refuse_same_names(&mut files);
    Ok(files)
}

/// Two tables of one name would leave it to their order which of them counts.
fn refuse_same_names(files: &mut [TableFile]) {
    let mut names: Vec<&'static str> = Vec::new();
    for file in files {
        let Ok(table) = &file.table else { continue };
        if names.contains(&table.name()) {
            file.table = Err(vec![watchfire_sources::normalise::tables::same_name(table.name())]);
        } else {
            names.push(table.name());
        }
    }
}
