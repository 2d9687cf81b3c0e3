//! The commands.

use std::sync::Arc;

use watchfire_diagnostics::{Diagnostic, Span, did_you_mean};
use watchfire_esql::ast::{Command, CommandKind, Expr, Field, NamePattern, Rename};

use super::{Place, Resolver, ScopeColumn};
use crate::codes;
use crate::dissect::Dissect;
use crate::grok::Grok;
use crate::plan::{SortKey, Step, Typed, TypedKind};
use crate::types::DataType;

impl Resolver<'_> {
    pub(super) fn resolve_command(&mut self, command: &Command) {
        match &command.kind {
            CommandKind::Where(condition) => {
                self.in_where = true;
                let condition = self.condition(condition);
                self.in_where = false;
                if let Some(condition) = condition {
                    self.step(Step::Filter(condition));
                }
            }
            CommandKind::Eval(fields) => self.resolve_eval(fields),
            CommandKind::Stats { aggregates, by, inline } => self.resolve_stats(aggregates, by, *inline),
            CommandKind::Keep(patterns) => self.resolve_keep(patterns),
            CommandKind::Drop(patterns) => self.resolve_drop(patterns),
            CommandKind::Rename(renames) => self.resolve_rename(renames),
            CommandKind::Sort(orders) => {
                let mut keys = Vec::new();
                for order in orders {
                    let Some(key) = self.expression(&order.key) else { continue };
                    let nulls_first = order.nulls_first.unwrap_or(order.descending);
                    keys.push(SortKey { key, descending: order.descending, nulls_first });
                }
                self.step(Step::Sort(keys));
            }
            CommandKind::Limit(count) => {
                self.on_documents = false;
                self.step(Step::Limit(*count));
            }
            CommandKind::MvExpand(column) => {
                self.on_documents = false;
                let Some(found) = self.find(&column.name, column.span) else { return };
                if !self.is_readable(&found, column.span) {
                    return;
                }
                let from = self.slot_of(found.place);
                let to = self.new_slot();
                self.step(Step::Expand { from, to });
                self.identity.push(to);
                if let Some(column) = self.scope.iter_mut().find(|other| other.name == found.name) {
                    column.place = Place::Slot(to);
                }
            }
            CommandKind::Dissect { input, pattern, append_separator } => {
                let Some(input) = self.text_input(input) else { return };
                match Dissect::parse(pattern, append_separator.as_deref().unwrap_or_default()) {
                    Err(why) => self.bad_pattern(command.span, "DISSECT", &why),
                    Ok(dissect) => {
                        let columns = dissect.names().iter().map(|name| (name.clone(), DataType::Keyword));
                        let slots = self.add_columns(&columns.collect::<Vec<_>>());
                        self.step(Step::Dissect { input, pattern: Arc::new(dissect), slots });
                    }
                }
            }
            CommandKind::Grok { input, patterns } => {
                let Some(input) = self.text_input(input) else { return };
                match Grok::parse(patterns) {
                    Err(why) => self.bad_pattern(command.span, "GROK", &why),
                    Ok(grok) => {
                        let slots = self.add_columns(grok.columns());
                        self.step(Step::Grok { input, pattern: Arc::new(grok), slots });
                    }
                }
            }
            // It ends what runs, before it comes here.
            CommandKind::Completion { .. } => {}
            // The parser has refused it.
            CommandKind::Unsupported(_) => self.failed = true,
        }
    }

    /// Assignments, each seeing those in front of it.
    pub(super) fn resolve_eval(&mut self, fields: &[Field]) {
        let mut assigned = Vec::new();
        for field in fields {
            let value = self.expression(&field.value);
            let name = name_of(field);
            let Some(value) = value else {
                // What cannot be computed is a column all the same, so that what uses it is no error of its own.
                let slot = self.new_slot();
                self.replace(ScopeColumn { name, data_type: DataType::Null, place: Place::Slot(slot) });
                continue;
            };
            let data_type = value.data_type;
            let slot = match value.kind {
                TypedKind::Slot(slot) => slot,
                _ => {
                    let slot = self.new_slot();
                    assigned.push((slot, value));
                    slot
                }
            };
            self.replace(ScopeColumn { name, data_type, place: Place::Slot(slot) });
        }
        if !assigned.is_empty() {
            self.step(Step::Assign(assigned));
        }
    }

    fn resolve_keep(&mut self, patterns: &[NamePattern]) {
        let mut kept: Vec<(u8, ScopeColumn)> = Vec::new();
        for pattern in patterns {
            let fitting = self.fitting(pattern);
            // A name that stands there as it is comes before one that a pattern fits, and that before `*`.
            let rank = match pattern.parts.as_slice() {
                [_] => 0,
                parts if parts.iter().all(String::is_empty) => 2,
                _ => 1,
            };
            for column in fitting {
                match kept.iter().position(|(_, other)| other.name == column.name) {
                    Some(at) if kept[at].0 < rank => {}
                    Some(at) => {
                        kept.remove(at);
                        kept.push((rank, column));
                    }
                    None => kept.push((rank, column)),
                }
            }
        }
        self.is_open = false;
        self.scope = kept.into_iter().map(|(_, column)| column).collect();
    }

    fn resolve_drop(&mut self, patterns: &[NamePattern]) {
        // All patterns are those of the columns in front: two may fit the same.
        let fitting: Vec<ScopeColumn> = patterns.iter().flat_map(|pattern| self.fitting(pattern)).collect();
        self.scope.retain(|column| !fitting.iter().any(|other| other.name == column.name));
        self.lose(fitting.into_iter().map(|column| column.name));
    }

    /// The columns that fit, which must be some.
    fn fitting(&mut self, pattern: &NamePattern) -> Vec<ScopeColumn> {
        if let Some(name) = pattern.name() {
            return self.find(name, pattern.span).into_iter().collect();
        }
        let fitting: Vec<ScopeColumn> =
            self.scope.iter().filter(|column| fits(&pattern.parts, &column.name)).cloned().collect();
        let prefix = &pattern.parts[0];
        let may_fit = self.is_open && self.source.may_have(&format!("{prefix}_"));
        if fitting.is_empty() && !self.scope.is_empty() && !may_fit {
            let text = pattern.parts.join("*");
            let message = format!("no column fits `{text}`");
            self.error(codes::NO_COLUMN_FITS, pattern.span, message, "fits nothing here");
        }
        fitting
    }

    fn resolve_rename(&mut self, renames: &[Rename]) {
        for rename in renames {
            let Some(column) = self.find(&rename.from.name, rename.from.span) else { continue };
            if rename.from.name == rename.to.name {
                continue;
            }
            self.scope.retain(|other| *other.name != *rename.to.name);
            self.lose([Arc::clone(&column.name)]);
            match self.scope.iter_mut().find(|other| other.name == column.name) {
                Some(renamed) => renamed.name = rename.to.name.as_str().into(),
                None => self.scope.push(ScopeColumn { name: rename.to.name.as_str().into(), ..column }),
            }
        }
    }

    /// An expression that must be a condition.
    pub(super) fn condition(&mut self, expr: &Expr) -> Option<Typed> {
        let condition = self.expression(expr)?;
        let condition = self.settled_as(condition, DataType::Boolean);
        if !matches!(condition.data_type, DataType::Boolean | DataType::Null) {
            let message =
                format!("a condition is true or false, and this is of type {}", condition.data_type);
            self.error(codes::WRONG_TYPE, expr.span, message, condition.data_type.name());
            return None;
        }
        Some(condition)
    }

    fn text_input(&mut self, expr: &Expr) -> Option<Typed> {
        let input = self.expression(expr)?;
        if !input.data_type.is_text() && input.data_type != DataType::Null {
            let message = format!("only texts are taken apart, and this is of type {}", input.data_type);
            let problem = Diagnostic::error(codes::WRONG_TYPE, message)
                .at(expr.span, input.data_type.name())
                .with_help("make a text of it: `to_string(…)`");
            self.push(problem);
            return None;
        }
        Some(input)
    }

    /// New columns at the end, with the slots of their cells.
    fn add_columns(&mut self, columns: &[(Arc<str>, DataType)]) -> Vec<usize> {
        let mut slots = Vec::new();
        for (name, data_type) in columns {
            let slot = self.new_slot();
            slots.push(slot);
            self.replace(ScopeColumn { name: name.clone(), data_type: *data_type, place: Place::Slot(slot) });
        }
        slots
    }

    pub(super) fn bad_pattern(&mut self, span: Span, of: &str, why: &str) {
        self.error(codes::INVALID_PATTERN, span, format!("`{of}`: {why}"), "cannot be read");
    }

    /// Whether the values of a column can be used as they are.
    pub(super) fn is_readable(&mut self, column: &ScopeColumn, span: Span) -> bool {
        if let Place::Source(at) = column.place
            && let Some(types) = &self.listed[at].by_index
        {
            let types: Vec<String> =
                types.iter().map(|(index, data_type)| format!("{data_type} in `{index}`")).collect();
            let message = format!("`{}` has several types: {}", column.name, types.join(", "));
            let problem = Diagnostic::error(codes::SEVERAL_TYPES, message)
                .at(span, "which one is not said")
                .with_help(format!("convert it, such as by `TO_STRING({})`", column.name));
            self.push(problem);
            return false;
        }
        if column.data_type == DataType::Unsupported {
            let message = format!("`{}` is of a type whose values are not read", column.name);
            self.error(codes::WRONG_TYPE, span, message, "may only be kept or dropped");
            return false;
        }
        true
    }

    pub(super) fn unknown_function(&mut self, name: &str, span: Span) {
        let names = crate::functions::all().map(|function| function.name);
        let names: Vec<&str> =
            names.chain(super::expressions::FORMS).chain(crate::aggregates::Aggregation::NAMES).collect();
        let mut problem = Diagnostic::error(
            codes::UNKNOWN_FUNCTION,
            format!("there is no function `{name}`, or none that is supported"),
        )
        .at(span, "unknown");
        if let Some(help) = did_you_mean(&name.to_ascii_uppercase(), names) {
            problem = problem.with_help(help);
        }
        self.push(problem);
    }
}

/// The name of a computed column: its own, that of a column which it is, or its text.
pub(super) fn name_of(field: &Field) -> Arc<str> {
    use watchfire_esql::ast::ExprKind;
    match (&field.name, &field.value.kind) {
        (Some(name), _) => name.name.as_str().into(),
        (None, ExprKind::Column(column)) => column.name.as_str().into(),
        (None, _) => field.text.as_str().into(),
    }
}

/// Whether a name fits a pattern, given what stands between its `*`.
fn fits(parts: &[String], name: &str) -> bool {
    let (Some((first, rest)), true) = (parts.split_first(), parts.len() > 1) else { return false };
    let Some(mut name) = name.strip_prefix(first.as_str()) else { return false };
    let Some((last, between)) = rest.split_last() else { return name.is_empty() };
    for part in between {
        match name.find(part.as_str()) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last.as_str())
}
