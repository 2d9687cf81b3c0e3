//! Where the results of a command go: standard output, or a file that is not overwritten by accident.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use watchfire_diagnostics::render::Colour;

/// The options that say it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Destination {
    /// Writes the results to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrites files that exist.
    #[arg(long)]
    clobber: bool,
}

impl Destination {
    /// A file; one that is there is replaced.
    pub(crate) fn to_file(path: &Path) -> Self {
        Self { output: Some(path.to_owned()), clobber: true }
    }

    /// One that is named elsewhere, and whether it may be overwritten.
    pub(crate) fn overwriting(clobber: bool) -> Self {
        Self { output: None, clobber }
    }

    /// Opens it. A file that exists and must not be overwritten is an error of kind
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists).
    pub(crate) fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        let Some(path) = &self.output else { return Ok(Box::new(BufWriter::new(io::stdout()))) };
        Ok(Box::new(self.create(path)?))
    }

    /// Creates a further file of the same run, under the same rule.
    pub(crate) fn create(&self, path: &Path) -> io::Result<BufWriter<File>> {
        let opened = if self.clobber {
            File::create(path)
        } else {
            OpenOptions::new().write(true).create_new(true).open(path)
        };
        let file = opened.map_err(|error| {
            let message = match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    format!("`{}` exists already; `--clobber` overwrites it", path.display())
                }
                _ => format!("`{}` cannot be written: {error}", path.display()),
            };
            io::Error::new(error.kind(), message)
        })?;
        Ok(BufWriter::new(file))
    }

    /// Colours are for people: only on a terminal, and not where `NO_COLOR` is set (to anything, see no-color.org).
    pub(crate) fn colour(&self) -> Colour {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if self.output.is_none() && !refused && io::stdout().is_terminal() {
            Colour::Always
        } else {
            Colour::Never
        }
    }
}

/// Editors under Windows mark UTF-8 so; what loads rules leaves it out.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Puts content in place of that of a file, or makes the file: at each moment one of the two is there as a whole, and what is there has
/// reached the disk.
pub(crate) fn store_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Puts a text in place of that of a file, so that at each moment one of the two is there as a whole. What marks the file
/// as UTF-8, and who may read it, stay as they are.
pub(crate) fn replace_text(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let is_marked = fs::read(&path)?.starts_with(BYTE_ORDER_MARK.as_bytes());
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    if is_marked {
        file.write_all(BYTE_ORDER_MARK.as_bytes())?;
    }
    file.write_all(text.as_bytes())?;
    file.flush()?;
    fs::set_permissions(file.path(), fs::metadata(&path)?.permissions())?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_file_stays_marked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for (before, after) in [("\u{feff}old", "\u{feff}new"), ("old", "new")] {
            fs::write(&path, before).unwrap();
            replace_text(&path, "new").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), after);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
