//! The rules of the state, made ready to run.
//!
//! All rules are one set, matched in one pass. Those whose queries ask for dates by `now` mean something else at each
//! execution: they are compiled anew for it, in a set of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfire_detect::{
    Arrival, AtOnce, CompileOptions, CompiledRule, Correlation, ExceptionBook, ItemState, RuleBook,
    RuleSchedule, RuleState, Suppression, compile_rule,
};
use watchfire_engine::RuleIndex;
use watchfire_events::Timestamp;
use watchfire_ir::Catalogue;
use watchfire_rules::model::Rule;

use crate::exceptions::ExceptionTexts;
use crate::rules::{KeptRule, RuleStanding};

/// The rules, ready to run.
pub(crate) struct Engine {
    pub(crate) rules: Vec<EngineRule>,
    /// The rules that mean the same at each execution, in the order of their numbers.
    undated: PassBook,
    exceptions: Option<ExceptionBook>,
    catalogue: Arc<Catalogue>,
    made_of: (Vec<RuleIdentity>, ExceptionTexts),
    /// An exception expires then.
    valid_until: Option<Timestamp>,
}

/// A rule of an engine.
pub(crate) struct EngineRule {
    pub(crate) kept: KeptRule,
    pub(crate) suppression: Option<Suppression>,
    /// How it runs, or why it does not.
    pub(crate) way: Result<Runs, String>,
    /// What it takes for it to alert when an event has come; `None` if it alerts at its executions alone.
    pub(crate) at_once: Option<AtOnce>,
    /// The ids of exception lists that it names and that are not there.
    pub(crate) absent_lists: Vec<String>,
}

/// How a rule runs.
pub(crate) struct Runs {
    pub(crate) schedule: RuleSchedule,
    /// Whether its query depends on the time of the execution.
    pub(crate) is_dated: bool,
}

/// Some rules as one set.
pub(crate) struct PassBook {
    pub(crate) book: RuleBook,
    /// By the number in the engine, the number in the book.
    pub(crate) numbers: BTreeMap<usize, usize>,
    /// By the number in the engine, the conditions that the rule joins, each with whether it finds nothing without it.
    pub(crate) stages: BTreeMap<usize, Vec<(RuleIndex, bool)>>,
    /// By condition, the number in the engine.
    pub(crate) rules: BTreeMap<RuleIndex, usize>,
}

impl Engine {
    pub(crate) fn new(
        rules: Vec<KeptRule>,
        texts: ExceptionTexts,
        catalogue: Arc<Catalogue>,
        now: Timestamp,
    ) -> Self {
        let exceptions = (!texts.is_empty()).then(|| texts.book(&*catalogue, now));
        let mut ready = Vec::new();
        let mut undated = Vec::new();
        for (number, kept) in rules.iter().enumerate() {
            let schedule = RuleSchedule::of(&kept.rule, Arrival::Ingested);
            let at_no_time = compile(&kept.rule, &catalogue, None);
            let at_now = compile(&kept.rule, &catalogue, Some(now));
            let is_dated = at_no_time.program.is_none() && at_now.program.is_some();
            let state = {
                let book = RuleBook::of([(kept.rule.clone(), at_now)]);
                book.rules().next().map_or(RuleState::Ready, |(_, state)| state.clone())
            };
            let way = match (state, schedule) {
                (RuleState::Ready, Some(schedule)) => Ok(Runs { schedule, is_dated }),
                (RuleState::Ready, None) => {
                    Err(format!("its window, from `{}` to `{}`, is none", kept.rule.from(), kept.rule.to()))
                }
                (RuleState::Unsupported(what), _) => {
                    Err(format!("it needs what is not supported yet: {what}"))
                }
                (RuleState::Failed(errors), _) => {
                    let texts: Vec<&str> = errors.iter().map(|error| &*error.message).collect();
                    Err(texts.join("; "))
                }
            };
            if way.is_ok() && !is_dated {
                undated.push((number, kept.rule.clone(), at_no_time));
            }
            ready.push(way);
        }
        let undated = PassBook::new(undated, exceptions.as_ref());
        let at_once = undated.at_once();
        let of_rule = |rule: &Rule| exceptions.as_ref().map(|book| book.of_rule(rule).absent);
        let names = |rule: &Rule| rule.exceptions_list().iter().map(|list| list.list_id.clone()).collect();
        let made_of = (identities(&rules), texts);
        let rules = rules.into_iter().zip(ready).enumerate().map(|(number, (kept, way))| EngineRule {
            at_once: at_once.get(&number).copied(),
            suppression: Suppression::of(&kept.rule),
            absent_lists: of_rule(&kept.rule).unwrap_or_else(|| names(&kept.rule)),
            way,
            kept,
        });
        let rules = rules.collect();
        let expiries = exceptions.iter().flat_map(ExceptionBook::items);
        let expiries = expiries.filter(|item| item.state == ItemState::Active);
        let expiries = expiries.filter_map(|item| Timestamp::parse(item.item.expire_time.as_deref()?));
        let valid_until = expiries.min();
        Self { rules, undated, exceptions, catalogue, made_of, valid_until }
    }

    /// Whether it is still what these rules and texts mean.
    pub(crate) fn is_of(&self, rules: &[RuleStanding], texts: &ExceptionTexts, now: Timestamp) -> bool {
        // A rule that was taken away and made anew has the same id, and the revision that it had at first.
        let same = |(known, rule): (&RuleIdentity, &RuleStanding)| {
            let (id, revision, updated) = known;
            *id == rule.id && *revision == rule.revision && *updated == rule.updated
        };
        self.valid_until.is_none_or(|until| now < until)
            && self.made_of.1 == *texts
            && self.made_of.0.len() == rules.len()
            && self.made_of.0.iter().zip(rules).all(same)
    }

    /// The rules that mean the same at each execution.
    pub(crate) fn undated(&self) -> &PassBook {
        &self.undated
    }

    /// Others, as they mean at this execution.
    pub(crate) fn dated(&self, numbers: &[usize], execution: Timestamp) -> PassBook {
        let compiled = numbers.iter().map(|number| {
            let rule = self.rules[*number].kept.rule.clone();
            let compiled = compile(&rule, &self.catalogue, Some(execution));
            (*number, rule, compiled)
        });
        PassBook::new(compiled.collect(), self.exceptions.as_ref())
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }
}

impl PassBook {
    fn new(rules: Vec<(usize, Rule, CompiledRule)>, exceptions: Option<&ExceptionBook>) -> Self {
        let numbers = rules.iter().enumerate().map(|(at, (number, _, _))| (*number, at)).collect();
        let of_engine: Vec<usize> = rules.iter().map(|(number, _, _)| *number).collect();
        let rules = rules.into_iter().map(|(_, rule, compiled)| (rule, compiled));
        let book = RuleBook::with_exceptions(rules, exceptions);
        let mut stages = BTreeMap::new();
        let mut rules = BTreeMap::new();
        for correlation in 0..book.correlations().len() {
            let of_rule = book.stages(correlation);
            let number = of_engine[book.rule_number(book.correlated(correlation))];
            rules.extend(of_rule.iter().map(|(condition, _)| (*condition, number)));
            stages.insert(number, of_rule);
        }
        Self { book, numbers, stages, rules }
    }

    /// By the number in the engine, what the rules take that alert when an event has come: those whose events are not alerts
    /// themselves and need no indicator.
    fn at_once(&self) -> BTreeMap<usize, AtOnce> {
        let by_book: BTreeMap<usize, usize> =
            self.numbers.iter().map(|(number, in_book)| (*in_book, *number)).collect();
        let of = |(number, correlation): (usize, &Correlation)| {
            let index = self.book.correlated(number);
            let waits = self.book.reads_alerts(index) || self.book.needs_indicator(index);
            let at_once = correlation.at_once().filter(|_| !waits)?;
            Some((*by_book.get(&self.book.rule_number(index))?, at_once))
        };
        self.book.correlations().into_iter().enumerate().filter_map(of).collect()
    }
}

/// Id, revision and time of the last change.
type RuleIdentity = (String, u64, Timestamp);

fn identities(rules: &[KeptRule]) -> Vec<RuleIdentity> {
    rules.iter().map(|kept| (kept.id.clone(), kept.revision, kept.updated)).collect()
}

fn compile(rule: &Rule, catalogue: &Catalogue, now: Option<Timestamp>) -> CompiledRule {
    let mut compiled = compile_rule(rule, catalogue, &CompileOptions { now });
    compiled.program = compiled.program.map(|program| program.scheduled(rule, Arrival::Ingested));
    compiled
}
