//! `watchfire explain --all`: which rules fire on an event, and which come closest.

use std::cmp::Reverse;
use std::io::{self, Write};

use serde_json::{Map, Value, json};
use watchfire_detect::RuleState;
use watchfire_detect::explain::words::{is_true, stream_text, verdict_text};
use watchfire_detect::explain::{EventAnswer, RuleQuestions};
use watchfire_engine::explain::{Explained, verdict};
use watchfire_events::{BatchBuilder, Event};
use watchfire_ir::Catalogue;
use watchfire_rules::model::RuleId;
use watchfire_sources::normalise::NormaliseOptions;

use super::document::event_facts;
use super::gather::{Chosen, NumberedEvent, Wanted, gather};
use super::text::line_of;
use super::{Explain, Format, NamedRule, load_rules, write_json};
use crate::exit::Exit;
use crate::parallel::map_in_order;
use crate::reading::Resources;
use crate::terminal::escape_controls;

/// Events that all rules are asked about; the others are counted.
const MAX_EVENTS: usize = 100;

/// A rule that can be asked.
struct Asked<'r> {
    named: &'r NamedRule,
    questions: RuleQuestions,
}

/// What a rule, or a stage of it, says to an event.
struct Said<'a> {
    asked: &'a Asked<'a>,
    stage: usize,
    answer: EventAnswer<'a>,
    /// How many leaves would have to turn, the data stream counting as one.
    distance: usize,
    /// How many leaves are satisfied that are no denials.
    satisfied: usize,
}

impl Said<'_> {
    fn stage_name(&self) -> &str {
        &self.asked.questions.stages()[self.stage].name
    }
}

impl Explain {
    /// Runs the command for all rules.
    pub(super) fn all_rules(
        &self,
        catalogue: &Catalogue,
        normalise: NormaliseOptions,
        log: &mut dyn Write,
    ) -> io::Result<Exit> {
        let (rules, failed) = load_rules(&self.rules, log)?;
        let threads = Resources::default().threads();
        let made =
            map_in_order(&rules, threads, |named| RuleQuestions::of(&named.rule, catalogue, &self.options()));
        let (mut asked, mut wrong, mut unsupported) = (Vec::new(), failed, 0);
        for (named, questions) in rules.iter().zip(made) {
            match questions {
                Ok(questions) => asked.push(Asked { named, questions }),
                Err(RuleState::Unsupported(_)) => unsupported += 1,
                Err(_) => wrong += 1,
            }
        }
        let chosen = Chosen { number: self.event, place: self.record.as_deref() };
        let wanted = Wanted { chosen, most: MAX_EVENTS, in_order: false };
        let mut out = self.destination.open()?;
        let gathered = gather(&self.paths, &self.reading, normalise, catalogue, &wanted, &|_, _| 1)?;
        let clean = gathered.tell_input(log)?;
        if gathered.events.is_empty() {
            return Ok(Exit::Problems);
        }
        let mut documents = Vec::new();
        for event in &gathered.events {
            let said = said_to(&event.event, &asked, catalogue);
            match self.format {
                Format::Text => self.write_text(event, &said, &mut *out)?,
                Format::Json => documents.push(self.document(event, &said)),
            }
        }
        if self.format == Format::Json {
            let all = json!({
                "rules": { "asked": asked.len(), "unsupported": unsupported, "failed": wrong },
                "events": documents,
                "left_out": gathered.left_out,
            });
            write_json(&all, &mut *out)?;
        }
        out.flush()?;
        if gathered.left_out > 0 {
            writeln!(log, "{} further events were left out", gathered.left_out)?;
        }
        if unsupported + wrong > 0 {
            writeln!(log, "{unsupported} rules ask for what cannot be explained, {wrong} could not be used")?;
        }
        Ok(if clean && wrong == 0 { Exit::Success } else { Exit::Problems })
    }

    /// The rules that fire or have a stage filled, then the nearest of the others.
    fn split<'s, 'a>(&self, said: &'s [Said<'a>]) -> (Vec<&'s Said<'a>>, Vec<&'s Said<'a>>) {
        let (fires, mut near): (Vec<_>, Vec<_>) = said.iter().partition(|said| said.distance == 0);
        near.retain(|said| said.satisfied > 0);
        near.sort_by_key(|said| (said.distance, Reverse(said.satisfied)));
        near.truncate(self.top.get());
        (fires, near)
    }

    fn write_text(&self, event: &NumberedEvent, said: &[Said<'_>], out: &mut dyn Write) -> io::Result<()> {
        let (fires, near) = self.split(said);
        writeln!(out, "{}", line_of(event.number, &event.event))?;
        let (fills, fires): (Vec<&Said<'_>>, Vec<_>) =
            fires.into_iter().partition(|said| !said.stage_name().is_empty());
        writeln!(out, "\nfires: {}", fires.len())?;
        for said in fires {
            let name = escape_controls(&said.asked.named.rule.name);
            let questions = &said.asked.questions;
            let note = match (questions.does_not_run(), questions.counts(), questions.asks_history()) {
                (Some(what), ..) => format!(" (its condition holds; {what} does not run)"),
                (None, _, true) => " (if its values are new)".to_owned(),
                (None, true, false) => " (if the threshold is reached)".to_owned(),
                (None, false, false) if !questions.lookups().is_empty() => {
                    " (if an indicator shares a value)".to_owned()
                }
                (None, false, false) => String::new(),
            };
            writeln!(out, "  {name}{note}")?;
        }
        if !fills.is_empty() {
            writeln!(out, "\nfills a stage: {}", fills.len())?;
            for said in fills {
                writeln!(out, "  {} ({})", escape_controls(&said.asked.named.rule.name), said.stage_name())?;
            }
        }
        writeln!(out, "\ncomes closest:")?;
        for said in near {
            let name = escape_controls(&said.asked.named.rule.name);
            let stage = match said.stage_name() {
                "" => String::new(),
                stage => format!(" ({stage})"),
            };
            let leaves =
                if said.distance == 1 { "1 leaf".to_owned() } else { format!("{} leaves", said.distance) };
            writeln!(out, "  {name}{stage}: {leaves} short, {} satisfied", said.satisfied)?;
            for line in lines_of(said, &event.event) {
                writeln!(out, "    {}", escape_controls(&line))?;
            }
        }
        writeln!(out)
    }

    fn document(&self, event: &NumberedEvent, said: &[Said<'_>]) -> Value {
        let (fires, near) = self.split(said);
        let facts = |said: &&Said<'_>| {
            let rule = &said.asked.named.rule;
            let mut object = Map::new();
            object.insert("rule_id".to_owned(), json!(rule.rule_id.as_ref().map(RuleId::as_str)));
            object.insert("name".to_owned(), rule.name.clone().into());
            object.insert("stage".to_owned(), said.stage_name().into());
            object.insert("does_not_run".to_owned(), json!(said.asked.questions.does_not_run()));
            if said.distance > 0 {
                object.insert("distance".to_owned(), said.distance.into());
                object.insert("satisfied".to_owned(), said.satisfied.into());
                object.insert("verdict".to_owned(), lines_of(said, &event.event).into());
            }
            Value::Object(object)
        };
        let mut object = event_facts(event.number, &event.event);
        let (fills, fires): (Vec<&Said<'_>>, Vec<_>) =
            fires.into_iter().partition(|said| !said.stage_name().is_empty());
        object.insert("fires".to_owned(), fires.iter().map(facts).collect());
        object.insert("fills_stage".to_owned(), fills.iter().map(facts).collect());
        object.insert("closest".to_owned(), near.iter().map(facts).collect());
        Value::Object(object)
    }
}

fn lines_of(said: &Said<'_>, event: &Event) -> Vec<String> {
    let questions = &said.asked.questions;
    let stream = stream_text(said.answer.stream, event.data_stream.as_str(), questions.patterns());
    let question = &questions.stages()[said.stage];
    let condition =
        (!said.answer.explained.holds).then(|| verdict_text(&verdict(&said.answer.explained), question));
    stream.into_iter().chain(condition).collect()
}

/// What each rule says; of a rule with stages, the nearest one.
fn said_to<'a>(event: &Event, asked: &'a [Asked<'a>], catalogue: &Catalogue) -> Vec<Said<'a>> {
    let mut builder = BatchBuilder::new(catalogue);
    builder.push(event.clone());
    let batch = builder.finish();
    let of_rule = |asked: &'a Asked<'a>| {
        let stages =
            (0..asked.questions.stages().len()).filter(|stage| asked.questions.stages()[*stage].is_filled);
        let said = stages.map(|stage| {
            let answer = asked.questions.answer(stage, &batch, 0, catalogue);
            let turns = verdict(&answer.explained).fewest.len();
            let turns = match (answer.explained.holds, turns) {
                (true, _) => 0,
                // It can never hold.
                (false, 0) => usize::MAX - 1,
                (false, turns) => turns,
            };
            let reads = answer.stream == watchfire_detect::explain::StreamFit::Read;
            let distance = turns + usize::from(!reads);
            Said { asked, stage, satisfied: satisfied(&answer.explained), answer, distance }
        });
        said.min_by_key(|said| (said.distance, Reverse(said.satisfied)))
    };
    asked.iter().filter_map(of_rule).collect()
}

/// Leaves that hold and should; a denial that holds tells nothing of what the event is.
fn satisfied(explained: &Explained<'_>) -> usize {
    let mut number = 0;
    explained.for_each_leaf(&mut |seen, negated| number += usize::from(!negated && is_true(seen)));
    number
}
