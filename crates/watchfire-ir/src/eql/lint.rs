//! Conditions that are well formed and never hold.

use watchfire_diagnostics::{Diagnostic, Span};

use crate::contradiction::exclusion::excludes;
use crate::{Condition, FieldLeaf, FieldTarget, Leaf, Node, Schema, codes};

/// What the Elastic Common Schema allows in `event.category`.
pub(super) const ECS_CATEGORIES: [&str; 20] = [
    "api",
    "authentication",
    "configuration",
    "database",
    "driver",
    "email",
    "file",
    "host",
    "iam",
    "intrusion_detection",
    "library",
    "malware",
    "network",
    "package",
    "process",
    "registry",
    "session",
    "threat",
    "vulnerability",
    "web",
];

/// Operands of one `and` beyond this many are not compared with each other: the time is quadratic.
const MAX_COMPARED: usize = 500;

/// Warnings for operands of one `and` that exclude each other: leaves on a field that has one value per event, of
/// which no value satisfies both. Only what is certain is said.
pub(super) fn contradictions(operands: &[(Span, &Condition)], schema: &dyn Schema) -> Vec<Diagnostic> {
    let leaves: Vec<(Span, &FieldLeaf)> = operands
        .iter()
        .filter_map(|&(span, condition)| match condition.node() {
            Node::Leaf(Leaf::Field(leaf)) => Some((span, leaf)),
            _ => None,
        })
        .take(MAX_COMPARED)
        .collect();
    let mut warnings = Vec::new();
    for (at, &(second_span, second)) in leaves.iter().enumerate() {
        for &(first_span, first) in &leaves[..at] {
            let FieldTarget::Field(field) = &first.target else { continue };
            if first.target == second.target
                && excludes(&first.predicate, &second.predicate)
                && schema.is_single_valued(&field.name)
            {
                let message = format!("these two conditions on `{}` exclude each other", field.name);
                warnings.push(
                    Diagnostic::warning(codes::CONTRADICTION, message)
                        .at(second_span, "never holds")
                        .at(first_span, "together with this"),
                );
            }
        }
    }
    warnings
}
