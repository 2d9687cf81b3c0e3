//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::instructions;
use crate::peer::Peer;
use crate::rule_sets::Rules;
use crate::workload::WORKLOADS;

/// What `cargo xtask bench --help` prints.
pub(crate) const HELP: &str = "\
What a scan costs, as ratios to reading alone.

  cargo xtask bench [WORKLOAD…] [OPTION…]

  --events N          events of each workload (100,000)
  --runs N            runs of each scan, of which the median counts (5)
  --instructions      instructions per event too, by perf or valgrind, whichever counts here (minutes)
  --peer NAME=PROGRAM[,RULES[,MAPPING]]
                      another engine over the same workloads; may be given several times: rsigma, chainsaw,
                      hayabusa, python-eql
  --large GB          memory over time, on so many GB in a stream
  --save FILE         writes the ratios and instructions as a baseline
  --compare FILE      prints what became of those of a baseline
  --sources [NAME,…]  what each source costs instead: its fixtures, repeated to 40 MB or to so many events; of those
                      sources alone that begin with one of the names (runs: 3)
  --quick             one run of few events and two rule sets: for a first look, and for the gate

Paths are taken from the root of the repository. Workloads:
";

/// What is to be measured.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) workloads: Vec<&'static str>,
    pub(crate) events: usize,
    pub(crate) runs: usize,
    pub(crate) rules: Vec<Rules>,
    pub(crate) threads: Vec<usize>,
    pub(crate) instructions: bool,
    pub(crate) peers: Vec<Peer>,
    pub(crate) large_gigabytes: Option<u64>,
    pub(crate) save: Option<PathBuf>,
    pub(crate) compare: Option<PathBuf>,
    /// As many events as were asked for, if it was said.
    pub(crate) given_events: Option<usize>,
    /// The sources are measured instead of the workloads: those of these names, or all.
    pub(crate) sources: Option<Vec<String>>,
}

/// The command line, understood.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    Help,
    Bench(Box<Options>),
}

impl Options {
    /// Reads the words of a command line.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Asked> {
        let (mut workloads, mut peers) = (Vec::new(), Vec::new());
        let (mut events, mut runs, mut large_gigabytes) = (None, None, None);
        let (mut save, mut compare) = (None, None);
        let (mut instructions, mut is_quick, mut sources) = (false, false, None);
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let mut value = |what: &str| words.next().with_context(|| format!("`{word}` needs {what}"));
            match word.as_str() {
                "--help" | "-h" => return Ok(Asked::Help),
                "--events" => events = Some(number(&value("a number")?)? as usize),
                "--runs" => runs = Some(number(&value("a number")?)? as usize),
                "--large" => large_gigabytes = Some(number(&value("a number of gigabytes")?)?),
                "--instructions" => instructions = true,
                "--quick" => is_quick = true,
                "--sources" => {
                    let names = words.next_if(|next| !next.starts_with('-'));
                    sources =
                        Some(names.iter().flat_map(|names| names.split(',')).map(str::to_owned).collect());
                }
                "--peer" => peers.push(Peer::parse(&value("NAME=PROGRAM[,RULES[,MAPPING]]")?)?),
                "--save" => save = Some(PathBuf::from(value("a file")?)),
                "--compare" => compare = Some(PathBuf::from(value("a file")?)),
                other => match WORKLOADS.iter().find(|(name, _)| *name == other) {
                    Some((name, _)) => workloads.push(*name),
                    None => bail!("unknown word `{other}`; `--help` lists options and workloads"),
                },
            }
        }
        if workloads.is_empty() {
            let all = WORKLOADS.map(|(name, _)| name);
            workloads = if is_quick { vec![all[0]] } else { all.to_vec() };
        }
        let given_events = events;
        let events = events.unwrap_or(if is_quick { 5_000 } else { 100_000 });
        let instructions = instructions || is_quick;
        let least = instructions::MORE as usize;
        ensure!(
            !instructions || events >= least,
            "to count instructions takes {least} events, more than `--events`"
        );
        Ok(Asked::Bench(Box::new(Self {
            workloads,
            events,
            given_events,
            runs: runs.unwrap_or(match (is_quick, &sources) {
                (true, _) => 1,
                (false, Some(_)) => 3,
                (false, None) => 5,
            }),
            rules: if is_quick || sources.is_some() {
                vec![Rules::One, Rules::All]
            } else {
                Rules::SIZES.to_vec()
            },
            threads: if is_quick { vec![1] } else { vec![1, 2] },
            instructions,
            peers,
            large_gigabytes,
            save,
            compare,
            sources,
        })))
    }
}

fn number(text: &str) -> Result<u64> {
    let number = text.replace(['_', ','], "").parse().ok().filter(|number| *number > 0);
    number.with_context(|| format!("`{text}` is no number above zero"))
}

/// The help, with the workloads.
pub(crate) fn help() -> String {
    let lines = WORKLOADS.map(|(name, about)| format!("  {name:<18}  {about}\n"));
    format!("{HELP}{}", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Asked> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    fn options(line: &str) -> Options {
        match parse(line).unwrap() {
            Asked::Bench(options) => *options,
            Asked::Help => panic!("no help was asked for"),
        }
    }

    #[test]
    fn without_a_word_everything_is_measured_in_full() {
        let options = options("");
        assert_eq!(options.workloads.len(), WORKLOADS.len());
        assert_eq!((options.events, options.runs), (100_000, 5));
        assert_eq!((options.rules.as_slice(), options.threads.as_slice()), (&Rules::SIZES[..], &[1, 2][..]));
        assert!(!options.instructions && options.peers.is_empty() && options.large_gigabytes.is_none());
    }

    #[test]
    fn words_are_understood_in_any_order() {
        let options = options(
            "--runs 3 evtx --events 20,000 windows-json --instructions --peer rsigma=/bin/rsigma,sigma/rules --large 10 \
             --save new.json --compare old.json",
        );
        assert_eq!(options.workloads, ["evtx", "windows-json"]);
        assert_eq!((options.events, options.runs, options.large_gigabytes), (20_000, 3, Some(10)));
        assert!(options.instructions);
        assert_eq!(options.peers[0].rules, Some(PathBuf::from("sigma/rules")));
        assert_eq!((options.save, options.compare), (Some("new.json".into()), Some("old.json".into())));
    }

    #[test]
    fn quick_means_little_unless_more_is_said() {
        let quick = options("--quick");
        assert_eq!((quick.workloads.as_slice(), quick.events, quick.runs), (&["windows-json"][..], 5_000, 1));
        assert_eq!((quick.rules, quick.threads), (vec![Rules::One, Rules::All], vec![1]));
        let more = options("--quick defend-json --events 9000 --runs 2");
        assert_eq!((more.workloads.as_slice(), more.events, more.runs), (&["defend-json"][..], 9_000, 2));
    }

    #[test]
    fn sources_are_all_or_those_that_are_named() {
        let all = options("--sources");
        assert_eq!((all.sources, all.runs, all.given_events), (Some(Vec::new()), 3, None));
        assert_eq!(all.rules, [Rules::One, Rules::All]);
        let some = options("--sources okta,zeek --runs 5 --events 1000");
        assert_eq!(some.sources, Some(vec!["okta".to_owned(), "zeek".to_owned()]));
        assert_eq!((some.runs, some.given_events), (5, Some(1_000)));
        assert_eq!(options("--sources --runs 2").sources, Some(Vec::new()));
        assert_eq!(options("").sources, None);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, message) in [
            ("windows", "unknown word `windows`; `--help` lists options and workloads"),
            ("--runs", "`--runs` needs a number"),
            ("--runs 0", "`0` is no number above zero"),
            ("--instructions --events 100", "to count instructions takes 2500 events, more than `--events`"),
            ("--events many", "`many` is no number above zero"),
            ("--peer", "`--peer` needs NAME=PROGRAM[,RULES[,MAPPING]]"),
            (
                "--peer zircolite=/bin/z",
                "unknown peer `zircolite`; the known ones are rsigma, chainsaw, hayabusa, python-eql",
            ),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), message, "{line}");
        }
    }

    #[test]
    fn help_names_every_workload() {
        assert_eq!(parse("evtx --help").unwrap(), Asked::Help);
        for (name, _) in WORKLOADS {
            assert!(help().contains(name));
        }
    }
}
