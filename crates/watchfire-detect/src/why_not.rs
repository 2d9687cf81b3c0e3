//! What the events of a test lack: for each the question of the rule that it comes nearest to, in the words of an
//! explanation.

use std::fmt;

use watchfire_engine::explain::verdict;
use watchfire_engine::reference;
use watchfire_events::EventBatch;
use watchfire_ir::Schema;
use watchfire_rules::model::Rule;

use crate::compile::CompileOptions;
use crate::exceptions::ExceptionBook;
use crate::explain::RuleQuestions;
use crate::explain::words::{stream_text, verdict_text};

/// What one event lacks.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDiagnosis {
    /// The number of the event, from 1.
    pub event: usize,
    /// For a rule with several stages the one that is meant, from 1.
    pub stage: Option<usize>,
    /// What is in the way; nothing if the event satisfies the condition.
    pub lack: Option<String>,
}

/// What each event of a batch with all columns lacks; nothing of a rule that asks nothing of events.
pub(crate) fn diagnose(
    rule: &Rule,
    exceptions: Option<&ExceptionBook>,
    batch: &EventBatch,
    schema: &dyn Schema,
    options: &CompileOptions,
) -> Vec<EventDiagnosis> {
    let Ok(questions) = RuleQuestions::of(rule, schema, options) else { return Vec::new() };
    (0..batch.len()).map(|row| diagnose_event(&questions, rule, exceptions, batch, row, schema)).collect()
}

fn diagnose_event(
    questions: &RuleQuestions,
    rule: &Rule,
    exceptions: Option<&ExceptionBook>,
    batch: &EventBatch,
    row: usize,
    schema: &dyn Schema,
) -> EventDiagnosis {
    let stages = questions.stages();
    let filled = (0..stages.len()).filter(|stage| stages[*stage].is_filled);
    // Of stages that are equally far the first.
    let nearest = filled.min_by_key(|stage| stages[*stage].distance(batch, row, schema)).unwrap_or(0);
    let answer = questions.answer(nearest, batch, row, schema);
    let stream = stream_text(answer.stream, batch.stream(row).as_str(), questions.patterns());
    let condition =
        || (!answer.explained.holds).then(|| verdict_text(&verdict(&answer.explained), &stages[nearest]));
    let excepted = || {
        let book = exceptions?;
        let items = book.of_rule(rule).items.into_iter().map(|number| &book.items()[number]);
        let excepts = |condition| reference::evaluate(condition, batch, row, schema, &mut Vec::new());
        let item = items.into_iter().find(|item| excepts(&item.condition))?;
        Some(format!("exception `{}` takes it", item.id()))
    };
    EventDiagnosis {
        event: row + 1,
        stage: (stages.len() > 1).then_some(nearest + 1),
        lack: stream.or_else(condition).or_else(excepted),
    }
}

impl fmt::Display for EventDiagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}", self.event)?;
        if let Some(stage) = self.stage {
            write!(f, ", nearest to stage {stage}")?;
        }
        write!(f, ": {}", self.lack.as_deref().unwrap_or("fits"))
    }
}
