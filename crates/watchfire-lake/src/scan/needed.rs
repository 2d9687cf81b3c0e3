//! What of a condition lets rows be passed over without being made into events.

use rustc_hash::FxHashMap;
use watchfire_events::{FieldType, FieldTypes, Scalar, TypeFamily, ValueRef, parse_ip};
use watchfire_ir::{Condition, FieldLeaf, FieldRef, FieldTarget, Fold, Leaf, Node, Predicate};

use super::open_file::OpenFile;
use super::row_group::RowColumns;
use crate::LakeError;
use crate::cells::Cells;
use crate::shape::ADDRESS_LOOK_UP_FIELDS;

/// Most texts of a predicate that a Bloom filter is asked for: of more, each row group is likely to have one.
const MOST_BLOOM_TEXTS: usize = 64;

/// Most different values of a column of a row group whose answers are kept while its rows are looked at.
const MOST_KEPT_ANSWERS: u64 = 4_096;

/// What every event has to have that a reader has any use for: as much of its conditions as can be told from single
/// columns. Events that have it may still not satisfy the conditions; events that lack it never do.
///
/// What a leaf asks of one field stays. A `not`, free text, nested objects, computed values and patterns of names
/// count as satisfied.
#[derive(Clone, Debug, PartialEq)]
pub struct Needed(Condition);

impl Default for Needed {
    /// Nothing: every event may be of use.
    fn default() -> Self {
        Self(Condition::constant(true))
    }
}

impl Needed {
    /// What events need so that any of these conditions may hold.
    pub fn by_any<'c>(conditions: impl IntoIterator<Item = &'c Condition>) -> Self {
        Self(Condition::any(conditions.into_iter().map(relaxed)))
    }

    /// What events need so that all of these conditions may hold.
    pub fn by_all<'c>(conditions: impl IntoIterator<Item = &'c Condition>) -> Self {
        Self(Condition::all(conditions.into_iter().map(relaxed)))
    }

    /// Whether nothing is needed.
    pub fn is_anything(&self) -> bool {
        matches!(self.0.node(), Node::Constant(true))
    }

    pub(super) fn condition(&self) -> &Condition {
        &self.0
    }
}

/// A condition that holds wherever this one does, of leaves on single fields under `and` and `or`.
fn relaxed(condition: &Condition) -> Condition {
    match condition.node() {
        Node::Constant(value) => Condition::constant(*value),
        Node::Leaf(Leaf::Field(leaf @ FieldLeaf { target: FieldTarget::Field(_), .. })) => {
            Condition::leaf(leaf.clone())
        }
        Node::Leaf(_) | Node::Not(_) => Condition::constant(true),
        Node::And(parts) => Condition::all(parts.iter().map(relaxed)),
        Node::Or(parts) => Condition::any(parts.iter().map(relaxed)),
    }
}

/// A leaf of a [`Needed`] condition; only such are in it.
fn parts_of(leaf: &Leaf) -> Option<(&FieldRef, &Predicate)> {
    match leaf {
        Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), predicate }) => Some((field, predicate)),
        _ => None,
    }
}

/// What of a condition the rows of a row group have to be asked still: leaves of which it is known that they hold for no row,
/// or which cannot tell rows apart, are replaced.
pub(super) fn for_group(
    condition: &Condition,
    file: &OpenFile,
    group: usize,
    schema: &dyn FieldTypes,
) -> Result<Condition, LakeError> {
    reduce(condition, &mut |leaf| {
        let Some((taken, field, predicate)) = asked_of_rows(leaf, file, schema) else {
            return Ok(Some(true));
        };
        Ok((!may_hold(field, predicate, taken, file, group)?).then_some(false))
    })
}

/// The same without a look at what is known of row groups.
pub(super) fn for_rows(
    condition: &Condition,
    file: &OpenFile,
    schema: &dyn FieldTypes,
) -> Result<Condition, LakeError> {
    reduce(condition, &mut |leaf| Ok(asked_of_rows(leaf, file, schema).is_none().then_some(true)))
}

/// Replaces leaves by what is known of them.
fn reduce(
    condition: &Condition,
    known: &mut dyn FnMut(&Leaf) -> Result<Option<bool>, LakeError>,
) -> Result<Condition, LakeError> {
    Ok(match condition.node() {
        Node::Constant(value) => Condition::constant(*value),
        Node::Leaf(leaf) => known(leaf)?.map_or_else(|| condition.clone(), Condition::constant),
        Node::Not(_) => Condition::constant(true),
        Node::And(parts) => {
            let mut left = Vec::with_capacity(parts.len());
            for part in parts {
                let part = reduce(part, known)?;
                if matches!(part.node(), Node::Constant(false)) {
                    return Ok(part);
                }
                left.push(part);
            }
            Condition::all(left)
        }
        Node::Or(parts) => {
            let parts: Result<Vec<Condition>, LakeError> =
                parts.iter().map(|part| reduce(part, known)).collect();
            Condition::any(parts?)
        }
    })
}

/// A leaf that tells the rows of a file apart by one of its columns.
fn asked_of_rows<'l>(
    leaf: &'l Leaf,
    file: &OpenFile,
    schema: &dyn FieldTypes,
) -> Option<(Taken, &'l FieldRef, &'l Predicate)> {
    let (field, predicate) = parts_of(leaf)?;
    let taken = Taken::of(schema.field_type(&field.name))?;
    let tells = !file.diverts(&field.name) && (!file.has_column(&field.name) || file.is_text(&field.name));
    tells.then_some((taken, field, predicate))
}

/// Whether a leaf may hold for a row of a row group.
fn may_hold(
    field: &FieldRef,
    predicate: &Predicate,
    taken: Taken,
    file: &OpenFile,
    group: usize,
) -> Result<bool, LakeError> {
    let name = &*field.name;
    if !file.has_column(name) {
        return Ok(false);
    }
    if let Some(texts) = exact_texts(predicate, name)
        && !file.may_have(group, name, &texts)?
    {
        return Ok(false);
    }
    let mut found = false;
    let whole = file.each_in_dictionary(group, name, &mut |text| {
        found = found || taken.holds(predicate, text);
    })?;
    Ok(found || !whole)
}

/// The texts one of which a value has to be, as the column of the field has them.
fn exact_texts(predicate: &Predicate, name: &str) -> Option<Vec<String>> {
    match predicate {
        Predicate::Text(texts) if texts.fold() == Fold::None && texts.patterns().is_empty() => {
            let exact = texts.exact();
            (exact.len() <= MOST_BLOOM_TEXTS).then(|| exact.iter().map(ToString::to_string).collect())
        }
        Predicate::Within(blocks) if ADDRESS_LOOK_UP_FIELDS.contains(&name) => {
            (blocks.len() <= MOST_BLOOM_TEXTS && blocks.iter().all(|block| block.prefix() == 128))
                .then(|| blocks.iter().map(|block| block.bounds().0.to_canonical().to_string()).collect())
        }
        _ => None,
    }
}

/// What a matcher takes the texts of a column for.
#[derive(Clone, Copy, Debug)]
enum Taken {
    Text,
    Ip,
}

impl Taken {
    /// `None` of fields whose values are converted from texts; rows are not told apart by them.
    fn of(field_type: FieldType) -> Option<Self> {
        match field_type.family() {
            TypeFamily::Number | TypeFamily::Boolean | TypeFamily::Date => None,
            TypeFamily::Ip => Some(Self::Ip),
            TypeFamily::Text
            | TypeFamily::AnalysedText
            | TypeFamily::Version
            | TypeFamily::Other
            | TypeFamily::Dynamic => Some(Self::Text),
        }
    }

    fn holds(self, predicate: &Predicate, text: &str) -> bool {
        match self {
            Self::Text => predicate.holds(ValueRef::Text(text)),
            Self::Ip => parse_ip(text).is_some_and(|address| predicate.holds(ValueRef::Ip(address))),
        }
    }
}

/// A condition over rows whose columns are at hand.
pub(super) struct RowTest<'c> {
    node: TestNode,
    leaves: Vec<LeafTest<'c>>,
}

/// A condition whose leaves are numbers.
enum TestNode {
    Always,
    Never,
    Leaf(usize),
    All(Vec<Self>),
    Any(Vec<Self>),
}

struct LeafTest<'c> {
    field: &'c str,
    predicate: &'c Predicate,
    taken: Taken,
    /// What was answered of texts. Values repeat from row to row in most columns, and in some never.
    known: FxHashMap<Box<str>, bool>,
    /// How often the answer was known, and how often it was not.
    hits: u64,
    misses: u64,
}

impl LeafTest<'_> {
    fn holds(&mut self, text: &str) -> bool {
        let repeats = self.misses < MOST_KEPT_ANSWERS || self.hits > self.misses;
        if !repeats {
            return self.taken.holds(self.predicate, text);
        }
        if let Some(answer) = self.known.get(text) {
            self.hits += 1;
            return *answer;
        }
        self.misses += 1;
        let answer = self.taken.holds(self.predicate, text);
        if self.misses <= MOST_KEPT_ANSWERS {
            self.known.insert(text.into(), answer);
        }
        answer
    }
}

impl<'c> RowTest<'c> {
    pub(super) fn new(condition: &'c Condition, schema: &dyn FieldTypes) -> Self {
        let mut leaves = Vec::new();
        let node = compile(condition, schema, &mut leaves);
        Self { node, leaves }
    }

    /// The fields whose columns have to be at hand.
    pub(super) fn fields(&self) -> Vec<&'c str> {
        let mut fields: Vec<&str> = self.leaves.iter().map(|leaf| leaf.field).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Calls `visit` with each of the rows for which the condition holds.
    pub(super) fn each_row(&mut self, columns: &RowColumns, rows: usize, visit: &mut dyn FnMut(usize)) {
        let Self { node, leaves } = self;
        let cells: Vec<Option<&Cells>> = leaves.iter().map(|leaf| columns.get(leaf.field)).collect();
        for row in 0..rows {
            if holds(node, leaves, &cells, row) {
                visit(row);
            }
        }
    }
}

fn compile<'c>(
    condition: &'c Condition,
    schema: &dyn FieldTypes,
    leaves: &mut Vec<LeafTest<'c>>,
) -> TestNode {
    match condition.node() {
        Node::Constant(false) => TestNode::Never,
        Node::Constant(true) | Node::Not(_) => TestNode::Always,
        Node::Leaf(leaf) => {
            let Some((field, predicate)) = parts_of(leaf) else { return TestNode::Always };
            let Some(taken) = Taken::of(schema.field_type(&field.name)) else { return TestNode::Always };
            let known = FxHashMap::default();
            leaves.push(LeafTest { field: &field.name, predicate, taken, known, hits: 0, misses: 0 });
            TestNode::Leaf(leaves.len() - 1)
        }
        Node::And(parts) => TestNode::All(parts.iter().map(|part| compile(part, schema, leaves)).collect()),
        Node::Or(parts) => TestNode::Any(parts.iter().map(|part| compile(part, schema, leaves)).collect()),
    }
}

fn holds(node: &TestNode, leaves: &mut [LeafTest<'_>], cells: &[Option<&Cells>], row: usize) -> bool {
    match node {
        TestNode::Always => true,
        TestNode::Never => false,
        TestNode::Leaf(number) => {
            let (leaf, Some(cells)) = (&mut leaves[*number], cells[*number]) else { return false };
            if let Some(text) = cells.text(row) {
                return leaf.holds(text);
            }
            let mut found = false;
            cells.each(row, &mut |value| {
                if let Scalar::Text(text) = value {
                    found = found || leaf.holds(text);
                }
            });
            found
        }
        TestNode::All(parts) => parts.iter().all(|part| holds(part, leaves, cells, row)),
        TestNode::Any(parts) => parts.iter().any(|part| holds(part, leaves, cells, row)),
    }
}
