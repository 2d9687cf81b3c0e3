//! `watchfire case export`: a case as a folder or zip file, with the hash of each file.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use watchfire_triage::ReportWriter;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::folder::{CaseFolder, Contents};
use crate::exit::Exit;

/// Exports a case: all its files, the case and its report for people to read, and the SHA-256 of each in `SHA256SUMS`
/// (`sha256sum -c SHA256SUMS` checks them). The same case gives the same export, byte for byte.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// The folder of the case.
    case: PathBuf,
    /// The folder to make, or the file if it ends with `.zip`. It must not exist.
    #[arg(long, value_name = "PATH")]
    output: PathBuf,
}

impl Export {
    pub(super) fn export(&self) -> io::Result<Exit> {
        let folder = CaseFolder::open(&self.case)?;
        let case = folder.case()?;
        let mut files = folder.files()?;
        files.push(("case.md".to_owned(), case.to_markdown().into_bytes()));
        files.push(("report.html".to_owned(), report(&case.title, folder.contents()?)?));
        files.sort();
        let mut sums = String::new();
        for (name, content) in &files {
            for byte in Sha256::digest(content) {
                let _ = write!(sums, "{byte:02x}");
            }
            let _ = writeln!(sums, "  {name}");
        }
        files.push(("SHA256SUMS".to_owned(), sums.into_bytes()));
        if self.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
            write_zip(&self.output, &files)?;
        } else {
            write_folder(&self.output, &files)?;
        }
        Ok(Exit::Success)
    }
}

/// The report of a case: its alerts, each with its guide answered as it was when the alert was added.
fn report(title: &str, contents: Contents) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let account = vec![
        ("alerts".to_owned(), contents.alerts.len().to_string()),
        ("events".to_owned(), format!("{}, in `events.ndjson`", contents.events.len())),
    ];
    let mut report = ReportWriter::begin(Box::new(&mut out), title)?;
    let alerts = contents.alerts.iter().zip(contents.answers);
    let alerts = alerts.filter_map(|(alert, answered)| Some((alert.as_object()?, answered)));
    for (number, (alert, answered)) in alerts.enumerate() {
        report.alert(alert)?;
        report.answer(number, answered)?;
    }
    report.end(&account)?;
    Ok(out)
}

fn write_folder(path: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir(path).map_err(|error| taken(path, &error))?;
    files.iter().try_for_each(|(name, content)| fs::write(path.join(name), content))
}

fn write_zip(path: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    let file = File::create_new(path).map_err(|error| taken(path, &error))?;
    let mut zip = ZipWriter::new(file);
    // The same for every export: the first time that a zip file can tell.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for (name, content) in files {
        zip.start_file(name.as_str(), options).map_err(io::Error::other)?;
        zip.write_all(content)?;
    }
    zip.finish().map_err(io::Error::other)?.sync_all()
}

fn taken(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}` cannot be made: {error}", path.display()))
}
