//! Why a rule fires on events, or why not.
//!
//! ```text
//! Rule ──► RuleQuestions: what it asks of an event, stage by stage, with the texts of its leaves as the author wrote them
//!              │
//!              ├─ event  ──► EventAnswer        the data stream, and the condition as a tree with what was seen
//!              └─ events ──► CorrelationAnswer  what was found; else the longest part, and why it did not go on
//! ```
//!
//! A rule of a type that does not run yet is explained as far as it asks something of single events. Everything here is
//! by reference, one event after the other: see [`watchfire_engine::explain`].

mod correlation;
mod counted;
mod leaf_text;
mod places;
pub mod words;

use watchfire_diagnostics::Span;
use watchfire_engine::correlate::{OrderFields, SequenceShape, spread_key_constraints};
use watchfire_engine::explain::{Explained, distance, explain};
use watchfire_events::{EventBatch, FieldTypes, IndexPatterns};
use watchfire_ir::{Condition, EqlPlan, JoinKey, SamplePlan, Schema, SequencePlan, StagePlan};
use watchfire_rules::model::{EventSource, QueryLanguage, QueryText, Rule, RuleKind};

pub use self::correlation::{Candidate, CorrelationAnswer, Partial, WhyNot};
use self::counted::Counting;
pub use self::counted::{
    BucketAnswer, Counted, CountedAnswer, DistinctAnswer, FoundTerms, KnownBy, KnownTerms, KnownTermsReader,
    NamedValue, TermsAnswer,
};
use self::places::LeafPlaces;
use crate::compile::{CompileOptions, RuleProgram, compile_rule};
use crate::indicators::{IndicatorMatch, MappingEntry};
use crate::query::{QueryOptions, read_filters, read_query};
use crate::rule_book::RuleState;

/// What a rule asks of events.
#[derive(Debug)]
pub struct RuleQuestions {
    patterns: IndexPatterns,
    stages: Vec<StageQuestion>,
    form: Form,
    not_run: Option<String>,
    pipes: Vec<String>,
    indicators: Option<(IndicatorMatch, StageQuestion)>,
    counting: Option<Counting>,
}

/// How the events of a rule belong together.
#[derive(Debug)]
enum Form {
    /// Each for itself.
    Events,
    Sequence(Box<SequencePlan>, SequenceShape, OrderFields),
    Sample(Box<SamplePlan>),
}

/// What a rule asks of an event: all of it, or one stage of several.
#[derive(Debug)]
pub struct StageQuestion {
    /// How the stage is called; empty if there is but one question.
    pub name: String,
    /// Whether an event that satisfies it brings an alert nearer: that of a missing stage or of `until` does not.
    pub is_filled: bool,
    condition: Condition,
    language: QueryLanguage,
    places: LeafPlaces,
}

/// A leaf, or a negated one, as the author of the rule sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafText {
    /// The text of the query where the leaf is a part of it, else what the author could have written.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a leaf comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This part of the query; the place is one of the rule's file.
    Query(Span),
    /// The filter of this number, from 0.
    Filter(usize),
    /// Not known: it follows from several parts, or from keys.
    Unknown,
}

/// Whether a rule reads a data stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFit<'r> {
    /// It does.
    Read,
    /// None of its patterns fits.
    NoPattern,
    /// This pattern takes it out.
    Excluded(&'r str),
}

/// What a rule says to one event.
#[derive(Clone, Debug)]
pub struct EventAnswer<'r> {
    /// Whether the rule reads the event's data stream.
    pub stream: StreamFit<'r>,
    /// Its condition, or that of a stage.
    pub explained: Explained<'r>,
}

impl EventAnswer<'_> {
    /// Whether the event fires the rule, or fills the stage.
    pub fn fires(&self) -> bool {
        self.stream == StreamFit::Read && self.explained.holds
    }
}

impl RuleQuestions {
    /// What a rule asks.
    ///
    /// # Errors
    /// The rule's state, if it is wrong, or asks nothing that could be explained.
    pub fn of(rule: &Rule, schema: &dyn Schema, options: &CompileOptions) -> Result<Self, RuleState> {
        let compiled = compile_rule(rule, schema, options);
        let mut asked_of_indicators = None;
        let not_run = match compiled.program {
            Some(RuleProgram::Unsupported(what)) => Some(what),
            Some(RuleProgram::Indicators(program)) => {
                asked_of_indicators = Some(*program);
                None
            }
            Some(RuleProgram::Events(_) | RuleProgram::Correlation(_)) => None,
            None => return Err(RuleState::Failed(compiled.diagnostics)),
        };
        let unsupported = |what: &Option<String>| {
            RuleState::Unsupported(what.clone().unwrap_or_else(|| format!("type {}", rule.kind.rule_type())))
        };
        let query_options =
            QueryOptions { now: options.now, event_category_field: rule.kind.event_category_field() };
        let filters = rule.kind.source().map_or(&[][..], EventSource::filters);
        let filters: Vec<Option<Condition>> =
            read_filters(filters, schema, &query_options).into_iter().map(|read| read.condition).collect();
        let query = rule.kind.query();
        let plan = match query {
            None => EqlPlan::Event(watchfire_ir::EventPlan {
                condition: Condition::constant(true),
                pipes: Vec::new(),
            }),
            Some(query) => read_query(&query.text, query.language, schema, &query_options)
                .plan
                .ok_or_else(|| unsupported(&not_run))?,
        };
        if query.is_none() && rule.kind.source().is_none() {
            return Err(unsupported(&not_run));
        }
        let index = rule.kind.source().map(EventSource::index).unwrap_or_default();
        let pipes = plan.pipes().iter().map(ToString::to_string).collect();
        let places = LeafPlaces::of_rule(query, &filters, schema, &query_options);
        let form = form(rule, plan.clone()).map_err(|why| RuleState::Unsupported(why.to_string()))?;
        let mut stages = stages(&form, &plan, &filters, query, &places);
        let indicators = asked_of_indicators.map(|program| {
            if let [stage] = stages.as_mut_slice() {
                // That the fields of the mapping are there, too.
                stage.condition = program.events.clone();
            }
            let question = of_threat_query(rule, &program, schema, &query_options);
            (program, question)
        });
        Ok(Self {
            patterns: IndexPatterns::new(index.iter().map(String::as_str)),
            stages,
            form,
            not_run,
            pipes,
            indicators,
            counting: Counting::of(&rule.kind, schema),
        })
    }

    /// The data streams that it reads.
    pub fn patterns(&self) -> &IndexPatterns {
        &self.patterns
    }

    /// What it asks of events: one question, or one for each stage and then `until`.
    pub fn stages(&self) -> &[StageQuestion] {
        &self.stages
    }

    /// What the rule is if it does not run: the name of the feature.
    pub fn does_not_run(&self) -> Option<&str> {
        self.not_run.as_deref()
    }

    /// The pipes of its query, which choose among what fits: they are not explained.
    pub fn pipes(&self) -> &[String] {
        &self.pipes
    }

    /// What an event that satisfies the condition must share with an indicator besides: all entries of one group.
    pub fn lookups(&self) -> &[Vec<MappingEntry>] {
        self.indicators.as_ref().map_or(&[], |(program, _)| &program.groups)
    }

    /// What is asked of indicators and of both together, and the threat query as its author sees it.
    pub fn indicators(&self) -> Option<(&IndicatorMatch, &StageQuestion)> {
        self.indicators.as_ref().map(|(program, question)| (program, question))
    }

    /// Whether it takes several events together.
    pub fn joins(&self) -> bool {
        !matches!(self.form, Form::Events)
    }

    /// `sequence` or `sample`, where it takes several events together.
    pub fn form_name(&self) -> &'static str {
        match self.form {
            Form::Events => "event",
            Form::Sequence(..) => "sequence",
            Form::Sample(_) => "sample",
        }
    }

    /// How many leaves of the question that is nearest to being satisfied would have to turn, and one more if the rule
    /// does not read the data stream.
    pub fn distance(&self, batch: &EventBatch, row: usize, types: &dyn FieldTypes) -> usize {
        let all = self.stages.iter().map(|stage| stage.distance(batch, row, types));
        let nearest = all.min().unwrap_or(0);
        nearest.saturating_add(usize::from(!self.patterns.select(batch.stream(row))))
    }

    /// What one question of the rule comes to for a row of a batch that has all columns.
    pub fn answer(
        &self,
        stage: usize,
        batch: &EventBatch,
        row: usize,
        types: &dyn FieldTypes,
    ) -> EventAnswer<'_> {
        let stream = batch.stream(row);
        let fit = if self.patterns.select(stream) {
            StreamFit::Read
        } else {
            let excluding = self.patterns.iter().filter(|pattern| pattern.excludes() && pattern.fits(stream));
            excluding.last().map_or(StreamFit::NoPattern, |pattern| StreamFit::Excluded(pattern.as_str()))
        };
        EventAnswer { stream: fit, explained: explain(&self.stages[stage].condition, batch, row, types) }
    }

    fn keys(&self, stage: usize) -> &[JoinKey] {
        let (stages, until) = match &self.form {
            Form::Events => return &[],
            Form::Sequence(plan, ..) => (&plan.stages, plan.until.as_ref()),
            Form::Sample(plan) => (&plan.stages, None),
        };
        stages.iter().chain(until).nth(stage).map_or(&[], |stage| &stage.keys)
    }
}

impl StageQuestion {
    /// How many leaves would have to turn for a row of a batch to satisfy it.
    pub fn distance(&self, batch: &EventBatch, row: usize, types: &dyn FieldTypes) -> usize {
        distance(&self.condition, batch, row, types)
    }

    /// What is asked, filters included.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// A leaf, or a negated one, as the author of the rule sees it.
    pub fn text_of(&self, condition: &Condition) -> LeafText {
        self.places.text_of(condition, self.language)
    }
}

/// What a threat query and its filters ask.
fn of_threat_query(
    rule: &Rule,
    program: &IndicatorMatch,
    schema: &dyn Schema,
    options: &QueryOptions<'_>,
) -> StageQuestion {
    let (query, filters) = match &rule.kind {
        RuleKind::ThreatMatch(rule) => (Some(&rule.threat_query), rule.threat_filters()),
        _ => (None, &[][..]),
    };
    let filters: Vec<Option<Condition>> =
        read_filters(filters, schema, options).into_iter().map(|read| read.condition).collect();
    StageQuestion {
        name: String::new(),
        is_filled: true,
        condition: program.indicators.clone(),
        language: query.map_or(QueryLanguage::Kql, |query| query.language),
        places: LeafPlaces::of_rule(query, &filters, schema, options).into_iter().next().unwrap_or_default(),
    }
}

fn form(rule: &Rule, plan: EqlPlan) -> Result<Form, watchfire_engine::correlate::ShapeError> {
    Ok(match plan {
        EqlPlan::Event(_) => Form::Events,
        EqlPlan::Sequence(mut plan) => {
            spread_key_constraints(&mut plan.stages);
            let mut order = OrderFields::default();
            if let RuleKind::Eql(rule) = &rule.kind {
                if let Some(field) = rule.timestamp_field.as_deref() {
                    order.timestamp = field.into();
                }
                order.tiebreaker = rule.tiebreaker_field.as_deref().map(Into::into);
            }
            let shape = SequenceShape::of_plan(&plan)?;
            Form::Sequence(Box::new(plan), shape, order)
        }
        EqlPlan::Sample(mut plan) => {
            spread_key_constraints(&mut plan.stages);
            Form::Sample(Box::new(plan))
        }
    })
}

/// The questions of a rule, filters included. The plan of the form has the constraints of keys.
fn stages(
    form: &Form,
    plan: &EqlPlan,
    filters: &[Option<Condition>],
    query: Option<&QueryText>,
    places: &[LeafPlaces],
) -> Vec<StageQuestion> {
    let language = query.map_or(QueryLanguage::Kql, |query| query.language);
    let question = |number: usize, name: String, is_filled: bool, condition: &Condition| {
        let all = std::iter::once(condition).chain(filters.iter().flatten()).cloned();
        let places = places.get(number).or(places.last()).cloned().unwrap_or_default();
        StageQuestion { name, is_filled, condition: Condition::all(all), language, places }
    };
    let numbered = |stages: &[StagePlan], until: Option<&StagePlan>| {
        let count = stages.iter().filter(|stage| !stage.missing).count();
        let mut ordinary = 0;
        let mut questions: Vec<StageQuestion> = Vec::new();
        for (number, stage) in stages.iter().enumerate() {
            let name = if stage.missing {
                format!("missing stage {}", number + 1)
            } else {
                ordinary += 1;
                format!("stage {ordinary} of {count}")
            };
            questions.push(question(number, name, !stage.missing, &stage.condition));
        }
        questions
            .extend(until.map(|until| question(stages.len(), "until".to_owned(), false, &until.condition)));
        questions
    };
    match (form, plan) {
        (Form::Sequence(plan, ..), _) => numbered(&plan.stages, plan.until.as_ref()),
        (Form::Sample(plan), _) => numbered(&plan.stages, None),
        (Form::Events, EqlPlan::Event(plan)) => vec![question(0, String::new(), true, &plan.condition)],
        (Form::Events, _) => Vec::new(),
    }
}
