//! What comes after the alerts: guides answered, the pattern of one alert looked for elsewhere, an exception, a case and its export.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Parser};

use crate::case::CaseCommand;
use crate::exception_options::ExceptionOptions;
use crate::exceptions::suggest_from;
use crate::scan::{Found, Scan};
use crate::sweep::Sweep;
use crate::time_argument::moment;
use crate::triage::Triage;

/// Who works on the case of the demo, and when: the same each time.
const DOING: [&str; 4] = ["--by", "demo", "--at", "2026-03-17T11:00:00Z"];

/// A command by itself, read as the command line reads it.
#[derive(Debug, Parser)]
struct Alone<C: Args> {
    #[command(flatten)]
    command: C,
}

fn read<C: Args>(arguments: &[impl AsRef<str>]) -> io::Result<C> {
    let arguments = ["watchfire"].into_iter().chain(arguments.iter().map(AsRef::as_ref));
    Ok(Alone::try_parse_from(arguments).map_err(io::Error::other)?.command)
}

/// Leaves in the folder of the demo what an analyst would make of its alerts, and tells of it.
/// `session` is the alert that is no intrusion.
pub(super) fn go_on(folder: &Path, alert: &str, session: &str, out: &mut dyn Write) -> io::Result<()> {
    let path = |name: &str| folder.join(name).display().to_string();
    let (alerts, logs) = (path("alerts.ndjson"), path("logs"));
    // Of the input everything has been said.
    let mut log = io::sink();
    let input = [alerts.as_str(), &logs];
    let of_one = [&input[..], &["--uuid", alert]].concat();
    let into = |first: &[&str], name: &str, format: &str| -> Vec<String> {
        let words = first.iter().map(|word| (*word).to_owned());
        words.chain(["--format".to_owned(), format.to_owned(), "--output".to_owned(), path(name)]).collect()
    };
    let all = [&input[..], &["--limit", "100"]].concat();
    read::<Triage>(&into(&all, "report.html", "html"))?.triage(&mut log)?;
    read::<Triage>(&into(&of_one, "guide.txt", "text"))?.triage(&mut log)?;
    read::<Sweep>(&into(&of_one, "sweep.txt", "text"))?.sweep(&mut log)?;
    let exception = folder.join("exception.toml");
    let at = moment(DOING[3]).map_err(io::Error::other)?;
    suggest_from(&folder.join("alerts.ndjson"), session, at, &exception, &mut log)?;
    let left = alerts_with(folder, exception)?;
    let case = path("case");
    let export = path("case.zip");
    let open = [&["open", &case, "A borrowed remote control"], &DOING[..]].concat();
    let add = [&["add", &case], &of_one[..], &DOING].concat();
    let note =
        [&["note", &case, "The user has opened an attachment, and knows of no remote control."], &DOING[..]]
            .concat();
    for step in [&open[..], &add, &note, &["export", &case, "--output", &export]] {
        read::<CaseCommand>(step)?.act(&mut io::sink(), &mut log)?;
    }
    writeln!(out, "\nWhat was made of the alerts, in {}:", folder.display())?;
    let excepted = format!(
        "an exception for the help desk's session, from the fields that the guide names: with it, {left} alerts"
    );
    for (name, what) in [
        ("report.html", "all alerts with their guides answered: open it in a browser"),
        ("guide.txt", "the guide of the first NetSupport alert answered, its process tree, what it did"),
        ("sweep.txt", "its hashes, paths, addresses and files looked for on all other hosts"),
        ("exception.toml", excepted.as_str()),
        ("case/", "a case with this alert, the events behind it, and a note"),
        ("case.zip", "its export, with the hash of each file"),
    ] {
        writeln!(out, "  {name:14} {what}")?;
    }
    Ok(())
}

/// How many alerts there are with an exception.
fn alerts_with(folder: &Path, exception: PathBuf) -> io::Result<u64> {
    let mut scan = Scan::of_folders(&folder.join("logs"), &folder.join("rules"));
    scan.set_exceptions(&ExceptionOptions { exceptions: vec![exception], ..ExceptionOptions::default() });
    let mut number = 0;
    let mut count = |_: &Found| {
        number += 1;
        Ok(())
    };
    scan.scan(Box::new(io::sink()), &mut count, &mut io::sink())?;
    Ok(number)
}
