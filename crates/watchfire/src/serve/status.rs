//! `watchfire status`: whether events arrive, whether rules can match in them, and how their executions went.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use watchfire_detect::CompileOptions;
use watchfire_detect::explain::RuleQuestions;
use watchfire_engine::impossible_without;
use watchfire_events::{DataStream, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_lake::{LakeReader, TableStatistics};
use watchfire_sources::normalise::catalogue;
use watchfire_state::{AlertStatus, ExecutionRecord, ExecutionStatus, KeptRule, StateDatabase};

use super::alerts::Kept;
use super::upkeep::chain;
use crate::exit::{self, Exit};
use crate::explain::Format;
use crate::terminal::escape_controls;
use crate::time_argument;

/// Names that are shown of a list; the others are counted.
const MOST_NAMED: usize = 10;
/// Executions that are looked at: the last ones of all rules.
const EXECUTIONS: u32 = 20_000;

/// Tells whether events arrive, what rules need and never get, and how executions and alerts stand.
///
/// Of each data stream: its events, the last arrival, how many enabled rules read it, and how many of them can match with the
/// fields that it has had. Of rules: those that read no data stream that is there, and those that can match in none. It reads
/// the folder of a server's data, beside the server or without it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire status --data data
  watchfire status --data data --format json

Exit codes:
  0  done, and nothing of this is so:
  1  an enabled rule cannot match in what is there, an execution failed, or something could not be read
  2  wrong usage")]
pub(crate) struct Status {
    #[command(flatten)]
    kept: Kept,
    /// How the answer is written. JSON has all names.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What one data stream is to the rules.
struct OfStream {
    table: TableStatistics,
    rules: u64,
    can_match: u64,
    /// Fields for want of which a rule cannot match in it, and how many rules that is so for.
    missing: BTreeMap<String, u64>,
}

/// What the rules find.
#[derive(Default)]
struct OfRules {
    enabled: u64,
    can_match: u64,
    /// Those that read no data stream which is there.
    without_stream: Vec<String>,
    /// Those that read some and can match in none, with the fields that the nearest of them lacks.
    impossible: Vec<(String, BTreeSet<String>)>,
    /// Those that do not run, with the reason.
    not_run: Vec<(String, String)>,
}

impl Status {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        let run = || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            let database = runtime.block_on(self.kept.open())?;
            let exit = self.status(&runtime, &database, &mut io::stdout().lock());
            runtime.block_on(database.close());
            exit
        };
        exit::of(run())
    }

    fn status(
        &self,
        runtime: &tokio::runtime::Runtime,
        database: &StateDatabase,
        out: &mut dyn Write,
    ) -> io::Result<Exit> {
        let failed = |error: &dyn std::error::Error| io::Error::other(chain(error));
        let rules = runtime.block_on(database.rules()).map_err(|error| failed(&error))?;
        let executions =
            runtime.block_on(database.executions(None, EXECUTIONS)).map_err(|error| failed(&error))?;
        let alerts = runtime.block_on(database.count_alerts()).map_err(|error| failed(&error))?;
        let now = time_argument::now();
        let (streams, of_rules) = match self.kept.lake() {
            Some(folder) => {
                let reader = LakeReader::open(&folder).map_err(|error| failed(&error))?;
                look(&reader, &rules, now).map_err(|error| failed(&error))?
            }
            None => (Vec::new(), OfRules::default()),
        };
        let last = last_executions(&rules, executions);
        match self.format {
            Format::Text => text(&streams, &of_rules, &last, &alerts, now, out)?,
            Format::Json => {
                let value = document(&streams, &of_rules, &last, &alerts);
                serde_json::to_writer_pretty(&mut *out, &value)?;
                writeln!(out)?;
            }
        }
        let has_failed = last.iter().any(|(_, record)| record.status == ExecutionStatus::Failed);
        let is_well = of_rules.without_stream.is_empty() && of_rules.impossible.is_empty() && !has_failed;
        Ok(if is_well { Exit::Success } else { Exit::Problems })
    }
}

/// What the tables are to the enabled rules.
fn look(
    reader: &LakeReader,
    rules: &[KeptRule],
    now: Timestamp,
) -> Result<(Vec<OfStream>, OfRules), watchfire_lake::LakeError> {
    let catalogue: Catalogue = catalogue();
    let mut streams = Vec::new();
    let mut fields: BTreeMap<DataStream, BTreeSet<String>> = BTreeMap::new();
    for table in reader.statistics()? {
        fields.insert(table.stream.clone(), reader.fields(&table.stream)?.into_iter().collect());
        streams.push(OfStream { table, rules: 0, can_match: 0, missing: BTreeMap::new() });
    }
    let mut of_rules = OfRules::default();
    for kept in rules.iter().filter(|kept| kept.rule.enabled == Some(true)) {
        of_rules.enabled += 1;
        let name = kept.rule.name.clone();
        let questions = match RuleQuestions::of(&kept.rule, &catalogue, &CompileOptions { now: Some(now) }) {
            Ok(questions) if questions.does_not_run().is_none() => questions,
            Ok(questions) => {
                let why = questions.does_not_run().unwrap_or_default().to_owned();
                of_rules.not_run.push((name, why));
                continue;
            }
            Err(_) => {
                of_rules.not_run.push((name, "it is wrong, or asks nothing of events".to_owned()));
                continue;
            }
        };
        of_rule(name, &questions, &fields, &mut streams, &mut of_rules);
    }
    Ok((streams, of_rules))
}

fn of_rule(
    name: String,
    questions: &RuleQuestions,
    fields: &BTreeMap<DataStream, BTreeSet<String>>,
    streams: &mut [OfStream],
    of_rules: &mut OfRules,
) {
    let needed: Vec<_> = questions.stages().iter().filter(|stage| stage.is_filled).collect();
    // Of each stage what the stream lacks that comes nearest to filling it: nothing, if one can.
    let mut lacking: Vec<Option<BTreeSet<Arc<str>>>> = vec![None; needed.len()];
    let mut reads_any = false;
    for stream in streams.iter_mut().filter(|stream| questions.patterns().select(&stream.table.stream)) {
        reads_any = true;
        stream.rules += 1;
        let has = |field: &str| fields[&stream.table.stream].contains(field);
        let mut serves = false;
        let mut missing: BTreeSet<Arc<str>> = BTreeSet::new();
        for (number, stage) in needed.iter().enumerate() {
            let fields = impossible_without(stage.condition(), &has);
            serves |= fields.is_none();
            let fields = fields.unwrap_or_default();
            missing.extend(fields.iter().cloned());
            if lacking[number].as_ref().is_none_or(|least| fields.len() < least.len()) {
                lacking[number] = Some(fields);
            }
        }
        if serves {
            stream.can_match += 1;
        } else {
            for field in missing {
                *stream.missing.entry(field.to_string()).or_default() += 1;
            }
        }
    }
    if !reads_any {
        // Alerts are no table of the lake.
        let on_alerts = questions.patterns().iter().any(|pattern| pattern.as_str().starts_with(".alerts-"));
        if on_alerts {
            of_rules.can_match += 1;
        } else {
            of_rules.without_stream.push(name);
        }
        return;
    }
    let lacking: BTreeSet<String> =
        lacking.into_iter().flatten().flatten().map(|field| field.to_string()).collect();
    if lacking.is_empty() {
        of_rules.can_match += 1;
    } else {
        of_rules.impossible.push((name, lacking));
    }
}

/// The last execution of each rule that has had one, by the rule's name.
fn last_executions(rules: &[KeptRule], executions: Vec<ExecutionRecord>) -> Vec<(String, ExecutionRecord)> {
    let names: BTreeMap<&str, &str> =
        rules.iter().map(|kept| (kept.id.as_str(), kept.rule.name.as_str())).collect();
    let mut last: BTreeMap<String, ExecutionRecord> = BTreeMap::new();
    // They come with the latest first.
    for record in executions {
        last.entry(record.rule.clone()).or_insert(record);
    }
    let named = |(id, record): (String, ExecutionRecord)| {
        (names.get(id.as_str()).map_or(id.clone(), |name| (*name).to_owned()), record)
    };
    last.into_iter().map(named).collect()
}

fn last_arrival(table: &TableStatistics) -> Option<Timestamp> {
    table.ingested.map(|(_, last)| Timestamp::from_millis(last.div_euclid(1_000)))
}

fn text(
    streams: &[OfStream],
    rules: &OfRules,
    last: &[(String, ExecutionRecord)],
    alerts: &BTreeMap<AlertStatus, u64>,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "{:<48} {:>12} {:>10} {:>24} {:>10} {:>6} {:>9}",
        "data stream", "events", "MiB", "last arrival", "before", "rules", "can match"
    )?;
    for OfStream { table, rules, can_match, .. } in streams {
        let arrival = last_arrival(table);
        let before = arrival.map_or_else(String::new, |at| span(now.to_millisecond().millis() - at.millis()));
        writeln!(
            out,
            "{:<48} {:>12} {:>10.1} {:>24} {before:>10} {rules:>6} {can_match:>9}",
            escape_controls(table.stream.as_str()),
            table.rows,
            table.bytes as f64 / f64::from(1 << 20),
            arrival.map_or_else(String::new, Timestamp::to_iso_millis),
        )?;
    }
    if streams.is_empty() {
        writeln!(out, "there is no event yet")?;
    }
    for stream in streams.iter().filter(|stream| !stream.missing.is_empty()) {
        let mut missing: Vec<(&String, &u64)> = stream.missing.iter().collect();
        missing.sort_by_key(|(name, rules)| (u64::MAX - **rules, *name));
        let one = |(name, rules): &(&String, &u64)| format!("{name} ({rules})");
        let named: Vec<String> = missing.iter().take(MOST_NAMED).map(one).collect();
        let more = missing.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        writeln!(
            out,
            "{}: never had, and so many rules need it: {}{more}",
            escape_controls(stream.table.stream.as_str()),
            escape_controls(&named.join(", "))
        )?;
    }
    writeln!(
        out,
        "\nrules enabled: {} = {} that can match + {} that read no data stream which is there + {} that can match in none + {} \
         that do not run",
        rules.enabled,
        rules.can_match,
        rules.without_stream.len(),
        rules.impossible.len(),
        rules.not_run.len()
    )?;
    let impossible = rules.impossible.iter().map(|(name, fields)| {
        format!("{name}, for want of {}", fields.iter().cloned().collect::<Vec<_>>().join(", "))
    });
    list(out, "can match in none", impossible)?;
    list(out, "reads no data stream which is there", rules.without_stream.iter().cloned())?;
    list(out, "does not run", rules.not_run.iter().map(|(name, why)| format!("{name}: {why}")))?;
    let mut by_status: BTreeMap<ExecutionStatus, u64> = BTreeMap::new();
    last.iter().for_each(|(_, record)| *by_status.entry(record.status).or_default() += 1);
    let counts: Vec<String> = by_status.iter().map(|(status, number)| format!("{number} {status}")).collect();
    writeln!(
        out,
        "\nlast executions: {}",
        if counts.is_empty() { "none yet".to_owned() } else { counts.join(", ") }
    )?;
    let said = last.iter().filter(|(_, record)| record.status != ExecutionStatus::Succeeded);
    let said = said.map(|(name, record)| {
        let messages: Vec<&str> = record.messages.iter().map(|message| message.text.as_str()).collect();
        format!("{name}: {}", messages.join("; "))
    });
    list(out, "has something to say", said)?;
    let counts: Vec<String> =
        alerts.iter().map(|(status, number)| format!("{number} {}", status.name())).collect();
    writeln!(out, "\nalerts: {}", counts.join(", "))
}

fn list(out: &mut dyn Write, what: &str, lines: impl Iterator<Item = String>) -> io::Result<()> {
    let lines: Vec<String> = lines.collect();
    for line in lines.iter().take(MOST_NAMED) {
        writeln!(out, "  {what}: {}", escape_controls(line))?;
    }
    if lines.len() > MOST_NAMED {
        writeln!(out, "  … {} more; --format json has all", lines.len() - MOST_NAMED)?;
    }
    Ok(())
}

/// A length of time by its largest unit.
fn span(milliseconds: i64) -> String {
    let seconds = milliseconds.max(0) / 1_000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn document(
    streams: &[OfStream],
    rules: &OfRules,
    last: &[(String, ExecutionRecord)],
    alerts: &BTreeMap<AlertStatus, u64>,
) -> Value {
    let stream = |stream: &OfStream| {
        json!({
            "data_stream": stream.table.stream.as_str(),
            "events": stream.table.rows,
            "bytes": stream.table.bytes,
            "last_arrival": last_arrival(&stream.table).map(Timestamp::to_iso_millis),
            "rules": stream.rules,
            "can_match": stream.can_match,
            "fields_never_had": stream.missing,
        })
    };
    let impossible =
        |(name, fields): &(String, BTreeSet<String>)| json!({ "name": name, "for_want_of": fields });
    let not_run = |(name, why): &(String, String)| json!({ "name": name, "reason": why });
    let execution = |(name, record): &(String, ExecutionRecord)| {
        let messages: Vec<&str> = record.messages.iter().map(|message| message.text.as_str()).collect();
        json!({ "rule": name, "status": record.status.name(), "messages": messages })
    };
    json!({
        "data_streams": streams.iter().map(stream).collect::<Vec<_>>(),
        "rules": {
            "enabled": rules.enabled,
            "can_match": rules.can_match,
            "without_data_stream": rules.without_stream,
            "impossible": rules.impossible.iter().map(impossible).collect::<Vec<_>>(),
            "not_run": rules.not_run.iter().map(not_run).collect::<Vec<_>>(),
        },
        "last_executions": last.iter().map(execution).collect::<Vec<_>>(),
        "alerts": alerts.iter().map(|(status, number)| (status.name(), number)).collect::<BTreeMap<_, _>>(),
    })
}
