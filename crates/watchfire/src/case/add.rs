//! `watchfire case add`: alerts and the events behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};
use watchfire_detect::ALERTS_STREAM;
use watchfire_engine::{Matcher, ReadFields};
use watchfire_events::EventBatch;
use watchfire_ir::Catalogue;
use watchfire_triage::{Action, Collected, Collection, to_json};

use super::folder::CaseFolder;
use super::refused;
use crate::doing::Doing;
use crate::exit::Exit;
use crate::intake::{InputSummary, Worker};
use crate::triage::{AlertChoice, EventOptions, EventReader, Found, Guides, find, load_rules, uuid_of};

/// Most events of an answer that are kept.
const MOST_FINDINGS: usize = 1_000;

/// Adds alerts, with the answers of their guides, and the events that these and their processes' trees are made of.
///
/// Alerts that are in the case already stay as they are.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The folder of the case.
    case: PathBuf,
    #[command(flatten)]
    alerts: AlertChoice,
    /// Rule files, folders of rules, whose guides are taken. Else the guide is that in the alert.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    doing: Doing,
    #[command(flatten)]
    events: EventOptions,
}

impl Add {
    pub(super) fn add(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let folder = CaseFolder::open(&self.case)?;
        let mut case = folder.case()?;
        let rules = load_rules(&self.rules, log)?;
        let Some(alerts) = self.alerts.read(log)? else { return Ok(Exit::Usage) };
        let known: BTreeSet<String> = case.alerts().into_iter().map(str::to_owned).collect();
        let new: Vec<_> =
            alerts.chosen().into_iter().filter(|alert| !known.contains(&uuid_of(alert))).collect();
        let repeated = alerts.chosen().len() - new.len();
        if repeated > 0 {
            writeln!(log, "in the case already: {}", counted(repeated, "alert"))?;
        }
        if new.is_empty() {
            return Ok(Exit::Success);
        }
        let ids: Vec<String> = new.iter().map(|alert| uuid_of(alert)).collect();
        // Refused before much is read.
        let action = Action::Added { alerts: ids.clone(), events: 0 };
        case.clone().act(action, self.doing.at(), &self.doing.by()).map_err(refused)?;

        let reader = self.events.reader()?;
        let guides = Guides::new(&new, &rules, &reader.catalogue, MOST_FINDINGS);
        let Found { answers, evidence, own_events, account } =
            find(&reader, &guides.inquiries, &new, &alerts.all, MOST_FINDINGS)?;
        let mut collected = of_trees(&Collection::of_trees(&evidence, &reader.catalogue), &reader)?;
        for events in own_events {
            collected.left_out += events.left_out;
            let of_logs = events.events.into_iter().filter(|(_, finding)| finding.stream != ALERTS_STREAM);
            of_logs.for_each(|(key, finding)| collected.add(key, finding));
        }
        for answer in answers.iter().flat_map(|answers| &answers.0) {
            collected.left_out += answer.count - (answer.findings.len() as u64).min(answer.count);
            let events = answer.findings.iter().filter(|(_, finding)| finding.stream != ALERTS_STREAM);
            events.for_each(|(key, finding)| collected.add(key.clone(), finding.clone()));
        }

        let mut contents = folder.contents()?;
        // What a broken-off run has left of them.
        contents.remove(&ids);
        let before = contents.events.len();
        contents.events = joined(std::mem::take(&mut contents.events), &collected);
        let added = (contents.events.len() - before) as u64;
        contents.alerts.extend(new.iter().map(|alert| Value::Object((*alert).clone())));
        contents.answers.extend(guides.answered(answers, evidence).iter().map(to_json));
        let action = Action::Added { alerts: ids, events: added };
        case.act(action, self.doing.at(), &self.doing.by()).map_err(refused)?;
        folder.store_with(&contents, &case)?;

        let summary = InputSummary::new(&account);
        summary.write(log)?;
        writeln!(log, "added: {}, {}", counted(new.len(), "alert"), counted(added as usize, "event"))?;
        if collected.left_out > 0 {
            writeln!(
                log,
                "not kept: {} events beyond the first of an answer, a process or the case",
                collected.left_out
            )?;
        }
        alerts.tell_rest("added", log)?;
        Ok(if summary.is_clean() && alerts.unread == 0 { Exit::Success } else { Exit::Problems })
    }
}

fn counted(number: usize, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}

/// The events of processes in trees.
fn of_trees(collection: &Collection, reader: &EventReader<'_>) -> io::Result<Collected> {
    let mut fields = ReadFields::default();
    collection.add_fields(&mut fields);
    let catalogue = &reader.catalogue;
    let worker = || Collecting {
        collection,
        matcher: collection.matcher(),
        catalogue,
        collected: Collected::default(),
    };
    let (workers, _) = reader.read(&fields, [collection.condition()], worker)?;
    let mut collected = Collected::default();
    workers.into_iter().for_each(|worker| collected.merge(worker.collected));
    Ok(collected)
}

/// Keeps the events of a collection.
struct Collecting<'a> {
    collection: &'a Collection,
    matcher: Matcher<'a>,
    catalogue: &'a Catalogue,
    collected: Collected,
}

impl Worker for Collecting<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        self.collection.collect(&mut self.matcher, batch, self.catalogue, &mut self.collected);
        Ok(())
    }
}

/// Events that are kept and others, each once, in the order of time.
fn joined(kept: Vec<Value>, others: &Collected) -> Vec<Value> {
    let key = |event: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&event["_source"]["@timestamp"]), text(&event["_index"]), text(&event["_id"]))
    };
    let others = others
        .events
        .values()
        .map(|one| json!({ "_index": one.stream, "_id": one.id.as_str(), "_source": one.document }));
    let all: BTreeMap<_, Value> = others.chain(kept).map(|event| (key(&event), event)).collect();
    all.into_values().collect()
}
