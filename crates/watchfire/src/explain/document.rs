//! Explanations for machines.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use watchfire_detect::explain::words::{
    field_names, is_true, reason, reason_word, stream_text, verdict_text,
};
use watchfire_detect::explain::{
    Candidate, CorrelationAnswer, EventAnswer, Origin, Partial, RuleQuestions, StageQuestion, StreamFit,
    WhyNot,
};
use watchfire_diagnostics::SourceText;
use watchfire_engine::explain::{Explained, Finding, Parts, Seen, verdict};
use watchfire_events::{Event, IndexPattern};
use watchfire_ir::{Condition, Node};
use watchfire_rules::model::RuleId;

use super::NamedRule;
use super::counted::Counts;
use super::gather::{Gathered, NumberedEvent};
use super::lookup::Lookup;
use super::text::{line_of, why_text};

/// What an explanation is of.
pub(super) struct Shown<'a> {
    pub(super) named: &'a NamedRule,
    pub(super) questions: &'a RuleQuestions,
    pub(super) gathered: &'a Gathered,
    /// What the rule counts or compares, if it does.
    pub(super) counts: Option<&'a Counts>,
    /// The events that exceptions hide, by their place among those gathered.
    pub(super) excepted: &'a BTreeMap<usize, Vec<String>>,
}

/// What a rule says to an event.
pub(super) struct Said<'a> {
    pub(super) event: &'a NumberedEvent,
    /// Its place among those gathered.
    pub(super) at: usize,
    pub(super) answer: EventAnswer<'a>,
    /// What indicators say of it, if the rule asks for some.
    pub(super) found: Lookup,
    /// The exceptions that keep it from an alert.
    pub(super) excepted_by: &'a [String],
}

impl Said<'_> {
    /// Whether there is an alert on the event.
    pub(super) fn fires(&self, counts: Option<&Counts>) -> bool {
        self.answer.fires()
            && !self.found.denies()
            && self.excepted_by.is_empty()
            && counts.is_none_or(|counts| counts.alerts(self.at))
    }
}

impl Shown<'_> {
    /// An event in one line.
    pub(super) fn line(&self, event: usize) -> String {
        let gathered = &self.gathered.events[event];
        line_of(gathered.number, &gathered.event)
    }

    /// What the rule says to each event.
    pub(super) fn events(&self, answers: &[Said<'_>]) -> Value {
        let one = |said: &Said<'_>| {
            let Said { event, at, answer, found, excepted_by } = said;
            let mut object = event_facts(event.number, &event.event);
            object.extend(self.answer(answer, 0, &event.event));
            object.insert("fires".to_owned(), said.fires(self.counts).into());
            object.insert("indicators".to_owned(), json!(found.text()));
            if let Lookup::Nothing(.., nearest) = found {
                object.insert("nearest_indicator".to_owned(), nearest.json());
            }
            object.insert("excepted_by".to_owned(), json!(excepted_by));
            object.insert(
                "counted".to_owned(),
                self.counts.map_or(Value::Null, |counts| counts.event_json(*at)),
            );
            Value::Object(object)
        };
        let mut object = self.facts();
        object.insert("buckets".to_owned(), self.counts.map_or(Value::Null, Counts::buckets_json));
        object.insert("events".to_owned(), answers.iter().map(one).collect());
        Value::Object(object)
    }

    /// What the rule makes of events together.
    pub(super) fn correlation(&self, answer: &CorrelationAnswer<'_>) -> Value {
        let mut object = self.facts();
        object.insert("form".to_owned(), self.questions.form_name().into());
        let event = |event: &Option<usize>| event.map_or(Value::Null, |event| self.event(event));
        let found: Vec<Value> =
            answer.found.iter().map(|result| result.iter().map(event).collect()).collect();
        object.insert("found".to_owned(), found.into());
        let partial = answer.partial.as_ref().map_or(Value::Null, |partial| self.partial(partial));
        object.insert("partial".to_owned(), partial);
        let excepted =
            |(event, items): (&usize, &Vec<String>)| json!({ "event": self.event(*event), "by": items });
        object.insert("excepted".to_owned(), self.excepted.iter().map(excepted).collect());
        Value::Object(object)
    }

    fn facts(&self) -> Map<String, Value> {
        let facts = json!({
            "rule": rule_facts(self.named),
            "does_not_run": self.questions.does_not_run(),
            "pipes": self.questions.pipes(),
            "index": self.questions.patterns().iter().map(IndexPattern::as_str).collect::<Vec<_>>(),
            "hits": self.gathered.hits,
            "left_out": self.gathered.left_out,
        });
        object_of(facts)
    }

    fn event(&self, event: usize) -> Value {
        let gathered = &self.gathered.events[event];
        Value::Object(event_facts(gathered.number, &gathered.event))
    }

    fn answer(&self, answer: &EventAnswer<'_>, stage: usize, event: &Event) -> Map<String, Value> {
        let question = &self.questions.stages()[stage];
        let source = &self.named.source;
        let verdict = verdict(&answer.explained);
        let leaf = |seen: &&Seen<'_>| {
            let text = question.text_of(&Condition::leaf(seen.leaf.clone()));
            // A leaf that decides has to come out the other way.
            let negated = is_true(seen) != answer.explained.holds;
            Value::Object(leaf_object(seen, &text.text, text.origin, !negated, source))
        };
        let leaves = |list: &[&Seen<'_>]| list.iter().map(leaf).collect::<Vec<_>>();
        let text = (!answer.explained.holds).then(|| verdict_text(&verdict, question));
        let stream = stream_text(answer.stream, event.data_stream.as_str(), self.questions.patterns());
        object_of(json!({
            "fires": answer.fires(),
            "data_stream_read": answer.stream == StreamFit::Read,
            "data_stream_reason": stream,
            "verdict": text,
            "decisive": leaves(&verdict.decisive),
            "fewest": if answer.explained.holds { Vec::new() } else { leaves(&verdict.fewest) },
            "condition": tree(&answer.explained, true, question, source),
        }))
    }

    fn partial(&self, partial: &Partial<'_>) -> Value {
        let stages = self.questions.stages();
        let filled = |(stage, event): &(usize, usize)| json!({ "stage": stages[*stage].name, "event": self.event(*event) });
        let candidate = |candidate: &Candidate<'_>| {
            let mut object =
                object_of(json!({ "event": self.event(candidate.event), "why": why_word(&candidate.why) }));
            object.insert("why_text".to_owned(), why_text(&candidate.why).into());
            if let (WhyNot::Condition, Some(awaited)) = (&candidate.why, partial.awaited) {
                let event = &self.gathered.events[candidate.event].event;
                object.extend(self.answer(&candidate.answer, awaited, event));
            }
            Value::Object(object)
        };
        json!({
            "keys": partial.keys.iter().cloned().collect::<BTreeMap<_, _>>(),
            "filled": partial.filled.iter().map(filled).collect::<Vec<_>>(),
            "ended_by_until": partial.until.map(|event| self.event(event)),
            "in_the_way": partial.in_the_way.iter().map(|event| self.event(*event)).collect::<Vec<_>>(),
            "awaited": partial.awaited.map(|stage| &stages[stage].name),
            "nearest": partial.nearest.iter().map(candidate).collect::<Vec<_>>(),
        })
    }
}

fn object_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// What a rule is known by.
pub(super) fn rule_facts(named: &NamedRule) -> Value {
    let rule = &named.rule;
    json!({
        "rule_id": rule.rule_id.as_ref().map(RuleId::as_str),
        "name": rule.name,
        "type": rule.kind.rule_type().to_string(),
        "file": named.source.name(),
    })
}

/// What an event is known by.
pub(super) fn event_facts(number: u64, event: &Event) -> Map<String, Value> {
    object_of(json!({
        "number": number,
        "place": event.place.to_string(),
        "id": event.id.as_str(),
        "data_stream": event.data_stream.as_str(),
    }))
}

fn why_word(why: &WhyNot) -> &'static str {
    match why {
        WhyNot::Condition => "condition",
        WhyNot::NoTime => "no_time",
        WhyNot::NoKey(_) => "no_key",
        WhyNot::OtherKey { .. } => "other_key",
        WhyNot::Before => "before",
        WhyNot::TooLate(_) => "too_late",
        WhyNot::AfterUntil => "after_until",
        WhyNot::Used => "used",
        WhyNot::Overtaken => "overtaken",
        WhyNot::Excepted => "excepted",
    }
}

fn leaf_object(
    seen: &Seen<'_>,
    text: &str,
    origin: Origin,
    wanted: bool,
    source: &SourceText,
) -> Map<String, Value> {
    let place = match origin {
        Origin::Query(span) => {
            let place = source.line_column(span.start);
            json!({ "line": place.line, "column": place.column })
        }
        Origin::Filter(number) => json!({ "filter": number + 1 }),
        Origin::Unknown => Value::Null,
    };
    let holds = is_true(seen);
    object_of(json!({
        "text": text,
        "place": place,
        "fields": field_names(seen.leaf),
        "values": seen.values.iter().map(|value| &value.text).collect::<Vec<_>>(),
        "values_left_out": seen.left_out,
        "finding": reason_word(seen, holds),
        "reason": reason(seen, holds, wanted),
    }))
}

/// A condition that should come out as wanted.
fn tree(explained: &Explained<'_>, wanted: bool, stage: &StageQuestion, source: &SourceText) -> Value {
    let mut object =
        object_of(json!({ "holds": explained.holds, "as_it_should_be": explained.holds == wanted }));
    let is_not = matches!(explained.condition.node(), Node::Not(_));
    match &explained.parts {
        Parts::Constant => {}
        Parts::Leaf(seen) => {
            let text = stage.text_of(explained.condition);
            object.extend(leaf_object(seen, &text.text, text.origin, wanted, source));
            if let Finding::NoObject(_, Some((number, nearest))) = &seen.finding {
                object.insert("nearest_object".to_owned(), (number + 1).into());
                object.insert("nearest".to_owned(), tree(nearest, wanted, stage, source));
            }
        }
        Parts::Operands(operands) => {
            let name = match explained.condition.node() {
                Node::Not(_) => "not",
                Node::And(_) => "and",
                _ => "or",
            };
            let inner = |operand: &Explained<'_>| tree(operand, wanted != is_not, stage, source);
            object.insert(name.to_owned(), operands.iter().map(inner).collect());
        }
    }
    Value::Object(object)
}
