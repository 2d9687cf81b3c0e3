//! `watchfire demo`: the main job on data of our own, in one command.

mod case_report;
mod further;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::case_report::CaseReport;
use crate::exit::{self, Exit};
use crate::scan::{Found, Scan};

mod embedded {
    //! The files of `demo/` and `rules/windows/`: name and content.
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// Runs our own rules over a day of records, and shows what to do next.
///
/// The day has an intrusion in it, and a legitimate roll-out of the same tool beside it. The records are from Sysmon,
/// the Windows Security, System and PowerShell logs and Elastic Defend, made up by us. The program carries them and the
/// rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire demo
  watchfire demo --output demo-files
  watchfire scan demo-files/logs --rules demo-files/rules --format ndjson")]
pub(crate) struct Demo {
    /// Keeps the records, the rules and the alerts in this folder, which must be new or empty, and goes on with them: a report
    /// with all guides answered, the pattern of one alert looked for on all hosts, an exception for the one that is no intrusion, and a
    /// case with its export.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Demo {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.demo(&mut io::stdout(), &mut io::stderr()))
    }

    fn demo(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        // It is removed when the run ends.
        let temporary = tempfile::tempdir()?;
        let folder = match &self.output {
            Some(folder) => {
                refuse_full_folder(folder)?;
                folder.as_path()
            }
            None => temporary.path(),
        };
        let (logs, rules) = (folder.join("logs"), folder.join("rules"));
        write_files(&logs, embedded::RECORDS)?;
        write_files(&rules, embedded::RULES)?;

        writeln!(out, "A day of raw records from five logs of a small company, against our own rules.\n")?;
        out.flush()?;
        let mut report = CaseReport::default();
        let mut kept = match &self.output {
            Some(folder) => Some(BufWriter::new(File::create_new(folder.join("alerts.ndjson"))?)),
            None => None,
        };
        let mut observe = |found: &Found| {
            report.alert(found);
            let Some(file) = &mut kept else { return Ok(()) };
            found.all().try_for_each(|alert| alert.write_line(file))
        };
        let exit = Scan::of_folders(&logs, &rules).scan(Box::new(io::stdout()), &mut observe, log)?;
        kept.map_or(Ok(()), |mut file| file.flush())?;
        report.write(out, self.output.as_deref())?;
        if let (Some(folder), Some(alert), Some(session)) =
            (&self.output, report.founding(), report.session())
        {
            further::go_on(folder, alert, session, out)?;
        }
        out.flush()?;
        Ok(exit)
    }
}

fn refuse_full_folder(folder: &Path) -> io::Result<()> {
    let full = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if full {
        let message = format!("`{}` is not empty; the demo wants a new folder", folder.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    Ok(())
}

fn write_files(folder: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    files.iter().try_for_each(|(name, content)| std::fs::write(folder.join(name), content))
}
