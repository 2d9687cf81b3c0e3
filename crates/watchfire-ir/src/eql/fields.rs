//! Names of fields.

use watchfire_diagnostics::{Diagnostic, did_you_mean};
use watchfire_eql::ast::FieldName;
use watchfire_events::{FieldType, TypeFamily};

use super::Lowering;
use crate::{ExactText, FieldRef, Resolution, codes};

/// What a name stands for.
pub(super) enum Named {
    /// A field whose values a leaf can read.
    Field(FieldRef),
    /// A field with `?` that is mapped nowhere: the constant null.
    Unmapped,
}

impl Lowering<'_> {
    /// Resolves a name; `None` if it is an error, which is then reported.
    pub(super) fn field(&mut self, name: &FieldName) -> Option<Named> {
        let dotted = name.dotted();
        if name.is_indexed() {
            return self.refused(name.span, "an array index");
        }
        match self.schema.resolve(&dotted) {
            Resolution::Field(field) => self.usable(field, &dotted, name).map(Named::Field),
            Resolution::Unmapped if name.optional => Some(Named::Unmapped),
            Resolution::Unmapped => {
                let message = format!("unknown field `{dotted}`");
                let error = Diagnostic::error(codes::UNKNOWN_FIELD, message).at(name.span, "mapped nowhere");
                // Searching all names takes long: only for what will be shown.
                let similar = self.has_room().then(|| did_you_mean(&dotted, self.schema.names())).flatten();
                let help = similar.unwrap_or_else(|| format!("write `?{dotted}` if the field may be absent"));
                self.fail(error.with_help(help))
            }
            Resolution::Object => self.fail(
                Diagnostic::error(codes::OBJECT_FIELD, format!("`{dotted}` is an object, not a field"))
                    .at(name.span, "has no value of its own")
                    .with_help("name a field below it"),
            ),
            Resolution::Nested(path) => self.fail(
                Diagnostic::error(
                    codes::NESTED_FIELD,
                    format!("`{dotted}` is nested and cannot be used in EQL"),
                )
                .at(name.span, format!("`{path}` is of type nested")),
            ),
        }
    }

    /// The field as its values are compared: whole texts, of a type that leaves can read.
    fn usable(&mut self, field: FieldRef, dotted: &str, name: &FieldName) -> Option<FieldRef> {
        match (field.field_type, field.field_type.family()) {
            (FieldType::Flattened, _) | (_, TypeFamily::Other) => {
                let message = format!("`{dotted}` is of a type that EQL cannot use");
                self.fail(
                    Diagnostic::error(codes::UNSUPPORTED_TYPE, message)
                        .at(name.span, format!("of type {}", field.field_type)),
                )
            }
            (_, TypeFamily::AnalysedText) => match self.schema.exact_text(dotted) {
                ExactText::Field(exact) => Some(exact),
                ExactText::WholeValue => {
                    let message = format!("`{dotted}` is analysed text; its whole value is compared");
                    self.report(
                        Diagnostic::warning(codes::WHOLE_TEXT, message)
                            .at(name.span, "Elasticsearch needs a keyword sub-field here"),
                    );
                    Some(FieldRef { name: field.name, field_type: FieldType::Keyword })
                }
                ExactText::None => self.fail(
                    Diagnostic::error(
                        codes::NO_EXACT_TEXT,
                        format!("`{dotted}` is analysed text without a keyword sub-field"),
                    )
                    .at(name.span, "whole values cannot be compared"),
                ),
            },
            (FieldType::CaselessKeyword, _) => {
                let message = format!("`{dotted}` is folded to lower case; Elasticsearch's EQL refuses it");
                self.report(
                    Diagnostic::warning(codes::CASELESS_FIELD, message)
                        .at(name.span, "compared without regard to case here"),
                );
                Some(field)
            }
            _ => Some(field),
        }
    }
}
