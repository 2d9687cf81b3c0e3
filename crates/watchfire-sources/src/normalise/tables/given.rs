//! The fields that a table can write, with their types: for the schema, and for what rules can find in a source.

use watchfire_events::FieldType;

use super::{Source, TableRef, intern};
use crate::fields::FieldValue;
use crate::normalise::schema::{SourceFields, TypedField, declared};
use crate::normalise::{SourceKind, domain};

impl Source {
    /// The fields that the table can write.
    pub(super) fn fields(&self, table: TableRef) -> SourceFields {
        // A field that is known has its type already: that of a table's conversion is a guess.
        let catalogue = declared();
        let mut typed: Vec<TypedField> = self.table.written.clone();
        typed.retain(|(name, _)| !name.ends_with('.'));
        let mut prefixes: Vec<TypedField> = Vec::new();
        let mut ecs: Vec<&'static str> = Vec::new();
        let mut write = |name: String, kind: Option<FieldType>| {
            let name = intern(&name);
            if let Some(prefix) = name.strip_suffix('.') {
                if catalogue.knows(prefix) || is_ecs_object(prefix) {
                    ecs.push(name);
                } else {
                    prefixes.push((name, FieldType::Keyword));
                }
            } else if catalogue.knows(name) {
                ecs.push(name);
            } else {
                typed.push((name, kind.unwrap_or(FieldType::Keyword)));
            }
        };
        for related in ["related.ip", "related.hosts", "related.user", "related.hash"] {
            write(related.to_owned(), None);
        }
        for field in ["@timestamp", "event.dataset", "event.module"] {
            write(field.to_owned(), None);
        }
        for field in ["data_stream.dataset", "data_stream.namespace", "data_stream.type"] {
            write(field.to_owned(), None);
        }
        for step in &self.steps {
            for (field, value) in &step.set {
                write((*field).to_owned(), Some(type_of(value)));
            }
            step.add.iter().for_each(|(field, _)| write((*field).to_owned(), None));
            if let Some(lookup) = &step.lookup {
                lookup.columns.iter().for_each(|field| write((*field).to_owned(), None));
            }
            for row in &step.rows {
                for (target, _) in &row.to {
                    row.conversion.writes(target).into_iter().for_each(|(name, kind)| write(name, kind));
                }
            }
            for (_, to) in step.rename.iter().chain(&step.copy) {
                write((*to).to_owned(), None);
            }
        }
        // The others are there already, with their types.
        for (field, _) in &self.table.written {
            if field.ends_with('.') || catalogue.knows(field) {
                write((*field).to_owned(), None);
            }
        }
        if let Some(rest) = &self.rest {
            prefixes.push((intern(&format!("{}.", rest.under)), FieldType::Keyword));
        }
        typed.sort_unstable_by_key(|(name, _)| *name);
        typed.dedup_by_key(|(name, _)| *name);
        typed.retain(|(name, _)| !catalogue.knows(name));
        prefixes.dedup();
        for (holder, name) in domain::HOLDERS {
            if ecs.iter().any(|given| *given == name || (given.ends_with('.') && name.starts_with(given))) {
                ecs.extend(domain::PARTS.map(|part| intern(&format!("{holder}.{part}"))));
            }
        }
        ecs.sort_unstable();
        ecs.dedup();
        let pattern = match &self.table.index {
            Some(index) => index.replace("{namespace}", "*"),
            None => {
                let parts = self.table.dataset.parts.iter();
                let mut dataset: Vec<&str> = parts.flat_map(|(before, _)| [*before, "*"]).collect();
                dataset.push(self.table.dataset.last);
                format!("logs-{}-*", dataset.concat())
            }
        };
        SourceFields {
            source: SourceKind::Table(table),
            data_stream_pattern: intern(&pattern),
            fields: leak(vec![leak(typed)]),
            prefixes: leak(prefixes),
            ecs_fields: leak(vec![leak(ecs)]),
        }
    }
}

fn leak<T>(items: Vec<T>) -> &'static [T] {
    Vec::leak(items)
}

fn is_ecs_object(name: &str) -> bool {
    matches!(name, "user" | "process" | "file" | "source" | "destination" | "host" | "url" | "dns" | "client")
}

fn type_of(value: &FieldValue<'_>) -> FieldType {
    match value {
        FieldValue::Integer(_) | FieldValue::Unsigned(_) => FieldType::Long,
        FieldValue::Double(_) => FieldType::Double,
        FieldValue::Boolean(_) => FieldType::Boolean,
        _ => FieldType::Keyword,
    }
}
