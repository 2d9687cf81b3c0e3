//! Other engines over the same workloads, in the same run.
//!
//! | peer | its input | how it is run, on one thread where it can be told |
//! |---|---|---|
//! | `rsigma` | JSON lines | `rsigma engine eval -q --output-format ndjson [-p ecs_windows] -r RULES -e @INPUT` |
//! | `chainsaw` | EVTX | `chainsaw --no-banner --num-threads 1 hunt INPUT -s RULES --mapping MAPPING --jsonl -q --skip-errors -o FILE` |
//! | `hayabusa` | EVTX | `hayabusa dfir-timeline -d INPUT -r RULES -c RULES/config -t jsonl -o FILE -w -q -Q -N -C -K --threads 1` |
//! | `python-eql` | ECS as JSON lines | `PYTHON -c SCRIPT INPUT QUERIES`: the EQL queries of our rules, or of the rule files at RULES |
//!
//! PROGRAM is the engine's own program; for python-eql it is the Python that has it. RULES are the engine's rules: a folder
//! of Sigma rules, for Hayabusa the folder `rules` of its release. MAPPING is Chainsaw's; without it, that of its release is
//! taken: `mappings/sigma-event-logs-all.yml` beside the program.
//!
//! An engine has rules of its own, so a row says what that engine takes for what it does with its rules; it is no race over
//! one task.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use watchfire_rules::load::load;
use watchfire_rules::model::RuleKind;

use crate::workload::{Format, Workload};

/// The script that python-eql is run by.
const PYTHON_EQL: &str = include_str!("peer/python_eql.py");

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Rsigma,
    Chainsaw,
    Hayabusa,
    PythonEql,
}

impl Engine {
    const ALL: [Self; 4] = [Self::Rsigma, Self::Chainsaw, Self::Hayabusa, Self::PythonEql];

    /// Its name on the command line and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rsigma => "rsigma",
            Self::Chainsaw => "chainsaw",
            Self::Hayabusa => "hayabusa",
            Self::PythonEql => "python-eql",
        }
    }

    /// Why it cannot read a workload.
    fn cannot_read(self, workload: &Workload) -> Option<&'static str> {
        match (self, workload.format) {
            (Self::Rsigma, Format::Evtx) => Some("it takes one EVTX file at a time, no folder"),
            (Self::Chainsaw | Self::Hayabusa, Format::Json) => {
                Some("it reads EVTX, not JSON lines of this kind")
            }
            (Self::PythonEql, _) if !workload.is_ecs() => {
                Some("it maps nothing to the ECS fields of the rules")
            }
            _ => None,
        }
    }
}

/// An engine of this machine.
#[derive(Debug, PartialEq)]
pub(crate) struct Peer {
    pub(crate) engine: Engine,
    pub(crate) program: PathBuf,
    pub(crate) rules: Option<PathBuf>,
    pub(crate) mapping: Option<PathBuf>,
}

/// What became of a peer with a workload.
#[derive(Debug, PartialEq)]
pub(crate) enum PeerResult {
    /// Median seconds, from starting its process to its end, and how many lines of findings it wrote.
    Ran { seconds: f64, findings: u64 },
    /// It is not made for this input.
    CannotRead(&'static str),
    /// It was run and did not succeed.
    Failed(String),
}

impl Peer {
    /// Reads `NAME=PROGRAM[,RULES[,MAPPING]]`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (name, paths) = text.split_once('=').unwrap_or((text, ""));
        let Some(engine) = Engine::ALL.into_iter().find(|engine| engine.name() == name) else {
            let known = Engine::ALL.map(Engine::name).join(", ");
            bail!("unknown peer `{name}`; the known ones are {known}");
        };
        let mut paths = paths
            .split(',')
            .map(|path| Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty()));
        let program = paths.next().flatten();
        let program =
            program.with_context(|| format!("the peer `{name}` needs a program: {name}=PROGRAM[,RULES]"))?;
        let (rules, mapping) = (paths.next().flatten(), paths.next().flatten());
        ensure!(paths.next().is_none(), "too many paths for the peer `{name}`: `{text}`");
        ensure!(
            engine == Engine::PythonEql || rules.is_some(),
            "the peer `{name}` needs rules: {name}=PROGRAM,RULES"
        );
        Ok(Self { engine, program, rules, mapping })
    }

    /// Runs it over a workload. `own_rules` are those of our scans.
    pub(crate) fn measure(
        &self,
        workload: &Workload,
        own_rules: &Path,
        place: &Path,
        runs: usize,
    ) -> PeerResult {
        if let Some(reason) = self.engine.cannot_read(workload) {
            return PeerResult::CannotRead(reason);
        }
        let run = || -> Result<PeerResult> {
            let mut all =
                (0..runs).map(|_| self.run(workload, own_rules, place)).collect::<Result<Vec<_>>>()?;
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (seconds, findings) = all[runs / 2];
            Ok(PeerResult::Ran { seconds, findings })
        };
        run().unwrap_or_else(|error| PeerResult::Failed(format!("{error:#}")))
    }

    fn run(&self, workload: &Workload, own_rules: &Path, place: &Path) -> Result<(f64, u64)> {
        let folder = tempfile::tempdir_in(place)?;
        let out = folder.path().join("findings.jsonl");
        let log = folder.path().join("log.txt");
        if self.engine == Engine::PythonEql {
            write_queries(self.rules.as_deref().unwrap_or(own_rules), &folder.path().join("queries.jsonl"))?;
        }
        let mut command = Command::new(&self.program);
        command.args(self.arguments(workload, folder.path())?);
        let start = Instant::now();
        let status = command
            .stdin(Stdio::null())
            // Those that are told a file write little here, the others their findings.
            .stdout(File::create(folder.path().join("stdout.jsonl"))?)
            .stderr(File::create(&log)?)
            .status()
            .with_context(|| format!("cannot run `{}`", self.program.display()))?;
        let seconds = start.elapsed().as_secs_f64();
        if !status.success() {
            let log = fs::read(&log)?;
            let log = String::from_utf8_lossy(&log);
            bail!(
                "{status}: {}",
                log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message")
            );
        }
        let findings = if out.is_file() { out } else { folder.path().join("stdout.jsonl") };
        Ok((seconds, BufReader::new(File::open(findings)?).split(b'\n').count() as u64))
    }

    /// The words after the program's name. Findings go to `findings.jsonl` in the folder, or to standard output.
    fn arguments(&self, workload: &Workload, folder: &Path) -> Result<Vec<String>> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let input = text(&workload.path);
        let out = text(&folder.join("findings.jsonl"));
        let rules = self.rules.as_deref().map(text).unwrap_or_default();
        let words = match self.engine {
            Engine::Rsigma => {
                let pipeline = if workload.is_ecs() { "-p ecs_windows " } else { "" };
                return Ok(words(
                    &format!("engine eval -q --output-format ndjson {pipeline}-r"),
                    [rules, "-e".to_owned(), format!("@{input}")],
                ));
            }
            Engine::Chainsaw => {
                let mapping = match &self.mapping {
                    Some(mapping) => mapping.clone(),
                    None => self.program.with_file_name("mappings").join("sigma-event-logs-all.yml"),
                };
                ensure!(
                    mapping.is_file(),
                    "there is no mapping `{}`; give it after the rules",
                    mapping.display()
                );
                let mut all = words("--no-banner --num-threads 1 hunt", [input, "-s".to_owned(), rules]);
                all.extend(["--mapping".to_owned(), text(&mapping)]);
                all.extend(words("--jsonl -q --skip-errors -o", [out]));
                all
            }
            Engine::Hayabusa => {
                let config = text(&Path::new(&rules).join("config"));
                let mut all =
                    words("dfir-timeline -d", [input, "-r".to_owned(), rules, "-c".to_owned(), config]);
                all.extend(words("-t jsonl -w -q -Q -N -C -K --threads 1 -o", [out]));
                all
            }
            Engine::PythonEql => {
                vec!["-c".to_owned(), PYTHON_EQL.to_owned(), input, text(&folder.join("queries.jsonl"))]
            }
        };
        Ok(words)
    }
}

/// Words without spaces in them, and some more.
fn words<const N: usize>(first: &str, more: [String; N]) -> Vec<String> {
    first.split(' ').map(str::to_owned).chain(more).collect()
}

/// Writes the EQL queries of rule files as JSON strings, one a line.
fn write_queries(rules: &Path, to: &Path) -> Result<()> {
    let mut lines = String::new();
    for file in load(&[rules.to_owned()]) {
        if let Some(content) = file.content
            && let RuleKind::Eql(rule) = content.rule.kind
        {
            lines.push_str(&serde_json::to_string(&rule.query.text)?);
            lines.push('\n');
        }
    }
    ensure!(!lines.is_empty(), "there is no EQL rule in `{}`", rules.display());
    Ok(fs::write(to, lines)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(name: &'static str, path: &str, format: Format) -> Workload {
        Workload { name, path: PathBuf::from(path), events: 10, bytes: 100, format }
    }

    #[test]
    fn each_engine_is_called_in_its_own_way() {
        let place = tempfile::tempdir().unwrap();
        let mapping = place.path().join("mapping.yml");
        fs::write(&mapping, "").unwrap();
        let chainsaw = format!("chainsaw=c,sigma,{}", mapping.display());
        let (flat, defend, evtx) = (
            workload("windows-json", "in.ndjson", Format::Json),
            workload("defend-json", "in.ndjson", Format::Json),
            workload("evtx", "in", Format::Evtx),
        );
        let cases = [
            (
                "rsigma=r,sigma",
                &flat,
                "engine eval -q --output-format ndjson -r sigma -e @in.ndjson".to_owned(),
            ),
            (
                "rsigma=r,sigma",
                &defend,
                "engine eval -q --output-format ndjson -p ecs_windows -r sigma -e @in.ndjson".to_owned(),
            ),
            (
                &chainsaw,
                &evtx,
                format!(
                    "--no-banner --num-threads 1 hunt in -s sigma --mapping {} --jsonl -q --skip-errors -o \
                     place/findings.jsonl",
                    mapping.display()
                ),
            ),
            (
                "hayabusa=h,rules",
                &evtx,
                "dfir-timeline -d in -r rules -c rules/config -t jsonl -w -q -Q -N -C -K --threads 1 -o \
                 place/findings.jsonl"
                    .to_owned(),
            ),
            ("python-eql=p", &defend, format!("-c {PYTHON_EQL} in.ndjson place/queries.jsonl")),
        ];
        for (peer, workload, expected) in cases {
            let arguments = Peer::parse(peer).unwrap().arguments(workload, Path::new("place")).unwrap();
            assert_eq!(arguments.join(" ").replace('\\', "/"), expected.replace('\\', "/"));
        }
    }

    #[test]
    fn what_is_given_wrongly_is_named() {
        for (text, message) in [
            ("rsigma", "the peer `rsigma` needs a program: rsigma=PROGRAM[,RULES]"),
            ("hayabusa=/bin/h", "the peer `hayabusa` needs rules: hayabusa=PROGRAM,RULES"),
            ("rsigma=a,b,c,d", "too many paths for the peer `rsigma`: `rsigma=a,b,c,d`"),
        ] {
            assert_eq!(Peer::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_peer_that_cannot_read_or_run_is_told() {
        let place = tempfile::tempdir().unwrap();
        let measure = |peer: &str, workload| {
            Peer::parse(peer).unwrap().measure(workload, place.path(), place.path(), 1)
        };
        let evtx = workload("evtx", "in", Format::Evtx);
        assert!(matches!(measure("python-eql=python", &evtx), PeerResult::CannotRead(_)));
        let PeerResult::Failed(why) = measure("hayabusa=/no/such/program,rules", &evtx) else {
            panic!("it cannot have run");
        };
        assert!(why.starts_with("cannot run `/no/such/program`"), "{why}");
        let without_mapping = measure("chainsaw=/no/such/program,rules", &evtx);
        assert!(
            matches!(&without_mapping, PeerResult::Failed(why) if why.contains("give it after the rules"))
        );
    }
}
