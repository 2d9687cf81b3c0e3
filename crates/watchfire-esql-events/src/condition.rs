//! What an event must satisfy to be in any row: so that the matcher, which asks all rules at once, leaves few events for the
//! query itself.
//!
//! Only what is *necessary* is said, never more: a value that the query compares with a text must be there and equal it, and
//! whatever is compared in another way must be there at least. Of several values any may fit, although the query then has none.

use rustc_hash::{FxHashMap, FxHashSet};
use watchfire_esql::ast::Comparison;
use watchfire_events::{FieldType, IpBlock};
use watchfire_ir::{
    Condition, Constant, FieldLeaf, FieldRef, Fold, Pattern, PatternPart, Predicate, TextMatch,
};
use watchfire_pipeline::functions::Body;
use watchfire_pipeline::plan::{Plan, Step, Typed, TypedKind};
use watchfire_pipeline::{Cell, TextPatterns, Value};

/// The condition; and the slots of the questions about documents that hold wherever it holds.
pub(super) fn necessary(
    plan: &Plan,
    fields: &FxHashMap<usize, FieldRef>,
    tests: &[(usize, Condition)],
) -> (Condition, FxHashSet<usize>) {
    let mut asked = Asked { fields, tests, computed: FxHashMap::default() };
    let mut conditions = Vec::new();
    let mut implied = FxHashSet::default();
    for step in &plan.steps {
        match step {
            Step::Filter(condition) => {
                conditions.push(asked.truth(condition));
                let operands: &[Typed] = match &condition.kind {
                    TypedKind::And(operands) => operands,
                    _ => std::slice::from_ref(condition),
                };
                implied.extend(operands.iter().filter_map(|operand| match operand.kind {
                    TypedKind::Slot(slot) => tests.iter().any(|(test, _)| *test == slot).then_some(slot),
                    _ => None,
                }));
            }
            Step::Assign(assigned) => {
                for (slot, value) in assigned {
                    asked.computed.insert(*slot, value);
                }
            }
            // They take rows one by one and drop none; what they make is not looked into.
            Step::Expand { .. } | Step::Dissect { .. } | Step::Grok { .. } => {}
            Step::Stats { .. } | Step::InlineStats { .. } | Step::Sort(_) | Step::Limit(_) => break,
        }
    }
    (Condition::all(conditions), implied)
}

struct Asked<'p> {
    fields: &'p FxHashMap<usize, FieldRef>,
    tests: &'p [(usize, Condition)],
    computed: FxHashMap<usize, &'p Typed>,
}

impl<'p> Asked<'p> {
    /// What holds of an event for which the expression is true.
    fn truth(&self, typed: &'p Typed) -> Condition {
        match &typed.kind {
            TypedKind::Constant(cell) => Condition::constant(*cell == Cell::truth(true)),
            TypedKind::And(operands) => Condition::all(operands.iter().map(|operand| self.truth(operand))),
            TypedKind::Or(operands) => Condition::any(operands.iter().map(|operand| self.truth(operand))),
            TypedKind::Not(inner) => self.falsity(inner),
            TypedKind::Slot(slot) => {
                if let Some((_, test)) = self.tests.iter().find(|(test, _)| test == slot) {
                    return test.clone();
                }
                if let Some(value) = self.computed.get(slot) {
                    return self.truth(value);
                }
                self.leaf(typed, |_| Some(Predicate::Equals(Constant::Boolean(true))))
            }
            TypedKind::IsNull(_) => Condition::constant(true),
            TypedKind::Compare(Comparison::Equal, a, b) => match (a.constant(), b.constant()) {
                (None, Some(cell)) => self.equals(a, std::slice::from_ref(cell)),
                (Some(cell), None) => self.equals(b, std::slice::from_ref(cell)),
                _ => self.presence(typed),
            },
            TypedKind::In(value, list) => {
                let constants: Option<Vec<Cell>> =
                    list.iter().map(|value| value.constant().cloned()).collect();
                match constants {
                    Some(constants) => self.equals(value, &constants),
                    None => self.presence(value),
                }
            }
            TypedKind::Like(value, patterns) => match &**patterns {
                TextPatterns::Wildcards(patterns) => self.text(value, patterns.iter().cloned()),
                TextPatterns::Regexes(regexes) => Condition::any(
                    regexes.iter().map(|regex| self.leaf(value, |_| Some(Predicate::Regex(regex.clone())))),
                ),
            },
            TypedKind::Call { function, arguments, .. } => match (function.name, arguments.as_slice()) {
                ("STARTS_WITH", [value, part]) => self
                    .part(value, part, |text| vec![PatternPart::Literal(text.into()), PatternPart::AnyRun]),
                ("ENDS_WITH", [value, part]) => self
                    .part(value, part, |text| vec![PatternPart::AnyRun, PatternPart::Literal(text.into())]),
                ("CONTAINS", [value, part]) => self.part(value, part, |text| {
                    vec![PatternPart::AnyRun, PatternPart::Literal(text.into()), PatternPart::AnyRun]
                }),
                ("CIDR_MATCH", [address, blocks @ ..]) => {
                    let block = |typed: &Typed| {
                        let text = typed.constant()?.values().first()?.as_text()?;
                        IpBlock::of(text)
                    };
                    match blocks.iter().map(block).collect::<Option<Vec<_>>>() {
                        Some(blocks) => self.leaf(address, |_| Some(Predicate::Within(blocks))),
                        None => self.presence(address),
                    }
                }
                _ => self.presence(typed),
            },
            TypedKind::Match(..) | TypedKind::Case { .. } | TypedKind::Coalesce(_) => {
                Condition::constant(true)
            }
            _ => self.presence(typed),
        }
    }

    /// What holds of an event for which the expression is false.
    fn falsity(&self, typed: &'p Typed) -> Condition {
        match &typed.kind {
            TypedKind::And(operands) => Condition::any(operands.iter().map(|operand| self.falsity(operand))),
            TypedKind::Or(operands) => Condition::all(operands.iter().map(|operand| self.falsity(operand))),
            TypedKind::Not(inner) => self.truth(inner),
            TypedKind::Slot(slot) => {
                if let Some((_, test)) = self.tests.iter().find(|(test, _)| test == slot) {
                    return test.clone().negate();
                }
                self.presence(typed)
            }
            TypedKind::IsNull(inner) => self.presence(inner),
            TypedKind::Match(..) => Condition::constant(true),
            _ => self.presence(typed),
        }
    }

    /// What holds of an event for which the expression is not null.
    fn presence(&self, typed: &'p Typed) -> Condition {
        match &typed.kind {
            TypedKind::Constant(cell) => Condition::constant(!cell.is_null()),
            TypedKind::Slot(slot) => {
                if let Some(value) = self.computed.get(slot) {
                    return self.presence(value);
                }
                match self.fields.get(slot) {
                    Some(field) => Condition::leaf(FieldLeaf::new(field.clone(), Predicate::Exists)),
                    None => Condition::constant(true),
                }
            }
            TypedKind::Call { function, arguments, .. } => match function.body {
                Body::Cells(_) => Condition::constant(true),
                Body::Single(_) | Body::Each(_) | Body::List(_) => {
                    Condition::all(arguments.iter().map(|argument| self.presence(argument)))
                }
            },
            TypedKind::Convert(inner, _) | TypedKind::ToIp(inner, _) => self.presence(inner),
            TypedKind::Negate(inner) | TypedKind::Not(inner) | TypedKind::Like(inner, _) => {
                self.presence(inner)
            }
            TypedKind::Arithmetic(_, a, b) | TypedKind::Compare(_, a, b) => {
                Condition::all([self.presence(a), self.presence(b)])
            }
            TypedKind::Moved { date, span, .. } => Condition::all([self.presence(date), self.presence(span)]),
            TypedKind::In(value, _) => self.presence(value),
            TypedKind::Coalesce(list) => Condition::any(list.iter().map(|value| self.presence(value))),
            TypedKind::Now
            | TypedKind::IsNull(_)
            | TypedKind::Match(..)
            | TypedKind::And(_)
            | TypedKind::Or(_)
            | TypedKind::Case { .. } => Condition::constant(true),
        }
    }

    /// The value equals one of the constants.
    fn equals(&self, value: &'p Typed, constants: &[Cell]) -> Condition {
        let values: Vec<&Value> = constants.iter().flat_map(Cell::values).collect();
        let texts: Option<Vec<&str>> = values.iter().map(|value| value.as_text()).collect();
        if let Some(texts) = texts {
            return self.text(value, texts.into_iter().map(Pattern::literal));
        }
        let constant = |value: &&Value| match value {
            Value::Boolean(truth) => Some(Constant::Boolean(*truth)),
            Value::Ip(address) => Some(Constant::Ip(*address)),
            Value::Double(number) if !number.is_nan() => Some(Constant::Double(*number)),
            other => other.as_whole().map(Constant::Integer),
        };
        match values.iter().map(constant).collect::<Option<Vec<_>>>() {
            Some(constants) => Condition::any(
                constants.into_iter().map(|constant| self.leaf(value, |_| Some(Predicate::Equals(constant)))),
            ),
            None => self.presence(value),
        }
    }

    /// The value is a text that fits one of the patterns; one in lower case, whatever it was before.
    fn text(&self, value: &'p Typed, patterns: impl Iterator<Item = Pattern>) -> Condition {
        let patterns: Vec<Pattern> = patterns.collect();
        if let TypedKind::Call { function, arguments, .. } = &value.kind
            && function.name == "TO_LOWER"
            && patterns.iter().all(|pattern| pattern.plain().is_ascii())
        {
            let texts = TextMatch::new(Fold::Lowercase, patterns);
            return self.leaf(&arguments[0], |_| Some(Predicate::Text(texts)));
        }
        self.leaf(value, |_| Some(Predicate::Text(TextMatch::new(Fold::None, patterns))))
    }

    fn part(&self, value: &'p Typed, part: &Typed, parts: impl Fn(&str) -> Vec<PatternPart>) -> Condition {
        match part.constant().and_then(|cell| cell.values().first()?.as_text()) {
            Some(text) => self.text(value, std::iter::once(Pattern::new(parts(text)))),
            None => self.presence(value),
        }
    }

    /// A predicate on a column of the source; on anything else, that there is a value.
    fn leaf(&self, value: &'p Typed, predicate: impl FnOnce(&FieldRef) -> Option<Predicate>) -> Condition {
        if let TypedKind::Slot(slot) = value.kind {
            if let Some(computed) = self.computed.get(&slot) {
                return match computed.kind {
                    TypedKind::Call { function, .. } if function.name == "TO_LOWER" => {
                        self.leaf_of_lower(computed, predicate)
                    }
                    _ => self.presence(computed),
                };
            }
            if let Some(field) = self.fields.get(&slot)
                && is_exact(field.field_type)
                && let Some(predicate) = predicate(field)
            {
                return Condition::leaf(FieldLeaf::new(field.clone(), predicate));
            }
        }
        self.presence(value)
    }

    /// A text that was made lower case in a column of its own.
    fn leaf_of_lower(
        &self,
        computed: &'p Typed,
        predicate: impl FnOnce(&FieldRef) -> Option<Predicate>,
    ) -> Condition {
        let TypedKind::Call { arguments, .. } = &computed.kind else { return self.presence(computed) };
        let TypedKind::Slot(slot) = arguments[0].kind else { return self.presence(computed) };
        let Some(field) = self.fields.get(&slot).filter(|field| is_exact(field.field_type)) else {
            return self.presence(computed);
        };
        match predicate(field) {
            Some(Predicate::Text(texts)) => {
                let exact = texts.exact().iter().map(|text| Pattern::literal(text));
                let patterns: Vec<Pattern> = exact.chain(texts.patterns().iter().cloned()).collect();
                if !patterns.iter().all(|pattern| pattern.plain().is_ascii()) {
                    return self.presence(computed);
                }
                let texts = TextMatch::new(Fold::Lowercase, patterns);
                Condition::leaf(FieldLeaf::new(field.clone(), Predicate::Text(texts)))
            }
            _ => self.presence(computed),
        }
    }
}

/// Whether the matcher sees the values of a field as the query does.
fn is_exact(field_type: FieldType) -> bool {
    !matches!(
        field_type,
        FieldType::Text | FieldType::MatchOnlyText | FieldType::CaselessKeyword | FieldType::Unsupported
    )
}
