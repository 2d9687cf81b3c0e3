//! The inputs: fixed, named, and made anew in a temporary folder.

mod cloudtrail;
mod defend;
mod dice;
mod evtx;
mod lines;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use watchfire_sources::decode::{list_files, read_file};

pub(crate) use self::evtx::files as evtx_files;
use self::lines::Lines;

/// Every workload: its name, and what it is.
pub(crate) const WORKLOADS: [(&str, &str); 5] = [
    ("windows-json", "flat Windows events of public recordings, as NXLog exports them"),
    ("defend-json", "generated Elastic Defend telemetry of several hosts, one suspicious document in 5,000"),
    ("defend-alerts", "the demo's intrusion on one host after another: about every ninth document alerts"),
    ("cloudtrail-json", "generated AWS CloudTrail records of three accounts"),
    ("evtx", "public attack samples: small EVTX files, repeated in one folder after the other"),
];

/// The seeds of what is generated.
const DEFEND_SEED: u64 = 0x0D0E_FE4D;
const CLOUDTRAIL_SEED: u64 = 0xC10D_7A11;

/// How an input is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object a line, in one file.
    Json,
    /// EVTX files in a folder.
    Evtx,
}

/// An input.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// A file, or a folder of files.
    pub(crate) path: PathBuf,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) format: Format,
}

impl Workload {
    /// Makes the input of a name, below a folder: about so many events.
    pub(crate) fn make(name: &str, shared: &Path, place: &Path, events: usize) -> Result<Self> {
        let lines = || Lines::create(place.join(format!("{name}.ndjson")), events);
        match name {
            "windows-json" => windows(&shared.join("datasets/otrf"), lines()?),
            "defend-json" => {
                let mut documents = defend::Documents::new(DEFEND_SEED);
                let mut lines = lines()?;
                while lines.left() > 0 {
                    lines.line(&documents.next_document().to_string())?;
                }
                lines.finish("defend-json")
            }
            "defend-alerts" => alerts(lines()?),
            "cloudtrail-json" => {
                let mut records = cloudtrail::Records::new(CLOUDTRAIL_SEED);
                let mut lines = lines()?;
                while lines.left() > 0 {
                    lines.line(&records.next_record().to_string())?;
                }
                lines.finish("cloudtrail-json")
            }
            "evtx" => evtx::make(&shared.join("datasets/evtx-attack-samples.tar.zst"), place, events as u64),
            other => bail!("there is no workload `{other}`"),
        }
    }

    /// The first events as an input of its own in a folder: as many as asked for, or a few more where files are taken
    /// whole. Gives back its path, and how many there are.
    pub(crate) fn first(&self, place: &Path, events: u64) -> Result<(PathBuf, u64)> {
        let to = place.join(format!("{}-{events}", self.name));
        let events = match self.format {
            Format::Json => lines::first(&self.path, &to, events)?,
            Format::Evtx => evtx::first(&self.path, &to, events)?,
        };
        Ok((to, events))
    }

    /// Whether its documents have the fields of ECS as they are.
    pub(crate) fn is_ecs(&self) -> bool {
        self.name.starts_with("defend-")
    }

    /// What it is.
    pub(crate) fn about(&self) -> &'static str {
        WORKLOADS.iter().find(|(name, _)| *name == self.name).map_or("", |(_, about)| about)
    }
}

fn windows(recordings: &Path, mut lines: Lines) -> Result<Workload> {
    let (inputs, _) = list_files(&[recordings.to_owned()]);
    for (path, name) in inputs {
        if lines.left() > 0 {
            read_file(&path, &name, &mut lines);
        }
    }
    lines.finish("windows-json")
}

/// The same day on one host after another, so that most values are shared, as in real telemetry, and identifiers are not.
fn alerts(mut lines: Lines) -> Result<Workload> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/elastic-defend.ndjson");
    let story = fs::read_to_string(own)?;
    for host in 0_u32.. {
        for line in story.lines() {
            if lines.left() == 0 {
                return lines.finish("defend-alerts");
            }
            let own = line.replace("bw-", &format!("h{host}-"));
            lines.line(&own.replace("entity_id\":\"", &format!("entity_id\":\"{host}-")))?;
        }
    }
    lines.finish("defend-alerts")
}
