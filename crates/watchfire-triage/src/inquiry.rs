//! The questions of an alert's guide, asked of events.

use watchfire_engine::{Matcher, ReadFields, RuleSet, VALUE_CACHE_BYTES};
use watchfire_events::{Document, EventBatch, IndexPatterns, Timestamp};
use watchfire_ir::{Condition, Schema};
use watchfire_rules::guide::{GuidePart, parts};

use crate::answers::{Answers, Finding};
use crate::conditions::{rule_set, time_of_row};
use crate::question::Question;

/// The questions of an alert's guide, ready to be asked of events.
#[derive(Debug)]
pub struct Inquiry {
    questions: Vec<Question>,
    /// For each question what is asked, and what tells whether events of that kind came.
    set: RuleSet,
    most_findings: usize,
}

impl Inquiry {
    /// The questions that stand in a guide (in the form of the API, with each search as a directive), for an alert. Of each at
    /// most so many events are kept.
    pub fn new(guide: &str, alert: &Document, schema: &dyn Schema, most_findings: usize) -> Self {
        let questions: Vec<Question> = parts(guide)
            .into_iter()
            .filter_map(|part| match part {
                GuidePart::Investigate(search) => Some(Question::new(&search, alert, schema)),
                GuidePart::Text(_) | GuidePart::Osquery(_) | GuidePart::Broken(_) => None,
            })
            .collect();
        let set = rule_set(questions.iter().flat_map(|question| [&question.condition, &question.ground]));
        Self { questions, set, most_findings }
    }

    /// The questions, in the order of the guide.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// Nothing found yet.
    pub fn answers(&self) -> Answers {
        Answers::new(self.questions.len())
    }

    /// What asks them of batches; one for each thread.
    pub fn matcher(&self) -> Matcher<'_> {
        self.set.matcher(VALUE_CACHE_BYTES)
    }

    /// The conditions of which an event has to satisfy one to be of any use.
    pub fn conditions(&self) -> Vec<&Condition> {
        self.questions.iter().flat_map(|question| [&question.condition, &question.ground]).collect()
    }

    /// Adds the fields that they look at.
    pub fn add_fields(&self, fields: &mut ReadFields) {
        self.conditions().into_iter().for_each(|condition| fields.add(&IndexPatterns::default(), condition));
        fields.add_field(&"@timestamp".into());
    }

    /// The span of time around all questions; none where one asks of all time.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let mut around: Option<(Timestamp, Timestamp)> = None;
        for question in &self.questions {
            let (from, to) = (question.asking.from?, question.asking.to?);
            around = Some(around.map_or((from, to), |(first, last)| (first.min(from), last.max(to))));
        }
        around
    }

    /// Asks them of a batch.
    pub fn ask(
        &self,
        matcher: &mut Matcher<'_>,
        batch: &EventBatch,
        schema: &dyn Schema,
        answers: &mut Answers,
    ) {
        let matches = matcher.match_batch(batch, schema);
        if matches.hits.is_empty() {
            return;
        }
        for hit in &matches.hits {
            let (number, is_ground) = (hit.rule.0 as usize / 2, hit.rule.0 % 2 == 1);
            let row = hit.row as usize;
            let Some(at) = time_of_row(batch, row).filter(|at| self.questions[number].asking.holds(*at))
            else {
                continue;
            };
            let answer = &mut answers.0[number];
            if is_ground {
                answer.ground += 1;
                continue;
            }
            let event = batch.event(row);
            let stream = event.data_stream.as_str();
            let is_new = answer.count(at, stream, &event.id);
            let key = (at, stream.to_owned(), event.id.clone());
            if is_new && answer.wants(&key, self.most_findings) {
                let finding = Finding {
                    stream: stream.to_owned(),
                    id: event.id.clone(),
                    document: event.document.clone(),
                };
                answer.find(key, finding, self.most_findings);
            }
        }
    }
}
