//! The search: which sides of `or` to take, and values for all fields together.
//!
//! ```text
//! conditions ─► what must hold ─► needs of fields, each with values that do   (a field without any ends the branch)
//!          └──► choices (`or`; `not` of `and`), taken one by one where the values so far do not decide them
//! no choice left ─► computed leaves settled by trying ─► documents ─► the reference evaluator has the last word
//! ```
//!
//! A choice that the values happen to satisfy is left open: most exclusions of a rule are of this kind, and cost nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use watchfire_engine::reference;
use watchfire_events::{BatchBuilder, DataStream, Document, Event, EventId, Place, get_field};
use watchfire_ir::{
    AnyFieldLeaf, ComputedLeaf, Condition, FieldLeaf, FieldRef, FieldTarget, Leaf, Node, Predicate, Schema,
};

use super::computed::{self, Wishes};
use super::needs::{Needs, Wish};
use super::state::{Choice, Goal, State, stands_for};
use super::trying::Trying;
use super::value::Value;

/// Branches of one attempt.
const MAX_BRANCHES: usize = 1_500;
/// Attempts, each with another order of alternatives.
const MAX_ATTEMPTS: usize = 6;
/// Documents that are shown to the reference evaluator in one attempt.
const MAX_CONFIRMATIONS: usize = 60;
/// Values tried for a field of a computed leaf.
const COMPUTED_OPTIONS: usize = 24;
/// Combinations of them tried for one event.
const MAX_COMBINATIONS: usize = 60_000;
/// Fields tried for a leaf that leaves the field open.
const MAX_OPEN_FIELDS: usize = 12;
/// How deep lists of objects may lie in each other.
const MAX_NESTING: usize = 3;

/// One event to be found.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// What it must satisfy.
    pub(super) condition: Condition,
    /// What it must not satisfy.
    pub(super) avoid: Vec<Condition>,
    /// Fields that have a value which is the same in all events of the same number.
    pub(super) shared: Vec<(FieldRef, usize)>,
    /// Fields that have a value, of which so many are passed over.
    pub(super) distinct: Vec<(FieldRef, usize)>,
}

/// Why no events were found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsolved {
    /// The condition holds for no event.
    Never,
    /// No value was found for a field, whichever alternatives were taken.
    Field(String),
    /// Values were found, but none that a computed part accepts.
    Computed(String),
    /// No object was found for a list of objects.
    Nested(String),
    /// Events were found, but the reference evaluator does not accept them.
    Unconfirmed,
    /// The search was given up.
    Effort,
}

/// Finds events, one for each that is wanted.
pub(super) fn solve(wanted: &[Wanted], schema: &dyn Schema) -> Result<Vec<Document>, Unsolved> {
    solve_at(wanted, schema, 0)
}

fn solve_at(wanted: &[Wanted], schema: &dyn Schema, depth: usize) -> Result<Vec<Document>, Unsolved> {
    let mut reasons: BTreeMap<Unsolved, usize> = BTreeMap::new();
    for attempt in 0..MAX_ATTEMPTS {
        let mut search = Search {
            wanted,
            schema,
            attempt,
            depth,
            branches: 0,
            confirmations: 0,
            reasons: std::mem::take(&mut reasons),
        };
        let found = search.begin();
        let is_exhausted = search.branches <= MAX_BRANCHES && search.confirmations <= MAX_CONFIRMATIONS;
        reasons = search.reasons;
        match found {
            Some(documents) => return Ok(documents),
            // All alternatives were tried: another order of them changes nothing, unless values can be others.
            None if is_exhausted && attempt > 0 => break,
            None => {}
        }
    }
    // What stood in the way most often.
    Err(reasons.into_iter().max_by_key(|(_, count)| *count).map_or(Unsolved::Effort, |(reason, _)| reason))
}

struct Search<'c> {
    wanted: &'c [Wanted],
    schema: &'c dyn Schema,
    attempt: usize,
    depth: usize,
    branches: usize,
    confirmations: usize,
    reasons: BTreeMap<Unsolved, usize>,
}

impl<'c> Search<'c> {
    fn begin(&mut self) -> Option<Vec<Document>> {
        let mut state = State {
            needs: Vec::new(),
            fields: Rc::default(),
            choices: Vec::new(),
            computed: Vec::new(),
            open: Vec::new(),
            objects: Vec::new(),
        };
        let mut goals = Vec::new();
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for (stage, wanted) in self.wanted.iter().enumerate() {
            for (field, group) in &wanted.shared {
                let key = (stage, Arc::clone(&field.name));
                let number = match (shared.get(group), state.fields.get(&key)) {
                    (Some(&number), _) | (None, Some(&number)) => number,
                    (None, None) => self.need(&mut state, stage, &field.name),
                };
                shared.insert(*group, number);
                Rc::make_mut(&mut state.fields).insert(key, number);
            }
        }
        let mut demanded: Vec<usize> = shared.into_values().collect();
        for (stage, wanted) in self.wanted.iter().enumerate() {
            for (field, rank) in &wanted.distinct {
                let number = self.need(&mut state, stage, &field.name);
                Rc::make_mut(&mut state.needs[number]).rank = *rank;
                Rc::make_mut(&mut state.needs[number]).present = true;
                demanded.push(number);
            }
            goals.push(Goal::Condition(stage, &wanted.condition, true));
            goals.extend(wanted.avoid.iter().map(|avoid| Goal::Condition(stage, avoid, false)));
        }
        // From the first to the last: goals are taken from the end.
        goals.reverse();
        self.run(state, goals, &demanded)
    }

    /// The number of the needs of a field.
    fn need(&self, state: &mut State<'c>, stage: usize, name: &Arc<str>) -> usize {
        let key = (stage, Arc::clone(name));
        if let Some(&number) = state.fields.get(&key) {
            return number;
        }
        let number = state.needs.len();
        let column = self.schema.field_type(name);
        let mut needs = Needs::new(Arc::clone(name), column, !self.schema.is_single_valued(name));
        let of_open = state.open.iter().filter(|(at, target, _)| *at == stage && stands_for(target, name));
        needs.forbidden.extend(of_open.map(|(_, _, predicate)| Cow::Borrowed(*predicate)));
        state.needs.push(Rc::new(needs));
        Rc::make_mut(&mut state.fields).insert(key, number);
        number
    }

    fn fail(&mut self, reason: Unsolved) {
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Brings about the goals, then takes the choices. `demanded` are fields that must have a value.
    fn run(
        &mut self,
        mut state: State<'c>,
        mut goals: Vec<Goal<'c>>,
        demanded: &[usize],
    ) -> Option<Vec<Document>> {
        self.branches += 1;
        if self.branches > MAX_BRANCHES || self.confirmations > MAX_CONFIRMATIONS {
            self.fail(Unsolved::Effort);
            return None;
        }
        while let Some(goal) = goals.pop() {
            if !self.pursue(&mut state, goal, &mut goals) {
                return None;
            }
        }
        for &number in demanded {
            if !Rc::make_mut(&mut state.needs[number]).demand() {
                let name = state.needs[number].name.to_string();
                self.fail(Unsolved::Field(name));
                return None;
            }
        }
        // What is decided already may come undone by later values: it stays in the list, and is asked again.
        let open = state.choices.iter().position(|choice| {
            choice
                .decided_by
                .is_none_or(|(stage, condition, want)| state.value_of(stage, condition) != Some(want))
        });
        let Some(open) = open else { return self.settle(state) };
        let choice = state.choices.remove(open);
        let count = choice.goals.len();
        let mut order: Vec<usize> = (0..count).collect();
        if self.attempt > 0 {
            order.rotate_left((self.attempt * 7 + open) % count.max(1));
        }
        if choice.decided_by.is_some_and(|(_, _, want)| !want) {
            // The falsity that costs least: of a field that has no value anyway.
            order.sort_by_key(|&at| state.cost_of_false(&choice.goals[at]));
        }
        for at in order {
            let found = self.run(state.clone(), vec![choice.goals[at].clone()], &[]);
            if found.is_some() || self.branches > MAX_BRANCHES || self.confirmations > MAX_CONFIRMATIONS {
                return found;
            }
        }
        None
    }

    /// Takes note of one goal; whether it is still possible.
    fn pursue(&mut self, state: &mut State<'c>, goal: Goal<'c>, goals: &mut Vec<Goal<'c>>) -> bool {
        let (stage, condition, want) = match goal {
            Goal::Condition(stage, condition, want) => (stage, condition, want),
            Goal::Field(stage, name, predicate) => return self.require(state, stage, &name, *predicate),
        };
        match (condition.node(), want) {
            (Node::Constant(value), want) => {
                if *value != want {
                    self.fail(Unsolved::Never);
                }
                *value == want
            }
            (Node::Not(inner), want) => {
                goals.push(Goal::Condition(stage, inner, !want));
                true
            }
            (Node::And(operands), true) | (Node::Or(operands), false) => {
                goals.extend(operands.iter().rev().map(|operand| Goal::Condition(stage, operand, want)));
                true
            }
            (Node::And(operands), false) | (Node::Or(operands), true) => {
                let alternatives = operands.iter().map(|operand| Goal::Condition(stage, operand, want));
                state.choices.push(Choice {
                    goals: Rc::new(alternatives.collect()),
                    decided_by: Some((stage, condition, want)),
                });
                true
            }
            (Node::Leaf(leaf), want) => self.leaf(state, stage, leaf, want),
        }
    }

    fn require(
        &mut self,
        state: &mut State<'c>,
        stage: usize,
        name: &Arc<str>,
        predicate: Cow<'c, Predicate>,
    ) -> bool {
        let number = self.need(state, stage, name);
        let is_possible = Rc::make_mut(&mut state.needs[number]).require(predicate);
        if !is_possible {
            self.fail(Unsolved::Field(name.to_string()));
        }
        is_possible
    }

    fn leaf(&mut self, state: &mut State<'c>, stage: usize, leaf: &'c Leaf, want: bool) -> bool {
        match (leaf, want) {
            (Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), predicate }), true) => {
                self.require(state, stage, &field.name, Cow::Borrowed(predicate))
            }
            (Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), predicate }), false) => {
                let number = self.need(state, stage, &field.name);
                let is_possible = Rc::make_mut(&mut state.needs[number]).forbid(Cow::Borrowed(predicate));
                if !is_possible {
                    self.fail(Unsolved::Field(field.name.to_string()));
                }
                is_possible
            }
            (Leaf::Field(leaf), true) => {
                let goals = self.open_fields(state, stage, &leaf.target);
                let goal = |name| Goal::Field(stage, name, Box::new(Cow::Borrowed(&leaf.predicate)));
                let goals: Vec<Goal<'c>> = goals.into_iter().map(goal).collect();
                state.choices.push(Choice { goals: Rc::new(goals), decided_by: None });
                true
            }
            (Leaf::Field(leaf), false) => {
                state.open.push((stage, &leaf.target, &leaf.predicate));
                let concerned: Vec<usize> = state
                    .fields
                    .iter()
                    .filter(|((at, name), _)| *at == stage && stands_for(&leaf.target, name))
                    .map(|(_, &number)| number)
                    .collect();
                concerned.into_iter().all(|number| {
                    Rc::make_mut(&mut state.needs[number]).forbid(Cow::Borrowed(&leaf.predicate))
                })
            }
            (Leaf::AnyField(leaf), true) => {
                self.require(state, stage, &"message".into(), Cow::Owned(self.in_message(leaf)))
            }
            (Leaf::Nested(leaf), true) => {
                let condition = (*leaf.condition).clone();
                let wanted =
                    [Wanted { condition, avoid: Vec::new(), shared: Vec::new(), distinct: Vec::new() }];
                let object = (self.depth < MAX_NESTING)
                    .then(|| solve_at(&wanted, self.schema, self.depth + 1).ok())
                    .flatten()
                    .and_then(|documents| get_field(&documents[0], &leaf.path).cloned());
                let Some(object) = object else {
                    self.fail(Unsolved::Nested(leaf.path.to_string()));
                    return false;
                };
                state.objects.push((stage, Arc::clone(&leaf.path), object));
                true
            }
            // Where values are few, these are seldom true; the reference evaluator has the last word.
            (Leaf::AnyField(_) | Leaf::Nested(_), false) => true,
            (Leaf::Computed(leaf), want) => {
                for field in leaf.fields() {
                    self.need(state, stage, &field.name);
                }
                state.computed.push((stage, leaf, want));
                true
            }
        }
    }

    /// What any-field text asks of `message`.
    fn in_message(&self, leaf: &AnyFieldLeaf) -> Predicate {
        if self.schema.field_type("message").family() == watchfire_events::TypeFamily::AnalysedText {
            Predicate::Tokens(leaf.tokens.clone())
        } else {
            Predicate::Text(watchfire_ir::TextMatch::new(watchfire_ir::Fold::None, [leaf.whole.clone()]))
        }
    }

    /// Fields that a target may stand for: those with a value first.
    fn open_fields(&self, state: &State<'c>, stage: usize, target: &FieldTarget) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = state
            .fields
            .keys()
            .filter(|(at, name)| *at == stage && stands_for(target, name))
            .map(|(_, name)| Arc::clone(name))
            .collect();
        let mut known: Vec<&str> = self.schema.names().filter(|name| stands_for(target, name)).collect();
        known.sort_by_key(|name| (name.len(), *name));
        let has_values = |name: &&str| {
            !matches!(self.schema.field_type(name).family(), watchfire_events::TypeFamily::Other)
        };
        names.extend(known.into_iter().filter(has_values).take(MAX_OPEN_FIELDS).map(Arc::from));
        let made = match target {
            FieldTarget::Field(field) => Some(field.name.to_string()),
            FieldTarget::Below(name) => Some(format!("{name}.example")),
            FieldTarget::Names(pattern) => {
                let text = pattern.parts().iter().map(|part| match part {
                    watchfire_ir::PatternPart::Literal(text) => text.to_string(),
                    watchfire_ir::PatternPart::AnyRun => "example".to_owned(),
                    watchfire_ir::PatternPart::AnyOne => "x".to_owned(),
                });
                Some(text.collect::<String>())
            }
        };
        names.extend(made.map(Arc::from));
        names
    }

    /// Settles what is computed, makes the documents and has them confirmed.
    fn settle(&mut self, mut state: State<'c>) -> Option<Vec<Document>> {
        for stage in 0..self.wanted.len() {
            if !self.settle_computed(&mut state, stage) {
                return None;
            }
        }
        // A choice may have come undone.
        let undone = state.choices.iter().any(|choice| {
            choice
                .decided_by
                .is_some_and(|(stage, condition, want)| state.value_of(stage, condition) == Some(!want))
        });
        if undone {
            self.fail(Unsolved::Effort);
            return None;
        }
        let documents: Vec<Document> = (0..self.wanted.len()).map(|stage| state.document(stage)).collect();
        self.confirmations += 1;
        let are_right = documents.iter().zip(self.wanted).all(|(document, wanted)| {
            holds(&wanted.condition, document, self.schema)
                && !wanted.avoid.iter().any(|avoid| holds(avoid, document, self.schema))
        });
        if !are_right {
            self.fail(Unsolved::Unconfirmed);
            return None;
        }
        Some(documents)
    }

    /// Chooses values by which all computed leaves of an event come out as they must.
    fn settle_computed(&mut self, state: &mut State<'c>, stage: usize) -> bool {
        let leaves: Vec<(&ComputedLeaf, bool)> = state
            .computed
            .iter()
            .filter(|(at, _, _)| *at == stage)
            .map(|(_, leaf, want)| (*leaf, *want))
            .collect();
        if leaves.is_empty() {
            return true;
        }
        let mut fields: Vec<(&FieldRef, usize)> = Vec::new();
        for field in leaves.iter().flat_map(|(leaf, _)| leaf.fields()) {
            let number = state.fields[&(stage, Arc::clone(&field.name))];
            if !fields.iter().any(|(_, other)| *other == number) {
                fields.push((field, number));
            }
        }
        let seeds: BTreeMap<Arc<str>, Vec<Value>> = fields
            .iter()
            .map(|(field, number)| {
                let needs = &state.needs[*number];
                let options = needs.options(&[], 6).into_iter().flatten();
                (Arc::clone(&field.name), needs.values.iter().cloned().chain(options).collect())
            })
            .collect();
        let mut wishes = Wishes::new();
        for (leaf, want) in &leaves {
            for (name, more) in computed::wishes(leaf.expr(), *want, &seeds) {
                let list: &mut Vec<Wish> = wishes.entry(name).or_default();
                list.extend(more);
            }
        }
        let options: Vec<Vec<Vec<Value>>> = fields
            .iter()
            .map(|(field, number)| {
                let needs = &state.needs[*number];
                let wished = wishes.get(&field.name).map(Vec::as_slice).unwrap_or_default();
                let mut options = needs.options(wished, COMPUTED_OPTIONS);
                // As it is, before all: most of what must be false is.
                if !options.contains(&needs.values) {
                    options.push(needs.values.clone());
                }
                options
            })
            .collect();
        let mut trying =
            Trying { fields: &fields, options: &options, leaves: &leaves, left: MAX_COMBINATIONS };
        let mut chosen = Vec::new();
        if !trying.choose(&mut chosen, state) {
            let shown = leaves.first().map(|(leaf, _)| leaf.to_string()).unwrap_or_default();
            self.fail(Unsolved::Computed(shown));
            return false;
        }
        for ((_, number), (options, &at)) in fields.iter().zip(options.iter().zip(&chosen)) {
            Rc::make_mut(&mut state.needs[*number]).values.clone_from(&options[at]);
        }
        true
    }
}

/// Whether a condition holds for a document, by the reference evaluator.
pub(super) fn holds(condition: &Condition, document: &Document, schema: &dyn Schema) -> bool {
    let mut builder = BatchBuilder::new(schema);
    builder.push(Event {
        id: EventId::given("1"),
        data_stream: DataStream::new(""),
        document: document.clone(),
        place: Place { input: "".into(), record: 1, line: None, offset: None },
    });
    reference::evaluate(condition, &builder.finish(), 0, schema, &mut Vec::new())
}
