//! What one field must and must not hold, and values that do.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::sync::Arc;

use watchfire_events::{FieldType, TypeFamily};
use watchfire_ir::{Bound, Constant, Pattern, Predicate};

use super::text;
use super::usual;
use super::value::Value;

/// How many texts are looked at for one field before it is given up.
const MAX_TEXTS: usize = 4_000;

/// What else is wished for a field, because of a computed leaf.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wish {
    /// This value.
    Value(Value),
    /// A text that fits.
    Fits(Pattern),
    /// A text of at least so many characters.
    Long(usize),
}

/// What one field must and must not hold.
#[derive(Clone, Debug)]
pub(super) struct Needs<'c> {
    /// The name of the field: it tells what is usual.
    pub(super) name: Arc<str>,
    /// The type of its column.
    pub(super) column: FieldType,
    /// Whether it may have several values.
    pub(super) several: bool,
    /// Each must hold of some value.
    pub(super) required: Vec<Cow<'c, Predicate>>,
    /// Each must hold of no value.
    pub(super) forbidden: Vec<Cow<'c, Predicate>>,
    /// Whether there must be a value though nothing is required of it.
    pub(super) present: bool,
    /// How many values that would do are passed over, so that events differ.
    pub(super) rank: usize,
    /// Values that do.
    pub(super) values: Vec<Value>,
}

impl<'c> Needs<'c> {
    /// Of a field of which nothing is known.
    pub(super) fn new(name: Arc<str>, column: FieldType, several: bool) -> Self {
        Self {
            name,
            column,
            several,
            required: Vec::new(),
            forbidden: Vec::new(),
            present: false,
            rank: 0,
            values: Vec::new(),
        }
    }

    /// Whether the values now chosen satisfy a predicate.
    pub(super) fn satisfy(&self, predicate: &Predicate) -> bool {
        self.values.iter().any(|value| value.satisfies(predicate, self.column))
    }

    /// Adds a requirement; whether it can be met together with the others.
    pub(super) fn require(&mut self, predicate: Cow<'c, Predicate>) -> bool {
        let is_met = self.satisfy(&predicate);
        if !self.required.contains(&predicate) {
            self.required.push(predicate);
        }
        is_met || self.choose()
    }

    /// Forbids something; whether the rest can still be met.
    pub(super) fn forbid(&mut self, predicate: Cow<'c, Predicate>) -> bool {
        let is_met = !self.satisfy(&predicate);
        if !self.forbidden.contains(&predicate) {
            self.forbidden.push(predicate);
        }
        is_met || self.choose()
    }

    /// Demands a value; whether there is one.
    pub(super) fn demand(&mut self) -> bool {
        self.present = true;
        !self.values.is_empty() || self.choose()
    }

    /// Whether the field can do without a value.
    pub(super) fn may_be_absent(&self) -> bool {
        self.required.is_empty() && !self.present
    }

    /// Chooses the first values that do.
    fn choose(&mut self) -> bool {
        match self.options(&[], 1).into_iter().next() {
            Some(values) => {
                self.values = values;
                true
            }
            None => false,
        }
    }

    fn is_allowed(&self, value: &Value) -> bool {
        value.in_column(self.column, |value| !self.forbidden.iter().any(|predicate| predicate.holds(value)))
            == Some(true)
    }

    /// Different lists of values that do, at most `limit`, the plainest first.
    pub(super) fn options(&self, wishes: &[Wish], limit: usize) -> Vec<Vec<Value>> {
        let mut found: Vec<Vec<Value>> = Vec::new();
        let mut skip = self.rank;
        let all: Vec<&Predicate> = self.required.iter().map(|predicate| &**predicate).collect();
        if self.may_be_absent() && wishes.is_empty() {
            found.push(Vec::new());
        }
        self.each_value(&all, wishes, &mut |value| {
            let does = self.is_allowed(&value)
                && all.iter().all(|predicate| value.satisfies(predicate, self.column));
            if does && !found.iter().any(|values| values.first() == Some(&value)) {
                if skip == 0 {
                    found.push(vec![value]);
                } else {
                    skip -= 1;
                }
            }
            found.len() >= limit
        });
        if self.may_be_absent() && !wishes.is_empty() {
            found.push(Vec::new());
        }
        if found.is_empty() && self.several && all.len() > 1 {
            found.extend(self.several_values(&all));
        }
        found
    }

    /// A value for each requirement that no earlier one meets.
    fn several_values(&self, all: &[&Predicate]) -> Option<Vec<Value>> {
        let mut values: Vec<Value> = Vec::new();
        for predicate in all {
            if values.iter().any(|value| value.satisfies(predicate, self.column)) {
                continue;
            }
            let mut found = None;
            self.each_value(&[predicate], &[], &mut |value| {
                let does = self.is_allowed(&value) && value.satisfies(predicate, self.column);
                if does {
                    found = Some(value);
                }
                does
            });
            values.push(found?);
        }
        Some(values)
    }

    /// Visits values that may do, until `visit` has enough.
    fn each_value(
        &self,
        required: &[&Predicate],
        wishes: &[Wish],
        visit: &mut dyn FnMut(Value) -> bool,
    ) -> bool {
        let mut wished_values = wishes.iter().filter_map(|wish| match wish {
            Wish::Value(Value::Text(text)) => read(text, self.column),
            Wish::Value(value) => Some(value.clone()),
            Wish::Fits(_) | Wish::Long(_) => None,
        });
        if wished_values.any(&mut *visit) {
            return true;
        }
        let mut texts = 0;
        let mut visit_text = |text: String| {
            texts += 1;
            read(&text, self.column).is_some_and(&mut *visit) || texts > MAX_TEXTS
        };
        let patterns: Vec<Pattern> = wishes
            .iter()
            .filter_map(|wish| match wish {
                Wish::Fits(pattern) => Some(pattern.clone()),
                Wish::Value(_) | Wish::Long(_) => None,
            })
            .collect();
        let least = wishes.iter().map(|wish| if let Wish::Long(least) = wish { *least } else { 0 });
        let least = least.max().unwrap_or_default();
        if !patterns.is_empty() || least > 0 {
            // Each wish alone, since they may come from alternatives; then all together.
            let any = [Pattern::from_eql("*")];
            let alone = patterns.iter().map(std::slice::from_ref);
            let lists = std::iter::once(&patterns[..]).chain(alone).filter(|list| !list.is_empty());
            let lists: Vec<&[Pattern]> = lists.chain((least > 0).then_some(&any[..])).collect();
            if lists
                .into_iter()
                .any(|list| text::each_candidate(&self.name, required, list, least, &mut visit_text))
            {
                return true;
            }
        }
        if text::each_candidate(&self.name, required, &[], 0, &mut visit_text) {
            return true;
        }
        let constants = required.iter().copied().chain(self.forbidden.iter().map(|predicate| &**predicate));
        if constants.flat_map(near).any(&mut *visit) {
            return true;
        }
        let further = if self.rank > 0 { self.rank + 4 } else { 0 };
        usual::values(&self.name, self.column, further).into_iter().any(visit)
    }
}

/// A text as a value for a column of this type.
fn read(text: &str, column: FieldType) -> Option<Value> {
    match column.family() {
        TypeFamily::Number => {
            text.parse().map(Value::Integer).ok().or_else(|| text.parse().map(Value::Double).ok())
        }
        TypeFamily::Boolean => text.parse().map(Value::Boolean).ok(),
        TypeFamily::Text
        | TypeFamily::AnalysedText
        | TypeFamily::Ip
        | TypeFamily::Date
        | TypeFamily::Version
        | TypeFamily::Dynamic => Some(Value::Text(text.to_owned())),
        TypeFamily::Other => None,
    }
}

/// The constants of a predicate and what lies beside them.
fn near(predicate: &Predicate) -> Vec<Value> {
    let constants: Vec<&Constant> = match predicate {
        Predicate::Equals(constant) => vec![constant],
        Predicate::Range { low, high } => [low, high]
            .into_iter()
            .filter_map(|bound| match bound {
                Bound::Included(limit) | Bound::Excluded(limit) => Some(limit),
                Bound::Unbounded => None,
            })
            .collect(),
        Predicate::Within(blocks) => {
            let inside = |block: &watchfire_events::IpBlock| {
                let (first, last) = block.bounds();
                [moved(first, 10), moved(first, 1), first, last]
            };
            return blocks.iter().flat_map(inside).map(address).collect();
        }
        Predicate::Text(texts) => {
            return texts.exact().iter().map(|text| Value::Text(format!("{text}x"))).collect();
        }
        // Only exceptions ask for lists, and a first test is of the rule alone.
        Predicate::Exists | Predicate::Regex(_) | Predicate::Tokens(_) | Predicate::Listed(_) => Vec::new(),
    };
    constants.into_iter().flat_map(around).collect()
}

fn around(constant: &Constant) -> Vec<Value> {
    let others = match constant {
        Constant::Integer(number) => [*number + 1, *number - 1].map(Constant::Integer).to_vec(),
        Constant::Double(number) => vec![Constant::Double(number + 0.5), Constant::Double(number - 0.5)],
        Constant::Text(text) => vec![Constant::Text(format!("{text}a").into())],
        Constant::Ip(ip) => vec![Constant::Ip(moved(*ip, 1))],
        Constant::Instant(at) => {
            [1_000_000_000, -1_000_000_000].map(|nanos| Constant::Instant(at.plus_nanos(nanos))).to_vec()
        }
        Constant::Boolean(_) | Constant::Version(_) => Vec::new(),
    };
    std::iter::once(constant.clone()).chain(others).filter_map(|constant| Value::of(&constant)).collect()
}

fn moved(ip: Ipv6Addr, by: u128) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(ip).saturating_add(by))
}

fn address(ip: Ipv6Addr) -> Value {
    Value::Text(ip.to_canonical().to_string())
}
