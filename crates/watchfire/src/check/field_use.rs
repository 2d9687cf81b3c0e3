//! Which fields a query names, and where.

use watchfire_diagnostics::Span;
use watchfire_eql::ast as eql;
use watchfire_kql::ast as kql;
use watchfire_kql::lucene;

/// A field that a query, or a key of a rule, names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldUse {
    /// The full dotted name.
    pub(crate) name: String,
    /// Where it stands; absent where the place is not known.
    pub(super) span: Option<Span>,
    /// The key of the rule that names it, if it is not a query.
    pub(super) key: Option<String>,
    /// What it is there for.
    pub(super) role: Role,
    /// Whether its author says that it may be absent (EQL's `?`).
    pub(super) optional: bool,
}

/// What a field is named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The query asks something of it.
    Query,
    /// A filter asks something of it.
    Filter,
    /// Events are told apart by its values, and there is no alert for events without any.
    Needed,
    /// Events are told apart by its values, or alerts take something from it.
    Read,
}

impl FieldUse {
    /// A use in a query.
    fn in_query(name: impl Into<String>, span: Span, optional: bool) -> Self {
        Self { name: name.into(), span: Some(span), key: None, role: Role::Query, optional }
    }

    /// A use in a key such as `threshold.field[0]`.
    pub(super) fn in_key(name: &str, key: String, role: Role, span: Option<Span>) -> Self {
        Self { name: name.to_owned(), span, key: Some(key), role, optional: false }
    }
}

/// The fields of an EQL query, in the order of its text; spans count in the query.
pub(super) fn of_eql(query: &eql::Query) -> Vec<FieldUse> {
    let mut uses = Vec::new();
    let add = |name: &eql::FieldName| FieldUse::in_query(name.dotted(), name.span, name.optional);
    query.for_each_expression(&mut |expression| {
        if let eql::ExprKind::Field(name) = &expression.kind {
            uses.push(add(name));
        }
    });
    let keys: Vec<&eql::JoinKey> = match &query.kind {
        eql::QueryKind::Event(_) => Vec::new(),
        eql::QueryKind::Sequence(sequence) => {
            let terms = sequence.terms.iter().chain(&sequence.until);
            sequence.by.iter().chain(terms.flat_map(|term| &term.by)).collect()
        }
        eql::QueryKind::Sample(sample) => {
            sample.by.iter().chain(sample.terms.iter().flat_map(|term| &term.by)).collect()
        }
        eql::QueryKind::Join(join) => {
            join.by.iter().chain(join.terms.iter().flat_map(|term| &term.by)).collect()
        }
    };
    uses.extend(keys.into_iter().map(|key| add(&key.field)));
    uses.sort_by_key(|found| found.span);
    uses
}

/// The fields of a KQL query. Patterns of names are not among them: they stand for whatever fits.
pub(super) fn of_kql(query: &kql::Query) -> Vec<FieldUse> {
    let mut uses = Vec::new();
    if let Some(expression) = &query.expr {
        collect_kql(expression, "", &mut uses);
    }
    uses
}

/// `scope` is the path of the list that the expression stands in, with a dot behind it.
fn collect_kql(expression: &kql::Expr, scope: &str, uses: &mut Vec<FieldUse>) {
    let mut add = |field: &kql::FieldName| {
        let name = field.name.as_exact().map(|name| format!("{scope}{name}"));
        uses.extend(name.clone().map(|name| FieldUse::in_query(name, field.span, false)));
        name
    };
    match &expression.kind {
        kql::ExprKind::And(operands) | kql::ExprKind::Or(operands) => {
            operands.iter().for_each(|operand| collect_kql(operand, scope, uses));
        }
        kql::ExprKind::Not(inner) => collect_kql(inner, scope, uses),
        kql::ExprKind::Nested { path, inner } => {
            if let Some(path) = add(path) {
                collect_kql(inner, &format!("{path}."), uses);
            }
        }
        kql::ExprKind::Field { field, .. } | kql::ExprKind::Range { field, .. } => {
            add(field);
        }
        kql::ExprKind::FreeText(_) => {}
    }
}

/// The fields of a Lucene query.
pub(super) fn of_lucene(query: &lucene::LuceneQuery) -> Vec<FieldUse> {
    let mut uses = Vec::new();
    let mut open: Vec<&lucene::LuceneExpr> = query.expr.iter().collect();
    while let Some(expression) = open.pop() {
        let field = match &expression.kind {
            lucene::LuceneKind::Boolean(clauses) => {
                open.extend(clauses.iter().map(|clause| &clause.expr));
                None
            }
            lucene::LuceneKind::Scoped { field, inner } => {
                open.push(inner);
                Some(field)
            }
            lucene::LuceneKind::Leaf { field, .. } => field.as_ref(),
        };
        let named = field.and_then(|field| Some((field.name.as_exact()?, field.span)));
        uses.extend(named.map(|(name, span)| FieldUse::in_query(name, span, false)));
    }
    uses.sort_by_key(|found| found.span);
    uses
}
